"""A chunk: consecutive raw records of one source partition, carried through the consumer as one value."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from detectors.model.array_types import Floats
from streams.engine.decode import records
from streams.engine.decode.records import Records


@dataclass(slots=True)
class Chunk:
    """Records of one topic partition, and the span of offsets that they cover.

    The span ``start <= offset < end`` has no gap to the chunk before: it includes offsets without a record
    for us (compacted away, tombstones, transaction markers, aborted). So a reader continues at ``end``, and
    a ``start`` beyond the reader's position means that records were lost. A chunk without records is a span
    with nothing to read.
    """

    topic: str
    partition: int
    start: int
    end: int
    offsets: Sequence[int]  # one per record, ascending; a range unless records are missing in between
    values: Sequence[bytes]
    timestamp: int = -1  # epoch milliseconds, the newest of the record batches; -1 when unknown
    arrived: Floats | None = None  # one per record, epoch seconds: its time stamp
    tombstones: Sequence[int] = ()  # the offsets of absent values, ascending; they are no records

    def __len__(self) -> int:
        return len(self.values)

    def since(self, offset: int) -> Self:
        """Return the chunk without the records before ``offset``.

        Examples
        --------
        >>> Chunk("requests", 0, 5, 8, range(5, 8), [b"a", b"b", b"c"]).since(7).values[0]
        b'c'
        """
        if offset <= self.start:
            return self
        kept = bisect_left(self.offsets, offset)
        return replace(
            self,
            start=min(offset, self.end),
            offsets=self.offsets[kept:],
            values=self.values[kept:],
            arrived=None if self.arrived is None else self.arrived[kept:],
            tombstones=self.tombstones[bisect_left(self.tombstones, offset) :],
        )

    def until(self, offset: int) -> Self:
        """Return the chunk without the records from ``offset`` on.

        Examples
        --------
        >>> list(Chunk("requests", 0, 5, 8, range(5, 8), [b"a", b"b", b"c"]).until(7).values)
        [b'a', b'b']
        """
        if offset >= self.end:
            return self
        kept = bisect_left(self.offsets, offset)
        return replace(
            self,
            end=max(offset, self.start),
            offsets=self.offsets[:kept],
            values=self.values[:kept],
            arrived=None if self.arrived is None else self.arrived[:kept],
            tombstones=self.tombstones[: bisect_left(self.tombstones, offset)],
        )


def pieces(chunk: Chunk, most: int) -> Iterator[Chunk]:
    """Divide a chunk into pieces of at most so many bytes of values each, or of one record.

    Examples
    --------
    >>> [list(piece.values) for piece in pieces(Chunk("r", 0, 5, 9, range(5, 8), [b"aa", b"bbbb", b"c"]), 5)]
    [[b'aa'], [b'bbbb', b'c']]
    """
    values = Records.of(chunk.values)
    chunk = replace(chunk, values=values)
    ends = np.cumsum(values.ends - values.starts)
    at = 0
    while True:
        before = int(ends[at - 1]) if at else 0
        at = max(at + 1, int(np.searchsorted(ends, before + most, side="right")))
        if at >= len(values):
            yield chunk
            return
        cut = chunk.offsets[at - (len(values) - len(chunk))]
        yield chunk.until(cut)
        chunk = chunk.since(cut)


def merged(chunks: Sequence[Chunk]) -> Chunk:
    """Return one or more consecutive chunks of one partition as one."""
    if len(chunks) == 1:
        return chunks[0]
    first, last = chunks[0], chunks[-1]
    values = records.joined([Records.of(chunk.values) for chunk in chunks])
    runs = [chunk.offsets for chunk in chunks if len(chunk)]
    offsets: Sequence[int] = range(0)
    if runs:
        offsets = range(runs[0][0], runs[-1][-1] + 1)
        if len(offsets) != len(values):
            offsets = [offset for run in runs for offset in run]
    newest = max(chunk.timestamp for chunk in chunks)
    known = [chunk.arrived for chunk in chunks if chunk.arrived is not None]
    arrived = np.concatenate(known) if len(known) == len(chunks) else None
    tombstones = [offset for chunk in chunks for offset in chunk.tombstones]
    return Chunk(
        first.topic, first.partition, first.start, last.end, offsets, values, newest, arrived, tombstones
    )

"""Rollup: columns of one source partition become blocks of 10 s, one a shard, and a watermark."""

from collections.abc import Callable, Mapping, Sequence
from heapq import heappop, heappush
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from config.settings import TimeSettings
from detectors.state.compiled import COMPILES
from detectors.state.state import pack, unpack
from streams.decode.columns import Columns
from streams.decode.decoder import Decoder
from streams.decode.rejected import Rejected
from streams.decode.watermark import bucket_of, watermarks
from streams.rollup.block import Block
from streams.rollup.block_maker import BlockMaker
from streams.rollup.duplicates import Duplicates
from streams.rollup.grouping import group
from streams.rollup.live_counts import live_summary
from streams.rollup.summary import Summary
from streams.rollup.tally import tally

Buckets = dict[int, Summary]
_NO_RECORDS: Final = Summary()


class _Meta(msgspec.Struct, array_like=True):
    watermark: int | None
    sequence: int
    said_idle: bool
    late: int
    duplicates: int


class Rollup:
    """Rolls up one source partition. Its blocks are a pure function of the partition's records.

    A bucket closes when the watermark passes its end. Records that come later are late: they are
    gathered and leave as corrections, in order of their buckets, just before the next bucket closes.
    Of a stretch without records only the last bucket is emitted: its watermark covers the others.

    Blocks that only say idle carry the sequence number of the last block (-1 before the first), because
    silence is measured by the wall clock: a number of their own would make the numbers of the blocks
    that follow depend on it.

    Parameters
    ----------
    source
        Name of the partition, ``requests/3``.
    shards
        Shards that scopes are spread over.
    time
        Width of a bucket and lateness.
    decoder
        The decoder of this partition, whose names the columns refer to. It is part of the snapshot.
    compiled
        Whether open buckets are added to by compiled code; the same comes out without.
    """

    VERSION = 1

    def __init__(
        self, source: str, shards: int, time: TimeSettings, decoder: Decoder, *, compiled: bool = COMPILES
    ) -> None:
        self.late = 0  # records that came after their bucket had closed
        self.duplicates = 0  # records that were dropped because their id was known
        self.rejected = list[Rejected]()  # what ``finish`` found: a leap that nothing confirmed
        self._decoder = decoder
        self._compiled = compiled
        self._fresh: Callable[[], Summary] = live_summary if compiled else Summary
        self._width: int = time.bucket
        self._lateness = time.lateness
        self._maker = BlockMaker(source, shards, self._width, decoder)
        self._duplicates = Duplicates()
        self._watermark: int | None = None
        self._open: Buckets = {}
        self._starts: list[int] = []  # of the open buckets, a heap: a long run opens hundreds at once
        self._corrections: Buckets = {}  # of late records since the last bucket closed
        self._said_idle = False

    @property
    def watermark(self) -> int:
        """Event time up to which this partition is complete, epoch seconds; 0 before its first record."""
        return self._watermark or 0

    def feed(self, columns: Columns) -> list[Block]:
        """Take the next events in; return the blocks of every bucket they closed."""
        if not len(columns):
            return []
        self._said_idle = False
        width = self._width
        bucket = bucket_of(columns.ts, width)
        watermark = watermarks(columns.newest, self._lateness, width)
        start = int(watermark[0]) if self._watermark is None else self._watermark
        watermark = np.maximum(watermark, start)
        advances = watermark > np.concatenate(([start], watermark[:-1]))
        late = bucket < watermark
        # An id is known until time has moved on by the lateness since: also that of a record that was late.
        known_until = bucket_of(columns.newest, width) + width
        counted = self._duplicates.first_seen(columns.key, known_until, watermark)
        self.duplicates += len(columns) - int(np.count_nonzero(counted))
        self.late += int(np.count_nonzero(late & counted))
        corrections = self._count(columns, bucket, np.where(late, np.cumsum(advances), -1), counted)
        self._watermark = start
        blocks = []
        for turn, row in enumerate(np.flatnonzero(advances).tolist()):
            blocks += self._advance(int(watermark[row]), corrections.get(turn, {}))
        self._corrections = corrections.get(int(np.count_nonzero(advances)), {})
        return blocks

    def _count(
        self, columns: Columns, bucket: NDArray[np.int64], turn: NDArray[np.int64], counted: NDArray[np.bool_]
    ) -> dict[int, Buckets]:
        """Add the events to open buckets and, by the number of advances before them, to corrections.

        ``turn`` is -1 for an event that is in time.
        """
        corrections = {0: self._corrections}
        rows = np.flatnonzero(counted)
        if not len(rows):
            return corrections
        width = self._width
        first = int(bucket.min())
        span = (int(bucket.max()) - first) // width + 1
        code = (turn[rows] + 1) * span + (bucket[rows] - first) // width
        codes, place = group(code, (int(turn.max()) + 2) * span)
        slot = np.full(len(columns), -1, np.int64)
        slot[rows] = place
        into = []
        for turn_after, number in (divmod(each, span) for each in codes.tolist()):
            buckets = corrections.setdefault(turn_after - 1, {}) if turn_after else self._open
            start = first + number * width
            summary = buckets.get(start)
            if summary is None:
                summary = buckets[start] = self._fresh()
                if not turn_after:
                    heappush(self._starts, start)
            into.append(summary)
        names = self._decoder.paths.names, self._decoder.calls.names
        tally(
            columns,
            slot,
            into,
            paths=len(names[0]),
            calls=len(names[1]),
            values=self._maker.values,
            compiled=self._compiled,
        )
        return corrections

    def _advance(self, watermark: int, corrections: Buckets) -> list[Block]:
        """Move the watermark: emit what was late, then every bucket that ends up to it."""
        before = self.watermark
        blocks: list[Block] = []
        for bucket in sorted(corrections):
            blocks += self._maker.blocks(bucket, corrections[bucket], before, late=True)
        last, newest = watermark - self._width, None
        while self._starts and self._starts[0] < watermark:
            newest = heappop(self._starts)
            blocks += self._maker.blocks(newest, self._open.pop(newest), newest + self._width)
        if newest != last:
            blocks += self._maker.blocks(last, _NO_RECORDS, watermark)
        self._watermark = watermark
        return blocks

    def finish(self) -> list[Block]:
        """Say that a finite source has ended: close what is open; it no longer holds time back."""
        columns, rejected = self._decoder.finish()
        self.rejected += rejected
        blocks = self.feed(columns)
        if self._open or self._corrections:
            end = max(self._open, default=self.watermark - self._width) + self._width
            corrections, self._corrections = self._corrections, {}
            blocks += self._advance(max(end, self.watermark), corrections)
        return blocks + self.idle()

    def idle(self) -> list[Block]:
        """Say that the source is silent; nothing when that has been said since its last record."""
        if self._said_idle:
            return []
        self._said_idle = True
        return self._maker.idle(self.watermark)

    def snapshot(self) -> dict[str, bytes]:
        """Return the state of this partition, its decoder included."""
        meta = _Meta(self._watermark, self._maker.sequence, self._said_idle, self.late, self.duplicates)
        return {
            "rollup": pack("rollup", self.VERSION, meta, {}),
            **{f"open/{bucket}": self._open[bucket].pack() for bucket in sorted(self._open)},
            **{f"late/{bucket}": self._corrections[bucket].pack() for bucket in sorted(self._corrections)},
            **self._duplicates.snapshot(self.watermark),
            **self._decoder.snapshot(),
        }

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Go on from a snapshot.

        Raises
        ------
        detectors.state.state.StateError
            When a part is damaged or of another version.
        """
        meta, _ = unpack(parts["rollup"], "rollup", self.VERSION, _Meta)
        self._watermark, self._said_idle = meta.watermark, meta.said_idle
        self.late, self.duplicates = meta.late, meta.duplicates
        self._open = self._buckets(parts, "open/")
        self._starts = sorted(self._open)
        self._corrections = self._buckets(parts, "late/")
        self._duplicates.restore(parts)
        self._decoder.restore(parts)
        self._maker.restart(meta.sequence)

    def _buckets(self, parts: Mapping[str, bytes], stem: str) -> Buckets:
        names: Sequence[str] = [name for name in parts if name.startswith(stem)]
        return {int(name.removeprefix(stem)): Summary.unpack(parts[name], self._fresh()) for name in names}

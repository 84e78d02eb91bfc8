"""Below aiokafka's record objects: turns what was fetched of a partition into one ``Chunk``.

aiokafka makes a ``ConsumerRecord`` a record and steps a generator for each, which costs more than decoding
the event. ``PartitionRecords._unpack_records`` is the one place where batches are still whole, so that is
where the chunk lane branches off, for the topics in ``CHUNKED`` only.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.record.memory_records import MemoryRecords
from numpy.typing import NDArray

from streams.decode.records import Records
from streams.lane.chunk import Chunk
from streams.lane.record_batches import CONTROL, TRANSACTIONAL, Batch, batches, records_of

CHUNKED: Final[set[str]] = set()
"""Topics whose records come as chunks; every consumer of this process sees them so."""


class FetchedRecords:
    """What was fetched of one partition: aiokafka's view of it, and the bytes themselves."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self._stock = MemoryRecords(raw)
        self.has_next = self._stock.has_next
        self.next_batch = self._stock.next_batch
        self.size_in_bytes = self._stock.size_in_bytes


class ChunkRecords(fetcher.PartitionRecords):  # type: ignore[misc] # aiokafka is not typed
    """Records of one fetch of one partition."""

    next_fetch_offset: int

    def _unpack_records(self) -> Iterator[Any]:
        if self._tp.topic not in CHUNKED:
            yield from super()._unpack_records()
            return
        topic, partition = self._tp.topic, self._tp.partition
        raw: bytes = self._records.raw
        start = end = self.next_fetch_offset  # every offset below has been handed over
        newest = -1
        shown: list[Batch] = []
        broken: Exception | None = None
        try:
            for batch in batches(raw, check=self._check_crcs):
                if not self._hidden(raw, batch):
                    shown.append(batch)
                    newest = max(newest, batch.timestamp)
                end = max(end, batch.next)
        except CorruptRecordException as error:
            broken = error  # what stands before it is good, and is handed over first
        records, offsets, damaged = _readable(raw, shown)
        if damaged is not None:
            broken, end = damaged[0], max(start, damaged[1].base)
        if len(offsets) and offsets[0] < start:  # the fetch began in the middle of a batch
            first = int(np.searchsorted(offsets, start))
            records, offsets = records[first:], offsets[first:]
        if end > start:
            self.next_fetch_offset = end  # of whole batches: records at their end may be compacted away
            yield Chunk(topic, partition, start, end, _numbered(offsets), records, newest)
        if broken is not None:
            raise CorruptRecordException(f"{topic}/{partition}: {broken}") from broken

    def _hidden(self, raw: bytes, batch: Batch) -> bool:
        """Whether a batch holds no records for us: transaction markers, and aborted transactions."""
        control = bool(batch.attributes & CONTROL)
        if self._isolation_level == fetcher.READ_COMMITTED and batch.producer >= 0:
            self._consume_aborted_up_to(batch.base)
            if control and self._contains_abort_marker(
                MemoryRecords(raw[batch.begin : batch.end]).next_batch()
            ):
                self._aborted_producers.discard(batch.producer)
            if batch.attributes & TRANSACTIONAL and batch.producer in self._aborted_producers:
                return True
        return control


_NONE: Final[NDArray[np.int64]] = np.zeros(0, np.int64)


def _readable(
    raw: bytes, shown: list[Batch]
) -> tuple[Records, NDArray[np.int64], tuple[Exception, Batch] | None]:
    """Return the records up to the first batch that cannot be read, and what is wrong with which."""
    damaged = None
    while shown:
        try:
            return *records_of(raw, shown), damaged
        except Exception as error:  # noqa: BLE001 - whatever a damaged payload makes of its decompressor
            damaged = error, shown.pop()
    return Records(b"", _NONE, _NONE), _NONE, damaged


def _numbered(offsets: NDArray[np.int64]) -> Sequence[int]:
    """Return offsets as a range where none is missing."""
    if not len(offsets):
        return range(0)
    first, last = int(offsets[0]), int(offsets[-1])
    if last - first + 1 == len(offsets):
        return range(first, last + 1)
    listed: list[int] = offsets.tolist()
    return listed


fetcher.MemoryRecords = FetchedRecords
fetcher.PartitionRecords = ChunkRecords

"""Turns one fetch of a partition into one ``Chunk``, below aiokafka's record objects.

aiokafka creates a ``ConsumerRecord`` per record and steps a generator for each, which costs more than
decoding the event. ``PartitionRecords._unpack_records`` is the last place where batches are whole, so the
chunk lane branches off there. It does so only for consumers that were given ``ChunkedTopics``, and for
these topics.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import numpy as np
from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.record.memory_records import MemoryRecords

from detectors.model.array_types import Ints
from streams.engine.decode.event_time import UNKNOWN_ARRIVAL
from streams.engine.decode.records import Records
from streams.ingest.batch_consumer import fetcher_close  # noqa: F401 - overrides aiokafka on import
from streams.ingest.batch_consumer.chunk import Chunk
from streams.ingest.batch_consumer.record_batches import CONTROL, TRANSACTIONAL, Batch, batches, records_of


class ChunkedTopics:
    """The topics that one consumer gets as chunks, given to it as its ``value_deserializer``.

    aiokafka passes that on to the records of each fetch, so other consumers of the process are not affected.
    """

    def __init__(self, topics: Iterable[str] = ()) -> None:
        self.topics = set(topics)

    def __call__(self, value: bytes | None) -> bytes | None:
        """Return the value of a record of another topic as it is."""
        return value


class FetchedRecords:
    """One fetch of one partition: aiokafka's view of it, and its bytes."""

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
        chunked = self._value_deserializer
        if not isinstance(chunked, ChunkedTopics) or self._tp.topic not in chunked.topics:
            yield from super()._unpack_records()
            return
        topic, partition = self._tp.topic, self._tp.partition
        raw: bytes = self._records.raw
        start = end = self.next_fetch_offset  # every offset below was handed over
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
            broken = error  # the batches before it are good, and are handed over first
        records, offsets, stamps, damaged = _readable(raw, shown)
        arrived = np.where(stamps < 0, UNKNOWN_ARRIVAL, stamps / 1000)
        if damaged is not None:
            broken, end = damaged[0], max(start, damaged[1].base)
        if len(offsets) and offsets[0] < start:  # the fetch began in the middle of a batch
            first = int(np.searchsorted(offsets, start))
            records, offsets, arrived = records[first:], offsets[first:], arrived[first:]
        if end > start:
            self.next_fetch_offset = end  # of whole batches: their last records may be compacted away
            yield Chunk(topic, partition, start, end, _numbered(offsets), records, newest, arrived)
        if broken is not None:
            raise CorruptRecordException(f"{topic}/{partition}: {broken}") from broken

    def _hidden(self, raw: bytes, batch: Batch) -> bool:
        """Return whether a batch holds no records for us: a transaction marker, or an aborted transaction."""
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


_NONE: Final[Ints] = np.zeros(0, np.int64)


def _readable(raw: bytes, shown: list[Batch]) -> tuple[Records, Ints, Ints, tuple[Exception, Batch] | None]:
    """Return the records before the first unreadable batch, offsets and stamps, and the error with it."""
    damaged = None
    while shown:
        try:
            return *records_of(raw, shown), damaged
        except Exception as error:  # noqa: BLE001 - a damaged payload may raise anything in its decompressor
            damaged = error, shown.pop()
    return Records(b"", _NONE, _NONE), _NONE, _NONE, damaged


def _numbered(offsets: Ints) -> Sequence[int]:
    """Return offsets as a range if none is missing."""
    if not len(offsets):
        return range(0)
    first, last = int(offsets[0]), int(offsets[-1])
    if last - first + 1 == len(offsets):
        return range(first, last + 1)
    listed: list[int] = offsets.tolist()
    return listed


fetcher.MemoryRecords = FetchedRecords
fetcher.PartitionRecords = ChunkRecords

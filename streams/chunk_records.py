"""Below aiokafka's record objects: turns each fetched record batch into one ``Chunk``.

aiokafka makes a ``ConsumerRecord`` a record and steps a generator for each, which costs more than decoding
the event. ``PartitionRecords._unpack_records`` is the one place where batches are still whole, so that is
where the chunk lane branches off, for the topics in ``CHUNKED`` only.
"""

from collections.abc import Iterator
from typing import Any, Final

from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException

from streams.chunk import Chunk

CHUNKED: Final[set[str]] = set()
"""Topics whose records come as chunks; every consumer of this process sees them so."""


class ChunkRecords(fetcher.PartitionRecords):  # type: ignore[misc] # aiokafka is not typed
    """Records of one fetch of one partition."""

    next_fetch_offset: int

    def _unpack_records(self) -> Iterator[Any]:
        if self._tp.topic not in CHUNKED:
            yield from super()._unpack_records()
            return
        topic, partition = self._tp.topic, self._tp.partition
        reached: int = self.next_fetch_offset  # every offset below has been handed over
        batches = self._records
        while batches.has_next():
            batch = batches.next_batch()
            if self._check_crcs and not batch.validate_crc():
                raise CorruptRecordException(
                    f"the checksum of a record batch in {topic}/{partition} does not fit"
                )
            end = max(reached, batch.next_offset)
            self.next_fetch_offset = end  # of the whole batch: records at its end may be compacted away
            if self._hidden(batch):
                continue
            records = list(batch)
            if records and records[0].offset < reached:  # the fetch began in the middle of this batch
                records = [record for record in records if record.offset >= reached]
            if not records:
                continue
            first, last = records[0].offset, records[-1].offset
            values = [record.value for record in records]
            if not all(values):
                values = [value or b"" for value in values]
            whole = last - first + 1 == len(records)
            offsets = range(first, last + 1) if whole else [record.offset for record in records]
            newest = batch.max_timestamp
            yield Chunk(topic, partition, reached, end, offsets, values, -1 if newest is None else newest)
            reached = end
        if reached < self.next_fetch_offset:  # nothing but hidden batches since: say so, or a gap would show
            yield Chunk(topic, partition, reached, self.next_fetch_offset, range(0), [])

    def _hidden(self, batch: Any) -> bool:
        """Whether a batch holds no records for us: transaction markers, and aborted transactions."""
        if self._isolation_level == fetcher.READ_COMMITTED and batch.producer_id is not None:
            self._consume_aborted_up_to(batch.base_offset)
            if batch.is_control_batch and self._contains_abort_marker(batch):
                self._aborted_producers.discard(batch.producer_id)
            if batch.is_transactional and batch.producer_id in self._aborted_producers:
                return True
        return bool(batch.is_control_batch)


fetcher.PartitionRecords = ChunkRecords

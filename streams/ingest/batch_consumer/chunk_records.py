"""Turns one fetch of a partition into one ``Chunk``, below aiokafka's record objects.

aiokafka creates a ``ConsumerRecord`` per record and steps a generator for each, which costs more than
decoding the event. ``PartitionRecords._unpack_records`` is the last place where batches are whole, so the
batch consumer branches off there. It does so only for consumers that were given ``ChunkedTopics``, and for
these topics.

The layout is Kafka's message format v2 (KIP-98): a header of 61 bytes, then records made of variable-length
integers, optionally compressed as a whole.
"""

import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

import cramjam
import numpy as np
import structlog
from aiokafka import codec
from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException, UnsupportedCodecError
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import encode_varint
from crc32c import crc32c

from detectors.model.array_types import Bytes, Ints
from detectors.state.compiled import part, unlocked
from streams.engine.decode.event_time import UNKNOWN_ARRIVAL
from streams.engine.decode.records import Records
from streams.ingest.batch_consumer.chunk import Chunk

BROKER_STAMPS: Final = 0x08
CONTROL: Final = 0x20
TRANSACTIONAL: Final = 0x10
_CODEC: Final = 0x07
_HEADER: Final = struct.Struct(">qiibIhiqqqhii")
_OVERHEAD: Final = 12  # bytes of a batch that its length does not include
_CHECKED_FROM: Final = 21  # the checksum covers what follows it
_MAGIC_AT: Final = 16
_MAGIC: Final = 2
_PACKED: Final = {1: cramjam.gzip, 3: cramjam.lz4, 4: cramjam.zstd}
_SNAPPY: Final = 2  # a byte becomes 21 at most

MOST_UNPACKED: Final = 128 << 20
"""Bytes that the batches of a fetch may become. Brokers bound them packed; zstd packs 10,000 into one."""

_FULL: Final = "failed to write whole buffer"  # cramjam has no error of its own for it
_KEPT: Final = 1024  # bytes of a batch that is too large, for its dead letter

log = structlog.get_logger("uneri.kafka")

_NONE: Final[Ints] = np.zeros(0, np.int64)


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


class Batch(NamedTuple):
    """The header of one batch and where it lies: bytes ``begin`` up to ``end`` of those fetched."""

    begin: int
    end: int
    base: int  # offset of its first record
    next: int  # the offset behind the batch, even if its last records were compacted away
    attributes: int
    producer: int
    oldest: int  # of its time stamps, epoch milliseconds
    timestamp: int  # the newest
    records: int


class Indexed(NamedTuple):
    """The records of batches, and the offset and time stamp (epoch milliseconds) of each."""

    records: Records
    offsets: Ints
    stamps: Ints
    tombstones: Ints  # the offsets of absent values, which are no records


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
        shown: list[Batch] = []
        broken: Exception | None = None
        try:
            for batch in batches(raw, check=self._check_crcs):
                if not self._hidden(raw, batch):
                    shown.append(batch)
                end = max(end, batch.next)
        except CorruptRecordException as error:
            broken = error  # the batches before it are good, and are handed over first
        (records, offsets, stamps, tombstones), damaged = _readable(raw, shown)
        arrived = np.where(stamps < 0, UNKNOWN_ARRIVAL, stamps / 1000)
        if damaged is not None:
            broken, end = damaged[0], max(start, damaged[1].base)
        newest = max((batch.timestamp for batch in shown if batch.base < end), default=-1)
        if len(offsets) and offsets[0] < start:  # the fetch began in the middle of a batch
            first = int(np.searchsorted(offsets, start))
            records, offsets, arrived = records[first:], offsets[first:], arrived[first:]
        if end > start:
            self.next_fetch_offset = end  # of whole batches: their last records may be compacted away
            absent: list[int] = tombstones[np.searchsorted(tombstones, start) :].tolist()
            yield Chunk(topic, partition, start, end, _numbered(offsets), records, newest, arrived, absent)
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


class _FullError(Exception):
    """The batches before this one fill the room: it is left to the next fetch."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.at = at


def _readable(raw: bytes, shown: list[Batch]) -> tuple[Indexed, tuple[Exception | None, Batch] | None]:
    """Return the records before the first batch that is not read, and the error with it."""
    damaged: tuple[Exception | None, Batch] | None = None
    while shown:
        try:
            return index_records(raw, shown), damaged
        except _FullError as full:
            damaged, shown = (None, shown[full.at]), shown[: full.at]
        except Exception as error:  # noqa: BLE001 - a damaged payload may raise anything in its decompressor
            damaged = error, shown.pop()
    return Indexed(Records(b"", _NONE, _NONE), _NONE, _NONE, _NONE), damaged


def _numbered(offsets: Ints) -> Sequence[int]:
    """Return offsets as a range if none is missing."""
    if not len(offsets):
        return range(0)
    first, last = int(offsets[0]), int(offsets[-1])
    if last - first + 1 == len(offsets):
        return range(first, last + 1)
    listed: list[int] = offsets.tolist()
    return listed


def batches(raw: bytes, *, check: bool) -> Iterator[Batch]:
    """Yield the batches of a fetch, without the last one if the broker cut it off.

    Raises
    ------
    aiokafka.errors.CorruptRecordException
        When a batch has another format, or when ``check`` is set and a checksum does not match.
    """
    at, view = 0, memoryview(raw)
    while at + _MAGIC_AT < len(raw):
        end = at + _OVERHEAD + int.from_bytes(view[at + 8 : at + 12], "big")
        if end > len(raw):
            return
        if raw[at + _MAGIC_AT] != _MAGIC:
            raise CorruptRecordException(
                f"a record batch has format {raw[at + _MAGIC_AT]}, which Kafka has not written since 0.11"
            )
        if end - at < _HEADER.size:
            raise CorruptRecordException("a record batch is shorter than its header")
        base, _, _, _, checksum, attributes, last, oldest, newest, producer, _, _, count = (
            _HEADER.unpack_from(raw, at)
        )
        if check and crc32c(view[at + _CHECKED_FROM : end]) != checksum:
            raise CorruptRecordException("the checksum of a record batch does not match")
        yield Batch(at, end, base, base + last + 1, attributes, producer, oldest, newest, count)
        at = end


def index_records(raw: bytes, several: list[Batch]) -> Indexed:
    """Return the records of batches.

    Raises
    ------
    aiokafka.errors.CorruptRecordException
        When a batch does not match its header.
    """
    begins = np.array([batch.begin + _HEADER.size for batch in several])
    ends = np.array([batch.end for batch in several])
    buffer = raw
    if any(batch.attributes & _CODEC for batch in several):
        payloads, several = _unpacked(raw, several)
        buffer = b"".join(payloads)
        ends = np.cumsum([len(payload) for payload in payloads])
        begins = ends - [len(payload) for payload in payloads]
    counts = np.array([batch.records for batch in several])
    bases = np.array([batch.base for batch in several])
    total = int(counts.sum())
    if counts.min() < 0 or total > len(buffer):  # no record is shorter than a byte
        raise CorruptRecordException("a record batch claims more records than it has bytes")
    found = np.empty((4, total), np.int64)
    if not _index(np.frombuffer(buffer, np.uint8), begins, ends, counts, bases, found):
        raise CorruptRecordException("a record batch does not match its header")
    by_broker = np.array([bool(batch.attributes & BROKER_STAMPS) for batch in several])
    stamps = np.where(by_broker, [batch.timestamp for batch in several], [batch.oldest for batch in several])
    after = np.where(np.repeat(by_broker, counts), 0, found[3])
    stamps = np.repeat(stamps, counts) + after
    tombstones = _NONE
    if (absent := found[1] < found[0]).any():
        tombstones, found, stamps = found[2, absent], found[:, ~absent], stamps[~absent]
    return Indexed(Records(buffer, found[0], found[1]), found[2], stamps, tombstones)


def _unpacked(raw: bytes, several: list[Batch]) -> tuple[list[bytes], list[Batch]]:
    """Return the payloads of batches; one record in the place of those of a batch that is too large alone."""
    payloads, found = list[bytes](), list[Batch]()
    into = np.empty(MOST_UNPACKED, np.uint8)  # the system gives what is written to, once for all batches
    room = MOST_UNPACKED
    for at, batch in enumerate(several):
        payload = _payload(raw, batch, into[: max(room, 0)])
        if payload is None and at:
            raise _FullError(at)
        if payload is None:
            log.error(
                "a batch of Kafka unpacks to too much: it is one dead letter, and its records are left out; "
                "find its producer",
                most=MOST_UNPACKED,
                offset=batch.base,
                offsets=batch.next - batch.base,
            )
            payload, batch = _in_place_of(raw, batch), batch._replace(records=1)  # noqa: PLW2901
        room -= len(payload)
        payloads.append(payload)
        found.append(batch)
    return payloads, found


def _payload(raw: bytes, batch: Batch, into: Bytes) -> bytes | None:
    """Return the payload of a batch, None if it has more bytes than there is room."""
    packed = raw[batch.begin + _HEADER.size : batch.end]
    number = batch.attributes & _CODEC
    if not number:
        return packed
    if number == _SNAPPY:
        return bytes(codec.snappy_decode(packed))
    if number not in _PACKED:
        raise UnsupportedCodecError(f"no library for number {number} compression is installed")
    try:
        size = _PACKED[number].decompress_into(packed, into)
    except cramjam.DecompressionError as error:
        if _FULL in str(error):
            return None
        raise
    return into[:size].tobytes()


def _in_place_of(raw: bytes, batch: Batch) -> bytes:
    """Return a record, as a batch holds it, whose value is the beginning of a packed payload: it is none."""
    value = raw[batch.begin + _HEADER.size : batch.end][:_KEPT]
    record = b"\0\0\0\x01" + _varint_of(len(value)) + value + b"\0"  # no key, no headers
    return _varint_of(len(record)) + record


def _varint_of(size: int) -> bytes:
    found = bytearray()
    encode_varint(size, found.append)
    return bytes(found)


@unlocked
def _index(buffer: Bytes, begins: Ints, ends: Ints, counts: Ints, bases: Ints, found: Ints) -> bool:
    """Write the begin and end of each value, and its offset; False when a batch is malformed.

    An absent value ends before it begins.
    """
    row = 0
    for batch in range(len(begins)):
        at, end = begins[batch], ends[batch]
        for _ in range(counts[batch]):
            length, at = _varint(buffer, at, end)
            if at < 0 or not 0 <= length <= end - at:  # written so that no sum can overflow
                return False
            behind = at + length
            after, at = _varint(buffer, at + 1, behind)  # behind the attributes: the time stamp
            if at < 0:
                return False
            offset, at = _varint(buffer, at, behind)
            if at < 0:
                return False
            key, at = _varint(buffer, at, behind)
            if at < 0 or key > behind - at:
                return False
            size, at = _varint(buffer, at + max(key, 0), behind)
            if at < 0 or size > behind - at:
                return False
            found[0, row] = at
            found[1, row] = at + max(size, -1)
            found[2, row] = bases[batch] + offset
            found[3, row] = after
            row += 1
            at = behind
    return True


@part
def _varint(buffer: Bytes, at: int, end: int) -> tuple[int, int]:
    """Return a zigzag variable-length integer and the place behind it, -1 when it does not end."""
    found = 0
    shift = 0
    while at < end and shift < 64:
        byte = np.int64(buffer[at])
        at += 1
        found |= (byte & 0x7F) << shift
        if byte < 0x80:
            return ((found >> 1) & 0x7FFFFFFFFFFFFFFF) ^ -(found & 1), at
        shift += 7
    return 0, -1

"""Chunks of record batches in Kafka's format, written by aiokafka."""

import struct
from typing import Any

import pytest
from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.structs import TopicPartition

from streams.ingest.batch_consumer import chunk_records
from streams.ingest.batch_consumer.chunk import Chunk
from streams.ingest.batch_consumer.chunk_records import (
    ChunkedTopics,
    ChunkRecords,
    FetchedRecords,
    batches,
    index_records,
)

TOPIC = "chunk-records-test"
CHUNKED = ChunkedTopics({TOPIC})
NONE, GZIP, SNAPPY, LZ4, ZSTD = range(5)
COMMIT, ABORT = b"\x00\x00\x00\x01", b"\x00\x00\x00\x00"


def batch(
    offsets: list[int],
    *,
    end: int | None = None,
    values: list[bytes | None] | None = None,
    codec: int = NONE,
    producer: int = -1,
    transactional: bool = False,
    control: bytes | None = None,
    timestamp: int = 1000,
) -> bytes:
    """One v2 batch with records at ``offsets``; the broker keeps base and last offset of compacted ones."""
    base = offsets[0]
    builder = DefaultRecordBatchBuilder(
        magic=2,
        compression_type=codec,
        is_transactional=transactional,
        producer_id=producer,
        producer_epoch=0,
        base_sequence=0,
        batch_size=1 << 20,
    )
    for index, offset in enumerate(offsets):
        value = values[index] if values is not None else b"v%d" % offset
        builder.append(offset - base, timestamp=timestamp, key=control, value=value, headers=[])
    buffer = bytearray(builder.build())
    buffer[0:8] = base.to_bytes(8, "big")
    if end is not None:
        buffer[23:27] = (end - 1 - base).to_bytes(4, "big")  # last offset delta
    if control is not None:
        attributes = int.from_bytes(buffer[21:23], "big") | 0x20
        buffer[21:23] = attributes.to_bytes(2, "big")
    return bytes(buffer)


def read(
    *batches: bytes, start: int = 0, committed: bool = True, aborted: Any = None, crc: bool = False
) -> list[Chunk]:
    level = fetcher.READ_COMMITTED if committed else fetcher.READ_UNCOMMITTED
    records = FetchedRecords(b"".join(batches))
    return list(ChunkRecords(TopicPartition(TOPIC, 0), records, aborted, start, None, CHUNKED, crc, level))


@pytest.mark.parametrize("codec", [NONE, GZIP, SNAPPY, LZ4, ZSTD])
def test_a_batch_of_any_codec_becomes_one_chunk(codec: int) -> None:
    (chunk,) = read(batch([0, 1, 2], codec=codec), crc=True)
    assert (chunk.start, chunk.end, chunk.offsets, chunk.timestamp) == (0, 3, range(3), 1000)
    assert chunk.values == [b"v0", b"v1", b"v2"]


def test_a_fetch_that_begins_inside_a_batch_gives_what_follows() -> None:
    (chunk,) = read(batch([0, 1, 2, 3]), batch([4, 5]), start=2)
    assert (chunk.start, chunk.end, chunk.offsets) == (2, 6, range(2, 6))
    assert chunk.values == [b"v2", b"v3", b"v4", b"v5"]


def test_batches_of_several_codecs_in_one_fetch_become_one_chunk() -> None:
    (chunk,) = read(batch([0, 1]), batch([2], codec=GZIP), batch([3, 4], codec=ZSTD), crc=True)
    assert chunk.values == [b"v0", b"v1", b"v2", b"v3", b"v4"]


def test_a_batch_that_the_broker_cut_off_waits_for_the_next_fetch() -> None:
    (chunk,) = read(batch([0, 1]), batch([2, 3])[:-1], crc=True)
    assert (chunk.end, chunk.values) == (2, [b"v0", b"v1"])


@pytest.mark.parametrize("count", [-1, 1, 3, 1 << 30])
def test_a_batch_that_miscounts_its_records_is_an_error_or_read_up_to_its_count(count: int) -> None:
    lying = bytearray(batch([0, 1]))
    lying[57:61] = count.to_bytes(4, "big", signed=True)
    if count == 1:
        assert read(bytes(lying))[0].values == [b"v0"]
    else:
        with pytest.raises(CorruptRecordException):
            read(bytes(lying))


def test_a_batch_of_a_format_from_before_transactions_is_refused() -> None:
    old = bytearray(batch([0]))
    old[16] = 1
    with pytest.raises(CorruptRecordException, match="has format 1"):
        read(bytes(old))


def test_compacted_records_leave_the_offsets_of_the_others_right() -> None:
    (chunk,) = read(batch([10, 13, 14], end=20), start=10)
    assert (chunk.start, chunk.end, chunk.offsets) == (10, 20, [10, 13, 14])


@pytest.mark.parametrize("codec", [NONE, ZSTD])
def test_an_absent_value_is_no_record_and_an_empty_one_is(codec: int) -> None:
    first = batch([3, 4, 5, 6], values=[None, b"x", b"", None], codec=codec, timestamp=1000)
    (chunk,) = read(first, batch([7, 8], values=[None, b"y"], timestamp=2000), start=3)
    assert (chunk.start, chunk.end, chunk.offsets) == (3, 9, [4, 5, 8])
    assert chunk.values == [b"x", b"", b"y"]
    assert chunk.arrived is not None
    assert chunk.arrived.tolist() == [1, 1, 2]
    assert chunk.tombstones == [3, 6, 7]


def test_a_fetch_that_begins_inside_a_batch_gives_the_tombstones_that_follow() -> None:
    (chunk,) = read(batch([0, 1, 2, 3], values=[None, b"x", None, None]), start=2)
    assert (chunk.start, chunk.end, list(chunk.values), chunk.tombstones) == (2, 4, [], [2, 3])


def test_aborted_transactions_and_markers_are_left_out_but_covered() -> None:
    batches = [
        batch([0, 1], producer=7, transactional=True),
        batch([2], producer=7, transactional=True, control=ABORT),
        batch([3, 4], producer=7, transactional=True),
        batch([5], producer=7, transactional=True, control=COMMIT),
    ]
    (chunk,) = read(*batches, aborted=[(7, 0)])
    assert chunk.values == [b"v3", b"v4"]
    assert (chunk.start, chunk.end, chunk.offsets) == (0, 6, range(3, 5))


def test_other_producers_are_not_touched_by_an_abort() -> None:
    mine = batch([2], producer=8, transactional=True)
    chunks = read(batch([0, 1], producer=7, transactional=True), mine, aborted=[(7, 0)])
    assert [value for chunk in chunks for value in chunk.values] == [b"v2"]


def test_reading_uncommitted_gives_aborted_records_too() -> None:
    (chunk,) = read(batch([0], producer=7, transactional=True), committed=False, aborted=[(7, 0)])
    assert chunk.values == [b"v0"]


def test_a_damaged_batch_is_an_error_and_the_batches_before_it_are_not_lost() -> None:
    good, bad = batch([0, 1]), bytearray(batch([2, 3]))
    bad[-1] ^= 1
    records = FetchedRecords(good + bytes(bad))
    fetched = ChunkRecords(
        TopicPartition(TOPIC, 0), records, None, 0, None, CHUNKED, True, fetcher.READ_COMMITTED
    )
    assert next(fetched).values == [b"v0", b"v1"]
    with pytest.raises(CorruptRecordException):
        next(fetched)
    assert fetched.next_fetch_offset == 2


@pytest.mark.parametrize("codec", [GZIP, LZ4, ZSTD])
def test_a_batch_that_unpacks_to_too_much_is_one_bad_record(
    monkeypatch: pytest.MonkeyPatch, codec: int
) -> None:
    monkeypatch.setattr(chunk_records, "MOST_UNPACKED", 5000)
    good, rest = batch([0, 1], codec=codec), batch([4], codec=codec)
    bomb = batch([2, 3], values=[bytes(4000)] * 2, codec=codec)
    (before,) = read(good, bomb, rest)
    assert (before.values, before.end) == ([b"v0", b"v1"], 2), "it has all the room in the next fetch"
    (after,) = read(bomb, rest, start=before.end)
    head, last = after.values
    assert bomb[61:].startswith(head)
    assert last == b"v4"
    assert (list(after.offsets), after.end) == ([2, 4], 5)


def test_batches_that_unpack_to_too_much_together_are_several_fetches(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(chunk_records, "MOST_UNPACKED", 5000)
    large = [batch([n], values=[bytes(2000)], codec=ZSTD) for n in range(5)]
    (first,) = read(*large)
    (second,) = read(*large[2:], start=first.end)
    assert (list(first.offsets), list(second.offsets), second.end) == ([0, 1], [2, 3], 4)


def test_other_topics_keep_records() -> None:
    records = FetchedRecords(batch([0]))
    (record,) = ChunkRecords(
        TopicPartition("other", 0), records, None, 0, None, CHUNKED, True, fetcher.READ_COMMITTED
    )
    assert (record.offset, record.value) == (0, b"v0")


def varint(number: int) -> bytes:
    rest = (number << 1 ^ number >> 63) & (1 << 64) - 1
    written = bytearray()
    while rest > 0x7F:
        written.append(rest & 0x7F | 0x80)
        rest >>= 7
    return bytes([*written, rest])


def raw_batch(body: bytes, count: int) -> bytes:
    tail = struct.pack(">hiqqqhii", 0, 0, 0, 0, -1, -1, -1, count) + body
    return struct.pack(">qiibI", 0, 9 + len(tail), 0, 2, 0) + tail


@pytest.mark.parametrize("largest", [2**63 - 1, 2**62, 2**31 - 1, 17])
@pytest.mark.parametrize("lie", ["record", "key", "value"])
def test_a_length_beyond_the_memory_is_not_followed(lie: str, largest: int) -> None:
    key = largest if lie == "key" else -1
    value = largest if lie == "value" else 0
    record = bytes(3) + varint(key) + varint(value) + bytes(2)
    body = varint(largest if lie == "record" else len(record)) + record
    raw = raw_batch(body, 1)
    with pytest.raises(CorruptRecordException, match="does not match its header"):
        index_records(raw, list(batches(raw, check=False)))


def test_a_negative_record_count_leaves_no_room_to_overrun() -> None:
    record = varint(6) + bytes(3) + varint(-1) + varint(0) + bytes(1)
    raw = raw_batch(b"", -1000) + raw_batch(record * 1001, 1001)
    with pytest.raises(CorruptRecordException, match="more records than it has bytes"):
        index_records(raw, list(batches(raw, check=False)))


@pytest.mark.parametrize("codec", [GZIP, SNAPPY, LZ4, ZSTD])
def test_a_payload_that_cannot_be_unpacked_is_an_error_and_the_batches_before_it_are_not_lost(
    codec: int,
) -> None:
    good, bad = batch([0, 1], codec=codec), bytearray(batch([2, 3], codec=codec))
    bad[61:] = bytes(len(bad) - 61)
    records = FetchedRecords(good + bytes(bad))
    fetched = ChunkRecords(
        TopicPartition(TOPIC, 0), records, None, 0, None, CHUNKED, False, fetcher.READ_COMMITTED
    )
    assert next(fetched).values == [b"v0", b"v1"]
    with pytest.raises(CorruptRecordException):
        next(fetched)
    assert fetched.next_fetch_offset == 2

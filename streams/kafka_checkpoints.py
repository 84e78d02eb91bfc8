"""Checkpoints in one compacted Kafka topic.

A checkpoint of ``key`` is a set of records of one partition: its parts, cut into pieces
(``key|part|number``), and last a marker (``key``) with offsets and the count, length and checksum of each
part. Pieces, marker and the tombstones of parts that are gone are one Kafka transaction, so a reader sees
all of a checkpoint or none of it, and compaction keeps the last committed one (docs/adr/0006).

The transaction has a second use. Loading a key starts a producer with the transactional id of that key,
and with that Kafka fences whoever held it before: a process that lost the partition in its sleep can
never write its old state over the new one. So: load, then own, until ``close`` or until fenced.
"""

import asyncio
import zlib
from typing import Any, Final

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import InvalidProducerEpoch, ProducerFenced

from detectors.state import StateError
from streams.checkpoint import Checkpoint

PIECE_BYTES: Final = 900_000  # below Kafka's default limit of 1 MiB a record batch
TRANSACTION_MS: Final = 20_000  # a dead writer's open transaction hides what follows it for this long
READ_SECONDS: Final = 120.0
MARKER_VERSION: Final = 1


class FencedError(RuntimeError):
    """Another process owns this stage now: nothing may be written here any more."""


class _Part(msgspec.Struct, array_like=True):
    pieces: int
    length: int
    checksum: int


class _Marker(msgspec.Struct, array_like=True):
    version: int
    offsets: dict[str, int]
    parts: dict[str, _Part]


class KafkaCheckpoints:
    """Implements ``streams.checkpoint.Checkpoints``.

    Parameters
    ----------
    topic
        A topic with ``cleanup.policy=compact``.
    partitions
        How many partitions it has; all records of a key are in one of them.
    options
        Keyword arguments of every aiokafka client (brokers, security).
    """

    def __init__(self, topic: str, partitions: int, options: dict[str, Any]) -> None:
        self._topic = topic
        self._partitions = partitions
        self._options = options
        self._producers: dict[str, AIOKafkaProducer] = {}
        self._markers: dict[str, _Marker] = {}  # what the newest checkpoint of an owned key consists of

    async def load(self, key: str) -> Checkpoint | None:
        """Take ownership of ``key`` and return its newest checkpoint, None when there is none.

        Raises
        ------
        detectors.state.StateError
            When pieces are missing or do not fit their checksum.
        """
        await self._own(key)
        records = await self._read(key)
        found = records.pop(key, None)
        if found is None:
            self._markers[key] = _Marker(MARKER_VERSION, {}, {})
            return None
        marker = _decoded(key, found)
        parts = {name: _assembled(key, name, part, records) for name, part in marker.parts.items()}
        self._markers[key] = marker
        return Checkpoint(marker.offsets, parts)

    async def save(self, key: str, checkpoint: Checkpoint) -> None:
        """Write ``checkpoint`` under an owned key; it is durable when this returns.

        Raises
        ------
        FencedError
            When another process has loaded ``key`` since.
        """
        before = self._markers[key].parts
        after = {
            name: _Part(max(1, -(-len(body) // PIECE_BYTES)), len(body), zlib.crc32(body))
            for name, body in checkpoint.parts.items()
        }
        records: list[tuple[str, bytes | None]] = []
        for name, part in after.items():
            if before.get(name) != part:
                body = checkpoint.parts[name]
                cuts = range(0, part.pieces * PIECE_BYTES, PIECE_BYTES)
                records += [(f"{key}|{name}|{i}", body[at : at + PIECE_BYTES]) for i, at in enumerate(cuts)]
        marker = _Marker(MARKER_VERSION, checkpoint.offsets, after)
        records.append((key, msgspec.msgpack.encode(marker)))
        for name, part in before.items():
            kept = after[name].pieces if name in after else 0
            records += [(f"{key}|{name}|{i}", None) for i in range(kept, part.pieces)]
        await self._write(key, records)
        self._markers[key] = marker

    async def close(self, key: str | None = None) -> None:
        """Give up ownership of ``key``, or of all keys."""
        for one in list(self._producers) if key is None else [key]:
            self._markers.pop(one, None)
            producer = self._producers.pop(one, None)
            if producer is not None:
                await producer.stop()

    def _partition(self, key: str) -> int:
        return zlib.crc32(key.encode()) % self._partitions

    async def _own(self, key: str) -> None:
        await self.close(key)
        producer = AIOKafkaProducer(
            transactional_id=f"{self._topic}-{key}",
            transaction_timeout_ms=TRANSACTION_MS,
            acks="all",
            linger_ms=2,
            **self._options,
        )
        self._producers[key] = producer
        await producer.start()

    async def _write(self, key: str, records: list[tuple[str, bytes | None]]) -> None:
        producer, partition = self._producers[key], self._partition(key)
        try:
            async with producer.transaction():
                sent = [
                    await producer.send(self._topic, value, key=name.encode(), partition=partition)
                    for name, value in records
                ]
                await asyncio.gather(*sent)
        except (ProducerFenced, InvalidProducerEpoch) as error:
            raise FencedError(f"another process has taken over {key}: nothing was written") from error

    async def _read(self, key: str) -> dict[str, bytes]:
        """Return the newest value of every record of ``key``, by its full key."""
        place = TopicPartition(self._topic, self._partition(key))
        consumer = AIOKafkaConsumer(
            isolation_level="read_committed",
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            **self._options,
        )
        await consumer.start()
        try:
            # The last stable offset is no end to read to: while another key's transaction is open below
            # our newest records, it hides them. The high watermark includes them, and is reached as soon
            # as that transaction ends.
            end = await _high_watermark(place, self._options)
            consumer.assign([place])
            await consumer.seek_to_beginning(place)
            return await asyncio.wait_for(_newest(consumer, place, end, key), READ_SECONDS)
        except TimeoutError as error:
            raise StateError(
                f"the checkpoint {key} could not be read to its end in {READ_SECONDS:.0f} s: "
                f"is a transaction on the topic {self._topic} stuck?"
            ) from error
        finally:
            await consumer.stop()


async def _high_watermark(place: TopicPartition, options: dict[str, Any]) -> int:
    consumer = AIOKafkaConsumer(enable_auto_commit=False, **options)
    await consumer.start()
    try:
        return int((await consumer.end_offsets([place]))[place])
    finally:
        await consumer.stop()


async def _newest(consumer: AIOKafkaConsumer, place: TopicPartition, end: int, key: str) -> dict[str, bytes]:
    own, pieces = key.encode(), f"{key}|".encode()
    newest: dict[str, bytes] = {}
    while await consumer.position(place) < end:
        for record in (await consumer.getmany(place, timeout_ms=500)).get(place, []):
            if record.key != own and not record.key.startswith(pieces):
                continue
            if record.value is None:
                newest.pop(record.key.decode(), None)
            else:
                newest[record.key.decode()] = record.value
    return newest


def _decoded(key: str, found: bytes) -> _Marker:
    try:
        marker = msgspec.msgpack.decode(found, type=_Marker)
    except msgspec.DecodeError as error:
        raise StateError(f"the marker of the checkpoint {key} is damaged: {error}") from error
    if marker.version != MARKER_VERSION:
        raise StateError(
            f"the checkpoint {key} has version {marker.version}, this version of uneri reads {MARKER_VERSION}"
        )
    return marker


def _assembled(key: str, name: str, part: _Part, records: dict[str, bytes]) -> bytes:
    body = b"".join(records.get(f"{key}|{name}|{i}", b"") for i in range(part.pieces))
    if len(body) != part.length or zlib.crc32(body) != part.checksum:
        raise StateError(
            f"the checkpoint {key} is damaged: its part {name!r} ({len(body)} bytes) does not fit length "
            f"{part.length} and checksum of its marker"
        )
    return body

"""Checkpoints in one compacted Kafka topic: how they are committed and read.

``KafkaCheckpoints.save`` commits one: its parts, cut into pieces (``key|part|number``), and last a marker
(``key``) with the offsets and the count, length and checksum of each part. Pieces, marker and tombstones of
removed parts, all in one partition, are one transaction of ``FencedStore``.
"""

import asyncio
import threading
import zlib
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from typing import Any, Final, Self, TypeVar

import msgspec

from config.settings import KafkaSettings
from detectors.state.state import FORMAT, StateError, Writer, refuse_newer, this_writer
from streams.drivers.kafka.app import aiokafka_options
from streams.drivers.kafka.checkpoints.fenced_store import FencedStore
from streams.drivers.kafka.checkpoints.hanging_transactions import HangingTransactions
from streams.drivers.kafka.stage import Emission
from streams.engine.stages.checkpoint import Checkpoint
from streams.ingest.batch_consumer import aiokafka_patches

PIECE_BYTES: Final = 900_000  # below Kafka's default limit of 1 MiB a record batch

_GetRecord = Callable[[str, bytes], bytes]
"""Returns the value of a record by its name, or a default."""

_T = TypeVar("_T")


class _Part(msgspec.Struct, array_like=True):
    pieces: int
    length: int
    checksum: int


class _Marker(msgspec.Struct, array_like=True):
    format: int
    offsets: dict[str, int]
    parts: dict[str, _Part]
    version: str = ""  # of uneri that wrote it


_NONE: Final = _Marker(FORMAT, {}, {})


class KafkaCheckpoints:
    """Implements ``streams.engine.stages.checkpoint.Checkpoints``; loading a key takes ownership of it."""

    def __init__(self, records: FencedStore) -> None:
        self._records = records
        self._markers: dict[str, _Marker] = {}  # of the newest checkpoint of each owned key
        # The objects of these parts: one that a stage passes again is unchanged and need not be compared.
        # Most of a large state is the same from one checkpoint to the next.
        self._bodies: dict[str, dict[str, bytes]] = {}

    async def load(self, key: str) -> Checkpoint | None:
        """Take ownership of ``key`` and return its newest checkpoint, None when there is none.

        Raises
        ------
        detectors.state.state.StateError
            When pieces are missing or do not match their checksum, or a later version wrote them.
        """
        records = await self._records.take_over(key)
        try:
            marker, parts = _read(key, records.pop)  # pieces are freed as their parts become whole
        except StateError:
            await self._records.give_up(key)
            raise
        self._markers[key], self._bodies[key] = marker or _NONE, parts
        return None if marker is None else Checkpoint(marker.offsets, parts)

    async def peek(self, key: str) -> Checkpoint | None:
        """Return the newest checkpoint, and leave ``key`` to its owner."""
        return checkpoint_in(key, await self._records.peek(key))

    async def save(self, key: str, checkpoint: Checkpoint, once: Sequence[Emission] = ()) -> None:
        """Write ``checkpoint`` under an owned key, and ``once`` to their topics; durable when this returns.

        Raises
        ------
        streams.drivers.kafka.checkpoints.fenced_store.FencedError
            When another process has loaded ``key`` since.
        """
        before, bodies = self._markers[key].parts, self._bodies[key]
        after = {
            name: before[name] if body is bodies.get(name) else _part(body)
            for name, body in checkpoint.parts.items()
        }
        records: list[tuple[str, bytes | None]] = []
        for name, part in after.items():
            if before.get(name) != part:
                records += _pieces(key, name, part, checkpoint.parts[name])
        marker = _Marker(FORMAT, checkpoint.offsets, after, this_writer().version)
        records.append((key, msgspec.msgpack.encode(marker)))
        for name, part in before.items():
            kept = after[name].pieces if name in after else 0
            records += [(f"{key}|{name}|{i}", None) for i in range(kept, part.pieces)]
        await self._records.write(key, records, once)
        self._markers[key], self._bodies[key] = marker, dict(checkpoint.parts)

    async def close(self, key: str | None = None) -> None:
        """Give up ownership of ``key``, or of all keys."""
        for owned in list(self._markers) if key is None else [key]:
            self._markers.pop(owned, None)
            self._bodies.pop(owned, None)
            await self._records.give_up(owned)


def checkpoint_in(key: str, records: Mapping[str, bytes]) -> Checkpoint | None:
    """Return the checkpoint that the newest values of records hold, None when there is none under ``key``.

    Raises
    ------
    detectors.state.state.StateError
        When pieces are missing or do not match their checksum, or a later version wrote them.
    """
    marker, parts = _read(key, records.get)
    return None if marker is None else Checkpoint(marker.offsets, parts)


def checkpoint_records(key: str, checkpoint: Checkpoint) -> Iterator[tuple[str, bytes]]:
    """Yield the records of a first checkpoint under ``key``."""
    parts = {name: _part(body) for name, body in checkpoint.parts.items()}
    for name, body in checkpoint.parts.items():
        yield from _pieces(key, name, parts[name], body)
    yield key, msgspec.msgpack.encode(_Marker(FORMAT, checkpoint.offsets, parts, this_writer().version))


def _part(body: bytes) -> _Part:
    return _Part(max(1, -(-len(body) // PIECE_BYTES)), len(body), zlib.crc32(body))


def _pieces(key: str, name: str, part: _Part, body: bytes) -> list[tuple[str, bytes]]:
    cuts = range(0, part.pieces * PIECE_BYTES, PIECE_BYTES)
    return [(f"{key}|{name}|{i}", body[at : at + PIECE_BYTES]) for i, at in enumerate(cuts)]


def _read(key: str, get: _GetRecord) -> tuple[_Marker | None, dict[str, bytes]]:
    found = get(key, b"")
    marker = _decoded(key, found) if found else None
    return marker, {name: _assembled(key, name, part, get) for name, part in (marker or _NONE).parts.items()}


def _decoded(key: str, found: bytes) -> _Marker:
    try:
        marker = msgspec.msgpack.decode(found, type=_Marker)
    except msgspec.DecodeError as error:
        raise StateError(f"the marker of the checkpoint {key} is damaged: {error}") from error
    refuse_newer(Writer(marker.format, marker.version), f"the checkpoint {key}")
    return marker


def _assembled(key: str, name: str, part: _Part, get: _GetRecord) -> bytes:
    body = b"".join([get(f"{key}|{name}|{i}", b"") for i in range(part.pieces)])
    if len(body) != part.length or zlib.crc32(body) != part.checksum:
        raise StateError(
            f"the checkpoint {key} is damaged: its part {name!r} ({len(body)} bytes) does not match the "
            f"length {part.length} and checksum of its marker"
        )
    return body


class BlockingCheckpoints:
    """The checkpoints topic for a command without an event loop; a context manager.

    It loads and saves under keys of its own. Another command that loads the same key takes it over: ``save``
    then raises ``FencedError``.
    """

    def __init__(self, kafka: KafkaSettings, topic: str, partitions: int) -> None:
        aiokafka_patches.install()
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(lambda *_: None)  # a fenced producer leaves futures behind
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._owned: set[str] = set()
        records = FencedStore(topic, partitions, aiokafka_options(kafka), hanging=HangingTransactions(kafka))
        self._checkpoints = KafkaCheckpoints(records)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._wait_for(self._checkpoints.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def load(self, stage: str) -> Checkpoint | None:
        """Take a key over, and return the newest checkpoint under it.

        Raises
        ------
        detectors.state.state.StateError
            When it cannot be read.
        aiokafka.errors.KafkaError
            When Kafka does not answer.
        """
        self._owned.add(stage)
        return self._wait_for(self._checkpoints.load(stage))

    def peek(self, stage: str) -> Checkpoint | None:
        """Return the newest checkpoint, and leave the key to its owner."""
        return self._wait_for(self._checkpoints.peek(stage))

    def save(self, stage: str, checkpoint: Checkpoint) -> None:
        """Write a checkpoint under a key, which is taken over first; durable when this returns.

        Raises
        ------
        streams.drivers.kafka.checkpoints.fenced_store.FencedError
            When another command has taken it over since.
        aiokafka.errors.KafkaError
            When Kafka does not answer.
        """
        if stage not in self._owned:
            self.load(stage)
        self._wait_for(self._checkpoints.save(stage, checkpoint))

    def _wait_for(self, work: Coroutine[Any, Any, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

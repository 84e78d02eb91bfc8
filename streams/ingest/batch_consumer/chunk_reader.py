"""Reads chunks of a topic between fixed offsets, in a thread that fetches ahead."""

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Mapping
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from streams.engine.decode.records import Records
from streams.ingest.batch_consumer import aiokafka_patches
from streams.ingest.batch_consumer.chunk import Chunk
from streams.ingest.batch_consumer.chunk_records import ChunkedTopics

FETCH_BYTES: Final = 1024 * 1024  # of one partition per fetch
BUFFERED: Final = 3  # chunks of a partition that may wait
BUFFERED_BYTES: Final = 256 * 1024 * 1024  # of all, unpacked; beyond it no partition may hold a second chunk
LEAVE_SECONDS: Final = 5.0


class ReadingError(Exception):
    """The topic cannot be read; ``__cause__`` is the reason if there was an error."""


class ChunkReader:
    """Fetches partitions of one topic, outside of any group, and holds a few chunks of each ready.

    Parameters
    ----------
    bounds
        By partition: the first offset to read, and the offset to stop before.
    patience
        Seconds that ``next_chunk`` waits for a chunk.
    """

    def __init__(
        self, topic: str, bounds: Mapping[int, tuple[int, int]], options: dict[str, Any], patience: float
    ) -> None:
        aiokafka_patches.install()
        self._topic = topic
        self._bounds = {number: both for number, both in bounds.items() if both[1] > both[0]}
        self._options = options
        self._patience = patience
        self._ready: dict[int, deque[Chunk]] = {number: deque() for number in self._bounds}
        self._held = 0  # bytes of the chunks that are ready
        self._changed = threading.Condition()
        self._failed: Exception | None = None
        self._stopping = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._room: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._run, name="chunk-reader", daemon=True)
        self._thread.start()

    def ready(self, number: int) -> bool:
        """Return whether a chunk of a partition is ready."""
        return bool(self._ready[number])

    def next_chunk(self, number: int) -> Chunk:
        """Return the next chunk of a partition that is not at its end.

        Raises
        ------
        ReadingError
            When it cannot be read, or nothing arrived for ``patience`` seconds.
        """
        with self._changed:
            self._changed.wait_for(
                lambda: bool(self._ready[number]) or self._failed is not None, self._patience
            )
            if not self._ready[number]:
                if self._failed is not None:
                    raise ReadingError(_in_one_line(self._failed)) from self._failed
                raise ReadingError(f"nothing arrived within {self._patience:.0f} s")
            chunk = self._ready[number].popleft()
            self._held -= _size(chunk)
        self._wake()
        return chunk

    def close(self) -> None:
        """Stop reading."""
        self._stopping = True
        self._wake()
        self._thread.join(2 * LEAVE_SECONDS)

    def _wake(self) -> None:
        loop, room = self._loop, self._room
        if loop is not None and room is not None and not loop.is_closed():
            loop.call_soon_threadsafe(room.set)

    def _run(self) -> None:
        try:
            asyncio.run(self._read())
        except Exception as error:  # noqa: BLE001 - the edge of the thread: ``next_chunk`` raises it
            with self._changed:
                self._failed = error
                self._changed.notify_all()

    async def _read(self) -> None:
        self._loop, self._room = asyncio.get_running_loop(), asyncio.Event()
        consumer = AIOKafkaConsumer(
            enable_auto_commit=False,
            auto_offset_reset="none",
            isolation_level="read_committed",
            check_crcs=True,
            value_deserializer=ChunkedTopics({self._topic}),
            max_partition_fetch_bytes=FETCH_BYTES,
            fetch_max_bytes=16 * FETCH_BYTES,
            **self._options,
        )
        try:
            await consumer.start()
            places = {number: TopicPartition(self._topic, number) for number in self._bounds}
            consumer.assign(list(places.values()))
            for number, (first, _) in self._bounds.items():
                consumer.seek(places[number], first)
            left = set(places)
            while left and not self._stopping:
                self._room.clear()
                full = {number for number in places if number not in left or self._is_full(number)}
                consumer.pause(*(places[number] for number in full))
                wanted = [place for number, place in places.items() if number not in full]
                if not wanted:
                    await self._room.wait()
                    continue
                consumer.resume(*wanted)
                for place, chunks in (await consumer.getmany(*wanted, timeout_ms=200)).items():
                    for chunk in chunks:
                        if self._put(place.partition, chunk):
                            left.discard(place.partition)
        finally:
            await _stopped(consumer)

    def _is_full(self, number: int) -> bool:
        waiting = len(self._ready[number])
        return waiting >= BUFFERED or (waiting > 0 and self._held >= BUFFERED_BYTES)

    def _put(self, number: int, chunk: Chunk) -> bool:
        """Hold a chunk ready; return whether the partition is at its end."""
        first, end = self._bounds[number]
        chunk = chunk.since(first).until(end)
        with self._changed:
            self._ready[number].append(chunk)
            self._held += _size(chunk)
            self._changed.notify_all()
        return chunk.end >= end


async def _stopped(consumer: AIOKafkaConsumer) -> None:
    """Stop a consumer, even if its broker is dead."""
    try:
        await asyncio.wait_for(consumer.stop(), LEAVE_SECONDS)
    except (KafkaError, OSError, TimeoutError):
        # it may be cancelled too
        with contextlib.suppress(KafkaError, OSError, TimeoutError, asyncio.CancelledError):
            await asyncio.wait_for(consumer._client.close(), LEAVE_SECONDS)  # noqa: SLF001 - stop leaves it open


def _size(chunk: Chunk) -> int:
    return len(Records.of(chunk.values).buffer)


def _in_one_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).partition("\n")[0]

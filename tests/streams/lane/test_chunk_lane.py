"""The lane between Faust and the stages."""

import asyncio
import threading
from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import TP

from streams.lane.chunk_lane import ChunkConsumer, ChunkConsumerThread


async def test_a_partition_is_sought_in_the_thread_that_fetches_from_it() -> None:
    loop = asyncio.new_event_loop()
    fetching = threading.Thread(target=loop.run_forever)
    fetching.start()
    sought: list[tuple[TP, int, int | None]] = []

    def seek(partition: TP, offset: int) -> None:
        sought.append((partition, offset, threading.get_ident()))

    consumer: Any = ChunkConsumer.__new__(ChunkConsumer)
    consumer._thread = SimpleNamespace(thread_loop=loop, seek=seek)
    try:
        await consumer._seek(TP("requests", 3), 42)
        assert sought == [(TP("requests", 3), 42, fetching.ident)]
    finally:
        loop.call_soon_threadsafe(loop.stop)
        fetching.join()
        loop.close()


class LostConnection:
    """A consumer of aiokafka that is stopped while a fetch waits because its connection was lost."""

    def __init__(self) -> None:
        self._client = self
        self.closed = False

    async def stop(self) -> None:
        fetch = asyncio.create_task(asyncio.sleep(60))
        fetch.cancel()
        await fetch

    async def close(self) -> None:
        self.closed = True


class StoppedThread(ChunkConsumerThread):
    """Only what stopping needs."""

    def __init__(self, consumer: Any) -> None:
        self._consumer = consumer


async def test_a_consumer_that_is_stopped_while_a_fetch_waits_for_its_broker_ends_its_thread() -> None:
    consumer = LostConnection()
    await StoppedThread(consumer).on_thread_stop()
    assert consumer.closed


async def test_a_stop_that_is_cancelled_itself_stays_cancelled() -> None:
    consumer = LostConnection()
    consumer.stop = asyncio.Event().wait  # type: ignore[method-assign, assignment]
    stopping = asyncio.create_task(StoppedThread(consumer).on_thread_stop())
    await asyncio.sleep(0)
    stopping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stopping
    assert not consumer.closed

"""The lane between Faust and the stages."""

import asyncio
import threading
from types import SimpleNamespace
from typing import Any

from faust.types import TP

from streams.ingest.batch_consumer.batch_consumer import ChunkConsumer


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


ITEMS = TP("requests", 0)


class Queue(ChunkConsumer):
    """A consumer whose only partition can be full, without a broker."""

    def __init__(self) -> None:
        self._fetchable = asyncio.Event()
        self._active_partitions = {ITEMS}
        self._buffered_partitions = set()
        self._paused_partitions = set()
        self.app: Any = SimpleNamespace(in_recovery=False)

    async def wait(self, *until: Any, **_: Any) -> Any:
        await until[0]


async def test_a_full_queue_that_drops_below_its_bound_is_fed_at_once() -> None:
    consumer = Queue()
    assert await consumer._may_fetch(60)
    consumer.on_buffer_full(ITEMS)
    waiting = asyncio.create_task(consumer._may_fetch(60))
    await asyncio.sleep(0)
    assert not waiting.done()
    consumer.on_buffer_drop(ITEMS)
    async with asyncio.timeout(5):
        assert await waiting

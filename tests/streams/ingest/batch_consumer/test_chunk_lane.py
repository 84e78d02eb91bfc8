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

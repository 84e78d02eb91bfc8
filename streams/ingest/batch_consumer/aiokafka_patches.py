"""Replaces parts of aiokafka for the whole process; ``install`` does it, an import does not.

*Records of a fetch* are handed over as chunks (``chunk_records``).

*Closing a fetcher.* aiokafka cancels what it fetches with and waits for it. A fetch that waits to be tried
again, because its connection was lost, lets the cancellation through to whatever stops the consumer: a stage
that is being opened would end as if somebody had cancelled it. And what cancels the fetches of an assignment
that has ended may lose its own cancellation meanwhile, and stopping the consumer would wait for ever. Here a
cancellation goes no further, and is repeated.

*Waiting for metadata.* aiokafka refreshes its metadata every five minutes. Where other topics are wanted by
the time that such a refresh ends, it is to begin anew, but waits for the next five minutes first. Meanwhile a
worker that leads its group while another joins or leaves waits for it: it sends no heartbeats, is put out of
the group, and does not end when it is stopped. Here, waiting has it begin at once.
"""

import asyncio
from collections.abc import Iterable
from typing import Any, Final

from aiokafka.client import AIOKafkaClient
from aiokafka.consumer import fetcher
from aiokafka.consumer.fetcher import Fetcher

from streams.ingest.batch_consumer import version_guard
from streams.ingest.batch_consumer.chunk_records import ChunkRecords, FetchedRecords

AGAIN_SECONDS: Final = 0.5

_close: Final = Fetcher.close
_force: Final = AIOKafkaClient.force_metadata_update
_wait: Final = AIOKafkaClient._maybe_wait_metadata  # noqa: SLF001 - aiokafka has no other way


def install() -> None:
    """Replace them, before the first client is made; again has no effect.

    Raises
    ------
    UnknownVersionError
        When aiokafka or Faust is not the version that was read.
    """
    version_guard.check()
    fetcher.MemoryRecords = FetchedRecords
    fetcher.PartitionRecords = ChunkRecords
    Fetcher.close = close
    AIOKafkaClient.force_metadata_update = force_metadata_update
    AIOKafkaClient._maybe_wait_metadata = _maybe_wait_metadata  # noqa: SLF001 - as above


async def close(self: Any) -> None:
    """Return when nothing is fetched any more and everything that waited for records has been woken."""
    self._closed = True
    await _ended([self._fetch_task])
    for waiter in self._fetch_waiters:
        self._notify(waiter)
    await _ended(self._pending_tasks)


async def _ended(tasks: Iterable[asyncio.Task[Any]]) -> None:
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        done, left = await asyncio.wait(left, timeout=AGAIN_SECONDS)
        for task in done:
            if not task.cancelled():
                task.exception()  # of no interest any more


def force_metadata_update(self: Any) -> Any:
    """Ask for metadata; return a future of whether they came."""
    _hasten(self)
    return _force(self)


async def _maybe_wait_metadata(self: Any) -> None:
    """Wait for metadata that are being asked for."""
    _hasten(self)
    await _wait(self)


def _hasten(client: Any) -> None:
    """Have the next refresh follow at once where one that is awaited has to begin anew."""
    waiter = client._md_update_waiter  # noqa: SLF001 - as above
    if client._md_update_fut is not None and not waiter.done():  # noqa: SLF001 - as above
        waiter.set_result(None)

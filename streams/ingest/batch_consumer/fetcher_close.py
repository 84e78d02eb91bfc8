"""Ends what aiokafka's consumers fetch with, whatever that is doing.

aiokafka cancels what it fetches with and waits for it. A fetch that waits to be tried again, because its
connection was lost, lets the cancellation through to whoever stops the consumer: a stage that is being opened
would end as if somebody had cancelled it. And what cancels the fetches of an assignment that has ended may
lose its own cancellation meanwhile, and who stops the consumer would wait for ever. Here a cancellation goes
no further, and is repeated.
"""

import asyncio
from collections.abc import Iterable
from typing import Any, Final

from aiokafka.consumer.fetcher import Fetcher

AGAIN_SECONDS: Final = 0.5

_close: Final = Fetcher.close


async def close(self: Any) -> None:
    """Return when nothing is fetched any more and who waits for records has been told."""
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


Fetcher.close = close

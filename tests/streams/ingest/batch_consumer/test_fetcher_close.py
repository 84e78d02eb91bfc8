"""Stopping a consumer of aiokafka, whatever its fetcher is doing."""

import asyncio
from collections.abc import Callable, Coroutine
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.consumer.fetcher import Fetcher
from aiokafka.errors import KafkaConnectionError

from streams.ingest.batch_consumer.aiokafka_patches import _close, install

install()

Close = Callable[[Any], Coroutine[Any, Any, None]]


class Losing:
    """A client whose connection is lost at every request."""

    async def send(self, *_: object) -> None:
        raise KafkaConnectionError


async def forever() -> None:
    await asyncio.Event().wait()


async def fetcher(fetching: Coroutine[Any, Any, Any], *pending: Coroutine[Any, Any, Any]) -> Any:
    """Return the attributes of aiokafka's fetcher that its ``close`` reads, with tasks that run."""
    one: Any = Fetcher.__new__(Fetcher)
    one._fetch_task = asyncio.create_task(fetching)
    one._pending_tasks = set(map(asyncio.create_task, pending))
    one._fetch_waiters = set()
    await asyncio.sleep(0)
    return one


async def with_a_fetch_to_be_tried_again() -> Any:
    lost: Any = SimpleNamespace(
        _client=Losing(), _retry_backoff=60, _invalidate_preferred_read_replica_for_node=lambda *_: None
    )
    return await fetcher(forever(), Fetcher._proc_fetch_request(lost, None, 1, None))


async def with_a_lost_cancellation() -> Any:
    async def loses_the_first() -> None:
        try:
            await forever()
        except asyncio.CancelledError:
            await forever()

    return await fetcher(loses_the_first())


MADE = [with_a_fetch_to_be_tried_again, with_a_lost_cancellation]


async def closed(made: Callable[[], Coroutine[Any, Any, Any]], close: Close, seconds: float) -> bool:
    """Return whether ``close`` comes to its end in time, and all else with it."""
    one = await made()
    waiter = asyncio.get_running_loop().create_future()
    one._fetch_waiters.add(waiter)
    tasks = [one._fetch_task, *one._pending_tasks]
    closing = asyncio.create_task(close(one))
    await asyncio.wait({closing}, timeout=seconds)
    ended = closing.done() and not closing.cancelled()
    fetches = not all(task.done() for task in tasks)
    for task in (*tasks, *tasks, closing):
        task.cancel()
        await asyncio.wait({task}, timeout=0.01)
    return ended and waiter.done() and not fetches


@pytest.mark.parametrize("made", MADE)
async def test_who_stops_a_consumer_goes_on_when_nothing_is_fetched_any_more(made: Any) -> None:
    assert await closed(made, Fetcher.close, seconds=60)


async def test_who_is_cancelled_while_stopping_one_stays_cancelled() -> None:
    one = await with_a_lost_cancellation()
    closing = asyncio.create_task(one.close())
    await asyncio.sleep(0.01)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    one._fetch_task.cancel()


@pytest.mark.parametrize("made", MADE)
async def test_without_what_is_replaced_it_does_not(made: Any) -> None:
    # if it does, aiokafka has mended it, and what is replaced can go
    assert not await closed(made, _close, seconds=0.3)

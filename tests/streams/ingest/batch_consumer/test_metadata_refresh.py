"""Metadata that somebody waits for while aiokafka's refresh of every five minutes is under way."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiokafka.client import AIOKafkaClient

from streams.ingest.batch_consumer.aiokafka_patches import _force, _wait, install

install()

LONG = 3_600_000  # milliseconds
Wait = Callable[[AIOKafkaClient], Awaitable[Any]]


async def asked_for(topics: set[str], wait: Wait, seconds: float = 60) -> list[set[str]]:
    """Want other topics in the middle of a refresh; return what was asked for once ``wait`` ends.

    Raises
    ------
    TimeoutError
        When it does not.
    """
    client: Any = AIOKafkaClient(bootstrap_servers="127.0.0.1:1", metadata_max_age_ms=1)
    asked: list[set[str]] = []
    under_way, go_on = asyncio.Event(), asyncio.Event()

    async def update(_: object, wanted: set[str]) -> bool:
        asked.append(wanted)
        under_way.set()
        await go_on.wait()
        return True

    client._metadata_update = update
    client._topics = {"a", "b"}
    refreshing = asyncio.create_task(client._md_synchronizer())
    await under_way.wait()
    client._metadata_max_age_ms = LONG
    client._topics = topics  # as set_topics does
    asyncio.get_running_loop().call_later(0.01, go_on.set)
    try:
        async with asyncio.timeout(seconds):
            await wait(client)
    finally:
        refreshing.cancel()
    return asked


@pytest.mark.parametrize("topics", [{"a"}, {"a", "b", "c"}, {"a", "b"}], ids=["fewer", "more", "the same"])
@pytest.mark.parametrize(
    "wait", [lambda client: client.force_metadata_update(), lambda client: client._maybe_wait_metadata()]
)
async def test_they_come_for_the_topics_that_are_wanted(topics: set[str], wait: Wait) -> None:
    asked = await asked_for(topics, wait)
    assert asked[-1] == topics
    assert len(asked) == (1 if topics == {"a", "b"} else 2)


@pytest.mark.parametrize("wait", [_force, _wait])
async def test_without_what_is_replaced_they_do_not_come(wait: Wait) -> None:
    with pytest.raises(TimeoutError):  # if they do, aiokafka has mended it, and what is replaced can go
        await asked_for({"a"}, wait, seconds=0.3)

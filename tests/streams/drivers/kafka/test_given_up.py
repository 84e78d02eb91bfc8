"""A client of Kafka that ends what a stage waits for, although nobody has asked for that."""

import asyncio
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest
from faust.types import TP

from streams.drivers.kafka import stage_host
from streams.drivers.kafka.stage_host import GIVEN_UP, StageHost, fatal_when_failed
from streams.ingest.batch_consumer.chunk import Chunk
from tests.streams.drivers.kafka.hosting import add_partition, hosting

PLACE = TP("requests", 0)
CHUNK: Any = SimpleNamespace(topic=PLACE.topic, partition=PLACE.partition, start=7)


class ProcessEndedError(Exception):
    """Stands in for the end of the process."""


@pytest.fixture(autouse=True)
def ended(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    said: list[str] = []

    def end(error: BaseException, **context: object) -> NoReturn:
        said.append(f"{error} ({', '.join(map(str, context.values()))})")
        raise ProcessEndedError

    monkeypatch.setattr(stage_host, "fatal", end)
    return said


async def host(opening: asyncio.Task[Any], checkpoints: Any = None) -> StageHost:
    one = hosting(checkpoints=checkpoints)
    one.clients.consumer.owned.add(PLACE)
    add_partition(one, PLACE, opening)
    return one


async def gives_up() -> None:
    await asyncio.sleep(0)
    raise asyncio.CancelledError


@pytest.mark.parametrize("stopping", [False, True], ids=["running", "stopping"])
async def test_a_stage_that_cannot_be_opened_for_it_ends_the_process(
    ended: list[str], stopping: bool
) -> None:
    one = await host(asyncio.create_task(gives_up()))
    if stopping:
        one._stopping.set()
    with pytest.raises(ProcessEndedError):
        await (one._close_one(one.partitions[PLACE]) if stopping else one._feed_chunk(CHUNK))
    assert ended == [f"{GIVEN_UP} (requests/0)" if stopping else f"{GIVEN_UP} (requests/0, 7)"]


@pytest.mark.parametrize("stopping", [False, True], ids=["running", "stopping"])
async def test_a_stage_that_cannot_be_closed_for_it_ends_the_process(
    ended: list[str], stopping: bool
) -> None:
    async def opens() -> Any:
        return SimpleNamespace(key="rollup/0", close=gives_up)

    async def close(_: str) -> None:
        pass

    one = await host(asyncio.create_task(opens()), SimpleNamespace(close=close))
    if stopping:
        one._stopping.set()
    with pytest.raises(ProcessEndedError):
        await one._close({PLACE})
    assert ended == [f"{GIVEN_UP} (requests/0)"]


async def test_who_stops_waiting_for_a_stage_leaves_it_to_the_others(ended: list[str]) -> None:
    opened, fed = asyncio.Event(), list[Chunk]()

    async def feed(chunk: Chunk) -> None:
        fed.append(chunk)

    async def opens() -> Any:
        await opened.wait()
        return SimpleNamespace(feed=feed)

    one = await host(asyncio.create_task(opens()))
    first, second = (asyncio.create_task(one._feed_chunk(CHUNK)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    opened.set()
    await second
    assert fed == [CHUNK]
    assert ended == []


@pytest.mark.parametrize("asked_for", [False, True])
async def test_a_task_of_the_process_that_is_cancelled_ends_it_unless_that_was_asked_for(
    ended: list[str], asked_for: bool
) -> None:
    task = asyncio.create_task(gives_up())
    if asked_for:
        await asyncio.sleep(0)
        task.cancel()
    await asyncio.wait({task})
    if asked_for:
        fatal_when_failed(task)
        assert ended == []
    else:
        with pytest.raises(ProcessEndedError):
            fatal_when_failed(task)
        assert ended == [f"{GIVEN_UP} (gives_up)"]

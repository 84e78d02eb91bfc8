"""A stop may come at the same time as a rebalance, or as a tick."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import TP

from tests.streams.drivers.kafka.hosting import add_partition, hosting

PLACE = TP("requests", 0)


async def test_a_stage_that_a_rebalance_closes_is_waited_for_by_a_stop_and_closed_once() -> None:
    saved, closed = asyncio.Event(), list[str]()

    async def close() -> None:
        closed.append("stage")
        await saved.wait()

    async def give_up(key: str) -> None:
        closed.append(key)

    host = hosting(checkpoints=SimpleNamespace(close=give_up))
    add_partition(host, PLACE, SimpleNamespace(key="rollup/0", close=close))
    revoked, stopped = (asyncio.create_task(host._close({PLACE})) for _ in range(2))
    await asyncio.sleep(0.01)
    assert not revoked.done()
    assert not stopped.done()
    saved.set()
    await asyncio.gather(revoked, stopped)
    assert closed == ["stage", "rollup/0"]


async def test_a_stop_closes_stages_once_the_tick_that_is_under_way_has_ended() -> None:
    host: Any = hosting()
    ticks, emitted, order = asyncio.Event(), asyncio.Event(), list[str]()

    async def tick() -> None:
        ticks.set()
        await emitted.wait()
        order.append("ticked")

    async def close(_: set[TP]) -> None:
        order.append("closed")
        raise ZeroDivisionError  # what follows needs a broker

    add_partition(host, PLACE, SimpleNamespace(key="rollup/0", tick=tick))
    host._close, host._align, host._go_back = close, lambda: None, lambda *_: asyncio.sleep(0)
    host._ticking = asyncio.create_task(host._tick())
    await ticks.wait()
    stopping = asyncio.create_task(host.stop())
    await asyncio.sleep(0.01)
    assert order == []
    emitted.set()
    with pytest.raises(ZeroDivisionError):
        await stopping
    assert order == ["ticked", "closed"]

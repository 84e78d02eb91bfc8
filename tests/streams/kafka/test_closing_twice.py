"""A stop and a rebalance may come at the same time."""

import asyncio
from contextlib import AsyncExitStack
from types import SimpleNamespace
from typing import Any

from faust.types import TP

from config.settings import KafkaSettings
from streams.kafka.app import aiokafka_options, chunk_app
from streams.kafka.stage_host import Hosted, StageHost

PLACE = TP("requests", 0)


async def test_a_stage_that_a_rebalance_closes_is_waited_for_by_a_stop_and_closed_once() -> None:
    kafka = KafkaSettings(brokers=["127.0.0.1:1"])
    hosted: Any = Hosted("requests", "rollup", lambda _: SimpleNamespace())
    saved, closed = asyncio.Event(), list[str]()

    async def close() -> None:
        closed.append("stage")
        await saved.wait()

    async def give_up(key: str) -> None:
        closed.append(key)

    checkpoints: Any = SimpleNamespace(close=give_up)
    host = StageHost(chunk_app(kafka), [hosted], checkpoints, aiokafka_options(kafka))
    opened: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    opened.set_result(SimpleNamespace(key="rollup/0", close=close))
    host._opening[PLACE] = opened  # type: ignore[assignment]
    host._around[PLACE] = AsyncExitStack()
    revoked, stopped = (asyncio.create_task(host._close({PLACE})) for _ in range(2))
    await asyncio.sleep(0.01)
    assert not revoked.done()
    assert not stopped.done()
    saved.set()
    await asyncio.gather(revoked, stopped)
    assert closed == ["stage", "rollup/0"]

"""Chunks of a role wait while one of its partitions is opened: that is no wedge."""

import asyncio
from types import SimpleNamespace
from typing import Any

from faust.types import TP

from config.settings import Kafka
from streams.kafka_app import aiokafka_options, chunk_app
from streams.stage import Bounds
from streams.stage_host import Hosted, StageHost
from streams.standstill import Standstill

FIRST, SECOND = TP("requests", 0), TP("requests", 1)
STUCK = 0.03


class Ends:
    """There is more to read everywhere."""

    async def of(self, places: list[TP]) -> dict[TP, Bounds]:
        return dict.fromkeys(places, Bounds(0, 100))


async def looked(host: StageHost) -> list[str | None]:
    said = []
    for _ in range(10):
        said.append(await host.look())
        await asyncio.sleep(STUCK / 3)
    return said


async def test_a_stage_waits_for_another_that_is_opened_and_is_wedged_when_it_still_stands_after() -> None:
    kafka = Kafka(brokers=["127.0.0.1:1"])
    hosted: Any = Hosted("requests", "rollup", lambda _: SimpleNamespace())
    host = StageHost(
        chunk_app(kafka),
        [hosted],
        SimpleNamespace(),  # type: ignore[arg-type]
        aiokafka_options(kafka),
        stuck=STUCK,
    )
    host._ends = Ends()  # type: ignore[assignment]
    opened: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    opened.set_result(SimpleNamespace(position=50, saved=50))
    opening: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    host._opening |= {FIRST: opened, SECOND: opening}  # type: ignore[dict-item]
    host.standstills[FIRST] = Standstill("rollup/0", asyncio.get_running_loop().time())
    assert await looked(host) == [None] * 10
    opening.cancel()
    said = [one for one in await looked(host) if one]
    assert said
    assert said[0].startswith("rollup/0 has taken nothing in for")

"""No partition runs so far ahead of the others that open steps fill the memory."""

import asyncio
from types import SimpleNamespace
from typing import Any

from faust.types import TP
from hypothesis import given
from hypothesis import strategies as st

from config.settings import KafkaSettings
from streams.drivers.kafka.app import aiokafka_options, chunk_app
from streams.drivers.kafka.stage_host import Hosted, StageHost
from streams.drivers.kafka.watermark_alignment import Level, WatermarkAlignment, ahead

LEVELS = st.lists(st.builds(Level, st.integers(0, 5000), st.booleans()), max_size=8)


@given(LEVELS, st.lists(st.integers(1, 5000), max_size=3), st.integers(1, 1000))
def test_somebody_can_always_go_on(levels: list[Level], elsewhere: list[int], most: int) -> None:
    named = dict(enumerate(levels))
    waiting = ahead(named, elsewhere, most)
    behind = [number for number, level in named.items() if level.behind and level.watermark]
    if behind and (
        not elsewhere or min(levels[number].watermark for number in behind) <= min(elsewhere) + most
    ):
        assert set(behind) - waiting, "the slowest of them"
    if not behind and not elsewhere:
        assert not waiting


def test_who_is_at_its_end_or_has_not_begun_holds_nobody_up() -> None:
    assert ahead({0: Level(100, False), 1: Level(5000, True), 2: Level(0, True)}, [], 600) == set()


class Consumer:
    """The pauses that Faust's consumer remembers."""

    def __init__(self, end: int) -> None:
        self.flow_active = True
        self.owned = {TP("requests", 0), TP("requests", 1)}
        self.asleep: set[TP] = set()
        self._end = end

    def highwater(self, _: TP) -> int:
        return self._end

    def pause_partitions(self, tps: set[TP]) -> None:
        self.asleep |= tps

    def resume_partitions(self, tps: set[TP]) -> None:
        self.asleep -= tps


async def test_a_partition_waits_for_the_slowest_here_and_elsewhere_and_goes_on() -> None:
    kafka = KafkaSettings(brokers=["127.0.0.1:1"])
    elsewhere: list[int] = []
    alignment = WatermarkAlignment(lambda stage: stage.at, lambda _: elsewhere, 600)
    hosted: Any = Hosted("requests", "rollup", lambda _: SimpleNamespace(), alignment=alignment)
    host = StageHost(chunk_app(kafka), [hosted], SimpleNamespace(), aiokafka_options(kafka))  # type: ignore[arg-type]
    consumer = Consumer(100)
    host.app = SimpleNamespace(chunk_consumer=consumer)  # type: ignore[assignment]
    stages = [SimpleNamespace(at=1000), SimpleNamespace(at=1000)]
    for number, stage in enumerate(stages):
        opened: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        opened.set_result(SimpleNamespace(stage=stage, source=f"requests/{number}", position=50))
        host._opening[TP("requests", number)] = opened  # type: ignore[assignment]
    first, second = TP("requests", 0), TP("requests", 1)
    host._align()
    assert consumer.asleep == set()
    stages[0].at = 1700
    host._align()
    assert consumer.asleep == alignment.paused == {first}
    consumer.asleep.clear()  # a rebalance lets all go on
    host._align()
    assert consumer.asleep == {first}
    stages[1].at = 1500
    host._align()
    assert consumer.asleep == alignment.paused == set()
    elsewhere.append(400)
    host._align()
    assert consumer.asleep == {first, second}
    elsewhere.clear()
    host._align()
    assert consumer.asleep == set()
    host._waiting[second] = asyncio.Event()
    host._align()
    assert consumer.asleep == {second}, "the other one may go on as far as it is allowed to"
    stages[1].at = 0
    host._align()
    assert consumer.asleep == {first, second}, "nobody knows how far that is"
    del host._waiting[second]
    host._align()
    assert consumer.asleep == set()

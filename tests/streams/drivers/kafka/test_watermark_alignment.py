"""No partition runs so far ahead of the others that open steps fill the memory."""

import asyncio
from types import SimpleNamespace

from faust.types import TP
from hypothesis import given
from hypothesis import strategies as st

from streams.drivers.kafka.watermark_alignment import Level, WatermarkAlignment, ahead
from tests.streams.drivers.kafka.hosting import DETECT, ROLLUP, add_partition, hosting

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
    alignment = WatermarkAlignment(600)
    host = hosting(ROLLUP._replace(alignment=alignment), DETECT)
    consumer = Consumer(100)
    host.clients.app = SimpleNamespace(chunk_consumer=consumer)  # type: ignore[assignment]
    stages = [SimpleNamespace(watermark=1000, heard=None) for _ in range(2)]
    first, second = (
        add_partition(host, TP("requests", number), SimpleNamespace(stage=stage, position=50)).tp
        for number, stage in enumerate(stages)
    )
    elsewhere: dict[str, int] = {}
    add_partition(host, TP("rollups", 0), SimpleNamespace(stage=SimpleNamespace(heard=elsewhere)))
    host._align()
    assert consumer.asleep == set()
    stages[0].watermark = 1700
    host._align()
    assert consumer.asleep == alignment.paused == {first}
    consumer.asleep.clear()  # a rebalance lets all go on
    host._align()
    assert consumer.asleep == {first}
    stages[1].watermark = 1500
    host._align()
    assert consumer.asleep == alignment.paused == set()
    elsewhere |= {"requests/0": 1, "requests/7": 400}
    host._align()
    assert consumer.asleep == {first, second}
    elsewhere.clear()
    host._align()
    assert consumer.asleep == set()
    host.partitions[second].waiting = asyncio.Event()
    host._align()
    assert consumer.asleep == {second}, "the other one may go on as far as it is allowed to"
    stages[1].watermark = 0
    host._align()
    assert consumer.asleep == {first, second}, "nobody knows how far that is"
    host.partitions[second].waiting = None
    host._align()
    assert consumer.asleep == set()

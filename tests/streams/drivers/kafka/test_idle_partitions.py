"""A partition that was idle and has records to read is waited for, and one that has none is not."""

import json
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import pytest
from aiokafka.errors import KafkaConnectionError

from config.settings import DeadLetterSettings, KafkaSettings, Settings
from streams.drivers.kafka.stage import Bounds, Emission, StageRunner
from streams.drivers.kafka.stages import RollupStage
from streams.drivers.kafka.topics import Topics
from streams.engine.measure.steps import Steps
from streams.engine.rollup.blocks.block_codec import decode_block
from streams.ingest.batch_consumer.chunk import Chunk
from tests.streams.drivers.kafka.stage_world import World

SETTINGS: Final = Settings(dead_letters=DeadLetterSettings(stop=False))
TOPICS: Final = Topics.of(KafkaSettings(app="idle", requests="requests"))
T0: Final = 1_760_000_040
HOUR: Final = 3600
IDLE: Final = float(SETTINGS.time.idle)
SOURCES: Final = [f"requests/{number}" for number in range(4)]
EMPTY: Final = 3
"""The partition that gets nothing after the pause."""


class Part(World):
    """A partition of the requests, its records, and the process that reads it."""

    def __init__(self, app: "App", number: int) -> None:
        super().__init__()
        self.app, self.number = app, number
        self.source, self.key = SOURCES[number], f"rollup/{number}"
        self.records: list[tuple[bytes, float]] = []
        self.process: StageRunner

    async def bounds(self) -> Bounds:
        return Bounds(0, len(self.records))

    def release(self, offset: int) -> None:
        self.committed = offset

    async def ends(self) -> dict[str, int]:
        if not self.answers:
            raise KafkaConnectionError("no broker")
        return {part.source: len(part.records) for part in self.app.parts}

    async def send(self, emission: Emission) -> Any:
        self.app.rollups.append(emission.value)
        return await super().send(emission)

    async def start(self) -> None:
        self.now = self.app.now
        stage = RollupStage(self.number, SETTINGS, 1, TOPICS, now=lambda: self.app.now)
        self.process = self.runner(stage, idle_after=IDLE)
        await self.process.open()

    def receive(self, first: float, last: float, arrived: float | None = None, ahead: float = 0) -> None:
        """Have a record of every second arrive, on time or at once; ``ahead`` is the clock of their host."""
        for second in range(int(first), int(last)):
            body = json.dumps({"ts": second + ahead, "service": "shop"}).encode()
            self.records.append((body, second if arrived is None else arrived))

    async def read(self) -> None:
        first, last = self.process.position or 0, len(self.records)
        if first < last:
            values, arrived = zip(*self.records[first:], strict=True)
            offsets = range(first, last)
            await self.process.feed(
                Chunk("requests", self.number, first, last, offsets, list(values), arrived=np.array(arrived))
            )


class App:
    """Four partitions, and the shard that judges what they hold."""

    def __init__(self) -> None:
        self.now = float(T0)
        self.rollups: list[bytes] = []
        self.parts = [Part(self, number) for number in range(len(SOURCES))]
        self.steps = Steps(SOURCES, SETTINGS.time.step)
        self._merged = 0

    async def start(self) -> None:
        for part in self.parts:
            await part.start()

    async def pause(self, seconds: float) -> None:
        """Let nothing arrive for some seconds."""
        for _ in range(int(seconds)):
            self.now += 1
            for part in self.parts:
                part.now = self.now
                await part.process.tick()

    def judged_until(self) -> int:
        """Return where the newest step ends that every source has passed."""
        for _ in self.steps.feed(map(decode_block, self.rollups[self._merged :])):
            pass
        self._merged = len(self.rollups)
        return self.steps.closed or 0


async def idle_app(behind: float = 0.0) -> App:
    """Return an app all of whose partitions are idle; its records happened so many seconds ago."""
    app = App()
    await app.start()
    app.now = T0 + 600 + behind
    for part in app.parts:
        part.receive(T0, T0 + 600, app.now if behind else None)
    for part in app.parts:
        await part.read()
    await app.pause(2 * IDLE)
    assert app.judged_until() >= T0 + 420
    assert not app.steps.levels, "all are idle"
    return app


async def restart(app: App, *, killed: bool) -> None:
    for part in app.parts:
        if not killed:
            await part.process.close()
        await part.start()


async def read_in_turn(app: App) -> None:
    """Have each of the partitions with records read them all before the next, and judge the last of it."""
    for part in app.parts[:EMPTY]:
        await part.read()
        is_last = part.number == EMPTY - 1
        assert (app.judged_until() > T0 + 3 * HOUR - 300) == is_last, "the others are waited for"
    assert app.steps.late == 0


@pytest.mark.parametrize("killed", [False, True])
async def test_a_backlog_of_partitions_that_were_idle_at_the_stop_is_judged_whole(killed: bool) -> None:
    app = await idle_app()
    for part in app.parts[:EMPTY]:
        part.receive(T0 + 660, T0 + 3 * HOUR)
    app.now += 3 * HOUR
    await restart(app, killed=killed)
    await read_in_turn(app)


async def test_records_of_hours_that_arrive_at_once_in_idle_partitions_are_judged_whole() -> None:
    app = await idle_app(behind=10 * 24 * HOUR)
    for part in app.parts[:EMPTY]:
        part.receive(T0 + 660, T0 + 3 * HOUR, app.now)
    await read_in_turn(app)


async def test_a_partition_whose_backlog_holds_no_record_is_idle_again_once_it_is_read() -> None:
    app = await idle_app()
    app.parts[0].receive(T0 + 660, T0 + 3 * HOUR)
    app.parts[1].records.append((b"garbage", T0 + 700.0))
    app.now += 3 * HOUR
    await restart(app, killed=False)
    await app.parts[0].read()
    assert app.judged_until() < T0 + 900
    await app.parts[1].read()
    await app.pause(IDLE + 10)
    assert app.judged_until() > T0 + 3 * HOUR - 300


async def test_while_no_broker_says_where_partitions_end_a_chunk_is_rolled_up_all_the_same() -> None:
    app = await idle_app()
    app.parts[0].receive(T0 + 660, T0 + 3 * HOUR)
    app.parts[0].answers = False
    app.now += 3 * HOUR
    await app.parts[0].read()
    assert app.judged_until() > T0 + 3 * HOUR - 300


async def test_prompt_records_ask_for_no_ends() -> None:
    app = await idle_app()
    begin, told = int(app.now), len(app.rollups)
    for second in range(begin, begin + 600, 5):
        app.now += 5
        app.parts[0].receive(second, second + 5)
        await app.parts[0].read()
    assert not any(decode_block(value).ends for value in app.rollups[told:])


async def live(app: App, seconds: int, odd: Callable[[Part, int], None]) -> list[int]:
    """Let prompt records arrive in all partitions but one, which has odd ones.

    Return by how much judgement is behind, second by second.
    Whenever a process asks for the end of that one, there is a record that it has not read.
    """
    behind = list[int]()
    for _ in range(seconds):
        begin = int(app.now)
        for part in app.parts[:EMPTY]:
            part.receive(begin, begin + 1)
            await part.read()
        await app.parts[EMPTY].read()
        odd(app.parts[EMPTY], begin)
        await app.pause(1)
        behind.append(int(app.now) - app.judged_until())
    return behind


def from_ahead(part: Part, second: int) -> None:
    part.receive(second, second + 1, ahead=400)


def with_stamps_of_the_past(part: Part, second: int) -> None:
    part.receive(second, second + 1, second - 2 * HOUR)


def from_long_ago(part: Part, second: int) -> None:
    part.receive(second, second + 1, second - 2 * HOUR, ahead=-2 * HOUR)


def garbage(part: Part, second: int) -> None:
    part.records.append((b"garbage", float(second)))


@pytest.mark.variants
@pytest.mark.parametrize("odd", [from_ahead, with_stamps_of_the_past, from_long_ago, garbage])
@pytest.mark.parametrize("had_records", [True, False])
async def test_records_without_a_say_in_time_hold_no_other_partition_back(
    odd: Callable[[Part, int], None], had_records: bool
) -> None:
    app = App()
    await app.start()
    if had_records:
        await live(app, 300, lambda part, second: part.receive(second, second + 1))
    behind = await live(app, 900, odd)
    most = SETTINGS.time.step + SETTINGS.time.lateness + 10
    if odd is from_long_ago and not had_records:
        most += int(IDLE)  # its blocks are waited for, until it is passed over again
    assert max(behind[int(2 * IDLE) + most :]) <= most
    for part in app.parts[:EMPTY]:
        assert isinstance(part.process.stage, RollupStage)
        assert part.process.stage.rollup.late == 0

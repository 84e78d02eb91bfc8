"""The frame of every stage, on fakes that hold what Kafka would hold."""

import asyncio
import contextlib
import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pytest
from aiokafka.errors import MessageSizeTooLargeError
from hypothesis import given
from hypothesis import strategies as st

from detectors.state.state import StateError
from streams.drivers.kafka.stage import (
    MOST_ONCE,
    Emission,
    LostRecordsError,
    OtherTopicError,
    Stage,
    StageRunner,
    UnfedError,
)
from streams.drivers.kafka.topics import TopicError
from streams.engine.stages.checkpoint import Checkpoint
from streams.ingest.batch_consumer.chunk import Chunk
from tests.streams.drivers.kafka.stage_world import CrashError, World


class Summing(Stage):
    """Sums its records; emits the sum at every tenth, each seventh record once, and when it is idle."""

    def __init__(self) -> None:
        self.count = self.sum = 0
        self.quiet = list[float]()  # seconds without a record, whenever it was idle

    def feed(self, chunk: Chunk) -> Iterable[Emission]:
        out = []
        for value in chunk.values:
            self.count += 1
            self.sum += int(value)
            if self.count % 10 == 0:
                out.append(Emission("out", 0, None, b"%d:%d" % (self.count, self.sum)))
            if int(value) % 7 == 0:
                out.append(Emission("letters", 0, value, value, once=True))
        return out

    def idle(self, seconds: float, _: int) -> Iterable[Emission]:
        self.quiet.append(seconds)
        return [Emission("out", 0, None, b"idle")]

    def snapshot(self) -> dict[str, bytes]:
        return {"count": b"%d" % self.count, "sum": b"%d" % self.sum}

    def restore(self, parts: Mapping[str, bytes]) -> None:
        self.count, self.sum = int(parts["count"]), int(parts["sum"])


class Slow(Summing):
    """Is restored once the loop has turned, and not before."""

    def __init__(self, turned: threading.Event) -> None:
        super().__init__()
        self.turned = turned

    def restore(self, parts: Mapping[str, bytes]) -> None:
        assert self.turned.wait(10.0), "the loop stood still"
        super().restore(parts)


class TwoWays(Summing):
    """Emits numbered sums: of each record, or in the other mode of three at a time."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world, self.emitted, self.since = world, 0, 0
        self.three = self.next = False

    def feed(self, chunk: Chunk) -> Iterable[Emission]:
        out = []
        for value in chunk.values:
            self.sum, self.since = self.sum + int(value), self.since + 1
            if self.since >= (3 if self.three else 1):
                out.append(Emission("out", 0, None, b"%d:%d" % (self.emitted, self.sum)))
                self.emitted, self.sum, self.since = self.emitted + 1, 0, 0
        return out

    @property
    def is_usual(self) -> bool:
        return not self.three

    def wants_switch(self, _: float) -> bool:
        return self.three != (self.world.now % 3 < 2)

    def prepare_switch(self, _: float) -> None:
        self.next = self.world.now % 3 < 2

    def switch_mode(self) -> None:
        self.three = self.next

    def snapshot(self) -> dict[str, bytes]:
        return {"all": b"%d %d %d %d" % (self.emitted, self.sum, self.since, self.next)}

    def restore(self, parts: Mapping[str, bytes]) -> None:
        self.emitted, self.sum, self.since, three = map(int, parts["all"].split())
        self.three = self.next = bool(three)


def chunk(start: int, end: int) -> Chunk:
    return Chunk("t", 0, start, end, range(start, end), [b"%d" % n for n in range(start, end)])


async def feed_all(world: World, runner: StageRunner, sizes: Sequence[int]) -> None:
    """Feed what follows the committed offset in chunks of these sizes, a second each."""
    total, at = sum(sizes), world.committed
    for size in sizes:
        end = min(total, at + size)
        world.now += 1
        await runner.feed(chunk(at, end))
        at = end
    await runner.feed(chunk(at, total))


@given(
    st.lists(st.integers(1, 9), min_size=1, max_size=12),
    st.lists(st.integers(0, 25), max_size=6),
    st.booleans(),
)
def test_wherever_it_crashes_a_stage_goes_the_way_again_that_it_went(
    sizes: list[int], crashes: list[int], closes: bool
) -> None:
    world = World()
    total = world.end = sum(sizes)

    async def process() -> None:
        runner = world.runner(TwoWays(world), every=2.0)
        await runner.open()
        await feed_all(world, runner, sizes)
        if closes:
            await runner.close()

    for budget in [*crashes, 10**9]:
        world.crash_in = budget
        with contextlib.suppress(CrashError):
            asyncio.run(process())
    outputs = {bytes(raw) for raw in world.emitted}
    numbers = [int(raw.partition(b":")[0]) for raw in outputs]
    assert sorted(numbers) == list(range(len(outputs)))  # each number was emitted in one way only
    assert sum(int(raw.partition(b":")[2]) for raw in outputs) >= sum(range(total - 2))


@given(st.lists(st.integers(1, 30), min_size=1, max_size=12), st.lists(st.integers(0, 25), max_size=6))
def test_whatever_the_chunks_and_wherever_it_crashes_the_sum_is_exact(
    sizes: list[int], crashes: list[int]
) -> None:
    world = World()
    total = sum(sizes)
    world.end = total

    async def process() -> bool:
        runner = world.runner(Summing(), every=2.0)
        await runner.open()
        await feed_all(world, runner, sizes)
        await runner.close()
        return True

    for budget in [*crashes, 10**9]:
        world.crash_in = budget
        try:
            asyncio.run(process())
        except CrashError:
            continue
    assert world.saved == Checkpoint(
        {"t/0": total}, {"count": b"%d" % total, "sum": b"%d" % (total * (total - 1) // 2)}
    )
    outputs = {b"%d:%d" % (n, n * (n - 1) // 2) for n in range(10, total + 1, 10)}
    assert set(world.emitted) == outputs  # repeated after a crash, but never another value, and none missing
    assert world.with_checkpoints == [b"%d" % number for number in range(0, total, 7)]


async def test_records_that_the_checkpoint_includes_are_skipped() -> None:
    world = World()
    world.saved = Checkpoint({"t/0": 5}, {"count": b"5", "sum": b"10"})
    stage = Summing()
    runner = world.runner(stage)
    await runner.open()
    await runner.feed(chunk(0, 4))
    await runner.feed(chunk(3, 8))
    assert (stage.count, stage.sum) == (8, sum(range(8)))


async def test_a_stage_that_never_read_begins_where_its_partition_begins_and_not_where_a_chunk_does() -> None:
    world, stage = World(), Summing()
    world.first = 3
    runner = world.runner(stage)
    await runner.open()
    with pytest.raises(LostRecordsError, match="continued at offset 10 after 3"):
        await runner.feed(chunk(10, 20))  # a rebalance dropped what was fetched before
    await runner.feed(chunk(3, 20))
    assert (runner.position, stage.count) == (20, 17)


async def test_a_jump_over_records_that_are_there_is_fatal() -> None:
    world = World()
    runner = world.runner(Summing())
    await runner.open()
    await runner.feed(chunk(0, 4))
    with pytest.raises(LostRecordsError, match="continued at offset 6 after 4"):
        await runner.feed(chunk(6, 8))


async def test_a_jump_over_what_kafka_deleted_goes_on() -> None:
    world = World()
    world.first = 6
    stage = Summing()
    runner = world.runner(stage)
    await runner.open()
    await runner.feed(chunk(0, 4))
    await runner.feed(chunk(6, 8))
    assert (stage.count, runner.position, world.deleted) == (6, 8, 2)


async def test_a_topic_that_takes_no_record_as_large_is_named_with_the_remedy() -> None:
    class Refusing(World):
        async def send(self, _: Emission) -> Any:
            acknowledged = asyncio.get_running_loop().create_future()
            acknowledged.set_exception(MessageSizeTooLargeError())
            return acknowledged

    runner = Refusing().runner(Summing())
    await runner.open()
    await runner.feed(chunk(0, 11))
    with pytest.raises(TopicError, match=r"for the topic out is larger than its max\.message\.bytes allows"):
        await runner.acknowledged()


async def test_a_partition_of_which_everything_unread_was_deleted_is_read_to_its_end() -> None:
    world = World()
    world.saved = Checkpoint({"t/0": 50}, Summing().snapshot())
    world.first = world.end = 80
    runner = world.runner(Summing(), idle_after=30)
    await runner.open()
    assert (runner.position, world.committed, world.deleted) == (80, 50, 30)
    world.now = 31
    await runner.tick()
    assert world.emitted == [b"idle"]
    assert world.saved.offsets == {"t/0": 80}


async def test_what_is_deleted_while_a_stage_runs_is_not_waited_for() -> None:
    world = World()
    stage = Summing()
    runner = world.runner(stage, idle_after=30)
    await runner.open()
    await runner.feed(chunk(0, 4))
    world.first, world.end, world.now = 5, 9, 31
    await runner.tick()
    assert runner.position == 4  # there is more to read: its chunk will tell of the gap
    world.first, world.now = 9, 62
    await runner.tick()
    assert (runner.position, world.emitted, world.deleted) == (9, [b"idle"], 5)
    await runner.feed(chunk(9, 11))
    assert (stage.count, runner.position) == (6, 11)


async def test_a_topic_that_was_made_anew_is_refused() -> None:
    world = World()
    world.saved = Checkpoint({"t/0": 50}, Summing().snapshot())
    world.end = 49
    with pytest.raises(OtherTopicError, match=r"t/0 ends at offset 49.*deleted and created anew"):
        await world.runner(Summing()).open()


async def test_a_partition_without_any_record_is_idle_again_and_again_while_time_passes() -> None:
    world, stage = World(), Summing()
    world.end = 0
    runner = world.runner(stage, idle_after=30)
    await runner.open()
    for world.now in range(1, 100):
        await runner.tick()
    assert world.emitted == [b"idle"] * 3
    assert stage.quiet == [30, 60, 90]


async def test_time_in_which_the_process_stood_still_does_not_pass_for_a_partition() -> None:
    world, stage = World(), Summing()
    world.end = 0
    runner = world.runner(stage, idle_after=30)
    await runner.open()
    for world.now in [*range(1, 61), 4000, 4030]:
        await runner.tick()
    assert stage.quiet == [30, 60, 120, 150]


async def test_a_partition_that_we_have_not_read_to_its_end_is_not_idle() -> None:
    world = World()
    world.end = 10
    runner = world.runner(Summing(), idle_after=30)
    await runner.open()
    await runner.feed(chunk(0, 5))
    world.now = 100
    await runner.tick()
    assert world.emitted == []
    await runner.feed(chunk(5, 10))
    world.now = 200
    await runner.tick()
    assert world.emitted == [b"10:45", b"idle"]


async def test_while_no_broker_answers_a_partition_is_not_silent() -> None:
    world = World()
    runner = world.runner(Summing(), idle_after=30)
    await runner.open()
    world.end = 4
    await runner.feed(chunk(0, 4))
    for world.now in (5, 10, 15):
        await runner.tick()
    world.answers = False
    for world.now in (20, 25, 30, 35, 40, 45):
        await runner.tick()
    world.answers = True
    for world.now in (50, 55, 60, 65, 70, 74):
        await runner.tick()
    assert world.emitted == []
    world.now = 75
    await runner.tick()
    assert world.emitted == [b"idle"]


@pytest.mark.parametrize("operations", range(5))
async def test_what_was_said_because_time_passed_survives_a_crash(operations: int) -> None:
    world = World()
    world.end = 0
    runner = world.runner(Summing(), idle_after=30)
    await runner.open()
    world.now, world.crash_in = 30, operations
    try:
        await runner.tick()
    except CrashError:
        assert world.emitted == []
    world.crash_in = 10**9
    again = world.runner(Summing(), idle_after=10**9)
    await again.open()
    assert (b"idle" in world.emitted) == (operations > 0)  # it was decided when the checkpoint was written


async def test_a_stage_that_stands_still_writes_no_checkpoints() -> None:
    world = World()
    runner = world.runner(Summing(), every=1)
    await runner.open()
    await runner.feed(chunk(0, 3))
    for world.now in range(1, 10):
        await runner.tick()
    assert world.saves == 1
    await runner.close()
    await runner.feed(chunk(3, 9))
    assert (world.saves, world.committed) == (1, 3)


async def test_what_is_on_its_way_is_bounded_by_number_and_by_size() -> None:
    world = World()
    on_their_way = most = 0

    async def send(_: Emission) -> asyncio.Future[None]:
        nonlocal on_their_way, most
        on_their_way += 1
        most = max(most, on_their_way)
        acknowledged = asyncio.get_running_loop().create_future()

        def acknowledge() -> None:
            nonlocal on_their_way
            on_their_way -= 1
            acknowledged.set_result(None)

        asyncio.get_running_loop().call_later(0.001, acknowledge)
        return acknowledged

    class Emitting(Summing):
        def __init__(self, size: int) -> None:
            super().__init__()
            self._value = b"x" * size

        def feed(self, chunk: Chunk) -> Iterable[Emission]:
            return [Emission("out", 0, None, self._value) for _ in chunk.values]

    for size, bound in ((1, 1000), (10_000_000, 4)):
        most = 0
        world.send = send  # type: ignore[method-assign,assignment]
        runner = world.runner(Emitting(size))
        await runner.open()
        await runner.feed(chunk(0, 3 * bound))
        assert most == bound
        await asyncio.sleep(0.01)


async def test_a_checkpoint_waits_for_what_somebody_waited_for_who_was_cancelled() -> None:
    world = World()
    on_its_way = asyncio.get_running_loop().create_future()

    async def send(_: Emission) -> Any:
        return on_its_way

    world.send = send  # type: ignore[method-assign,assignment]
    runner = world.runner(Summing(), every=0.0)
    await runner.open()
    fed = asyncio.create_task(runner.feed(chunk(0, 20)))
    await asyncio.sleep(0)
    fed.cancel()
    await asyncio.wait({fed})
    assert not on_its_way.cancelled()
    saves = world.saves
    closing = asyncio.create_task(runner.close())
    await asyncio.sleep(0.01)
    assert world.saves == saves
    on_its_way.set_result(None)
    await closing
    assert world.saves == saves + 1
    assert world.saved is not None
    assert world.saved.offsets == {"t/0": 20}


async def test_a_checkpoint_that_cannot_be_read_is_named_with_what_to_do() -> None:
    world = World()
    world.saved = Checkpoint({"t/0": 5}, {"count": b"5"})
    with pytest.raises(
        StateError, match=r"checkpoint sum/0 cannot be read: the part 'sum' is missing; start the ver"
    ):
        await world.runner(Summing()).open()


async def test_a_stage_knows_for_how_long_it_has_what_no_checkpoint_includes() -> None:
    world = World()
    runner = world.runner(Summing(), every=5)
    await runner.open()
    world.now = 100
    await runner.tick()
    assert (runner.checkpoint_age, runner.saved) == (0.0, None)
    await runner.feed(chunk(0, 3))
    assert (runner.saved, runner.position) == (3, 3), "it was time"
    world.now = 103
    await runner.feed(chunk(3, 6))
    assert (runner.saved, runner.position, runner.checkpoint_age) == (3, 6, 3.0)


async def test_what_waits_for_the_next_checkpoint_is_bounded() -> None:
    class Bad(Summing):
        def feed(self, chunk: Chunk) -> Iterable[Emission]:
            return [Emission("letters", 0, value, value, once=True) for value in chunk.values]

    world = World()
    world.end = 2 * MOST_ONCE
    runner = world.runner(Bad())
    await runner.open()
    for start in range(0, 2 * MOST_ONCE, 1000):
        await runner.feed(chunk(start, start + 1000))
        assert runner.unacknowledged < MOST_ONCE
    assert world.saves == 2
    assert len(world.with_checkpoints) == 2 * MOST_ONCE


class Waiting(Summing):
    """Takes in nothing from a number on before it is allowed."""

    def __init__(self, until: int) -> None:
        super().__init__()
        self.until = until

    def feed(self, chunk: Chunk) -> Iterable[Emission]:
        emissions = super().feed(chunk.until(self.until))
        if chunk.end > self.until:
            raise UnfedError("leave", self.until, list(emissions))
        return emissions


async def test_what_a_stage_cannot_take_in_is_fed_later_and_what_it_could_is_kept() -> None:
    world = World()
    stage = Waiting(25)
    runner = world.runner(stage, every=2.0)
    await runner.open()
    for _ in range(3):  # the same chunk again and again, as long as there is no leave
        world.now += 3
        with pytest.raises(UnfedError):
            await runner.feed(chunk(0, 60))
        assert runner.position == 25
        assert world.committed == 25, "a checkpoint is written meanwhile"
    again = Waiting(100)  # another process goes on from there
    runner = world.runner(again)
    await runner.open()
    await runner.feed(chunk(25, 60))
    await runner.close()
    assert world.saved is not None
    assert world.saved.parts["sum"] == b"%d" % sum(range(60))
    assert world.emitted == [b"%d:%d" % (count, sum(range(count))) for count in range(10, 61, 10)]


async def test_the_loop_goes_on_while_a_large_state_is_restored() -> None:
    world, turned = World(), threading.Event()
    world.saved = Checkpoint({"t/0": 3}, {"count": b"3", "sum": b"3"})
    runner = world.runner(Slow(turned))
    asyncio.get_running_loop().call_later(0.01, turned.set)
    await runner.open()
    assert runner.position == 3

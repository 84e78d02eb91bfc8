"""The process dies at every named point, each time that it is passed: nothing is lost, nothing doubled."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest
from msgspec.structs import replace

from alerting.commands.command import Command, CommandKind
from alerting.incidents.incidents import Incidents
from alerting.outbox.outbox import DeliveryCrashPoint
from config.settings import Settings
from tests.alerting.delivery_world import DeliveryWorld, FakeClock, Memory
from tests.alerting.given import T0, ended, growth_finding, scope, table_finding
from tests.alerting.slack_standin import SlackStandin

Step = Callable[[DeliveryWorld], Awaitable[None]]
ARCHIVE = 4  # the step that archives the channel
SETTINGS = Settings.model_validate(
    {"slack": {"channel": "C0UNERI", "digest_channel": "C0DIGEST", "fallback_channel": "C0SPARE"}}
)


class DeathError(BaseException):
    """The power goes."""


class Fate:
    """Dies the ``turn``-th time that ``point`` is passed, once; counts what is passed."""

    def __init__(self, point: DeliveryCrashPoint | None = None, turn: int = 0) -> None:
        self.point, self.turn = point, turn
        self.passed: Counter[DeliveryCrashPoint] = Counter()
        self.died = False

    def __call__(self, point: DeliveryCrashPoint) -> None:
        self.passed[point] += 1
        if not self.died and point is self.point and self.passed[point] == self.turn:
            self.died = True
            raise DeathError(point)


def story() -> list[Step]:
    """Two incidents, what people did, an update, an archived channel, an end, a digest."""
    incidents = Incidents(SETTINGS)
    first = table_finding(trace=None)
    second = table_finding(id="users", scope=scope("table", "users", account="999999999999"), trace=None)
    opened = incidents.feed([first], T0)
    joined = incidents.feed([second], T0 + 30)
    grown = replace(first, revision=1, state="update", seen=T0 + 300, observed=90.0)
    updated = incidents.feed([grown], T0 + 300)
    over = [*incidents.feed([ended(grown, T0 + 600)], T0 + 600), *incidents.feed([], T0 + 7200)]
    digest = incidents.feed([growth_finding(scope("table", "orders"))], T0 + 86400)
    ack = Command(id="k1", kind=CommandKind.ACKNOWLEDGE, at=T0 + 90, by="U1", incident=opened[0].incident.id)

    async def acknowledge(world: DeliveryWorld) -> None:
        await world.courier.command(ack)

    async def archive(world: DeliveryWorld) -> None:
        world.slack.closed = {"C0UNERI": "is_archived"}

    return [
        lambda world: world.put(*opened, watermark=T0),
        lambda world: world.put(*joined, watermark=T0 + 60),
        acknowledge,
        lambda world: world.put(*updated, watermark=T0 + 300),
        archive,
        lambda world: world.put(*over, watermark=T0 + 7200),
        lambda world: world.put(*digest, watermark=T0 + 86400),
    ]


async def settled(world: DeliveryWorld) -> None:
    """Wait until all is out, or until the courier dies."""
    world.task = world.task or asyncio.create_task(world.courier.run())
    settling = asyncio.create_task(world.courier.wait_until_idle())
    done, _ = await asyncio.wait({settling, world.task}, return_when=asyncio.FIRST_COMPLETED, timeout=20)
    assert done, "nothing moves any more"
    settling.cancel()
    if world.task in done:
        world.task.result()


async def lives(fate: Fate, steps: list[Step], settings: Settings = SETTINGS) -> tuple[SlackStandin, Memory]:
    """Run ``steps`` to their end, dying on the way as ``fate`` has it; each life gets all that it had."""
    clock, disk = FakeClock(T0), Memory()
    async with SlackStandin(now=clock.now) as slack:
        done = 0
        while done < len(steps):
            world = DeliveryWorld(slack, clock, disk, settings, at=fate)
            try:
                await world.courier.start()
                for number, step in enumerate(steps):
                    if number >= done or number != ARCHIVE:  # a channel is archived once
                        await step(world)
                    await settled(world)
                    done = max(done, number + 1)
            except DeathError:
                clock.time += 20
            finally:
                await dead(world)
        return slack, disk


async def dead(world: DeliveryWorld) -> None:
    if world.task is not None:
        world.task.cancel()
        await asyncio.gather(world.task, return_exceptions=True)
    await world.sink.close()


def seen(slack: SlackStandin) -> list[tuple[str, bool, str, int]]:
    """Return the posts that people see in the end: channel, whether in a thread, words, how many blocks."""
    return sorted(
        (message.channel, message.thread is not None, message.text, len(message.blocks))
        for message in slack.messages
    )


@pytest.fixture(scope="module")
def whole() -> tuple[list[tuple[str, bool, str, int]], Counter[DeliveryCrashPoint]]:
    """The posts without any death, and how often each point is passed."""
    fate = Fate()
    slack, _ = asyncio.run(lives(fate, story()))
    return seen(slack), fate.passed


def test_the_story_passes_every_point_but_those_of_a_later_start(
    whole: tuple[list[tuple[str, bool, str, int]], Counter[DeliveryCrashPoint]],
) -> None:
    reported, passed = whole
    assert set(DeliveryCrashPoint) - set(passed) == {DeliveryCrashPoint.PRUNED}
    assert {channel for channel, *_ in reported} == {"C0UNERI", "C0SPARE", "C0DIGEST"}
    assert any(in_thread for _, in_thread, *_ in reported)


@pytest.mark.parametrize(
    "point", [point for point in DeliveryCrashPoint if point is not DeliveryCrashPoint.PRUNED]
)
async def test_a_death_at_a_point_changes_nothing_of_what_people_see(
    point: DeliveryCrashPoint, whole: tuple[list[tuple[str, bool, str, int]], Counter[DeliveryCrashPoint]]
) -> None:
    reported, passed = whole
    for turn in range(1, passed[point] + 1):
        fate = Fate(point, turn)
        slack, disk = await lives(fate, story())
        assert fate.died
        assert len({message.id for message in slack.messages}) == len(slack.messages)
        assert seen(slack) == reported, f"{point.value}, turn {turn}"
        assert not [row for row in disk.rows.values() if row.state.value == "due"]


async def test_the_first_message_ever_may_be_doubled_where_the_id_of_its_channel_is_not_known() -> None:
    settings = Settings.model_validate({"slack": {"channel": "#uneri"}})
    slack, _ = await lives(Fate(DeliveryCrashPoint.SENT, 1), story()[:3], settings)
    assert [parent.id for parent in slack.parents][:2] == [slack.parents[0].id] * 2
    assert len(slack.parents) == 3


async def test_ten_restarts_in_five_minutes_repeat_no_message() -> None:
    clock, disk = FakeClock(T0), Memory()
    steps = story()
    async with SlackStandin(now=clock.now) as slack:
        for number in range(10):
            world = DeliveryWorld(slack, clock, disk, SETTINGS)
            await world.courier.start()
            for step in steps[: 4 if number else 2]:
                await step(world)
            await settled(world)
            await dead(world)
            clock.time = T0 + 30.0 * (number + 1)
        ids = [message.id for message in slack.messages]
        assert len(ids) == len(set(ids))
        assert len(slack.parents) == 2


async def test_a_death_while_old_rows_are_dropped_loses_nothing_that_is_new() -> None:
    clock, disk = FakeClock(T0), Memory()
    steps = story()
    async with SlackStandin(now=clock.now) as slack:
        world = DeliveryWorld(slack, clock, disk, SETTINGS)
        await world.courier.start()
        await steps[0](world)
        await settled(world)
        await dead(world)
        kept = len(disk.rows)
        clock.time = T0 + 31 * 86400
        world = DeliveryWorld(slack, clock, disk, SETTINGS, at=Fate(DeliveryCrashPoint.PRUNED, 1))
        with pytest.raises(DeathError):
            await world.courier.start()
        world = DeliveryWorld(slack, clock, disk, SETTINGS)
        await world.courier.start()
        assert kept > 0
        assert disk.rows == {}
        await steps[0](world)  # reported again by an engine that has slept for a month
        await settled(world)
        await dead(world)
        assert len(slack.parents) == 1  # the pipeline still knows it

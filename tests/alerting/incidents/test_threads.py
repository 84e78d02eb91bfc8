"""Slack threads: a message, its thread, the channel that takes over, the earlier message."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import structlog
from msgspec.structs import replace

from alerting.commands.command import Command, CommandKind
from alerting.incidents.incidents import Incidents
from alerting.incidents.notice import Notice
from alerting.outbox.send_queues import PROBE_SECONDS
from config.settings import Settings
from tests.alerting.delivery_world import DeliveryWorld, FakeClock, Memory
from tests.alerting.given import T0, ended, scope, table_finding
from tests.alerting.slack_standin import Posted, SlackStandin

SETTINGS = Settings.model_validate({"slack": {"digest_channel": "#digest", "fallback_channel": "#spare"}})
FIRST = table_finding(trace=None)


@pytest.fixture
async def world() -> AsyncIterator[DeliveryWorld]:
    clock = FakeClock(T0)
    async with SlackStandin(now=clock.now) as slack:
        world = DeliveryWorld(slack, clock, Memory(), SETTINGS)
        yield world
        await world.kill()


class Story:
    """One incident, reported step by step."""

    def __init__(self, name: str = "items") -> None:
        self.incidents = Incidents(SETTINGS)
        self.finding = replace(FIRST, id=name, scope=scope("table", name))
        self.now = T0

    def opens(self) -> list[Notice]:
        return self.incidents.feed([self.finding], T0)

    def grows(self, to: float, at: int) -> list[Notice]:
        self.now = T0 + at
        self.finding = replace(
            self.finding, revision=self.finding.revision + 1, state="update", seen=self.now, observed=to
        )
        return self.incidents.feed([self.finding], self.now)

    def ends(self, at: int) -> list[Notice]:
        over = ended(self.finding, T0 + at, revision=self.finding.revision + 1)
        return [*self.incidents.feed([over], T0 + at), *self.incidents.feed([], T0 + at + 7200)]

    def comes_back(self, at: int) -> list[Notice]:
        self.finding = replace(FIRST, id=f"again-{at}", scope=self.finding.scope, start=T0 + at, seen=T0 + at)
        return self.incidents.feed([self.finding], T0 + at)


def press(notice: Notice, ask: CommandKind = CommandKind.ACKNOWLEDGE) -> Command:
    return Command(id=f"{ask}-1", kind=ask, at=notice.at + 5, by="U0ANN", incident=notice.incident.id)


def only(slack: SlackStandin) -> Posted:
    [parent] = slack.parents
    return parent


async def test_a_turn_is_a_line_in_the_thread_and_an_edit_of_the_message(world: DeliveryWorld) -> None:
    story = Story()
    await world.put(*story.opens())
    await world.settle()
    await world.put(*story.ends(600))
    await world.settle()
    parent = only(world.slack)
    assert parent.edits == 1
    [line] = world.slack.thread(parent)
    assert line.channel == parent.channel


async def test_who_acknowledged_is_in_the_message_at_once_and_in_the_thread(world: DeliveryWorld) -> None:
    story = Story()
    [opened, *_] = notices = story.opens()
    await world.put(*notices)
    await world.settle()
    before = world.clock.now()
    await world.courier.command(press(opened))
    await world.settle()
    parent = only(world.slack)
    assert parent.edits == 1
    assert world.clock.now() - before < 5
    assert "U0ANN" in world.slack.thread(parent)[0].text


async def test_turns_of_a_message_that_is_not_out_yet_are_in_the_message_alone(world: DeliveryWorld) -> None:
    story = Story()
    world.slack.always = "503"
    await world.put(*story.opens())
    await world.put(*story.ends(600))
    world.slack.always = None
    await world.settle()
    assert only(world.slack).text.startswith("RESOLVED")
    assert world.slack.thread(only(world.slack)) == []


async def test_lines_that_wait_together_are_one_message_and_none_is_lost(world: DeliveryWorld) -> None:
    story = Story()
    [opened, *_] = notices = story.opens()
    await world.put(*notices)
    await world.settle()
    world.slack.always = "503"
    await world.courier.command(press(opened))
    await world.courier.command(press(opened, CommandKind.EXPECTED))
    world.slack.always = None
    await world.settle()
    [line] = world.slack.thread(only(world.slack))
    assert line.text.count("U0ANN") == 2


async def test_a_line_that_slack_took_before_the_connection_died_is_found_in_its_thread(
    world: DeliveryWorld,
) -> None:
    story = Story()
    [opened, *_] = notices = story.opens()
    await world.put(*notices)
    await world.settle()
    world.slack.only = "chat.postMessage"
    world.slack.faults.append("drop after")
    await world.courier.command(press(opened))
    await world.settle()
    assert len(world.slack.thread(only(world.slack))) == 1
    assert "conversations.replies" in [method for _, method in world.slack.calls]


async def test_what_comes_back_is_a_new_message_that_links_the_earlier_one_even_after_a_restart(
    world: DeliveryWorld,
) -> None:
    story = Story()
    await world.put(*story.opens())
    await world.settle()
    await world.put(*story.ends(600))
    await world.settle()
    again = await world.restarted()
    await again.put(*story.comes_back(5 * 3600))
    await again.settle()
    await again.kill()
    first, second = world.slack.parents
    assert f"/archives/{first.channel}/p{first.ts.replace('.', '')}" in repr(second.blocks)
    assert [method for _, method in world.slack.calls].count("chat.getPermalink") == 2


async def test_without_the_address_of_the_earlier_message_it_neither_links_nor_waits(
    world: DeliveryWorld,
) -> None:
    story = Story()
    world.slack.only, world.slack.always = "chat.getPermalink", "message_not_found"
    await world.put(*story.opens())
    await world.settle()
    await world.put(*story.ends(600))
    await world.settle()
    await world.put(*story.comes_back(5 * 3600))
    await world.settle()
    assert len(world.slack.parents) == 2
    assert "/archives/" not in repr(world.slack.parents[1].blocks)


async def test_what_an_archived_channel_refuses_goes_to_the_second_channel_which_is_logged_once(
    world: DeliveryWorld,
) -> None:
    known, new = Story("known"), Story("new")
    await world.put(*known.opens())
    await world.settle()
    world.slack.closed = {"C0UNERI": "is_archived"}
    with structlog.testing.capture_logs() as logs:
        await world.put(*new.opens())
        await world.settle()
        await world.put(*known.ends(600))
        await world.put(*new.ends(600))
        await world.settle()
    assert [parent.channel for parent in world.slack.parents] == ["C0UNERI", "C0SPARE", "C0SPARE"]
    assert all(parent.text.startswith("RESOLVED") for parent in world.slack.parents[1:])
    assert [line["instead"] for line in logs if line["log_level"] == "error"] == ["slack:#spare"]
    assert [what for what, _ in world.reported].count("moved") == 1
    assert world.courier.not_ready() is None


async def test_after_a_restart_the_channel_is_asked_again_and_what_was_moved_stays_where_it_is(
    world: DeliveryWorld,
) -> None:
    moved, later = Story("moved"), Story("later")
    world.slack.closed = {"C0UNERI": "not_in_channel"}
    await world.put(*moved.opens())
    await world.settle()
    world.slack.closed = {}
    again = await world.restarted()
    await again.put(*later.opens())
    await again.put(*moved.ends(600))
    await again.settle()
    await again.kill()
    assert [(parent.channel, parent.edits) for parent in world.slack.parents] == [
        ("C0SPARE", 1),
        ("C0UNERI", 0),
    ]


async def test_where_the_second_channel_refuses_too_everything_is_kept_until_one_takes_it(
    world: DeliveryWorld,
) -> None:
    one, two = Story("one"), Story("two")
    world.slack.closed = {"C0UNERI": "is_archived", "C0SPARE": "not_in_channel"}
    await world.put(*one.opens())
    await world.settle()
    assert len(world.outbox.parked()) == 1
    assert "slack:#spare" in str(world.courier.not_ready())
    calls, began = len(world.slack.calls), world.clock.now()
    await world.put(*two.opens())
    await world.settle()
    seldom = 2 * (1 + (world.clock.now() - began) // PROBE_SECONDS)
    assert len(world.slack.calls) <= calls + seldom  # nothing is asked in vain, for a while
    world.slack.closed = {"C0UNERI": "is_archived"}
    await world.put(*one.ends(600))
    async with asyncio.timeout(20):
        while len(world.slack.parents) < 2:
            await asyncio.sleep(0.002)
    assert [message.channel for message in world.slack.parents] == ["C0SPARE", "C0SPARE"]
    assert world.courier.not_ready() is None


async def test_a_refused_token_makes_the_daemon_not_ready_and_keeps_what_comes_later_too(
    world: DeliveryWorld,
) -> None:
    world.slack.revoked = True
    await world.put(*Story("a").opens())
    await world.settle()
    calls = len(world.slack.calls)
    await world.put(*Story("b").opens())
    await world.settle()
    assert len(world.slack.calls) == calls == 1
    assert "token_revoked" in str(world.courier.not_ready())
    assert len(world.outbox.parked()) == 2
    world.slack.revoked = False
    again = await world.restarted()
    await again.settle()
    assert again.courier.not_ready() is None
    await again.kill()
    assert len(world.slack.parents) == 2


async def test_a_scope_that_is_missing_for_files_alone_holds_nothing_else_up(world: DeliveryWorld) -> None:
    world.slack.only, world.slack.always = "files.getUploadURLExternal", "missing_scope"
    story = Story()
    story.finding = replace(table_finding(), id="items")
    await world.put(*story.opens())
    await world.settle()
    await world.put(*story.ends(600))
    await world.settle()
    assert only(world.slack).edits == 1
    assert world.courier.not_ready() is None


async def test_what_is_long_done_is_dropped_and_what_was_sent_is_not_sent_again(world: DeliveryWorld) -> None:
    story = Story()
    notices = story.opens()
    await world.put(*notices)
    await world.settle()
    assert isinstance(world.storage, Memory)
    world.clock.time += 31 * 86400
    await world.put(*Story("other").opens())
    await world.settle()
    assert {row.subject for row in world.storage.rows.values()} == {Story("other").opens()[0].incident.id}
    await world.put(*notices)
    await world.settle()
    assert len(world.slack.parents) == 2

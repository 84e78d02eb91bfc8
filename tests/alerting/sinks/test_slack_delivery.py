"""From notices to a Slack that is slow, busy, broken or gone: everything arrives, once."""

import asyncio
import random
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
import structlog
from msgspec.structs import replace
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from alerting.incidents.incidents import Incidents
from alerting.incidents.notice import Notice
from alerting.outbox.courier import Courier
from alerting.outbox.outbox import Outbox
from alerting.outbox.outbox_sqlite import SqliteOutbox
from alerting.outbox.row import OutboxRow, Send, State, rows_of
from alerting.outbox.send_queues import PROBE_SECONDS
from alerting.pipeline.pipeline import Pipeline
from alerting.sinks.slack import SlackSink
from config.settings import Settings
from tests.alerting.delivery_world import (
    IMPATIENT,
    PATIENT,
    SETTINGS,
    DeliveryWorld,
    FakeClock,
    Memory,
    render,
)
from tests.alerting.given import T0, ended, growth_finding, notices_of, scope, table_finding
from tests.alerting.slack_standin import TOKEN, SlackStandin


@pytest.fixture
async def world() -> AsyncIterator[DeliveryWorld]:
    clock = FakeClock()
    async with SlackStandin(now=clock.now) as slack:
        world = DeliveryWorld(slack, clock, Memory())
        yield world
        await world.kill()


def opened(name: str = "items") -> Notice:
    about = scope("table", name)
    return notices_of(table_finding(id=name, scope=about))[0]


def posts(slack: SlackStandin) -> list[float]:
    return [at for at, method in slack.calls if method == "chat.postMessage"]


async def test_a_page_arrives_and_then_its_chart_in_the_thread_and_in_the_message(
    world: DeliveryWorld,
) -> None:
    await world.put(opened())
    await world.settle()
    [message] = world.slack.messages
    assert message.channel == "C0UNERI"
    assert message.blocks[0]["text"]["text"] == "SPIKE · table items · wcu +400 %"
    [(channel, thread, picture)] = world.slack.files
    assert (channel, thread) == (message.channel, message.ts)
    assert picture.startswith(b"\x89PNG")
    kinds = [block["type"] for block in message.blocks]
    assert kinds[:4] == ["header", "section", "section", "image"]
    assert message.blocks[3]["slack_file"] == {"id": "F0"}
    assert message.blocks[3]["alt_text"].startswith("Chart of table items, wcu, last 4 hours")


async def test_the_chart_stays_in_the_message_when_it_is_edited_even_after_a_restart(
    world: DeliveryWorld,
) -> None:
    incidents, first = Incidents(Settings()), table_finding()
    await world.put(*incidents.feed([first], T0))
    await world.settle()
    again = await world.restarted()
    await again.put(*incidents.feed([ended(first, T0 + 600)], T0 + 7200))
    await again.settle()
    await again.kill()
    [message] = world.slack.parents
    assert message.blocks[0]["text"]["text"].startswith("RESOLVED")
    assert [block["type"] for block in message.blocks].count("image") == 1


async def test_killed_before_its_chart_is_uploaded_a_message_shows_it_after_the_restart(
    world: DeliveryWorld,
) -> None:
    await world.put(opened())
    row = world.outbox.next(world.clock.now())
    assert isinstance(row, OutboxRow)
    await world.outbox.begin(row)
    await world.outbox.settle(row, await world.sink.deliver(row), world.clock.now())
    again = await world.restarted()
    await again.settle()
    await again.kill()
    [message] = world.slack.parents
    assert [block["type"] for block in message.blocks].count("image") == 1
    assert len(world.slack.files) == 1


async def test_once_it_is_over_the_message_shows_how_it_went(world: DeliveryWorld) -> None:
    incidents, first = Incidents(Settings()), table_finding()
    await world.put(*incidents.feed([first], T0))
    await world.settle()
    await world.put(*incidents.feed([ended(first, T0 + 600)], T0 + 7200))
    await world.settle()
    [message] = world.slack.parents
    assert [block.get("slack_file") for block in message.blocks if block["type"] == "image"] == [{"id": "F1"}]
    assert len(world.slack.files) == 2


async def test_a_chart_that_slack_processes_slowly_is_shown_later(world: DeliveryWorld) -> None:
    world.slack.appears = 6.0
    await world.put(opened())
    await world.settle()
    [message] = world.slack.parents
    assert [block["type"] for block in message.blocks].count("image") == 1
    assert world.outbox.parked() == []


async def test_where_slack_allows_no_picture_the_message_stays_complete_and_the_thread_has_it(
    world: DeliveryWorld,
) -> None:
    world.slack.appears = float("inf")
    incidents, first = Incidents(Settings()), table_finding()
    await world.put(*incidents.feed([first], T0))
    await world.settle()
    [message] = world.slack.parents
    assert "image" not in [block["type"] for block in message.blocks]
    assert message.blocks[0]["text"]["text"].startswith("SPIKE")
    tries = len([method for _, method in world.slack.calls if method == "chat.update"])
    assert tries <= 5
    assert len(world.slack.files) == 1
    again = await world.restarted()
    await again.put(*incidents.feed([ended(first, T0 + 600)], T0 + 7200))
    await again.settle()
    await again.kill()
    assert message.blocks[0]["text"]["text"].startswith("RESOLVED")
    assert len([method for _, method in world.slack.calls if method == "chat.update"]) == tries + 1


async def test_rows_of_an_outbox_without_pictures_are_read() -> None:
    row = OutboxRow(
        id="a", destination="slack:#uneri", subject="s", send=Send.CHART, urgency=3, sequence=1, created=0
    )
    former = msgspec.to_builtins(row)
    del former["picture"]
    assert rows_of([msgspec.msgpack.encode(former)])[0].picture is None


async def test_an_incident_is_one_message_that_is_edited_and_then_resolved(world: DeliveryWorld) -> None:
    incidents, first = Incidents(Settings()), table_finding()
    await world.put(*incidents.feed([first], T0))
    await world.settle()
    update = replace(first, revision=1, state="update", seen=T0 + 60, observed=55.0)
    await world.put(*incidents.feed([update], T0 + 60))
    await world.settle()
    await world.put(*incidents.feed([ended(update, T0 + 600)], T0 + 7200))
    await world.settle()
    [message] = world.slack.parents
    assert message.edits == 4  # the chart, an update, the end with its own update, and its chart
    assert message.blocks[0]["text"]["text"].startswith("RESOLVED after 11 min · table items")
    edits = [at for at, method in world.slack.calls if method == "chat.update"]
    assert edits[1] - posts(world.slack)[0] >= 30


async def test_an_incident_that_was_over_before_slack_answered_is_sent_once_as_resolved(
    world: DeliveryWorld,
) -> None:
    incidents, first = Incidents(Settings()), table_finding()
    await world.put(*incidents.feed([first], T0), *incidents.feed([ended(first, T0 + 600)], T0 + 7200))
    await world.settle()
    [message] = world.slack.parents
    assert message.blocks[0]["text"]["text"].startswith("RESOLVED")
    assert message.edits == 1  # its chart


async def test_a_notice_that_is_put_twice_is_one_message_even_after_a_restart(world: DeliveryWorld) -> None:
    await world.put(opened(), opened())
    await world.settle()
    again = await world.restarted()
    await again.put(opened())
    await again.settle()
    await again.kill()
    assert len(world.slack.messages) == 1


async def test_a_channel_gets_at_most_one_message_a_second_and_pages_go_before_digests(
    world: DeliveryWorld,
) -> None:
    incidents = Incidents(Settings())
    digest = incidents.feed([growth_finding(scope("table", "users"))], T0 + 86400)
    world.settings = Settings()  # pages and digests in one channel
    world = await world.restarted()
    await world.put(*digest, *(opened(f"t{n}") for n in range(9)))
    await world.settle()
    assert len(world.slack.messages) == 10
    assert world.slack.messages[-1].text.startswith("DIGEST")
    calls = [at for at, method in world.slack.calls if method == "chat.postMessage"]
    assert all(later - earlier >= 1.0 for earlier, later in pairwise(calls))
    await world.kill()


async def test_the_digest_goes_to_its_own_channel(world: DeliveryWorld) -> None:
    await world.put(*Incidents(Settings()).feed([growth_finding(scope("table", "users"))], T0 + 86400))
    await world.settle()
    assert [message.channel for message in world.slack.messages] == ["C0DIGEST"]


async def test_half_an_hour_of_429_loses_nothing_and_waits_as_long_as_slack_asks(
    world: DeliveryWorld,
) -> None:
    world.slack.always, world.slack.retry_after = "429", 30
    await world.put(*(opened(f"t{n}") for n in range(5)))
    task = asyncio.create_task(world.settle())
    await world.clock.until(1_000_000 + 1800)
    world.slack.always = None
    await task
    assert len(world.slack.messages) == 5
    refused = posts(world.slack)[:50]
    assert all(later - earlier >= 30 for earlier, later in pairwise(refused))


@pytest.mark.variants
@pytest.mark.parametrize("fault", ["500", "502", "503", "html"])
async def test_two_hours_of_5xx_lose_nothing_and_double_nothing(world: DeliveryWorld, fault: str) -> None:
    await world.put(opened("before"))
    await world.settle()
    world.slack.always = fault
    await world.put(*(opened(f"t{n}") for n in range(3)))
    task = asyncio.create_task(world.settle())
    await world.clock.until(1_000_000 + 7200)
    world.slack.always = None
    await task
    told_of = [message.metadata["event_payload"]["id"] for message in world.slack.messages]
    assert len(told_of) == len(set(told_of)) == 4
    assert len(world.slack.calls) < 300


@pytest.mark.parametrize("fault", ["drop after", "hang"])
async def test_what_slack_took_before_the_connection_died_is_found_and_not_posted_again(
    world: DeliveryWorld, fault: str
) -> None:
    await world.put(opened("first"))  # shows us the channel's id
    await world.settle()
    if fault == "hang":
        world = await world.restarted(patience=IMPATIENT)
    world.slack.only = "chat.postMessage"
    world.slack.faults.append(fault)
    await world.put(opened("second"))
    await world.settle()
    ids = [message.metadata["event_payload"]["id"] for message in world.slack.messages]
    await world.kill()
    assert len(ids) == 2
    assert len(set(ids)) == 2


async def test_without_the_scope_to_read_there_is_one_duplicate_at_most(world: DeliveryWorld) -> None:
    world.slack.scopes.discard("channels:history")
    await world.put(opened("first"))  # shows us the channel's id
    await world.settle()
    world.slack.only = "chat.postMessage"
    world.slack.faults.extend(["drop after"] * 5)
    await world.put(opened())
    await world.settle()
    assert len(world.slack.messages) == 3
    assert [row.state for row in world.outbox.parked()] == [State.PARKED]


@pytest.mark.parametrize(
    ("faults", "copies"),
    [(["drop after", "drop before"], 2), (["drop before", "hang"], 2), (["html", "500", "drop before"], 1)],
)
async def test_the_first_page_of_a_channel_whose_id_nobody_knows_is_posted_again_until_slack_answers(
    world: DeliveryWorld, faults: list[str], copies: int
) -> None:
    world = await world.restarted(patience=IMPATIENT if "hang" in faults else PATIENT)
    world.slack.only = "chat.postMessage"
    world.slack.faults.extend(faults)
    await world.put(opened("first"), opened("second"))
    await world.settle()
    assert world.outbox.parked() == []
    assert [parent.text.split(" · ")[1] for parent in world.slack.parents] == [
        *["table first"] * copies,
        "table second",
    ]
    assert world.clock.now() < 1_000_000 + 60
    await world.kill()


async def test_a_connection_that_dies_before_slack_took_it_is_posted_after_a_check(
    world: DeliveryWorld,
) -> None:
    await world.put(opened("first"))
    await world.settle()
    world.slack.only = "chat.postMessage"
    world.slack.faults.append("drop before")
    await world.put(opened("second"))
    await world.settle()
    assert len(world.slack.messages) == 2
    assert "conversations.history" in [method for _, method in world.slack.calls]


async def test_killed_with_rows_that_wait_it_sends_each_once_after_the_restart(
    world: DeliveryWorld, tmp_path: Path
) -> None:
    world.storage = SqliteOutbox(tmp_path / "outbox.db")
    world = await world.restarted()
    await world.put(*(opened(f"t{n}") for n in range(6)))
    while len(world.slack.messages) < 3:  # killed at whatever point it has reached by then
        world.task = world.task or asyncio.create_task(world.courier.run())
        await asyncio.sleep(0.001)
    await world.kill()
    assert isinstance(world.storage, SqliteOutbox)
    world.storage.close()
    world.storage = SqliteOutbox(tmp_path / "outbox.db")
    again = DeliveryWorld(world.slack, world.clock, world.storage)
    await again.courier.start()
    assert again.outbox.waiting()
    await again.settle()
    await again.kill()
    world.storage.close()
    ids = [message.metadata["event_payload"]["id"] for message in world.slack.messages]
    assert len(ids) == len(set(ids)) == 6


async def test_a_crash_between_slacks_yes_and_our_note_of_it_doubles_nothing(world: DeliveryWorld) -> None:
    await world.put(opened("first"))
    await world.settle()
    await world.kill()
    await world.put(opened("second"))
    world.clock.time += 5
    row = world.outbox.next(world.clock.now())
    assert isinstance(row, OutboxRow)
    await world.outbox.begin(row)
    await world.sink.deliver(row)  # and here the power goes
    again = await world.restarted()
    await again.settle()
    await again.kill()
    assert len(world.slack.messages) == 2


async def test_a_revoked_token_parks_everything_and_a_good_one_after_a_restart_sends_it(
    world: DeliveryWorld,
) -> None:
    world.slack.revoked = True
    with structlog.testing.capture_logs() as logs:
        await world.put(opened("a"), opened("b"))
        await world.settle()
    assert len(world.outbox.parked()) == 2
    assert [line["error"] for line in logs if line["log_level"] == "warning"] == [
        "token_revoked: give the daemon a valid bot token with chat:write and files:write, then restart it"
    ]
    world.slack.revoked = False
    again = await world.restarted()
    await again.settle()
    await again.kill()
    assert len(world.slack.messages) == 2


async def test_refused_blocks_are_sent_as_plain_text_once(world: DeliveryWorld) -> None:
    world.slack.faults.append("invalid_blocks")
    await world.put(opened())
    await world.settle()
    [message] = world.slack.messages
    assert message.blocks == []
    assert message.text.startswith("SPIKE")


async def test_a_message_that_somebody_deleted_is_posted_anew(world: DeliveryWorld) -> None:
    incidents, first = Incidents(Settings()), table_finding()
    await world.put(*incidents.feed([first], T0))
    await world.settle()
    world.slack.messages.clear()
    await world.put(*incidents.feed([ended(first, T0 + 600)], T0 + 7200))
    await world.settle()
    [message] = world.slack.parents
    assert message.text.startswith("RESOLVED")


@pytest.mark.parametrize("error", ["channel_not_found", "is_archived", "something_new_from_slack"])
async def test_what_is_refused_for_good_is_tried_once_and_kept(world: DeliveryWorld, error: str) -> None:
    world.slack.always = error
    await world.put(opened())
    await world.settle()
    assert len(world.slack.calls) == 1
    [row] = world.outbox.parked()
    assert row.error.startswith(error)
    assert row.message is not None


@pytest.mark.parametrize("error", ["token_revoked", "channel_not_found", "something_new_from_slack"])
async def test_what_slack_refused_arrives_by_itself_once_slack_is_mended(
    world: DeliveryWorld, error: str
) -> None:
    world.slack.always = error
    await world.put(opened("a"), opened("b"))
    running = asyncio.create_task(world.courier.run())
    await world.clock.until(1_000_000 + 7200)
    assert error in (world.courier.not_ready() or "")
    assert len(world.slack.calls) < 80
    world.slack.always, mended = None, world.clock.now()
    async with asyncio.timeout(20):
        while len(world.slack.parents) < 2:
            await asyncio.sleep(0.002)
    world.courier.stop()
    await running
    assert world.clock.now() - mended < PROBE_SECONDS + 60
    assert world.courier.not_ready() is None


async def test_blocks_that_slack_refuses_in_a_new_way_are_sent_as_text_seconds_later(
    world: DeliveryWorld,
) -> None:
    world.slack.faults.append("something_new_from_slack")
    await world.put(opened())
    await world.settle()  # it is not waited for
    async with asyncio.timeout(20):
        while not world.slack.messages:
            await asyncio.sleep(0.002)
    assert world.slack.messages[0].blocks == []
    assert world.clock.now() < 1_000_000 + 10


async def test_a_chart_that_fails_does_not_hold_the_edits_up(world: DeliveryWorld) -> None:
    world.slack.only, world.slack.always = "files.completeUploadExternal", "file_not_found"
    incidents, first = Incidents(Settings()), table_finding()
    await world.put(*incidents.feed([first], T0))
    await world.settle()
    await world.put(*incidents.feed([ended(first, T0 + 600)], T0 + 7200))
    await world.settle()
    assert world.slack.files == []
    assert world.slack.messages[0].edits == 1


async def test_slack_that_cannot_be_reached_is_one_clear_line_and_then_it_goes_on(
    closed_port: int,
) -> None:
    clock = FakeClock()
    sink = SlackSink(TOKEN, f"http://127.0.0.1:{closed_port}/api/", render)
    outbox = Outbox(Memory(), random.Random(7))  # noqa: S311  spreads retries
    courier = Courier(outbox, {"slack": sink}, Pipeline(SETTINGS), clock=clock)
    with structlog.testing.capture_logs() as logs:
        task = asyncio.create_task(courier.run())
        await courier.put([opened()])
        await clock.until(1_000_000 + 3600)
        warnings = [line for line in logs if line["log_level"] == "warning"]
        assert [line["error"] for line in warnings] == ["cannot connect, connection refused"]
        assert len(outbox.waiting()) == 1
        courier.stop()
        await task
    await sink.close()
    assert TOKEN not in repr(logs)


async def test_the_token_is_in_no_repr_no_log_and_no_row(world: DeliveryWorld) -> None:
    with structlog.testing.capture_logs() as logs:
        for fault in ("500", "429", "html", "drop before", "invalid_auth"):
            world.slack.faults.append(fault)
        await world.put(opened())
        await world.settle()
    assert isinstance(world.storage, Memory)
    for shown in (
        repr(world.sink),
        str(world.sink),
        repr(logs),
        repr(world.storage.rows),
        repr(world.courier),
    ):
        assert TOKEN not in shown


def block(text: str) -> dict[str, object]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


async def test_the_standin_refuses_a_wrong_upload_and_wrong_blocks(world: DeliveryWorld) -> None:
    client = AsyncWebClient(token=TOKEN, base_url=world.slack.base_url, retry_handlers=[])
    for blocks, error in (
        ([block("x" * 3001)], "invalid_blocks"),
        ([block("hello <!channel>")], "invalid_blocks"),
        ([block("<http://plain|x>")], "invalid_blocks"),
        ([{"type": "header", "text": {"type": "mrkdwn", "text": "x"}}], "invalid_blocks"),
        ([block("x" * 2900)] * 5, "msg_blocks_too_long"),
        ([block("x")] * 51, "invalid_blocks"),
    ):
        with pytest.raises(SlackApiError, match=error):
            await client.chat_postMessage(channel="C0UNERI", text="t", blocks=blocks)
    posted = await client.chat_postMessage(channel="C0UNERI", text="t")
    never_uploaded: dict[str, Any] = {
        "files": [{"id": "F9", "title": "x"}],
        "channel_id": "C0UNERI",
        "thread_ts": posted["ts"],
    }
    with pytest.raises(SlackApiError, match="file_not_found"):
        await client.files_completeUploadExternal(**never_uploaded)
    upload = await client.files_getUploadURLExternal(filename="x.png", length=5)
    async with aiohttp.ClientSession() as session, session.post(upload["upload_url"], data=b"four") as answer:
        assert answer.status == 400


async def test_on_the_real_clock_a_page_and_its_chart_are_out_within_seconds() -> None:
    async with SlackStandin() as slack, SlackSink(TOKEN, slack.base_url, render) as sink:
        outbox = Outbox(Memory(), random.Random(7))  # noqa: S311  spreads retries
        courier = Courier(outbox, {"slack": sink}, Pipeline(SETTINGS))
        await courier.start()
        await courier.put([opened()])
        task = asyncio.create_task(courier.run())
        async with asyncio.timeout(10):
            await courier.wait_until_idle()
        courier.stop()
        await task
        assert len(slack.messages) == len(slack.files) == 1

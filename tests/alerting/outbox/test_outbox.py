"""The outbox, without a receiver."""

import random
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from alerting.commands.dispatch import Dispatch, Form
from alerting.incidents.incidents import Incidents
from alerting.incidents.notice import Action, Notice, identify
from alerting.messages.blocks import Message
from alerting.outbox.outbox import Outbox
from alerting.outbox.outbox_sqlite import SqliteOutbox
from alerting.outbox.ports import DeliveryOutcome, Result
from alerting.outbox.row import OutboxRow, Send, SentAs, State
from config.settings import Settings
from tests.alerting.delivery_world import Memory
from tests.alerting.given import T0, ended, growth_finding, scope, table_finding

OUT = DeliveryOutcome(result=Result.SENT, place=SentAs("C1", "1.0"))


def outbox(storage: Memory | SqliteOutbox | None = None) -> Outbox:
    return Outbox(storage or Memory(), random.Random(3))  # noqa: S311  spreads retries


def life() -> list[Notice]:
    """Return the notices of one incident without a chart: open, two updates, resolved."""
    incidents, first = Incidents(Settings()), table_finding(trace=None)
    notices = incidents.feed([first], T0)
    for step in (1, 2):
        reported = replace(first, revision=step, state="update", seen=T0 + 60 * step, observed=41.0 + step)
        notices += incidents.feed([reported], T0 + 60 * step)
    return [*notices, *incidents.feed([ended(first, T0 + 600)], T0 + 600), *incidents.feed([], T0 + 7200)]


def dispatch(notice: Notice, to: str = "slack:#uneri", **changes: Any) -> Dispatch:
    form = Form.DIGEST if notice.action is Action.DIGEST else Form.PARENT
    given: dict[str, Any] = {
        "id": identify(notice.id, to),
        "destination": to,
        "form": form,
        "subject": notice.id if form is Form.DIGEST else notice.incident.id,
        "notice": notice,
        "at": notice.at,
    }
    return Dispatch(**(given | changes))


async def put(box: Outbox, notices: list[Notice], now: float, to: str = "slack:#uneri") -> None:
    for notice in notices:
        sent, shown = dispatch(notice, to), Message(text=f"{notice.action.value} {notice.at}", blocks=[])
        await box.put([(sent, OutboxRow.of(sent, message=shown))], {}, now)


async def send(box: Outbox, now: float, outcome: DeliveryOutcome = OUT) -> OutboxRow:
    row = box.next(now)
    assert isinstance(row, OutboxRow)
    assert await box.begin(row)
    shown = replace(row)
    await box.settle(row, outcome, now)
    if (
        shown.send is Send.POST and outcome.result is Result.SENT
    ):  # what asks for its address has its own test
        link = next((row for row in box.waiting() if row.send is Send.LINK), None)
        if link is not None and await box.begin(link):
            await box.settle(link, replace(OUT, place=outcome.place), float("-inf"))
    return shown


async def test_a_newer_state_replaces_an_edit_that_is_not_out_yet() -> None:
    box = outbox()
    opened, *updates = life()
    await put(box, [opened], 0)
    await send(box, 0)
    await put(box, updates[:2], 1)
    [waits] = box.waiting()
    assert waits.send is Send.EDIT
    assert waits.message is not None
    assert waits.message.text == f"update {T0 + 120}"
    assert box.next(1) == pytest.approx(29)


async def test_an_edit_about_the_end_does_not_wait_for_the_pace_of_edits() -> None:
    box = outbox()
    opened, *updates = life()
    await put(box, [opened], 0)
    await send(box, 0)
    await put(box, updates, 1)
    row = await send(box, 1.0)
    assert row.message is not None
    assert row.message.text.startswith("resolve")
    assert row.place == OUT.place
    assert box.next(2.0) is None


async def test_the_id_of_a_row_is_the_same_in_every_run_and_differs_by_channel() -> None:
    boxes = [outbox(), outbox()]
    for box in boxes:
        await put(box, life()[:1], 0)
    assert boxes[0].waiting()[0].id == boxes[1].waiting()[0].id
    await put(boxes[0], life()[:1], 0, "slack:#other")
    assert len(boxes[0].waiting()) == 2


async def test_what_is_asked_to_wait_waits_and_does_not_hold_other_channels_up() -> None:
    box = outbox()
    await put(box, life()[:1], 0)
    await put(box, life()[:1], 0, "slack:#other")
    await send(box, 0, DeliveryOutcome(result=Result.RETRY, retry_after=60.0))
    other = await send(box, 0)
    assert other.channel == "#other"
    assert box.next(0) == pytest.approx(60)


async def test_waits_grow_with_jitter_to_five_minutes_and_start_again_after_a_success() -> None:
    box, waits, now = outbox(), [], 0.0
    await put(box, life()[:1], now)
    for _ in range(14):
        await send(box, now, DeliveryOutcome(result=Result.RETRY))
        wait = box.next(now)
        assert isinstance(wait, float)
        waits.append(wait)
        now += wait
    for attempt, wait in enumerate(waits):
        full = min(300.0, 2.0**attempt)
        assert max(1.0, full / 2) <= wait <= max(1.0, full)
    assert len({round(wait, 6) for wait in waits[3:]}) == len(waits[3:])
    await send(box, now)
    assert box.next(now) is None


async def test_what_may_be_out_gets_time_to_appear_before_it_is_looked_for() -> None:
    box = outbox()
    await put(box, life()[:1], 0)
    await send(box, 0, DeliveryOutcome(result=Result.UNKNOWN))
    assert box.next(0) == pytest.approx(5.0)
    assert (await send(box, 5.0)).doubt == 1


async def test_pages_overtake_digests_that_were_put_before() -> None:
    box = outbox()
    digest = Incidents(Settings()).feed([growth_finding(scope("table", "users"))], T0 + 86400)
    await put(box, [*digest, life()[0]], 0)
    row = await send(box, 0)
    assert row.message is not None
    assert row.message.text.startswith("open")


async def test_a_parked_page_takes_up_the_newest_state_and_is_tried_again_with_it() -> None:
    box = outbox()
    notices = life()
    await put(box, notices[:1], 0)
    await send(box, 0, DeliveryOutcome(result=Result.REFUSED, error="new_from_slack"))
    assert [row.state for row in box.parked()] == [State.PARKED]
    await put(box, notices[1:], 10)
    [row] = box.waiting()
    assert row.message is not None
    assert (row.send, row.message.text) == (Send.POST, f"resolve {T0 + 1140}")


async def test_rows_survive_in_sqlite_with_what_became_of_them(tmp_path: Path) -> None:
    storage = SqliteOutbox(tmp_path / "sub" / "outbox.db")
    box = outbox(storage)
    notices = life()
    await put(box, notices[:1], 0)
    await send(box, 0)
    await put(box, notices[1:2], 40)
    storage.close()
    storage = SqliteOutbox(tmp_path / "sub" / "outbox.db")
    again = outbox(storage)
    await again.load(100.0)
    await put(again, notices[:2], 100.0)  # reported again after the restart
    assert again.next(100.0) == pytest.approx(1.2)  # the earlier run may have edited just now
    row = await send(again, 101.2)
    assert (row.send, row.place) == (Send.EDIT, OUT.place)
    assert again.next(200.0) is None
    storage.close()


async def test_a_row_that_was_under_way_when_the_power_went_is_in_doubt_afterwards(tmp_path: Path) -> None:
    storage = SqliteOutbox(tmp_path / "outbox.db")
    box = outbox(storage)
    await put(box, life()[:1], 0)
    row = box.next(0)
    assert isinstance(row, OutboxRow)
    await box.begin(row)
    again = outbox(storage)
    await again.load(5.0)
    assert [row.doubt for row in again.waiting()] == [1]
    storage.close()


def days(first: int, last: int) -> list[Notice]:
    """Return a digest for each of some days after ``T0``."""
    _, one = Incidents(Settings()).feed([growth_finding(scope("table", "users"))], T0 + 86400)
    return [replace(one, id=f"digest-{day}", at=T0 + 86400 * day) for day in range(first, last + 1)]


async def test_the_digests_of_days_that_are_long_over_are_merged_into_the_newest() -> None:
    box, now = outbox(), T0 + 86400 * 9 + 3600.0
    for second, digest in enumerate(days(1, 9)):
        await put(box, [digest], now + second)
        waits = box.next(now + second)
        if digest.at < T0 + 86400 * 9:
            assert isinstance(waits, float), "a newer one may be about to come"
    sent = await send(box, now + 9)
    assert sent.message is not None
    assert sent.message.text == f"digest {T0 + 86400 * 9}"
    assert box.is_idle()
    assert box.next(now + 1000) is None


async def test_an_old_digest_without_a_newer_one_is_sent_after_a_while() -> None:
    box, now = outbox(), T0 + 86400 * 9.0
    await put(box, days(1, 3), now)
    assert box.next(now + 50) == pytest.approx(10)
    assert (await send(box, now + 61)).subject == "digest-3"
    assert box.is_idle()


async def test_a_terminal_shows_the_digest_of_each_day() -> None:
    box = Outbox(Memory(), random.Random(3), pace=0.0)  # noqa: S311  spreads retries
    await put(box, days(1, 3), T0 + 86400 * 9.0)
    assert [(await send(box, T0 + 86400 * 9.0)).subject for _ in range(3)] == [
        "digest-1",
        "digest-2",
        "digest-3",
    ]

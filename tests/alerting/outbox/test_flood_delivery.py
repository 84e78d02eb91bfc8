"""Ten thousand findings at once: few messages, and every finding can be reached from them."""

import csv
import gc
import io
import random
import time

import pytest
from msgspec.structs import replace

from alerting.commands.dispatch import Dispatch, Form
from alerting.incidents.incidents import Incidents
from alerting.messages.blocks import Message
from alerting.outbox.outbox import Outbox
from alerting.outbox.ports import DeliveryOutcome, Result
from alerting.outbox.row import OutboxRow, SentAs
from alerting.sinks.message_content import flood_file
from tests.alerting.delivery_world import SETTINGS, DeliveryWorld, FakeClock, Memory
from tests.alerting.given import T0, finding, incident, notices_of, scope, table_finding
from tests.alerting.slack_standin import SlackStandin

MANY = 10_000
CYCLES = 100  # of put, next, begin and settle
MOST = 20  # messages in the first ten minutes


@pytest.mark.release
async def test_ten_thousand_findings_are_twenty_messages_at_most_with_all_of_them_in_a_file() -> None:
    findings = [
        finding(scope("table", f"table-{number}", account=f"{number % 97:012}"), f"finding-{number}")
        for number in range(MANY)
    ]
    clock, incidents = FakeClock(T0), Incidents(SETTINGS)
    async with SlackStandin(now=clock.now) as slack:
        world = DeliveryWorld(slack, clock, Memory(), SETTINGS)
        for minute in range(11):
            at = T0 + 60 * minute
            fed = findings if minute == 0 else []
            if minute == 3:  # they go on, and are sent again
                fed = [
                    replace(finding, revision=minute, state="update", seen=at, observed=41.0 + minute)
                    for finding in findings
                ]
            await world.put(*incidents.feed(fed, at), watermark=at)
            clock.time = max(clock.time, at)
            await world.settle()
        await world.kill()
        assert clock.time < T0 + 700
        assert len(slack.messages) + len(slack.files) <= MOST
        assert sum(message.edits for message in slack.messages) <= 2 * MOST
        reached = {
            row["finding"] for _, _, body in slack.files for row in csv.DictReader(io.StringIO(body.decode()))
        }
        assert reached == {finding.id for finding in findings}
        assert {thread for _, thread, _ in slack.files} <= {parent.ts for parent in slack.parents}
        assert "10,000" in slack.parents[-1].text + slack.parents[0].text


async def test_an_outbox_with_ten_thousand_rows_is_as_quick_as_one_with_ten() -> None:
    seconds = {}
    notice = notices_of(table_finding(trace=None))[0]
    for count in (10 + CYCLES, MANY):
        box = Outbox(Memory(), random.Random(1))  # noqa: S311  spreads retries
        message = Message(text="t", blocks=[])
        sent = [
            Dispatch(
                id=f"d{number}",
                destination=f"slack:#c{number % 7}",
                form=Form.PARENT,
                subject=f"s{number}",
                notice=notice,
                at=notice.at,
            )
            for number in range(count)
        ]
        items = [(dispatch, OutboxRow.of(dispatch, message=message)) for dispatch in sent]
        await box.put(items[:-CYCLES], {}, 0.0)
        box.next(0.0)
        gc.collect()  # of what others left
        begun = time.process_time()
        now = 1.0
        for item in items[-CYCLES:]:
            await box.put([item], {}, now)
            step = box.next(now)
            while not isinstance(step, OutboxRow):
                assert step is not None
                now += step
                step = box.next(now)
            await box.begin(step)
            await box.settle(step, DeliveryOutcome(result=Result.SENT, place=SentAs("C", str(now))), now)
        seconds[count] = time.process_time() - begun
    assert seconds[MANY] < 20 * seconds[10 + CYCLES]  # where each looked at all it was some hundred times


def test_a_cell_that_a_spreadsheet_would_run_is_plain_text() -> None:
    evil = incident(
        table_finding(scope=scope("table", '=HYPERLINK("http://x")\n"a,b'), sentence="@SUM(A1)\t")
    )
    [row] = csv.DictReader(io.StringIO(flood_file([evil])))
    assert row["name"].startswith("'=")
    assert "\n" not in row["name"]
    assert row["sentence"].startswith("'@")
    assert row["finding"] == evil.primary.id

"""The message in a terminal."""

import asyncio
import errno
import io
import os
import random
import re
from collections.abc import Mapping
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace
from rich.console import Console

from alerting.commands.dispatch import Line
from alerting.messages.blocks import Message
from alerting.messages.incident_page import page as render_page
from alerting.messages.incident_page import thread_line
from alerting.messages.render import Renderer
from alerting.outbox.courier import Courier
from alerting.outbox.outbox import Outbox
from alerting.outbox.ports import Result
from alerting.outbox.row import OutboxRow, Send
from alerting.pipeline.pipeline import Pipeline
from alerting.sinks.terminal import Terminal, TerminalSink, curve
from alerting.words.locales import ENGLISH
from config.links import Links
from config.settings import LinksSettings, Settings
from tests.alerting.delivery_world import FakeClock, Memory
from tests.alerting.given import T0, TABLE, finding, incident, notices_of, table_finding
from tests.alerting.message_makers import dispatch, notice, page

ZONE = ZoneInfo("Asia/Tokyo")
LINKS = Links(Settings().links)


XTERM = {"TERM": "xterm-256color"}


def shown(
    *, terminal: bool, name: str = "items", environment: Mapping[str, str] = XTERM, links: Links = LINKS
) -> str:
    written = io.StringIO()
    console = Console(file=written, force_terminal=terminal, width=100, legacy_windows=False, _environ=XTERM)
    one = incident(table_finding(scope=TABLE._replace(name=name)))
    message = render_page(dispatch(notice(one)), links, ZONE, ENGLISH)
    Terminal(console, ZONE, environment=environment).show(message, at=T0, incident=one)
    return written.getvalue()


def bare(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m|\x1b\]8;[^\x1b]*\x1b\\", "", text)


def test_a_terminal_shows_what_slack_shows_with_the_app_the_time_and_a_curve() -> None:
    text = bare(shown(terminal=True))
    for expected in (
        "Uneri",
        "APP",
        "18:00",
        "SPIKE · table items · wcu +400 %",
        "91 % · more calls",
        "last week",
    ):
        assert expected in text
    assert re.search(r"Now +Expected", text)
    assert re.search(r"41 wcu/s +8\.2 wcu/s \(6\.1", text)
    assert re.search(r"[\u2801-\u28ff]{10}", text)


def test_links_are_hyperlinks_with_their_label() -> None:
    found = re.search(
        r"\x1b\]8;[^;]*;(https://[^\x1b]+)\x1b\\[^\x1b]*(?:\x1b\[[0-9;]*m)*items", shown(terminal=True)
    )
    assert found is not None
    assert "dynamodbv2" in found[1]


@pytest.mark.parametrize(
    "environment",
    [{"TERM": "dumb"}, {"TERM": "linux"}, {}, {**XTERM, "NO_COLOR": "1"}, {**XTERM, "FORCE_HYPERLINK": "0"}],
)
def test_a_terminal_without_hyperlinks_shows_labels_instead_of_long_addresses(
    environment: dict[str, str],
) -> None:
    text = shown(terminal=True, environment=environment)
    assert "\x1b]8;" not in text
    assert "https://" not in text
    assert "inventory-put-item" in text


def test_elsewhere_there_are_plain_lines_that_no_address_makes_long() -> None:
    text = shown(terminal=False)
    assert "\x1b" not in text
    assert "Now: 41 wcu/s\n" in text
    assert "inventory-put-item   91 % · more calls\n" in text
    assert "https://" not in text
    assert max(map(len, text.splitlines())) < 160


def test_a_short_address_is_printed_where_it_cannot_be_a_hyperlink() -> None:
    links = Links(LinksSettings(runbooks={"any": "https://wiki.example/{verdict}"}))
    for terminal in (True, False):
        text = shown(terminal=terminal, environment={"TERM": "dumb"}, links=links)
        assert "Runbook (https://wiki.example/spike)" in bare(text)
    assert "Runbook (" not in bare(shown(terminal=True, links=links))


@pytest.mark.parametrize("terminal", [True, False])
async def test_an_edit_is_marked_as_an_update_and_does_not_look_like_a_new_page(terminal: bool) -> None:
    written = io.StringIO()
    console = Console(file=written, force_terminal=terminal, width=100, _environ=XTERM)
    sink = TerminalSink(Renderer(LINKS, ZONE), console)

    async def show(send: Send, message: Message) -> str:
        before = len(written.getvalue())
        row = OutboxRow(
            id=send, destination="slack:#uneri", subject="s", send=send, urgency=0, sequence=0, created=T0
        )
        row.message = message
        await sink.deliver(row)
        return bare(written.getvalue()[before:])

    one = incident(table_finding())
    first = await show(Send.POST, page(one, at=T0))
    edit = await show(Send.EDIT, page(replace(one, state="worsening"), at=T0 + 60))
    line = await show(Send.LINE, thread_line(Line(what="worsened", at=T0), one, ENGLISH, ZoneInfo("UTC")))
    assert "UPDATE" not in first
    assert "UPDATE · " in edit.splitlines()[0]
    assert "SPIKE, worsening · table items" in edit
    assert "APP" not in edit
    assert "inventory-put-item" not in edit
    assert len(edit.splitlines()) < len(first.splitlines()) * 2 / 3
    assert line.startswith("↳ SPIKE, worsening · table items · wcu +400 %: Worsening: 41 wcu/s now")
    assert len(line.splitlines()) == 1


def test_a_name_cannot_colour_the_terminal_or_write_rich_markup() -> None:
    for terminal in (True, False):
        text = shown(terminal=terminal, name="\x1b[31mred\x1b]0;title\x07[bold]x[/bold]")
        assert "\x1b[31mred" not in text
        assert "\x07" not in text
        assert "[bold]x[/bold]" in bare(text)


@pytest.mark.parametrize("number", [errno.EPIPE, errno.ENOSPC])
async def test_what_cannot_be_written_is_kept_until_it_can(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Unwritable(io.StringIO):
        def flush(self) -> None:
            raise OSError(number, os.strerror(number))

    monkeypatch.setattr("sys.stdout", Unwritable())
    row = OutboxRow(
        id="1", destination="slack:#uneri", subject="s", send=Send.POST, urgency=0, sequence=0, created=T0
    )
    row.message = page(incident(table_finding()), at=T0)
    outcome = await TerminalSink(Renderer(LINKS, ZONE)).deliver(row)
    assert (outcome.result, outcome.error) == (Result.RETRY, f"standard output: {os.strerror(number)}")


async def test_as_a_sink_it_shows_every_message_once() -> None:
    written = io.StringIO()
    sink = TerminalSink(Renderer(LINKS, ZONE), Console(file=written, width=100))
    outbox = Outbox(Memory(), random.Random(1), pace=0.0)  # noqa: S311  spreads retries
    courier = Courier(outbox, {"slack": sink}, Pipeline(Settings()), clock=FakeClock())
    notices = notices_of(table_finding(), finding(TABLE._replace(name="users"), "users"))
    await courier.put([*notices, *notices])
    task = asyncio.create_task(courier.run())
    await courier.wait_until_idle()
    courier.stop()
    await task
    assert written.getvalue().count("SPIKE · ") == 2


def test_a_curve_keeps_a_peak_of_one_value_and_leaves_holes_empty() -> None:
    flat = [1.0] * 400
    assert len(set(curve(flat, 8, width=40, height=2)[0])) == 1
    peak = [*flat[:200], 8.0, *flat[200:]]
    assert set(curve(peak, 8, width=40, height=2)[0]) != {"\u2800"}
    assert set("".join(curve([None] * 50, 8, width=10, height=2))) == {"\u2800"}
    assert set("".join(curve([0.0] * 50, 0, width=10, height=1))) != {"\u2800"}

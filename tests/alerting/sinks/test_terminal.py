"""The message in a terminal."""

import asyncio
import io
import random
import re
from zoneinfo import ZoneInfo

from rich.console import Console

from alerting.messages.render import Renderer
from alerting.outbox.courier import Courier
from alerting.outbox.outbox import Outbox
from alerting.outbox.ports import Receiver
from alerting.pipeline.pipeline import Pipeline
from alerting.sinks.receivers import in_messages
from alerting.sinks.terminal import Terminal, TerminalSink, curve
from config.links import Links
from config.settings import Settings
from tests.alerting.desk import FakeClock, Memory
from tests.alerting.given import T0, TABLE, finding, incident, table_finding, told
from tests.alerting.message_makers import page

ZONE = ZoneInfo("Asia/Tokyo")
LINKS = Links(Settings().links)


def shown(*, terminal: bool, name: str = "items") -> str:
    written = io.StringIO()
    console = Console(file=written, force_terminal=terminal, width=100, legacy_windows=False)
    one = incident(table_finding(scope=TABLE._replace(name=name)))
    Terminal(console, ZONE).show(page(one, at=T0), at=T0, incident=one)
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


def test_elsewhere_there_are_plain_lines_with_the_urls() -> None:
    text = shown(terminal=False)
    assert "\x1b" not in text
    assert "Now: 41 wcu/s\n" in text
    assert "inventory-put-item (https://ap-northeast-1.console.aws.amazon.com/lambda" in text


def test_a_name_cannot_colour_the_terminal_or_write_rich_markup() -> None:
    for terminal in (True, False):
        text = shown(terminal=terminal, name="\x1b[31mred\x1b]0;title\x07[bold]x[/bold]")
        assert "\x1b[31mred" not in text
        assert "\x07" not in text
        assert "[bold]x[/bold]" in bare(text)


async def test_as_a_sink_it_shows_every_message_once() -> None:
    written = io.StringIO()
    sink = TerminalSink(ZONE, Console(file=written, width=100))
    outbox = Outbox(Memory(), random.Random(1), pace=0.0)  # noqa: S311  spreads retries
    receivers = {"slack": Receiver(sink, in_messages(Renderer(LINKS, ZONE)))}
    courier = Courier(outbox, receivers, Pipeline(Settings()), clock=FakeClock())
    notices = told(table_finding(), finding(TABLE._replace(name="users"), "users"))
    await courier.put([*notices, *notices])
    task = asyncio.create_task(courier.run())
    await courier.settled()
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

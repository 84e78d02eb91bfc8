"""The way of an event as docs/architecture.md has it is the way that one takes, call by call."""

import re
from pathlib import Path
from typing import NamedTuple

import pytest

from streams.drivers.local.daemon import LocalDaemon
from tests.alerting.slack_app import SlackApp
from tests.streams.drivers.trace import ROOT, Call, traced
from tests.streams.drivers.world import know_slack, local_settings, running
from tests.streams.notify.test_examples_shown import JUMP, T0, backend

PAGE = (ROOT / "docs" / "architecture.md").read_text("utf-8")
LINK = re.compile(r"\[`([\w.]+)`\]\(\.\./([\w/]+\.py)\)")
HISTORY = (JUMP - T0) // 2  # records before the jump


class Row(NamedTuple):
    """A call of the table."""

    module: str
    name: str
    thread: str


def table(title: str) -> list[Row]:
    """Return the calls of a table, row by row."""
    rows: list[Row] = []
    for line in PAGE.partition(f"\n### {title}\n")[2].partition("\n### ")[0].splitlines():
        if line.startswith("| ") and LINK.search(line):
            calls, thread, *_ = line.strip("| ").split(" | ")
            rows += [Row(path, name, thread.strip()) for name, path in LINK.findall(calls)]
    return rows


async def test_an_event_takes_the_way_of_the_map(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    know_slack(monkeypatch)
    rows = table("From `POST /events` to Slack")
    async with SlackApp() as slack:
        notify = {"since": "2020-01-01", "routes": [{"match": {}, "to": ["#uneri"]}]}
        given = {"judge": {"young": 2 * 3600}, "slack": {"base_url": slack.base_url}, "notify": notify}
        with traced() as trace:
            async with running(LocalDaemon(local_settings(tmp_path, **given))) as world:
                records = backend()
                await world.post(records[:HISTORY], 500)
                await world.judged()
                trace.clear()
                await world.post(records[HISTORY:])
                await world.until(lambda: slack.messages and trace.has(rows[-1].name))
                hold_to(rows, trace.calls())


def hold_to(rows: list[Row], calls: list[Call]) -> None:
    """Assert that all calls of a table were made, in its order and on its threads."""
    places = {(call.module, call.name): place for place, call in reversed([*enumerate(calls)])}
    assert not [row for row in rows if (row.module, row.name) not in places]
    order = [places[row.module, row.name] for row in rows]
    late = [after.name for after, place, next_ in zip(rows, order, order[1:], strict=False) if place > next_]
    assert not late, "called before others that stand above it"
    for row, place in zip(rows, order, strict=True):
        assert (row.thread == "loop") == (calls[place].thread == "MainThread"), row

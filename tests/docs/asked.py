"""A daemon with the history of some hours and an open incident, and the table of what to ask where."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from streams.drivers.local.daemon import LocalDaemon
from streams.record.history.history_files import HistoryFolder
from streams.record.history.history_keeper import HistoryBounds, HistoryKeeper
from streams.record.history.segments import Segments
from tests.alerting.given import T0, notices_of, table_finding
from tests.alerting.slack_app import SlackApp
from tests.streams.drivers.world import local_settings, running
from tests.streams.record.history.backend import Backend, requests

ROOT = Path(__file__).parents[2]
HOURS = 3
END = T0 // 3600 * 3600
BOARD, SLACK, TERMINAL, GRAFANA = "board", "Slack", "terminal", "Grafana"
NOTEBOOK, ASSISTANT = "notebook", "assistant"


class Example(NamedTuple):
    """A query, and the question that it belongs to."""

    question: str
    text: str


def examples(where: str) -> list[Example]:
    """Return the examples of one column of the table."""
    text = (ROOT / "docs/ask.md").read_text("utf-8")
    head, _, *rows = [line for line in text.splitlines() if line.startswith("|")]
    names = [re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", cell).strip() for cell in head.split("|")[1:-1]]
    column = names.index(where)
    cells = [[cell.strip() for cell in row.split("|")[1:-1]] for row in rows]
    return [Example(row[0], code) for row in cells for code in re.findall(r"`([^`]+)`", row[column])]


def write_history(folder: Path) -> None:
    """Write events, their history and a configuration, as the examples expect them."""
    lines = requests(HOURS * 60 - 10, start=END - HOURS * 3600, late=False)
    lines += requests(10, start=END - 600, per_minute=60, late=False)  # a spike
    (folder / "events").mkdir()
    (folder / "events" / "events.ndjson").write_bytes(b"\n".join(lines))
    held, backend = Segments(1), Backend()
    held.feed(backend.feed(lines))
    held.feed(backend.finish())
    keeper = HistoryKeeper(HistoryFolder(str(folder / "history")), HistoryBounds(35, 400, 1 << 40))
    for segment in held.complete():
        keeper.write(segment)
    keeper.tidy(held.until)
    (folder / "uneri.yaml").write_text(f"history: {{place: '{folder}/history'}}\njudge: {{young: 3600}}\n")


class AskedDaemon(NamedTuple):
    """A running daemon."""

    url: str
    incident: str


@asynccontextmanager
async def daemon(folder: Path, slack: SlackApp | None = None) -> AsyncIterator[AskedDaemon]:
    """Run one over the history of ``write_history``, with an open incident about the table items."""
    sections = {} if slack is None else {"slack": {"base_url": slack.base_url}}
    settings = local_settings(folder / "state", history={"place": str(folder / "history")}, **sections)
    async with running(LocalDaemon(settings)) as world:
        await world.until(lambda: slack is None or slack.connected.is_set())
        [notice] = notices_of(table_finding())
        await world.daemon.delivery.put([notice], T0 + 60)
        yield AskedDaemon(world.url, notice.incident.id)

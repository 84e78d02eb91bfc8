"""A daemon with the history of some hours and an open incident, and the table of what to ask where."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from config.settings import HistorySettings, LocalSettings, NotifySettings, Settings, SlackSettings
from streams.drivers.local.daemon import LocalDaemon
from streams.record.history.history_files import HistoryFolder
from streams.record.history.history_keeper import HistoryBounds, HistoryKeeper
from streams.record.history.segments import Segments
from tests.alerting.given import T0, notices_of, table_finding
from tests.alerting.slack_app import APP_TOKEN, SECRET, SlackApp
from tests.alerting.slack_standin import TOKEN
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
    part = (ROOT / "README.md").read_text("utf-8").split("\n## What to ask where\n")[1].split("\n## ")[0]
    head, _, *rows = [line for line in part.splitlines() if line.startswith("|")]
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
    settings = Settings(
        local=LocalSettings(listen="127.0.0.1:0", state=str(folder / "state")),
        history=HistorySettings(place=str(folder / "history")),
        slack=SlackSettings() if slack is None else SlackSettings(base_url=slack.base_url),
        notify=NotifySettings(since="2020-01-01"),
    )
    running = LocalDaemon(settings)
    task = asyncio.create_task(running.run())
    try:
        async with asyncio.timeout(60):
            while not running.port or not (slack is None or slack.connected.is_set()):
                await asyncio.sleep(0.01)
            [notice] = notices_of(table_finding())
            await running.delivery.put([notice], T0 + 60)
        yield AskedDaemon(f"http://127.0.0.1:{running.port}", notice.incident.id)
    finally:
        running.stop()
        await task


SECRETS = {"SLACK_BOT_TOKEN": TOKEN, "SLACK_APP_TOKEN": APP_TOKEN, "SLACK_SIGNING_SECRET": SECRET}

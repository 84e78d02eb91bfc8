"""An error jump through the embedded daemon: Details and the webhook name requests that failed, redacted."""

import asyncio
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
import pytest

from config.settings import (
    JudgeSettings,
    LocalSettings,
    MatchSettings,
    NotifySettings,
    RouteSettings,
    Settings,
    SlackSettings,
    WebhookSettings,
)
from streams.drivers.local.daemon import LocalDaemon
from streams.notify import messenger
from tests.alerting.sinks.webhook_standin import WebhookStandin
from tests.alerting.slack_app import APP_TOKEN, SECRET, SlackApp
from tests.alerting.slack_standin import TOKEN

T0 = 1_760_000_400
HOURS = 3
JUMP = T0 + HOURS * 3600 - 600
PLANTED = "alice@example.com"
PATIENCE = 60


def trace_of(number: int) -> str:
    return f"{number:032x}"


def id_of(number: int) -> str:
    return f"{number:08x}-0000-4000-8000-000000000000"


def backend() -> list[bytes]:
    """Return three hours of two functions; in the last minutes most requests of one time out."""
    random, lines = Random(2), []  # noqa: S311
    for number in range(HOURS * 1800):
        ts, put = T0 + 2 * number, number % 2 == 0
        failing = put and ts >= JUMP and random.random() < 0.8
        fields = {
            "ts": ts, "id": f"lambda:{id_of(number)}/1", "trace": trace_of(number), "cloud": "aws",
            "account": "123456789012", "region": "eu-west-1", "service": "inventory",
            "route": "POST /items/{id}" if put else "GET /items",
            "function": "put-item" if put else "get-items", "status": 504 if failing else 200,
            "error_type": "Timeout" if failing else None, "ms": {"total": 20 + 5 * random.random()},
            "sample": f"item {number} of {PLANTED}",
        }  # fmt: skip
        lines.append(json.dumps(fields).encode())
    return lines


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.05)


def kept(state: Path) -> str:
    """Return the daemon's own tables: all but the log of records as they were received."""
    found = []
    for file in state.glob("*.db"):
        with closing(sqlite3.connect(file)) as db:
            tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            found += [str(db.execute(f"SELECT * FROM {name}").fetchall()) for name in tables if name != "log"]  # noqa: S608
    return "\n".join(found)


async def test_people_see_requests_that_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", TOKEN)
    monkeypatch.setenv("SLACK_APP_TOKEN", APP_TOKEN)
    monkeypatch.setenv("SLACK_SIGNING_SECRET", SECRET)
    monkeypatch.setattr(messenger, "PACE", 0.01)
    monkeypatch.setattr("alerting.sinks.chart.draw", lambda *_: b"a picture")
    async with SlackApp() as slack, WebhookStandin(key=None) as hooks:
        settings = Settings(
            local=LocalSettings(listen="127.0.0.1:0", state=str(tmp_path)),
            judge=JudgeSettings(young=2 * 3600),
            slack=SlackSettings(base_url=slack.base_url),
            notify=NotifySettings(
                since="2020-01-01",
                webhooks=[WebhookSettings(name="hook", url=hooks.url)],
                routes=[RouteSettings(match=MatchSettings(), to=["#uneri", "webhook:hook"])],
            ),
        )
        daemon = LocalDaemon(settings)
        running = asyncio.create_task(daemon.run())
        await until(lambda: daemon.port or running.done())
        slack.daemon = f"http://127.0.0.1:{daemon.port}"
        try:
            await post(slack.daemon, backend())
            await until(lambda: slack.messages and hooks.arrived)
            await slack.press(slack.messages[0], "details", over="http")
            await until(lambda: slack.views)
            async with aiohttp.ClientSession() as session, session.get(f"{slack.daemon}/incidents") as answer:
                shown = (await answer.json())["incidents"]
        finally:
            daemon.stop()
            await running
        hold_to_details(slack.views[0])
        bodies = [entry["data"] for entry in hooks.arrived.values() if "incident" in entry["data"]]
        hold_to_examples(bodies[0]["incident"]["examples"])
        open_ = {incident["id"]: incident for incident in shown}
        hold_to_examples(open_[bodies[0]["incident"]["id"]]["examples"])
        sent = json.dumps([message.blocks for message in slack.messages]) + json.dumps(
            [slack.views, hooks.arrived, shown]
        )
    assert PLANTED not in sent
    assert "[email]" in kept(tmp_path)
    assert PLANTED not in kept(tmp_path)


async def post(address: str, lines: list[bytes]) -> None:
    async with aiohttp.ClientSession() as session:
        for first in range(0, len(lines), 500):
            body = b"\n".join(lines[first : first + 500])
            async with session.post(f"{address}/events", data=body) as answer:
                assert answer.status == 202


def hold_to_examples(examples: list[dict[str, Any]]) -> None:
    failed = [example for example in examples if example["why"] == "failed"]
    assert failed
    for entry in failed:
        number = (int(entry["ts"]) - T0) // 2
        assert entry["ts"] >= JUMP - 60
        assert (entry["status"], entry["error"], entry["error_type"]) == (504, "backend", "Timeout")
        assert (entry["function"], entry["route"]) == ("put-item", "POST /items/{id}")
        assert (entry["id"], entry["trace"]) == (f"lambda:{id_of(number)}/1", trace_of(number))
        assert entry["sample"] == f"item {number} of [email]"
        assert id_of(number) in entry["links"]["request"]
        assert entry["links"]["trace"].endswith(
            f"#xray:traces/1-{trace_of(number)[:8]}-{trace_of(number)[8:]}"
        )


def hold_to_details(view: dict[str, Any]) -> None:
    [text] = [block["text"]["text"] for block in view["blocks"] if "*Requests*" in str(block.get("text"))]
    assert "504 backend Timeout" in text
    assert "put-item" in text
    assert "get-items" not in text
    assert "#xray:traces/1-00000000-" in text
    assert "of [email]" in text

"""An error jump through the embedded daemon: Details and the webhook name requests that failed, redacted."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import pytest

from streams.drivers.local.daemon import LocalDaemon
from tests.alerting.sinks.webhook_standin import WebhookStandin
from tests.alerting.slack_app import SlackApp
from tests.streams.drivers.world import know_slack, local_settings, running

T0 = 1_760_000_400
HOURS = 3
JUMP = T0 + HOURS * 3600 - 600
PLANTED = "alice@example.com"


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


def kept(state: Path) -> str:
    """Return the daemon's own tables: all but the log of records as they were received."""
    found = []
    for file in state.glob("*.db"):
        with closing(sqlite3.connect(file)) as db:
            tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            found += [str(db.execute(f"SELECT * FROM {name}").fetchall()) for name in tables if name != "log"]  # noqa: S608
    return "\n".join(found)


async def test_people_see_requests_that_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    know_slack(monkeypatch)
    async with SlackApp() as slack, WebhookStandin(key=None) as hooks:
        notify = {
            "since": "2020-01-01",
            "webhooks": [{"name": "hook", "url": hooks.url}],
            "routes": [{"match": {}, "to": ["#uneri", "webhook:hook"]}],
        }
        given = {"judge": {"young": 2 * 3600}, "slack": {"base_url": slack.base_url}, "notify": notify}
        async with running(LocalDaemon(local_settings(tmp_path, **given))) as world:
            slack.daemon = world.url
            await world.post(backend(), 500)
            await world.until(lambda: slack.messages and hooks.arrived)
            await slack.press(slack.messages[0], "details", over="http")
            await world.until(lambda: slack.views)
            shown = json.loads((await world.get("/incidents"))[1])["incidents"]
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

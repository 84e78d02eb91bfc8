"""The check over the suite finds what it is there for, and a daemon that uses every secret shows none."""

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from alerting.commands.command import Command, CommandKind
from streams.drivers.local.daemon import LocalDaemon
from tests.alerting.given import T0, notices_of, table_finding
from tests.alerting.sinks.webhook_standin import KEY
from tests.alerting.sinks.webhook_standin import SECRET as WEBHOOK_SECRET
from tests.alerting.slack_app import APP_TOKEN, SECRET, SlackApp
from tests.alerting.slack_standin import TOKEN
from tests.canary import CANARY
from tests.streams.drivers.world import SLACK_SECRETS, local_settings, running

ACCESS_TOKEN = "uneri_canary_161803398874989484820"  # noqa: S105 - a canary

LEAKS = """
import logging
import pytest
from prometheus_client import CollectorRegistry, Counter

S = "xoxb-canary" + "-31415926535"

def test_print(): print("token", S)
def test_capsys(capsys): print(S); capsys.readouterr()
def test_log(): logging.getLogger("x").warning("token %s", S)
def test_logged_exception():
    try:
        raise ValueError(S)
    except ValueError:
        logging.getLogger("x").exception("no")
def test_exception():
    with pytest.raises(ValueError):
        raise ValueError(S)
def test_metric(): Counter("a", "a", ["b"], registry=CollectorRegistry()).labels(S)
def test_file(tmp_path): (tmp_path / "state.db").write_bytes(b"\\x00\\xff" + S.encode())
def test_base64(): print("whsec_d2ViaG9v" + "ay1jYW5hcnktMjcxODI4")
def test_fine(tmp_path): (tmp_path / "a").write_text("canary"); print("a canary sings")
"""


def test_a_secret_that_gets_out_fails_its_test_and_no_other(tmp_path: Path) -> None:
    file = tmp_path / "test_leaks.py"
    file.write_text(LEAKS)
    run = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-rA", "-c", "/dev/null", f"--rootdir={tmp_path}"),
            *("-p", "tests.canary", "-p", "no:randomly", "-p", "no:cacheprovider", "-p", "no:xdist"),
            *(f"--basetemp={tmp_path / 't'}", str(file)),
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parent.parent,
        # without the options of the outer run, and without compiled copies of the leaks in its folder
        env={name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}
        | {"PYTHONDONTWRITEBYTECODE": "1"},
    )
    said = run.stdout
    for leak in ("print", "capsys", "log", "logged_exception", "exception", "metric", "base64"):
        assert re.search(rf"FAILED \S*::test_{leak}\b", said, re.MULTILINE), said
    assert re.search(r"ERROR \S*::test_file\b", said, re.MULTILINE), said
    assert re.search(r"PASSED \S*::test_fine\b", said, re.MULTILINE), said
    assert "7 failed, 2 passed, 1 error" in said
    assert said.count("xoxb-canary-31415926535") == 0, "the report itself shows none"
    for path in (tmp_path / "t").rglob("*"):
        if path.is_file():
            path.unlink()  # what leaked there was meant to


def reachable(thing: Any, seen: set[int], depth: int = 0) -> Iterator[Any]:
    """Yield every object of our own that is reachable, whatever holds it."""
    if id(thing) in seen or depth > 12:
        return
    seen.add(id(thing))
    values: list[Any] = []
    if type(thing).__module__.partition(".")[0] in ("streams", "alerting", "detectors", "config"):
        yield thing
        values += getattr(thing, "__dict__", {}).values()
        values += [getattr(thing, name, None) for name in getattr(thing, "__slots__", ())]
    if isinstance(thing, dict):
        values += [*thing.keys(), *thing.values()]
    elif isinstance(thing, list | tuple | set | frozenset):
        values += thing
    for value in values:
        yield from reachable(value, seen, depth + 1)


async def test_a_daemon_that_used_every_secret_shows_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for name, secret in {
        **SLACK_SECRETS,
        "HOOK_SECRET": WEBHOOK_SECRET,
        "UNERI_OPERATE_TOKEN": ACCESS_TOKEN,
    }.items():
        monkeypatch.setenv(name, secret)
    monkeypatch.setattr("alerting.sinks.chart.draw", lambda *_, **__: b"a picture")
    async with SlackApp() as slack:
        hook = slack.base_url.replace("/api/", "/nowhere")
        notify = {
            "since": "2020-01-01",
            "webhooks": [{"name": "pager", "url": hook, "secret_env": "HOOK_SECRET"}],
            "routes": [{"to": ["#uneri", "webhook:pager"]}],
        }
        settings = local_settings(tmp_path / "state", slack={"base_url": slack.base_url}, notify=notify)
        daemon = LocalDaemon(settings)
        async with running(daemon) as world, asyncio.timeout(60):
            slack.daemon = world.url
            await daemon.delivery.put(notices_of(table_finding()), T0 + 60)
            while not slack.messages:
                await asyncio.sleep(0.02)
            await slack.press(slack.messages[0], "acknowledge")
            await slack.press(slack.messages[0], "details", over="http")
            await slack.slash("silence table:items 2h")
            assert await slack.signed("/slack/actions", b"payload={}", secret="forged") == 401  # noqa: S106
            slack.cut()
            while slack.tickets < 2 or not slack.answers:
                await asyncio.sleep(0.02)
            slack.revoked = True  # from here on every call is refused
            command = Command(
                id="1",
                kind=CommandKind.ACKNOWLEDGE,
                at=T0,
                by="U1",
                incident=notices_of(table_finding())[0].incident.id,
            )
            await daemon.delivery.command(command)
            slack.cut()
            await asyncio.sleep(1.5)
            shown = []
            async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {ACCESS_TOKEN}"}) as session:
                for path in (
                    "/status",
                    "/metrics",
                    "/",
                    "/board/wall",
                    "/board/map",
                    "/board/incidents",
                    f"/board/incidents/{command.incident}",
                    "/board/session",
                    "/board/scope?scope=table:items",
                    "/board/scopes?like=items",
                    "/incidents",
                    "/labels",
                    "/openapi.json",
                    "/scrape",
                    "/api/v1/query?query=uneri_observed",
                    "/api/v1/query_range?query=uneri_observed&start=0&end=60&step=60",
                    "/api/v1/labels",
                    "/api/v1/label/name/values",
                    "/api/v1/series?match[]=uneri_observed",
                    "/api/v1/metadata",
                    "/api/v1/status/buildinfo",
                    "/readyz",
                    "/silences",
                    "/memos",
                ):
                    async with session.get(slack.daemon + path) as answer:
                        shown.append(await answer.text())
            things = list(reachable(daemon, set()))
            assert {
                "LocalDaemon",
                "SlackSink",
                "SlackSocket",
                "SlackApi",
                "InteractionHandler",
                "Courier",
                "WebhookSettings",
                "Tokens",
            } <= {type(thing).__name__ for thing in things}, "all of them are inspected"
            shown += [repr(thing) for thing in things]
    shown += [
        path.read_bytes().decode("latin-1") for path in (tmp_path / "state").rglob("*") if path.is_file()
    ]
    shown += list(capfd.readouterr())
    assert any("token_revoked" in text for text in shown), "the refusal was said"
    for text in shown:
        assert CANARY.search(text) is None
        for secret in (TOKEN, APP_TOKEN, SECRET, WEBHOOK_SECRET, KEY.decode(), ACCESS_TOKEN):
            assert secret not in text

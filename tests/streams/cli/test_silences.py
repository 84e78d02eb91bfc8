"""Silences from a terminal beside the daemon, and from nowhere else."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientSession
from prometheus_client import CollectorRegistry

from alerting.commands.command import Command
from alerting.commands.dispatch import Answer
from alerting.pipeline.pipeline import Pipeline
from config.settings import Settings, TokensSettings
from streams.cli.daemon_call import run_daemon_command
from streams.cli.daemon_commands import SILENCES, UNSILENCE, add_silence
from streams.notify.command_routes import SilenceRoutes
from streams.process.web.access import Access
from streams.process.web.http_server import HttpServer
from streams.process.web.tokens import load_tokens, new_token
from tests.alerting.given import T0
from tests.alerting.notices import opened

SETTINGS = Settings.model_validate(
    {
        "notify": {
            "silences": [{"match": {"scopes": ["table:known"]}, "until": "2025-12-01", "why": "it moves"}]
        }
    }
)
ASKED: dict[str, Any] = {"matching": {"scopes": ["table:items"]}, "seconds": 3600}


class Daemon:
    def __init__(self) -> None:
        self.pipeline: Pipeline | None = Pipeline(SETTINGS)
        self.url = ""

    async def command(self, command: Command) -> Answer:
        assert self.pipeline is not None
        return self.pipeline.command(command)


@pytest.fixture
async def daemon() -> AsyncIterator[Daemon]:
    one = Daemon()
    routes = SilenceRoutes(lambda: one.pipeline, one.command, now=lambda: T0).routes()
    web = HttpServer("127.0.0.1:0", dict, lambda: None, CollectorRegistry(), routes)
    one.url = f"http://127.0.0.1:{await web.start()}"
    yield one
    await web.stop()


async def test_a_silence_is_made_listed_and_ended(daemon: Daemon, capsys: pytest.CaptureFixture[str]) -> None:
    assert daemon.pipeline is not None
    words = ["table:items", "route:POST /items/{id}"]
    assert await asyncio.to_thread(add_silence, daemon.url, words, "2h", "a load test") == 0
    name = capsys.readouterr().out.split()[0]
    assert daemon.pipeline.feed([opened()], T0) == []
    assert await asyncio.to_thread(run_daemon_command, SILENCES, daemon.url) == 0
    listed = capsys.readouterr().out.splitlines()
    assert "table:items or route:POST /items/{id}  until 2025-10-09 11:00:00 UTC" in listed[0]
    assert listed[0].endswith(": a load test")
    assert listed[1] == "config/1  table:known  until 2025-12-01 00:00:00 UTC  by the configuration: it moves"
    assert await asyncio.to_thread(run_daemon_command, UNSILENCE, daemon.url, name[:8]) == 0
    assert daemon.pipeline.held() == []


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nothing", "no silence has this ID, or several begin with it"),
        ("config/1", "this silence is in the configuration"),
    ],
)
async def test_what_cannot_be_ended_is_one_line(
    daemon: Daemon, capsys: pytest.CaptureFixture[str], name: str, said: str
) -> None:
    assert await asyncio.to_thread(run_daemon_command, UNSILENCE, daemon.url, name) == 1
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("what", "lasts", "said"),
    [
        (["items"], "2h", "'items': name what to silence"),
        (["table:items"], "long", "give a duration"),
        (["table:items"], "5000d", "choose a duration between"),
        (["everything", "table:items"], "2h", 'name what to silence, or write "everything", but not both'),
        (["table:" + "i" * 5000], "2h", "too long; write at most 2000 characters"),
    ],
)
def test_what_is_not_understood_is_one_line_and_exit_2(
    capsys: pytest.CaptureFixture[str], what: list[str], lasts: str, said: str
) -> None:
    assert add_silence("http://127.0.0.1:9", what, lasts, "") == 2
    assert said in capsys.readouterr().err


async def test_a_silence_that_no_known_incident_matches_is_made_with_a_note(
    daemon: Daemon, capsys: pytest.CaptureFixture[str]
) -> None:
    assert daemon.pipeline is not None
    daemon.pipeline.feed([opened()], T0)
    assert await asyncio.to_thread(add_silence, daemon.url, ["service:inventory,store"], "2h", "") == 0
    assert capsys.readouterr().out.splitlines()[1].startswith("note: no known incident matches")
    assert await asyncio.to_thread(add_silence, daemon.url, ["table:items"], "2h", "") == 0
    assert "note" not in capsys.readouterr().out
    assert len(daemon.pipeline.silences()) == 3


@pytest.mark.parametrize("name", ["", " "])
def test_a_silence_without_a_name_is_not_requested(capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert run_daemon_command(UNSILENCE, "http://127.0.0.1:9", name) == 2
    assert "name the silence" in capsys.readouterr().err


def test_no_daemon_is_one_line_and_exit_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert add_silence("http://127.0.0.1:9", ["table:items"], "2h", "") == 1
    assert capsys.readouterr().err.startswith("uneri: no daemon answers at http://127.0.0.1:9")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "rebound.example:80"}, 403),
        ({"Host": "rebound.example"}, 403),
        ({"Content-Type": "text/plain"}, 415),
    ],
)
async def test_a_web_page_in_a_browser_cannot_silence(
    daemon: Daemon, headers: dict[str, str], status: int
) -> None:
    async with (
        ClientSession() as session,
        session.post(f"{daemon.url}/silences", json=ASKED, headers=headers) as answer,
    ):
        assert answer.status == status


@pytest.mark.parametrize(
    "body", [{}, {"matching": {}, "seconds": 1}, {"matching": {}, "seconds": 10**9}, ASKED | {"more": 1}, []]
)
async def test_a_body_that_says_something_else_is_refused(daemon: Daemon, body: object) -> None:
    async with ClientSession() as session, session.post(f"{daemon.url}/silences", json=body) as answer:
        assert answer.status == 400
    assert daemon.pipeline is not None
    assert len(daemon.pipeline.silences()) == 1


async def test_with_a_token_silences_are_changed_from_anywhere_and_without_one_by_nobody(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    token, one = new_token(), Daemon()
    routes = SilenceRoutes(lambda: one.pipeline, one.command, now=lambda: T0).routes()
    locked = Access("0.0.0.0:0", tokens=load_tokens(TokensSettings(), {"UNERI_OPERATE_TOKEN": token}))
    web = HttpServer("127.0.0.1:0", dict, lambda: None, CollectorRegistry(), routes, access=locked)
    url = f"http://127.0.0.1:{await web.start()}"
    try:
        assert await asyncio.to_thread(add_silence, url, ["table:items"], "2h", "") == 1
        assert "a token that allows operate is needed" in capsys.readouterr().err
        monkeypatch.setenv("UNERI_TOKEN", token)
        assert await asyncio.to_thread(add_silence, url, ["table:items"], "2h", "") == 0
        assert await asyncio.to_thread(run_daemon_command, SILENCES, url) == 0
        assert "table:items" in capsys.readouterr().out
        headers = {"Host": "uneri.example.com", "Authorization": f"Bearer {token}"}
        async with (
            ClientSession() as session,
            session.post(f"{url}/silences", json=ASKED, headers=headers) as answer,
        ):
            assert answer.status == 200
    finally:
        await web.stop()


async def test_where_another_process_has_the_incidents_it_says_so(
    daemon: Daemon, capsys: pytest.CaptureFixture[str]
) -> None:
    daemon.pipeline = None
    assert await asyncio.to_thread(add_silence, daemon.url, ["table:items"], "2h", "") == 1
    assert "this process does not notify" in capsys.readouterr().err

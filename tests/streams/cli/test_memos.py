"""Memos from a terminal beside the daemon, or with a token; from nowhere else."""

import asyncio
import getpass
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientSession
from prometheus_client import CollectorRegistry
from typer.testing import CliRunner

from alerting.commands.command import Command
from alerting.commands.dispatch import Answer
from alerting.pipeline.pipeline import Pipeline
from config.links import Links
from config.settings import LinksSettings, Settings, TokensSettings
from streams.cli.commands import app
from streams.notify.command_routes import MemoRoutes
from streams.notify.incidents_route import incidents_route
from streams.process.web.access import Access
from streams.process.web.http_server import HttpServer
from streams.process.web.tokens import load_tokens, new_token
from tests.alerting.given import T0
from tests.alerting.notices import opened

ME = getpass.getuser()
ASKED: dict[str, Any] = {"incident": "feed-1", "text": "so"}


class Daemon:
    def __init__(self) -> None:
        self.pipeline: Pipeline | None = Pipeline(Settings())
        self.pipeline.feed([opened("feed-1", fingerprint="kind"), opened("feed-2")], T0)
        self.url = ""
        self.now = float(T0 + 60)

    async def command(self, command: Command) -> Answer:
        assert self.pipeline is not None
        return self.pipeline.command(command)

    def web(self, **more: Any) -> HttpServer:
        routes = MemoRoutes(lambda: self.pipeline, self.command, now=lambda: self.now).routes()
        shown = incidents_route(lambda: self.pipeline, lambda: Links(LinksSettings()))
        return HttpServer("127.0.0.1:0", dict, lambda: None, CollectorRegistry(), [*routes, shown], **more)

    async def run(self, *words: str) -> tuple[int, list[str]]:
        result = await asyncio.to_thread(CliRunner().invoke, app, [*words, "--url", self.url])
        return result.exit_code, result.output.splitlines()


@pytest.fixture
async def daemon() -> AsyncIterator[Daemon]:
    one = Daemon()
    web = one.web()
    one.url = f"http://127.0.0.1:{await web.start()}"
    yield one
    await web.stop()


async def test_a_memo_is_kept_on_an_incident_and_listed(daemon: Daemon) -> None:
    assert await daemon.run("note", "feed-1", "ios 3.2.1", "retried") == (0, ["noted on incident feed-1"])
    assert await daemon.run("note", "feed-1", "ios 3.2.1", "retried") == (0, ["noted already"])
    assert await daemon.run("note", "feed-2", "two\nlines") == (0, ["noted on incident feed-2"])
    own = f"2025-10-09 09:01:00 UTC  incident feed-1  by {ME}: ios 3.2.1 retried"
    assert await daemon.run("memos") == (
        0,
        [own, f"2025-10-09 09:01:00 UTC  incident feed-2  by {ME}: two", "    lines"],
    )
    assert await daemon.run("memos", "feed-1") == (0, [own])


async def test_a_memo_is_removed_by_the_first_characters_of_its_id(daemon: Daemon) -> None:
    await daemon.run("note", "feed-1", "ios 3.2.1\nretried")
    code, (first, _) = await daemon.run("memos", "--ids")
    name, _, rest = first.partition("  ")
    assert (code, rest) == (0, f"2025-10-09 09:01:00 UTC  incident feed-1  by {ME}: ios 3.2.1")
    assert await daemon.run("forget", name[:6]) == (0, ["removed: ios 3.2.1 retried"])
    assert await daemon.run("memos") == (0, ["none"])
    code, (line,) = await daemon.run("forget", name)
    assert (code, line) == (
        1,
        "uneri: no memo has this ID, or several begin with it; `uneri memos --ids` lists them",
    )
    assert (await daemon.run("forget", " "))[0] == 2


async def test_a_memo_is_kept_on_the_timeline(daemon: Daemon) -> None:
    at = ("--at", "2025-10-01T09:00:00+09:00")
    assert await daemon.run("memos") == (0, ["none"])
    said = (0, ["noted at 2025-10-01 00:00:00 UTC"])
    assert await daemon.run("note", *at, "a game day") == said
    assert await daemon.run("note", *at, "--scope", "route:POST /items/{id}", "it moves") == said
    assert await daemon.run("memos") == (
        0,
        [
            f"2025-10-01 00:00:00 UTC  by {ME}: a game day",
            f"2025-10-01 00:00:00 UTC  route:POST /items/{{id}}  by {ME}: it moves",
        ],
    )
    daemon.now = time.time()
    assert (await daemon.run("note", "--at", "now", "so"))[0] == 0


DAY = 86_400


@pytest.mark.parametrize(
    ("at", "said"),
    [
        (T0 + 60 + DAY + 1, "more than a day ahead"),
        (4_070_908_800, "more than a day ahead"),
        (T0 - 401 * DAY, "more than 13 months back"),
        (0, "more than 13 months back"),
    ],
)
async def test_a_memo_that_no_board_would_show_at_its_time_is_refused(
    daemon: Daemon, at: int, said: str
) -> None:
    code, lines = await daemon.run("note", "--at", str(at), "a game day")
    assert (code, len(lines)) == (1, 1)
    assert said in lines[0]
    for kept in (T0 + 60 + DAY, T0 - 399 * DAY):
        assert (await daemon.run("note", "--at", str(kept), "a game day"))[0] == 0


async def test_nothing_unseen_is_kept_of_the_scope_of_a_memo(daemon: Daemon) -> None:
    asked = {"text": "so", "at": T0, "scope": "table:it\x1b\u202eems\x07"}
    async with ClientSession() as session, session.post(f"{daemon.url}/memos", json=asked) as answer:
        assert (await answer.json())["memo"]["scope"] == "table:items"


async def test_the_incidents_that_programs_read_have_their_memos(daemon: Daemon) -> None:
    await daemon.run("note", "feed-1", "so")
    async with ClientSession() as session, session.get(f"{daemon.url}/incidents") as answer:
        found = {incident["id"]: incident["memos"] for incident in (await answer.json())["incidents"]}
    assert found["feed-2"] == []
    (memo,) = found["feed-1"]
    assert memo.pop("id")
    assert memo == {"incident": "feed-1", "at": T0 + 60, "written": T0 + 60, "by": ME, "text": "so"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["feed-1"], "write an incident and what to note, or --at TIME and what"),
        (["feed-1", " \u200b"], "write an incident and what to note"),
        (["--at", "now", "  "], "write what to note"),
        (["feed-1", "x" * 1001], "a memo holds up to 1,000 characters, this has 1,001; shorten it"),
        (["--at", "soon", "so"], "'soon' is not a valid date or time; write 2026-01-31T08:00:00Z"),
        (["--at", "now", "--scope", "items", "so"], "--scope items: not a scope; write kind:name"),
        (["--scope", "table:items", "feed-1", "so"], "add --at TIME, such as --at now"),
    ],
)
async def test_what_is_no_memo_is_one_line_and_exit_2(daemon: Daemon, words: list[str], said: str) -> None:
    code, lines = await daemon.run("note", *words)
    assert (code, len(lines)) == (2, 1)
    assert lines[0].startswith("uneri: ")
    assert said in lines[0]
    assert daemon.pipeline is not None
    assert daemon.pipeline.memos == []


@pytest.mark.parametrize("words", [["note", "feed", "so"], ["note", "other", "so"], ["memos", "other"]])
async def test_an_incident_that_is_not_known_or_not_the_only_one_is_one_line_and_exit_1(
    daemon: Daemon, words: list[str]
) -> None:
    code, lines = await daemon.run(*words)
    assert (code, len(lines)) == (1, 1)
    assert "no incident has this ID, or several begin with it" in lines[0]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"text": "so"},
        {"text": "so", "incident": "feed-1", "at": T0},
        {"text": "so", "incident": "feed-1", "scope": "table:items"},
        {"text": "so", "at": -1},
        {"text": "so", "at": 2**40},
        {"text": "so", "at": T0, "scope": "items"},
        {"text": "so", "at": T0, "scope": f"table:{'i' * 200}"},
        {"text": "\u200b", "at": T0},
        {"text": "x" * 1001, "at": T0},
        {"text": "so", "at": T0, "more": 1},
        [],
    ],
)
async def test_a_body_that_says_something_else_is_refused(daemon: Daemon, body: object) -> None:
    async with ClientSession() as session, session.post(f"{daemon.url}/memos", json=body) as answer:
        assert answer.status == 400
        assert (await answer.json())["error"]
    assert daemon.pipeline is not None
    assert daemon.pipeline.memos == []


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "rebound.example:80"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Content-Type": "text/plain"}, 415),
    ],
)
async def test_a_web_page_in_a_browser_cannot_note(
    daemon: Daemon, headers: dict[str, str], status: int
) -> None:
    async with (
        ClientSession() as session,
        session.post(f"{daemon.url}/memos", json=ASKED, headers=headers) as answer,
    ):
        assert answer.status == status
    assert daemon.pipeline is not None
    assert len(daemon.pipeline.memos) == (status == 200)


async def test_with_tokens_only_operate_writes_memos_and_read_lists_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one, operate, read = Daemon(), new_token(), new_token()
    known = load_tokens(TokensSettings(), {"UNERI_OPERATE_TOKEN": operate, "UNERI_READ_TOKEN": read})
    web = one.web(access=Access("0.0.0.0:0", tokens=known))
    one.url = f"http://127.0.0.1:{await web.start()}"
    try:
        code, (line,) = await one.run("note", "feed-1", "so")
        assert (code, "a token that allows operate is needed" in line) == (1, True)
        monkeypatch.setenv("UNERI_TOKEN", read)
        code, (line,) = await one.run("note", "feed-1", "so")
        assert (code, "does not allow operate" in line) == (1, True)
        assert await one.run("memos") == (0, ["none"])
        monkeypatch.setenv("UNERI_TOKEN", operate)
        assert await one.run("note", "feed-1", "so") == (0, ["noted on incident feed-1"])
    finally:
        await web.stop()


async def test_where_another_process_has_the_incidents_it_says_so(daemon: Daemon) -> None:
    daemon.pipeline = None
    for words in (["note", "feed-1", "so"], ["memos"]):
        code, (line,) = await daemon.run(*words)
        assert (code, "this process does not notify" in line) == (1, True)

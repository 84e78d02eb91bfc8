"""One incident from a terminal: printed, to a webhook, and as an issue on GitHub."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from aiohttp import ClientSession
from typer.testing import CliRunner

from alerting.commands.command import CommandKind
from alerting.messages.incident_markdown import IncidentMarkdown
from alerting.pipeline.pipeline import Pipeline
from alerting.words.locales import LANGUAGES, phrases_of
from config.links import Links
from config.settings import LinksSettings, Settings
from streams.cli.commands import app
from streams.notify.incidents_route import incident_route
from streams.process.web.http_server import HttpServer
from tests.alerting.given import T0
from tests.alerting.notices import opened, press, resolved
from tests.alerting.sinks.github_standin import TOKEN, GithubStandin
from tests.alerting.sinks.webhook_standin import SECRET, WebhookStandin

CONFIG = """
notify:
  webhooks: [{{name: pager, url: "{hook}", secret_env: HOOK_SECRET}}]
export: {{github_url: "{github}"}}
"""


class Daemon:
    def __init__(self, folder: Path) -> None:
        self.pipeline: Pipeline | None = Pipeline(Settings())
        first = opened("feed-0", fingerprint="kind")
        now = opened("feed-1", at=T0 + 900, fingerprint="kind")
        self.pipeline.feed([first, resolved(first, T0 + 800), now, opened("feed-2")], T0 + 900)
        self.note("feed-0", "ios retried")
        self.locale, self.url = "en", ""
        self.config = folder / "uneri.yaml"
        self.hook, self.github = WebhookStandin(time.time), GithubStandin()

    def note(self, incident: str, text: str) -> None:
        assert self.pipeline is not None
        self.pipeline.command(press(CommandKind.NOTE, incident, by="alice", why=text, id=text))

    def writes(self) -> IncidentMarkdown:
        words = phrases_of(self.locale, {})
        return IncidentMarkdown(Links(LinksSettings()), words, ZoneInfo("Asia/Tokyo"))

    async def run(self, *words: str) -> tuple[int, str]:
        arguments = ["incident", *words, "--url", self.url, "--config", str(self.config)]
        result = await asyncio.to_thread(CliRunner().invoke, app, arguments)
        return result.exit_code, result.output


@pytest.fixture
async def daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Daemon]:
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    monkeypatch.setenv("UNERI_GITHUB_TOKEN", TOKEN)
    one = Daemon(tmp_path)
    route = incident_route(lambda: one.pipeline, one.writes)
    web = HttpServer("127.0.0.1:0", [route])
    one.url = f"http://127.0.0.1:{await web.start()}"
    async with one.hook, one.github:
        one.config.write_text(CONFIG.format(hook=one.hook.url, github=one.github.url))
        yield one
    await web.stop()


async def test_an_incident_is_printed_whole_as_markdown_in_the_language_of_the_daemon(daemon: Daemon) -> None:
    code, shown = await daemon.run("feed-1")
    assert code == 0
    assert shown.startswith("# SPIKE · table items · wcu +400 %\n\n")
    assert "- **Last time** (2025-10-09 18:01 JST, alice):\n  > ios retried\n" in shown
    assert shown.endswith("incident feed-1 · Fingerprint: kind\n")
    daemon.locale = LANGUAGES[1].locale
    assert "- **前回** （2025/10/09 18:01 JST、alice）:\n  > ios retried\n" in (await daemon.run("feed-1"))[1]


async def test_an_ended_incident_is_known_and_its_first_characters_name_it(daemon: Daemon) -> None:
    code, shown = await daemon.run("feed-0")
    assert code == 0
    assert shown.startswith("# RESOLVED")
    assert "- **Noted** (" in shown
    code, shown = await daemon.run("feed")
    assert (code, len(shown.splitlines())) == (1, 1)
    assert "several begin with it" in shown


async def test_as_json_it_is_what_webhooks_have_and_the_document(daemon: Daemon) -> None:
    code, shown = await daemon.run("feed-1", "--json")
    answer = json.loads(shown)
    assert code == 0
    assert answer["incident"]["id"] == "feed-1"
    assert answer["incident"]["sent"] == "page"
    assert [memo["text"] for memo in answer["incident"]["memos"]] == ["ios retried"]
    assert answer["title"] == "SPIKE · table items · wcu +400 %"
    assert answer["markdown"].startswith(f"# {answer['title']}\n")
    assert answer["links"]["table"].startswith("https://")
    assert (answer["runbook"], answer["commands"], answer["account_name"]) == (None, [], None)


async def test_as_json_it_prints_nothing_that_a_terminal_obeys(daemon: Daemon) -> None:
    daemon.note("feed-1", "ios\x9b2J\u202eretried")
    _, shown = await daemon.run("feed-1", "--json")
    assert not [character for character in shown if not (character.isprintable() or character == "\n")]
    assert json.loads(shown)["incident"]["memos"][-1]["text"] == "ios\x9b2J\u202eretried"


async def test_a_webhook_gets_it_signed_and_recognises_a_repeat_until_something_is_new(
    daemon: Daemon,
) -> None:
    for _ in range(2):
        assert await daemon.run("feed-1", "--to", "webhook:pager") == (0, "sent to webhook:pager\n")
    (body,) = daemon.hook.arrived.values()
    assert body["type"] == "incident.export"
    assert body["data"] == json.loads((await daemon.run("feed-1", "--json"))[1])
    assert daemon.hook.repeats == 1
    daemon.note("feed-1", "again")
    await daemon.run("feed-1", "--to", "webhook:pager")
    assert len(daemon.hook.arrived) == 2


async def test_an_address_gets_it_unsigned_and_only_its_host_is_shown(daemon: Daemon) -> None:
    daemon.hook.key = None
    code, shown = await daemon.run("feed-1", "--to", f"webhook:{daemon.hook.url}/secret/path")
    assert (code, shown) == (0, f"sent to webhook:{daemon.hook.url}\n")
    assert len(daemon.hook.arrived) == 1


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("404", "(HTTP 404: nothing is served at this address); check its address and its secret"),
        (
            "401",
            "(HTTP 401: the credentials or the signature were rejected); check its address and its secret",
        ),
        ("503", "(HTTP 503); try again later"),
        ("drop before", "(the connection broke); try again later"),
    ],
)
async def test_a_webhook_that_does_not_take_it_is_one_line(daemon: Daemon, fault: str, said: str) -> None:
    daemon.hook.always = fault
    assert await daemon.run("feed-1", "--to", "webhook:pager") == (
        1,
        f"uneri: webhook:pager did not take it {said}\n",
    )


async def test_github_gets_one_issue_however_often_it_is_asked(daemon: Daemon) -> None:
    url = "https://github.com/acme/backend/issues/1"
    to = ("--to", "github:acme/backend")
    assert await daemon.run("feed-1", *to) == (0, f"opened {url}\n")
    (issue,) = daemon.github.issues
    assert issue["title"] == "SPIKE · table items · wcu +400 %"
    assert not issue["body"].startswith("#"), "the title is not repeated"
    assert "> ios retried" in issue["body"]
    daemon.note("feed-1", "again")
    assert await daemon.run("feed-1", *to) == (0, f"{url} exists already (open)\n")
    issue["state"] = "closed"
    assert await daemon.run("feed-1", *to) == (0, f"{url} exists already (closed)\n")
    assert (await daemon.run("feed-2", *to))[1].endswith("/2\n")


async def test_github_that_refuses_is_one_line(daemon: Daemon) -> None:
    daemon.github.refusals.append((403, {"retry-after": "60"}, ""))
    assert await daemon.run("feed-1", "--to", "github:acme/backend") == (
        1,
        "uneri: GitHub's rate limit is reached; try again in 1 min\n",
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--to", "mail:ops"], "--to mail:ops: not a destination; write webhook:NAME, webhook:https://… or"),
        (["--to", "webhook:pagr"], "--to webhook:pagr: no such webhook; did you mean 'pager'?"),
        (["--to", "webhook:other"], "notify.webhooks has pager; add it there, or write its address"),
        (["--to", "webhook:https://"], "not a valid address"),
        (["--to", "github:acme"], "--to github:acme: not a repository; write github:OWNER/REPO"),
        (["--to", "github:acme/a/../b"], "not a repository"),
        (["--to", "webhook:pager", "--json"], "--json prints and --to sends; choose one"),
    ],
)
async def test_what_is_no_destination_is_one_line_and_exit_2(
    daemon: Daemon, words: list[str], said: str
) -> None:
    code, shown = await daemon.run("feed-1", *words)
    assert (code, len(shown.splitlines())) == (2, 1)
    assert shown.startswith("uneri: ")
    assert said in shown
    assert daemon.hook.calls == daemon.github.calls == []


async def test_a_secret_that_is_not_set_or_cannot_be_sent_is_one_line_and_exit_2(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("UNERI_GITHUB_TOKEN")
    monkeypatch.delenv("HOOK_SECRET")
    for to, said in (
        (
            "github:acme/backend",
            "UNERI_GITHUB_TOKEN is not set; set it to a token of GitHub that may write issues",
        ),
        ("webhook:pager", "HOOK_SECRET is not set"),
    ):
        code, shown = await daemon.run("feed-1", "--to", to)
        assert (code, len(shown.splitlines())) == (2, 1)
        assert said in shown
    monkeypatch.setenv("UNERI_GITHUB_TOKEN", f"{TOKEN} x")
    code, shown = await daemon.run("feed-1", "--to", "github:acme/backend")
    assert (code, "UNERI_GITHUB_TOKEN: the token contains a space" in shown) == (2, True)


async def test_the_token_is_read_from_a_file_too(
    daemon: Daemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("UNERI_GITHUB_TOKEN")
    (tmp_path / "none").write_text("ghp-other")
    text = daemon.config.read_text().replace("github_url", f"github_token_file: {tmp_path}/none, github_url")
    daemon.config.write_text(text)
    code, shown = await daemon.run("feed-1", "--to", "github:acme/backend")
    assert (code, f"GitHub does not accept the token in {tmp_path}/none" in shown) == (1, True)


async def test_where_no_daemon_answers_or_another_has_the_incidents_it_is_one_line(daemon: Daemon) -> None:
    assert (await daemon.run("unknown"))[0] == 1
    daemon.pipeline = None
    code, shown = await daemon.run("feed-1", "--to", "github:acme/backend")
    assert (code, "this process does not notify" in shown) == (1, True)
    daemon.url = "http://127.0.0.1:1"
    code, shown = await daemon.run("feed-1")
    assert (code, shown.startswith("uneri: no daemon answers at http://127.0.0.1:1")) == (1, True)


async def test_a_name_in_the_path_stays_one(daemon: Daemon) -> None:
    async with ClientSession() as session, session.get(f"{daemon.url}/incidents/feed-1") as answer:
        found: dict[str, Any] = await answer.json()
        assert (answer.status, found["incident"]["id"]) == (200, "feed-1")
    code, shown = await daemon.run("../status?a=/b")
    assert (code, "no incident has this ID" in shown) == (1, True)

"""``uneri send-test``: a team sees every message before the first night, and what its set-up lacks."""

import os
import subprocess
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from alerting.messages import examples as made
from alerting.messages.examples import AT
from config.settings import Settings
from detectors.model.finding import Verdict
from streams.cli.check.slack import check_slack
from streams.cli.send_test import call_somebody, deliver_examples, send_test
from streams.process.command_error import UsageError
from tests.alerting.delivery_world import FakeClock
from tests.alerting.sinks.alarm_standins import ROUTING_KEY, PagerdutyStandin
from tests.alerting.slack_standin import TOKEN, SlackStandin
from tests.streams.cli import forked

NAMES = {example.name for example in made.examples()}
STATES = {"worsening", "easing", "acknowledged", "snoozed", "resolved", "reopened", "withdrawn", "flood"}


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", TOKEN)


async def sent(slack: SlackStandin, clock: FakeClock, to: str = "#uneri", locale: str = "en") -> str | None:
    settings = Settings.model_validate({"slack": {"base_url": slack.base_url}, "notify": {"locale": locale}})
    return await deliver_examples(settings, to, clock=clock, say=lambda _: None)


@pytest.mark.variants
@pytest.mark.parametrize(("locale", "mark"), [("en", "TEST · "), ("ja", "【テスト】 · ")])
async def test_a_channel_gets_a_message_of_every_verdict_and_state_marked_as_a_test(
    locale: str, mark: str
) -> None:
    clock = FakeClock()
    async with SlackStandin(now=clock.now) as slack:
        assert await sent(slack, clock, "#spare", locale) is None
        assert STATES | set(Verdict) <= NAMES
        assert {message.channel for message in slack.messages} == {"C0SPARE"}
        assert len(slack.parents) == len(NAMES)
        for message in slack.parents:
            assert message.text.startswith(mark)
            assert message.blocks[0]["text"]["text"].startswith(mark)
            assert "send-test" in message.blocks[-1]["elements"][0]["text"]
            assert "<!here>" not in str(message.blocks)
        charted = [
            parent for parent in slack.parents if "image" in [block["type"] for block in parent.blocks]
        ]
        assert len(charted) == len(slack.files) == len(NAMES) - 2  # the flood and the digest have no curve


def test_examples_of_another_time_differ_in_their_times_only() -> None:
    later = made.examples(AT + 3600)
    for early, other in zip(made.examples(), later, strict=True):
        assert other.dispatch.at == early.dispatch.at + 3600
        first, second = (example.dispatch.notice.incidents[0] for example in (early, other))
        assert second.start == first.start + 3600
        assert second.primary.observed == first.primary.observed
        assert (second.primary.trace is None) == (first.primary.trace is None)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("channel_not_found", "#uneri: channel_not_found: invite the app to the channel, or name another"),
        ("not_in_channel", "#uneri: not_in_channel: invite the app"),
        ("missing_scope", "#uneri: missing_scope: give the daemon a valid bot token with chat:write"),
    ],
)
async def test_a_channel_that_takes_no_message_is_one_line_with_the_remedy(fault: str, said: str) -> None:
    clock = FakeClock()
    async with SlackStandin(now=clock.now, only="chat.postMessage", always=fault) as slack:
        assert str(await sent(slack, clock)).startswith(said)
        assert len(slack.calls) <= 3


async def test_a_chart_that_cannot_be_uploaded_is_reported() -> None:
    clock = FakeClock()
    async with SlackStandin(
        now=clock.now, only="files.getUploadURLExternal", always="missing_scope"
    ) as slack:
        assert str(await sent(slack, clock)).startswith("#uneri: the chart of spike: missing_scope: ")
        assert len(slack.parents) == len(NAMES)


async def test_a_refused_token_and_a_silent_slack_differ() -> None:
    clock = FakeClock()
    async with SlackStandin(now=clock.now, revoked=True) as slack:
        assert "the token in SLACK_BOT_TOKEN is refused (token_revoked" in str(await sent(slack, clock))
    async with SlackStandin(now=clock.now, always="503") as slack:
        assert "answered with an error (service unavailable); try again" in str(await sent(slack, clock))


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ('{"ok": false, "error": "ratelimited"}', 429, "answered with an error (rate limited); try again"),
        ('{"ok": false, "error": "internal_error"}', 500, "answered with an error (HTTP 500); try again"),
        ("[]", 200, "answered with an error (HTTP 200 without a readable answer); try again"),
        ("7", 200, "answered with an error (its answer is not one of Slack's); try again"),
        ("hello", 200, "answered with an error (HTTP 200 without a readable answer); try again"),
        (
            '{"ok": false, "error": "un\\u001b[2Jheard\\nof"}',
            200,
            "the token in SLACK_BOT_TOKEN is refused (un[2Jheard of: look up the error",
        ),
        (
            "{}",
            302,
            "answered with an error (HTTP 302: redirects are not followed; check slack.base_url",
        ),
    ],
)
async def test_what_slack_answers_is_said_in_plain_words_and_no_redirect_is_followed(
    body: str, status: int, said: str
) -> None:
    calls: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        calls.append(request.path)
        headers = {"Location": "/api/elsewhere"} if status == 302 else {}
        return web.Response(text=body, status=status, content_type="application/json", headers=headers)

    application = web.Application()
    application.router.add_route("*", "/api/{method}", answer)
    server = TestServer(application)
    await server.start_server()
    try:
        settings = Settings.model_validate({"slack": {"base_url": str(server.make_url("/api/"))}})
        problem = await deliver_examples(settings, "#uneri", clock=FakeClock(), say=lambda _: None)
        [checked] = [result async for result in check_slack(settings)]
    finally:
        await server.close()
    assert said in str(problem)
    assert "Error" not in str(problem)
    assert checked.text.partition("(")[2][:8] == said.partition("(")[2][:8], "`uneri check` says the same"
    assert calls == ["/api/auth.test"] * 2


def run(*arguments: str, token: str = "") -> "subprocess.CompletedProcess[str]":
    given = {name: value for name, value in os.environ.items() if not name.startswith("SLACK_")}
    env = given | ({"SLACK_BOT_TOKEN": token} if token else {})
    done = forked.uneri("send-test", *arguments, env=env)
    said = subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())
    assert "Traceback" not in said.stderr
    return said


def test_without_slack_every_message_is_shown_here() -> None:
    done = run()
    assert (done.returncode, done.stderr) == (0, "")
    titles = [line for line in done.stdout.splitlines() if line.startswith("TEST · ")]
    assert len(titles) == len(NAMES)


@pytest.mark.parametrize(
    ("arguments", "token", "said"),
    [
        (["--to", "#uneri"], "", "uneri: SLACK_BOT_TOKEN is not set; set it to the bot token, or omit"),
        (["--to", "uneri"], TOKEN, "uneri: --to uneri: not a Slack channel; write '#name'"),
        (["--config", "none.yaml"], "", "uneri: none.yaml:1:1: cannot be read"),
    ],
)
def test_a_mistake_is_one_line_and_an_exit_code(arguments: list[str], token: str, said: str) -> None:
    done = run(*arguments, token=token)
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert line.startswith(said)


def test_a_slack_that_cannot_be_reached_ends_with_1(tmp_path: Path, closed_port: int) -> None:
    config = tmp_path / "uneri.yaml"
    config.write_text(f"slack: {{base_url: 'http://127.0.0.1:{closed_port}/api/'}}")
    done = run("--config", str(config), token=TOKEN)
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert "does not answer (cannot connect, connection refused); try again" in line


async def test_what_calls_somebody_gets_the_life_of_one_alarm_marked_as_a_test(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said: list[str] = []
    async with PagerdutyStandin() as receiver:
        notify = {"pagerduty": [{"name": "duty", "url": receiver.url}]}
        settings = Settings.model_validate({"notify": notify})
        monkeypatch.setenv("PAGERDUTY_ROUTING_KEY", ROUTING_KEY)
        assert await call_somebody(settings, "pagerduty:duty", seconds=0, say=said.append) is None
        assert receiver.done == ["trigger", "acknowledge", "resolve"]
        assert receiver.bodies("trigger")[0]["payload"]["summary"].startswith("TEST · SPIKE")
        assert said == [f"{step}  pagerduty:duty" for step in ("opened", "acknowledged", "closed")]
        monkeypatch.setenv("PAGERDUTY_ROUTING_KEY", "x" * 32)
        problem = await call_somebody(settings, "pagerduty:duty", seconds=0, say=said.append)
        assert str(problem).startswith(
            "pagerduty:duty: HTTP 400: the key is refused; check the secret in PAG"
        )
    with pytest.raises(UsageError, match=r"not in notify\.opsgenie; configured: pagerduty:duty"):
        send_test(settings, "opsgenie:duty")

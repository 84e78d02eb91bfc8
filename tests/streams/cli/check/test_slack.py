from typing import Any

import pytest

from alerting.outbox.ports import Result
from alerting.sinks.slack import SlackSink
from config.settings import Settings
from streams.cli.check.settings_checks import CheckResult
from streams.cli.check.slack import check_slack
from streams.offline.replay.post import renderer_of
from tests.alerting.slack_app import SlackApp
from tests.alerting.slack_standin import TOKEN, SlackStandin

EVERY_SCOPE = {"chat:write", "files:write", "channels:history", "channels:read"}


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", TOKEN)


async def checked(slack: SlackStandin, to: list[str] | None = None, **changes: Any) -> list[CheckResult]:
    notify = {"routes": [{"to": to}]} if to else {}
    settings = Settings.model_validate({"slack": {"base_url": slack.base_url, **changes}, "notify": notify})
    return [result async for result in check_slack(settings)]


@pytest.mark.parametrize(
    "fault", ["500", "503", "429", "html", "drop before", "drop after", "internal_error", "ratelimited"]
)
async def test_an_outage_of_slack_is_no_bad_token(fault: str) -> None:
    async with SlackStandin(always=fault) as slack:
        [found] = await checked(slack)
    assert found.ok is False
    silent = fault.startswith("drop")
    said = "does not answer (" if silent else "answered with an error ("
    assert f"{slack.base_url} {said}" in found.text
    assert "None" not in found.text
    assert "token" not in found.text


@pytest.mark.parametrize("token", ["xoxb-canary\n-1", "xoxb\x1bcanary", "xoxb canary", "xoxb-canary\u00e9"])
async def test_a_token_that_cannot_be_sent_is_the_tokens_fault(
    monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", token)
    async with SlackApp() as slack:
        [found] = await checked(slack)
        async with SlackSink(token, slack.base_url, renderer_of(Settings())) as sink:
            outcome = await sink.authorise()
        assert slack.calls == []
    assert found.ok is False
    assert "SLACK_BOT_TOKEN: the token contains a space, a line break or" in found.text
    assert outcome.result is Result.TOKEN, "messages wait for a good one, and the log says so"
    assert "canary" not in found.text + (outcome.error or "")


async def test_a_refused_token_is_reported_with_slacks_reason() -> None:
    async with SlackStandin(revoked=True) as slack:
        [found] = await checked(slack)
    assert found == CheckResult(
        False, "slack: the token in SLACK_BOT_TOKEN is refused (token_revoked); set a valid one"
    )


async def test_channels_are_looked_up_by_id_and_a_note_names_the_others() -> None:
    async with SlackStandin(scopes=EVERY_SCOPE) as slack:
        slack.closed = {"C0SPARE": "is_archived", "C0DIGEST": "not_in_channel"}
        found = await checked(
            slack,
            ["C0NOPE", "#cats"],
            channel="C0UNERI",
            digest_channel="C0DIGEST",
            fallback_channel="C0SPARE",
        )
    assert [result.ok for result in found] == [True, True, False, False, False, None]
    assert "channel C0UNERI (#uneri) exists" in found[1].text
    assert "the app is not in channel C0DIGEST" in found[2].text
    assert "C0SPARE (#spare) is archived" in found[3].text
    assert "the app sees no channel C0NOPE" in found[4].text
    assert "so #cats was not checked" in found[5].text


async def test_missing_scopes_are_reported() -> None:
    async with SlackStandin(scopes={"commands"}) as slack:
        _, *found = await checked(slack, channel="C0UNERI")
    assert [result.ok for result in found] == [False, False, None, None]
    for line, scope in zip(
        found, ("chat:write", "files:write", "channels:history", "channels:read"), strict=True
    ):
        assert scope in line.text

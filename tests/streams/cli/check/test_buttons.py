from typing import Any

import pytest

from config.settings import Settings, SlackSettings
from streams.cli.check.settings_checks import CheckResult
from streams.cli.check.slack import check_buttons
from tests.alerting.slack_app import APP_TOKEN, SECRET, SlackApp
from tests.alerting.slack_standin import TOKEN


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", TOKEN)
    monkeypatch.setenv("SLACK_APP_TOKEN", APP_TOKEN)
    monkeypatch.setenv("SLACK_SIGNING_SECRET", SECRET[:32].ljust(32, "0"))


async def checked(slack: SlackApp, **changes: Any) -> list[CheckResult]:
    settings = Settings(slack=SlackSettings(base_url=slack.base_url, **changes))
    return [button async for button in check_buttons(settings)]


async def test_both_transports_and_the_operators_are_checked() -> None:
    async with SlackApp(groups={"S0CALL": ["U1", "U2"]}) as slack:
        found = await checked(slack, operators=["U0OWNER", "S0CALL"])
        assert [result.ok for result in found] == [True, None, True]
        assert "opens Socket Mode" in found[0].text
        assert "/slack/actions" in found[1].text
        assert "2 members of S0CALL" in found[2].text
        assert slack.sockets == [], "an address is requested and not used"


async def test_a_problem_is_reported_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    async with SlackApp() as slack:
        monkeypatch.setenv("SLACK_APP_TOKEN", "xapp-wrong")
        monkeypatch.setenv("SLACK_SIGNING_SECRET", "short")
        token, _, secret, group = await checked(slack, operators=["S0GONE"])
        assert (token.ok, group.ok) == (False, False)
        assert "refused (invalid_auth); turn on Socket Mode" in token.text
        assert "check that it holds the signing secret" in secret.text
        assert "grant the app usergroups:read" in group.text
        monkeypatch.setenv("SLACK_APP_TOKEN", TOKEN)
        wrong = (await checked(slack))[0]
        assert wrong == CheckResult(
            False, "slack: SLACK_APP_TOKEN does not hold an app token, which begins with xapp-"
        )
        slack.always = "503"
        monkeypatch.setenv("SLACK_APP_TOKEN", APP_TOKEN)
        assert f"Socket Mode: {slack.base_url} answered with an error" in (await checked(slack))[0].text


async def test_without_app_token_and_secret_a_note_says_that_there_are_no_buttons(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("SLACK_APP_TOKEN")
    monkeypatch.delenv("SLACK_SIGNING_SECRET")
    async with SlackApp() as slack:
        (one,) = await checked(slack)
        assert one.ok is None
        assert "messages have no buttons" in one.text
        monkeypatch.delenv("SLACK_BOT_TOKEN")
        assert await checked(slack) == []

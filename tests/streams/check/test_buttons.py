from typing import Any

import pytest

from config.settings import Settings, SlackSettings
from streams.check.buttons import check_buttons
from streams.check.checked import Check
from tests.alerting.slack_app import APP_TOKEN, SECRET, SlackApp
from tests.alerting.slack_standin import TOKEN


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", TOKEN)
    monkeypatch.setenv("SLACK_APP_TOKEN", APP_TOKEN)
    monkeypatch.setenv("SLACK_SIGNING_SECRET", SECRET[:32].ljust(32, "0"))


async def checked(slack: SlackApp, **changes: Any) -> list[Check]:
    settings = Settings(slack=SlackSettings(base_url=slack.base_url, **changes))
    return [one async for one in check_buttons(settings)]


async def test_both_ways_and_who_may_are_looked_at() -> None:
    async with SlackApp(groups={"S0CALL": ["U1", "U2"]}) as slack:
        found = await checked(slack, operators=["U0OWNER", "S0CALL"])
        assert [one.ok for one in found] == [True, None, True]
        assert "opens Socket Mode" in found[0].text
        assert "/slack/actions" in found[1].text
        assert "2 members of S0CALL" in found[2].text
        assert slack.sockets == [], "an address is asked for and not used"


async def test_what_is_wrong_is_said_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    async with SlackApp() as slack:
        monkeypatch.setenv("SLACK_APP_TOKEN", "xapp-wrong")
        monkeypatch.setenv("SLACK_SIGNING_SECRET", "short")
        token, _, secret, group = await checked(slack, operators=["S0GONE"])
        assert (token.ok, group.ok) == (False, False)
        assert "refused (invalid_auth); switch Socket Mode on" in token.text
        assert "is it the signing secret" in secret.text
        assert "give the app usergroups:read" in group.text
        monkeypatch.setenv("SLACK_APP_TOKEN", TOKEN)
        wrong = (await checked(slack))[0]
        assert wrong == Check(False, "slack: SLACK_APP_TOKEN is no app token; it begins with xapp-")
        slack.always = "503"
        monkeypatch.setenv("SLACK_APP_TOKEN", APP_TOKEN)
        assert "does not answer for Socket Mode" in (await checked(slack))[0].text


async def test_without_a_way_in_it_is_said_that_there_are_no_buttons(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLACK_APP_TOKEN")
    monkeypatch.delenv("SLACK_SIGNING_SECRET")
    async with SlackApp() as slack:
        (one,) = await checked(slack)
        assert one.ok is None
        assert "messages have no buttons" in one.text
        monkeypatch.delenv("SLACK_BOT_TOKEN")
        assert await checked(slack) == []

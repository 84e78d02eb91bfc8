"""Owners and remedies of a page: names of accounts, and links to runbooks."""

import json

import pytest
from msgspec.structs import replace

from alerting.commands.dispatch import Form, Line
from alerting.incidents.notice import Action
from alerting.messages.incident_page import thread_line
from alerting.messages.render import Renderer
from alerting.words.locales import phrases_of
from config.links import Links
from config.settings import Settings
from detectors.model.finding import Verdict
from detectors.watch.rankings import Hot
from tests.alerting.given import ACCOUNT, T0, TABLE, finding, growth_finding, incident, scope
from tests.alerting.message_makers import ZONE, alerted, digest, dispatch, notice, posted, said
from tests.alerting.slack_standin import content_error

SETTINGS = Settings.model_validate(
    {
        "accounts": {ACCOUNT: {"name": "game-prod"}},
        "links": {"runbooks": {"any": "https://wiki.example/{verdict}?{kind}={name}"}},
    }
)
LINKS = Links(SETTINGS.links)
PLACES = {"en": "aws game-prod (123456789012)", "ja": "aws game-prod（123456789012）"}


@pytest.mark.parametrize("locale", ["en", "ja"])
def test_a_page_names_the_account_beside_its_id_and_links_the_runbook(locale: str) -> None:
    words = phrases_of(locale, SETTINGS.account_names)
    message = Renderer(LINKS, ZONE, words)(dispatch(notice(incident())))
    assert content_error({"text": message.text, "blocks": message.blocks}) is None
    assert f"\n{PLACES[locale]} · ap-northeast-1" in said(message)
    assert PLACES[locale] in message.text
    assert f"<https://wiki.example/spike?table=items|{words.labels.runbook}>" in said(message)


def test_an_incident_of_an_account_has_its_name_in_the_title() -> None:
    words = phrases_of("en", SETTINGS.account_names)
    about = scope("account", ACCOUNT)
    one = replace(incident(), primary=finding(about))
    message = Renderer(LINKS, ZONE, words)(dispatch(notice(one)))
    assert said(message).startswith("SPIKE · account game-prod (123456789012) · requests")
    assert message.text.startswith("SPIKE · account game-prod (123456789012) · requests")
    line = thread_line(Line(what="opened", at=T0), one, words, ZONE)
    assert line.text.startswith("Opened: account game-prod (123456789012), requests")


def test_an_account_without_a_name_is_its_id_and_without_a_runbook_there_is_no_link() -> None:
    shown = said(Renderer(Links(Settings().links), ZONE)(dispatch(notice(incident()))))
    assert "\naws 123456789012 · ap-northeast-1" in shown
    assert "Runbook" not in shown


def test_a_name_from_the_configuration_is_no_markup() -> None:
    words = phrases_of("en", {ACCOUNT: "<!channel> *prod*"})
    message = Renderer(LINKS, ZONE, words)(dispatch(notice(incident())))
    assert content_error({"text": message.text, "blocks": message.blocks}) is None
    assert "<!channel>" not in said(message)


def test_the_digest_and_a_flood_name_accounts_too() -> None:
    words = phrases_of("en", SETTINGS.account_names)
    grown = replace(incident(), primary=growth_finding(TABLE), verdict=Verdict.GROWTH)
    growing = digest([grown], hottest=[Hot(TABLE, 0.4)], words=words)
    assert said(growing).count("game-prod (123456789012)") == 2
    one = incident()
    flood = Renderer(LINKS, ZONE, words)(dispatch(notice(one), Form.FLOOD, of_flood=[one]))
    assert "game-prod (123456789012)" in said(flood)


def test_programs_get_the_name_of_the_account_and_the_runbook() -> None:
    words = phrases_of("en", SETTINGS.account_names)
    sent = dispatch(notice(incident(), action=Action.OPEN))
    data = json.loads(posted(sent, words, LINKS))["data"]
    assert data["runbook"] == "https://wiki.example/spike?table=items"
    assert data["account_name"] == "game-prod"
    [alert] = json.loads(alerted(sent, words, LINKS))
    assert alert["annotations"]["runbook_url"] == "https://wiki.example/spike?table=items"
    assert alert["annotations"]["account_name"] == "game-prod"
    assert alert["labels"]["account"] == ACCOUNT

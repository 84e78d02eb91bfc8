"""What programs get of an incident: webhooks, Alertmanager and the lines of a replay."""

import json
from typing import Any

import pytest

from alerting.commands.dispatch import Dispatch
from alerting.incidents.answers import finding_entry, incident_entry
from alerting.incidents.incident import Incident
from alerting.incidents.incidents import Incidents
from alerting.incidents.severity import Grade, Harm, Severity, of_finding
from alerting.messages.render import Renderer
from alerting.words.locales import ENGLISH, phrases_of
from alerting.words.phrases import Phrases
from config.links import Links
from config.settings import Settings
from detectors.model.finding import AddedUp, Finding, Plan, Verdict
from tests.alerting.given import (
    ACCOUNT,
    PUT,
    T0,
    TABLE,
    finding,
    growth_finding,
    incident,
    of_messages,
    share,
    written,
)
from tests.alerting.incidents.test_absence_incidents import fatal
from tests.alerting.message_makers import LINKS, ZONE, alerted, dispatch, notice, posted, said
from tests.alerting.messages.gallery import NAMED
from tests.alerting.messages.made_incidents import (
    DROP,
    LINK,
    MEMOS,
    OPEN,
    REQUEST,
    VERDICTS,
    change,
    example,
    fall,
    lasting,
    near,
    with_changes,
    with_examples,
)
from tests.alerting.messages.test_request_lines import TRACED
from tests.alerting.slack_standin import content_error


def webhook(of: Incident | Dispatch, links: Links = LINKS, words: Phrases = ENGLISH) -> dict[str, Any]:
    sent = of if isinstance(of, Dispatch) else dispatch(notice(of))
    data: dict[str, Any] = json.loads(posted(sent, words, links))["data"]
    return data


def alert(of: Incident | Dispatch, links: Links = LINKS, words: Phrases = ENGLISH) -> dict[str, Any]:
    sent = of if isinstance(of, Dispatch) else dispatch(notice(of))
    [found] = json.loads(alerted(sent, words, links))
    assert isinstance(found, dict)
    return found


def line(of: Finding) -> dict[str, Any]:
    return written(finding_entry(of, None))


def test_each_verdict_goes_to_a_page_or_the_digest() -> None:
    assert {incident(of).sent for verdict, of in VERDICTS.items() if verdict is not Verdict.GROWTH} == {
        "page"
    }
    for of in (growth_finding(TABLE), growth_finding(TABLE, verdict=Verdict.LIMIT), near(near=False)):
        incidents = Incidents(Settings())
        assert not of_messages(incidents.feed([of], T0))
        [known] = incidents.all()
        assert known.sent == "digest"


def test_a_plan_stands_in_the_lines_of_a_replay() -> None:
    planned = finding(PUT, planned=Plan(name="Sale", factor=2.0))
    assert line(planned)["planned"] == {"name": "Sale", "factor": 2.0}


def test_the_lines_of_a_replay_carry_the_error_and_its_count() -> None:
    found = written(incident_entry(incident(fatal())))
    assert (found["error_type"], found["times"], found["verdict"]) == ("KeyError", 3, "fatal")
    assert line(fatal())["error_type"] == "KeyError"
    assert "error_type" not in written(incident_entry(incident(DROP)))


def test_programs_get_the_minute_and_what_was_added_up() -> None:
    found = line(lasting())
    assert (found["observed"], found["lower"]) == (0.23, 0.05)
    assert found["added_up"] == {"observed": 0.33, "expected": 0.22, "seconds": 780, "until": T0}
    assert "added_up" not in line(DROP)


def test_a_rise_that_added_up_is_one_though_the_newest_minute_is_below_what_is_expected() -> None:
    assert of_finding(lasting(observed=0.1, callers=[share(PUT, 0.9)])) == Severity(Grade.LOW, Harm.LOAD)
    half = AddedUp(observed=0.07, expected=0.14, seconds=7500)
    assert of_finding(fall(observed=0.15, added_up=half)) == Severity(Grade.MEDIUM, Harm.FEWER_REQUESTS, 0.5)


def test_the_name_of_the_account_and_the_runbook() -> None:
    given = (Links(NAMED.links), phrases_of("en", NAMED.account_names))
    data, annotations = webhook(incident(), *given), alert(incident(), *given)["annotations"]
    assert data["runbook"] == annotations["runbook_url"] == "https://wiki.example/spike?table=items"
    assert data["account_name"] == annotations["account_name"] == "game-prod"
    assert alert(incident(), *given)["labels"]["account"] == ACCOUNT


def test_a_name_from_the_configuration_is_no_markup() -> None:
    words = phrases_of("en", {ACCOUNT: "<!channel> *prod*"})
    message = Renderer(LINKS, ZONE, words)(dispatch(notice(incident())))
    assert content_error({"text": message.text, "blocks": message.blocks}) is None
    assert "<!channel>" not in said(message)


def test_the_changes_before_it() -> None:
    [before] = webhook(with_changes())["incident"]["changes"]
    assert (before["of"]["name"], before["what"], before["version"]) == ("inventory-put-item", "deploy", "42")
    assert (before["by"], before["url"], before["after"]) == ("ci", LINK, 125)


@pytest.mark.parametrize(("url", "link"), [(LINK, LINK), ("javascript:alert(1)", None)])
def test_the_changes_before_it_in_an_alert(url: str, link: str | None) -> None:
    found = alert(with_changes(change(url=url)))
    assert found["annotations"]["changes"] == "2 min after deploy 42 of inventory-put-item by ci"
    assert found["annotations"].get("link_change") == link
    assert "change" not in found["labels"]


def test_its_memos() -> None:
    sent = dispatch(notice(OPEN), memos=MEMOS)
    memos = webhook(sent)["incident"]["memos"]
    assert [(memo["incident"], memo["by"], memo["text"]) for memo in memos] == [
        (memo.incident, memo.by, memo.text) for memo in MEMOS
    ]
    assert memos[0]["at"] == memos[0]["written"] == MEMOS[0].at
    assert alert(sent)["annotations"]["memos"] == (
        "2025-07-04, alice: the same build again; 2025-07-03, U012AB3CD: ios 3.2.1 retried without backoff; "
        "2025-07-02, alice: the nightly import"
    )
    assert "memos" not in alert(OPEN)["annotations"]


def test_its_requests_with_their_links() -> None:
    [shown] = webhook(with_examples())["incident"]["examples"]
    assert (shown["why"], shown["id"]) == ("costliest", f"lambda:{REQUEST}/1760000000000")
    assert shown["tables"] == [{"name": "items", "op": "UpdateItem", "ms": 7.5, "wcu": 2.5}]
    assert shown["links"]["trace"] == TRACED
    hostile = webhook(with_examples(example(sample="<!channel> `@here`")))["incident"]["examples"]
    assert hostile[0]["sample"] == "<!channel> `@here`", "JSON holds what came"

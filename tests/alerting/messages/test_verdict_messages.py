"""The messages of every verdict."""

from typing import Any

import pytest
from msgspec.structs import replace

from alerting.incidents.answers import finding_entry, incident_entry
from alerting.incidents.incident import Incident
from alerting.incidents.incidents import Incidents
from alerting.incidents.notice import Action
from alerting.messages.blocks import Message
from config.settings import Settings
from detectors.model.finding import Finding, Verdict
from detectors.watch.absence import RETIRED_SECONDS
from tests.alerting.given import (
    PUT,
    ROUTE,
    T0,
    TABLE,
    ended,
    finding,
    growth_finding,
    incident,
    share,
    written,
)
from tests.alerting.incidents.test_absence_incidents import absence, fatal
from tests.alerting.message_makers import digest, page, said
from tests.alerting.slack_standin import content_error


def near(**changes: Any) -> Finding:
    given: dict[str, Any] = {
        "verdict": Verdict.LIMIT,
        "observed": 93.0,
        "limit": 100.0,
        "near": True,
        "callers": [share(PUT, 0.8), share(ROUTE, 1.0)],
        "sentence": "Write capacity units of table items are at 93 % of the limit of 100/s.",
    }
    return finding(TABLE, **(given | changes))


def opened(of: Finding) -> Message:
    return page(incident(of), at=T0)


def resolved(of: Finding) -> Message:
    incidents = Incidents(Settings())
    incidents.feed([of], T0)
    incidents.feed([], T0 + 300)
    notices = [*incidents.feed([ended(of, T0 + 600)], T0 + 600), *incidents.feed([], T0 + 1300)]
    assert notices[-1].action is Action.RESOLVE
    return page(notices[-1].incident, at=T0 + 1300)


TITLES = {
    Verdict.SPIKE: (finding(PUT), "SPIKE · function inventory-put-item · requests +400 %"),
    Verdict.DROP: (
        finding(PUT, verdict=Verdict.DROP, observed=2.0),
        "DROP · function inventory-put-item · requests −75 %",
    ),
    Verdict.SHIFT: (
        finding(PUT, verdict=Verdict.SHIFT, observed=12.3),
        "SHIFT · function inventory-put-item · requests +50 %, sustained",
    ),
    Verdict.ABSENCE: (absence(PUT), "NO REQUESTS · function inventory-put-item"),
    Verdict.FATAL: (fatal(), "FATAL · function inventory-put-item · KeyError, 3 times"),
    Verdict.LIMIT: (near(), "LIMIT · table items · wcu at 93 % of its limit"),
}


@pytest.mark.parametrize("verdict", list(TITLES))
def test_each_verdict_has_its_title(verdict: Verdict) -> None:
    of, title = TITLES[verdict]
    message = opened(of)
    assert said(message).splitlines()[0] == title
    assert title in message.text
    assert content_error({"text": message.text, "blocks": message.blocks}) is None


def test_an_absence_of_a_table_has_no_calls_in_its_title() -> None:
    incidents = Incidents(Settings())
    [notice] = [*incidents.feed([absence(TABLE)], T0), *incidents.feed([], T0 + 300)]
    assert "NO CALLS · table items" in said(page(notice.incident, at=T0))


@pytest.mark.parametrize(
    ("changes", "head"),
    [
        ({"state": "worsening"}, "NO REQUESTS, worsening"),
        ({"state": "easing"}, "NO REQUESTS, easing"),
        ({"reopened": 1}, "NO REQUESTS, reopened"),
        ({"state": "withdrawn", "end": T0 + 600}, "WITHDRAWN: NO REQUESTS"),
    ],
)
def test_an_absence_is_called_no_requests_in_every_state(changes: Any, head: str) -> None:
    for of, word in ((PUT, "REQUESTS"), (TABLE, "CALLS")):
        title = said(
            page(replace(incident(absence(PUT)), primary=absence(of), **changes), at=T0)
        ).splitlines()[0]
        assert title == f"{head.replace('REQUESTS', word)} · {of.kind} {of.label}"


def test_a_resolved_absence_says_what_was_missing() -> None:
    over = replace(incident(absence(PUT)), state="resolved", end=T0 + 600)
    assert page(over, at=T0).text.startswith("RESOLVED after ")
    assert "function inventory-put-item · no requests. Requests resumed." in page(over, at=T0).text


def test_a_fatal_message_names_error_count_routes_and_no_expectation() -> None:
    shown = said(opened(fatal(suspects=[share(ROUTE, 0.9)])))
    for expected in ("*Error*\nKeyError", "*Occurred*\n3 times", "share of the fatal errors", "POST /items"):
        assert expected in shown
    assert "*Expected*" not in shown
    assert "more calls" not in shown
    assert "Compared with every error seen there before" in shown


def test_an_error_type_cannot_mark_up_the_message() -> None:
    shown = said(opened(fatal(error_type="<!channel> *x*")))
    assert "<!channel>" not in shown.split("\n", 1)[1]


def test_a_limit_message_shows_headroom_and_who_uses_it() -> None:
    message = opened(near())
    shown = said(message)
    for expected in ("*Headroom*\n7 % left of 100 wcu/s", "share of the wcu", "*80 %*", "configured limit"):
        assert expected in shown
    assert "93 wcu/s now, 7 % left of 100 wcu/s" in message.text


def test_each_verdict_says_how_it_ended() -> None:
    assert "Requests resumed" in resolved(absence(PUT)).text
    assert "Occurred 3 times, then stopped. From now on it counts as a known error" in resolved(fatal()).text
    assert "No longer near the limit; it peaked at 93 wcu/s" in resolved(near()).text
    assert "Back to normal" in resolved(finding(PUT)).text


def test_an_absence_of_a_week_is_a_retirement() -> None:
    of = incident(absence(PUT))
    last = replace(of.primary, state="end", end=of.primary.start + RETIRED_SECONDS)
    over = replace(of, state="resolved", primary=last, end=last.end)
    assert "considered retired" in page(over, at=T0).text


def listed(*findings: Finding) -> list[Incident]:
    incidents = Incidents(Settings())
    notices = [*incidents.feed(findings, T0), *incidents.feed([], T0 + 86400)]
    return next(notice for notice in notices if notice.action is Action.DIGEST).incidents


def test_the_digest_lists_levels_near_a_limit_before_what_grows() -> None:
    level = near(id="level", near=False, observed=85.0)
    rows = listed(growth_finding(PUT, days=None), level)
    assert [row.verdict for row in rows] == [Verdict.LIMIT, Verdict.GROWTH]
    message = digest(rows, at=T0)
    assert "wcu at 85 % of its limit" in said(message)
    assert "2 series growing or near a limit" in message.text


def test_growth_that_reaches_its_limit_is_listed_with_the_days_left() -> None:
    [row] = listed(growth_finding(TABLE, verdict=Verdict.LIMIT, days=6.0))
    assert (row.verdict, row.sent) == (Verdict.LIMIT, "digest")
    assert "*limit in 4 to 9 days*" in said(digest([row], at=T0))


def test_the_lines_of_a_replay_carry_the_error_and_its_count() -> None:
    line = written(incident_entry(incident(fatal())))
    assert (line["error_type"], line["times"], line["verdict"]) == ("KeyError", 3, "fatal")
    assert finding_entry(fatal()).error_type == "KeyError"
    assert "error_type" not in written(incident_entry(incident(finding(PUT))))


def test_each_verdict_goes_to_a_page_or_the_digest() -> None:
    pages = [of for of, _ in TITLES.values()]
    assert {incident(of).sent for of in pages} == {"page"}
    digests = (growth_finding(TABLE), growth_finding(TABLE, verdict=Verdict.LIMIT), near(near=False))
    for of in digests:
        incidents = Incidents(Settings())
        assert not incidents.feed([of], T0)
        [known] = incidents.all()
        assert known.sent == "digest"

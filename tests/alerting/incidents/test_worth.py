"""A page is worth waking for: it has a size, and what a rise is due to decides about it."""

from typing import Any

import pytest
from msgspec.structs import replace

from alerting.incidents.incident import Incident
from alerting.incidents.incidents import Incidents
from alerting.incidents.notice import Action, Notice, NoticeReason
from config.settings import DigestSettings, Settings
from detectors.model.finding import (
    AccountTraffic,
    AddedUp,
    Affected,
    Concentration,
    Failures,
    Finding,
    Plan,
    RiseCause,
    Verdict,
)
from detectors.model.measures import Measure
from tests.alerting.given import GET, PUT, T0, TABLE, finding, ongoing, scope, share, table_finding

DEFECT = Concentration(cause=RiseCause.DEFECT, share=0.97, kind="function", carriers=1)
DEMAND = Concentration(cause=RiseCause.DEMAND, share=0.9, kind="function")


def of(*findings: Finding, settings: Settings | None = None) -> tuple[Incident, list[Notice]]:
    incidents = Incidents(settings or Settings())
    notices = [*incidents.feed(findings, T0), *incidents.feed([], T0 + 120)]
    return incidents.all()[0], notices


def by(requests: float) -> Affected:
    return Affected(requests=requests, seconds=300, routes=[])


def rise(times: float, cause: Concentration | None = DEFECT, **changes: Any) -> Finding:
    return finding(PUT, observed=8.0 * times, expected=8.0, concentration=cause, **changes)


@pytest.mark.parametrize(
    ("small", "large"),
    [
        (rise(1.4), rise(1.6)),
        (rise(1.9, DEMAND), rise(2.1, DEMAND)),
        (rise(5.0, affected=by(14)), rise(5.0, affected=by(15))),
        (rise(5.0, measure=Measure.WCU, affected=by(8)), rise(5.0, measure=Measure.WCU, affected=by(300))),
        (rise(1.1, added_up=AddedUp(observed=9.0, expected=8.0, seconds=1320)), rise(3.0, None)),
        (
            finding(PUT, verdict=Verdict.DROP, observed=7.3, expected=8.0),
            finding(PUT, verdict=Verdict.DROP, observed=4.0, expected=8.0),
        ),
        *(
            [
                finding(PUT, measure=measure, failures=Failures(failed=failed, requests=1000, seconds=600))
                for failed in (least - 1, least)
            ]
            for measure, least in (
                (Measure.ERRORS_BACKEND, 10),
                (Measure.ERRORS_USER, 50),
                (Measure.THROTTLES, 10),
            )
        ),
    ],
)
def test_what_is_smaller_than_somebody_acts_upon_is_in_the_digest(small: Finding, large: Finding) -> None:
    assert of(large)[0].sent == "page"
    incident, [notice] = of(small)
    assert (incident.sent, notice.reason, notice.is_page) == ("digest", NoticeReason.SMALL, False)


@pytest.mark.parametrize(
    "given",
    [
        {"costs": 25.0},
        {"limit": 48.0},
        {"measure": Measure("level:queue")},
        {"measure": Measure.LATENCY},
        {"measure": Measure.WCU, "callers": [share(GET, 1.0, 0.2)]},
    ],
)
def test_what_few_requests_do_pages_by_costs_a_limit_or_what_each_of_them_uses(given: dict[str, Any]) -> None:
    assert of(rise(5.0, affected=by(3), **given))[0].sent == "page"


def test_a_small_rise_pages_when_it_becomes_large() -> None:
    incidents = Incidents(Settings())
    assert [notice.is_page for notice in incidents.feed([rise(1.2)], T0)] == [False]
    later = rise(2.5, state="update", revision=1, seen=T0 + 300)
    *_, notice = [*incidents.feed([later], T0 + 300), *incidents.feed([], T0 + 420)]
    assert (notice.is_page, notice.incident.revision) == (True, 1)


def test_what_was_large_once_pages_though_it_is_small_again_when_its_page_is_due() -> None:
    incidents = Incidents(Settings())
    large = rise(2.5, score=0.6)
    waned = replace(large, observed=9.0, state="update", revision=1, seen=T0 + 30)
    incidents.feed([large], T0)
    assert [notice.action for notice in incidents.feed([waned], T0 + 120)] == [Action.OPEN]


def test_demand_pages_earlier_when_a_limit_is_near() -> None:
    near = finding(TABLE, observed=85.0, expected=60.0, limit=100.0, concentration=DEMAND)
    assert of(near)[0].sent == "page"
    assert of(replace(near, limit=200.0))[0].sent == "digest"


def test_any_rise_pages_that_costs_much() -> None:
    assert of(rise(1.2, DEMAND, costs=25.0))[0].sent == "page"
    assert of(rise(1.2, DEMAND, costs=15.0))[0].sent == "digest"


def test_more_than_was_planned_has_a_size_and_a_planned_rise_that_does_not_come_pages() -> None:
    plan = Plan(name="sale", factor=2.0)
    assert of(rise(1.2, planned=plan))[0].sent == "digest"
    missed = finding(PUT, verdict=Verdict.DROP, observed=7.0, expected=8.0, planned=plan)
    assert of(missed)[0].sent == "page"


@pytest.mark.parametrize(
    ("account", "cause"),
    [
        (AccountTraffic(200.0, 100.0), RiseCause.DEMAND),
        (AccountTraffic(108.0, 100.0), RiseCause.DEFECT),
        (AccountTraffic(16.0, 8.0), None),  # there is nothing else in it
        (AccountTraffic(8.4, 8.0), RiseCause.DEFECT),  # nor are there more requests
        (None, None),
    ],
)
def test_what_its_clients_share_is_demand_if_the_rest_of_the_account_rises(
    account: AccountTraffic | None, cause: RiseCause | None
) -> None:
    rising = rise(
        2.0,
        replace(DEMAND, kind="client"),
        account=account,
        added_up=AddedUp(observed=16.0, expected=8.0, seconds=600),
        affected=Affected(requests=9600.0, seconds=600, routes=[]),
    )
    found = of(rising)[0].concentration
    assert (None if found is None else found.cause) == cause


@pytest.mark.parametrize("measure", [Measure.LATENCY, Measure.ERRORS_BACKEND])
def test_slowness_and_errors_are_neither_demand_nor_a_defect_of_load(measure: Measure) -> None:
    assert of(finding(PUT, measure=measure, account=AccountTraffic(8.0, 8.0)))[0].concentration is None


@pytest.mark.parametrize("verdict", [Verdict.ABSENCE, Verdict.FATAL])
def test_an_absence_and_a_new_exception_page_whatever_their_size(verdict: Verdict) -> None:
    incidents = Incidents(Settings())
    incidents.feed([finding(PUT, verdict=verdict, observed=8.0, expected=8.0, times=1)], T0)
    incidents.feed([], T0 + 600)
    assert incidents.all()[0].sent == "page"


def test_sizes_are_settings() -> None:
    settings = Settings.model_validate({"incidents": {"page": {"defect": 1.1, "fall": 0.95}}})
    assert of(rise(1.2), settings=settings)[0].sent == "page"
    fall = finding(PUT, verdict=Verdict.DROP, observed=7.3, expected=8.0)
    assert of(fall, settings=settings)[0].sent == "page"


def test_a_digest_names_once_what_ended_too_small_to_page_and_daily_what_lasts() -> None:
    incidents = Incidents(Settings(digest=DigestSettings(at="09:00")))
    ending, lasting = rise(1.2), finding(scope("table", "carts"), observed=9.0, expected=8.0)
    over = replace(ending, state="end", revision=1, seen=T0 + 600, end=T0 + 540)
    incidents.feed([ending, lasting], T0)
    notices = incidents.feed([over], T0 + 600)
    notices += [*incidents.feed([], T0 + 86_400), *incidents.feed([], T0 + 2 * 86_400)]
    digests = [notice for notice in notices if notice.action is Action.DIGEST]
    named = [{small.primary.about for small in digest.small} for digest in digests]
    assert named == [{PUT, scope("table", "carts")}, {scope("table", "carts")}]
    assert all(not digest.incidents for digest in digests)


@pytest.mark.parametrize(
    ("found", "rule"),
    [
        (rise(1.4), "0.8 times what pages by incidents.page.defect"),
        (rise(1.9, DEMAND), "0.9 times what pages by incidents.page.demand"),
        (rise(1.9, None), "0.9 times what pages by incidents.page.demand"),
        (rise(1.6), "1.2 times what pages by incidents.page.defect"),
        (rise(1.2, DEMAND, costs=25.0), "1.2 times what pages by incidents.page.cost"),
        (
            finding(PUT, verdict=Verdict.DROP, observed=7.34, expected=8.0),
            "0.25 times what pages by incidents.page.fall",
        ),
        (
            finding(PUT, measure=Measure.THROTTLES, failures=Failures(failed=5, requests=1000, seconds=600)),
            "0.5 times what pages by incidents.page.throttles",
        ),
    ],
)
def test_the_reason_names_the_size_that_decided(found: Finding, rule: str) -> None:
    incident, _ = of(found)
    assert incident.reason.partition("; ")[2] == rule


def test_the_reason_of_what_pages_whatever_its_size_names_none() -> None:
    incident, _ = of(finding(PUT, verdict=Verdict.FATAL, times=1))
    assert (incident.sent, ";" in incident.reason) == ("page", False)


def test_what_lists_small_incidents_knows_when_one_changes_ends_or_becomes_part_of_another() -> None:
    incidents = Incidents(Settings())
    update = rise(1.3, state="update", revision=1, seen=T0 + 300)
    over = replace(update, state="end", revision=2, seen=T0 + 600, end=T0 + 540)
    notices = [
        notice for found in (rise(1.2), update, over) for notice in incidents.feed([found], found.seen)
    ]
    notices += incidents.feed([], T0 + 7200)
    actions = [notice.action for notice in notices if notice.action is not Action.DIGEST]
    assert actions == [Action.OPEN, Action.UPDATE, Action.UPDATE, Action.RESOLVE]


def test_a_small_incident_that_another_one_explains_is_over() -> None:
    incidents = Incidents(Settings())
    carts = scope("table", "carts")
    apart = [rise(1.2), finding(carts, observed=9.0, expected=8.0, seen=T0 + 60)]
    notices = [notice for found in apart for notice in incidents.feed([found], found.seen)]
    both = finding(
        TABLE,
        observed=30.0,
        expected=8.0,
        seen=T0 + 120,
        concentration=DEFECT,
        touches=[PUT, carts],
        score=0.9,
    )
    notices += incidents.feed([both], T0 + 120)
    assert {notice.incident.id for notice in notices if notice.action is Action.OPEN} == {
        notice.incident.id for notice in notices[:2]
    }
    assert [notice.reason for notice in notices if notice.action is Action.RESOLVE] == [NoticeReason.ABSORBED]
    assert len(ongoing(incidents)) == 1


def test_the_cause_of_a_table_is_that_of_its_callers() -> None:
    incident, _ = of(table_finding(concentration=DEFECT, account=AccountTraffic(200.0, 100.0)))
    assert incident.concentration == DEFECT

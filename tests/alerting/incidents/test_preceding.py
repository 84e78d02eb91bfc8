"""An incident names the changes that came shortly before it, however late they become known."""

from collections.abc import Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from alerting.incidents.answers import finding_entry, incident_entry
from alerting.incidents.incident import Incident
from alerting.incidents.incidents import Incidents
from alerting.incidents.notice import Action, Milestone, Notice, NoticeReason
from alerting.incidents.preceding import BEFORE, KEPT_SECONDS, MOST, MOST_NAMED, WITHIN, RecentChanges
from config.settings import Settings
from detectors.model.finding import CallRate, Finding
from detectors.model.measures import Measure
from detectors.model.scope import Scope
from detectors.model.stated import StatedChange
from tests.alerting.given import (
    GET,
    IOS,
    PUT,
    ROUTE,
    SERVICE,
    T0,
    TABLE,
    ended,
    finding,
    growth_finding,
    scope,
    share,
    table_finding,
    written,
)

BEGAN = T0 - 120  # as findings of ``given`` do
STEP = 60


def change(about: Scope = PUT, ts: float = BEGAN - 120, version: str = "42", by: str = "ci") -> StatedChange:
    return StatedChange(ts, about, "deploy", version, by, "https://ci.example.com/42")


def opened(*findings: Finding, changes: Sequence[StatedChange]) -> Incident:
    """Return the incident of findings that are reported at T0, one step after the changes."""
    incidents = Incidents(Settings())
    incidents.feed([], T0 - STEP, changes=changes)
    notices = [*incidents.feed(findings, T0), *incidents.feed([], T0 + STEP)]
    return next(notice.incident for notice in notices if notice.action is Action.OPEN)


def named(incident: Incident) -> list[tuple[str, int]]:
    return [(change.change.version, change.after) for change in incident.changes]


def test_a_deploy_of_a_function_is_named_by_its_own_finding() -> None:
    assert named(opened(finding(PUT), changes=[change()])) == [("42", 120)]


def test_a_deploy_of_a_function_is_named_by_a_table_that_it_calls() -> None:
    assert named(opened(table_finding(), changes=[change()])) == [("42", 120)]


def test_a_caller_with_a_small_share_is_not_named() -> None:
    assert named(opened(table_finding(), changes=[change(GET)])) == []


def test_a_latency_names_who_makes_a_large_part_of_the_calls() -> None:
    traffic = [CallRate(scope=PUT, calls=3.0), CallRate(scope=GET, calls=0.5)]
    given: dict[str, Any] = {"measure": Measure.LATENCY, "calls": 3.5, "traffic": traffic}
    slow = finding(TABLE, touches=[PUT, GET], **given)
    assert named(opened(slow, changes=[change(version="42"), change(GET, version="7")])) == [("42", 120)]


def test_a_service_names_the_function_that_carries_its_excess() -> None:
    of = finding(SERVICE, callers=[share(PUT, 0.9)], touches=[PUT])
    assert named(opened(of, changes=[change()])) == [("42", 120)]


def test_a_route_names_the_function_that_causes_its_errors() -> None:
    errors: dict[str, Any] = {"measure": Measure.ERRORS_BACKEND, "observed": 9.0, "expected": 0.1}
    route = finding(ROUTE, **errors)
    function = finding(PUT, **errors, callers=[share(ROUTE, 1.0)], touches=[ROUTE])
    incident = opened(route, function, changes=[change()])
    assert [change.findings for change in incident.changes] == [sorted([route.id, function.id])]


def test_a_deploy_of_something_else_is_not_named() -> None:
    others = [scope("function", "shop-buy"), scope("table", "ledger"), scope("route", PUT.name), SERVICE]
    assert named(opened(table_finding(), changes=[change(about) for about in others])) == []


@pytest.mark.parametrize(
    ("about", "is_named"),
    [
        (PUT._replace(account="210987654321"), False),
        (PUT._replace(region="eu-west-1"), False),
        (PUT._replace(cloud="gcp"), False),
        (PUT._replace(account="", region=""), True),  # who deploys need not know where
        (Scope("function", "", "", "", PUT.name), True),
    ],
)
def test_what_a_change_states_of_its_place_must_be_the_place(about: Scope, *, is_named: bool) -> None:
    assert bool(opened(table_finding(), changes=[change(about)]).changes) is is_named


@pytest.mark.parametrize(
    ("version", "is_named"), [("3.2.1", True), ("", True), ("3.3.0", False)], ids=["same", "unknown", "other"]
)
def test_a_release_of_a_client_is_named_where_its_build_stands_out(version: str, *, is_named: bool) -> None:
    about = IOS._replace(version="", region="")
    assert bool(opened(table_finding(), changes=[change(about, version=version)]).changes) is is_named


@pytest.mark.parametrize(
    ("before", "is_named"),
    [(BEFORE, True), (BEFORE + 1, False), (0, True), (1 - STEP, True), (-STEP, False)],
    ids=["30 min", "30 min 1 s", "at its start", "in its first minute", "after its first minute"],
)
def test_half_an_hour_is_the_longest(before: int, *, is_named: bool) -> None:
    incident = opened(finding(PUT), changes=[change(ts=BEGAN - before)])
    assert named(incident) == ([("42", max(0, before))] if is_named else [])


def test_the_nearest_is_first_and_of_very_many_only_the_nearest_are_named() -> None:
    many = [change(ts=BEGAN - 10 * number, version=str(number)) for number in range(MOST_NAMED + 5)]
    assert [version for version, _ in named(opened(finding(PUT), changes=many))] == [
        str(number) for number in range(MOST_NAMED)
    ]


ENDED = T0 + 600


def over(*changes: StatedChange, again: bool = False) -> Incident:
    """Return an incident whose finding ended at ``ENDED``, three minutes before that was certain."""
    of, incidents = table_finding(), Incidents(Settings())
    incidents.feed([], T0 - STEP, changes=[change()])
    incidents.feed([of], T0)
    incidents.feed([replace(ended(of, ENDED + 180), end=ENDED)], ENDED + 180, changes=changes)
    if again:
        later = table_finding(id="again", start=ENDED + 600, seen=ENDED + 720)
        incidents.feed([later], ENDED + 720)
    return incidents.all()[0]


def test_what_has_ended_names_the_rollback_before_its_end_and_the_change_before_it() -> None:
    incident = over(change(ts=ENDED - 400, version="43"), change(ts=ENDED - 150, version="41"))
    assert named(incident) == [("42", 120)]
    assert incident.ended_after is not None
    assert (incident.ended_after.change.version, incident.ended_after.after) == ("41", 150)


@pytest.mark.parametrize(
    "other",
    [change(ts=ENDED - WITHIN - 1), change(ts=ENDED + STEP), change(GET, ENDED - 150)],
    ids=["long before its end", "after it", "of something else"],
)
def test_what_did_not_come_shortly_before_the_end_is_not_said_to_have_ended_it(other: StatedChange) -> None:
    assert over(other).ended_after is None


def test_what_is_open_again_was_ended_by_nothing() -> None:
    assert over(change(ts=ENDED - 150), again=True).ended_after is None


def test_growth_names_nothing_for_it_begins_at_no_minute() -> None:
    incidents = Incidents(Settings())
    incidents.feed([growth_finding(PUT)], T0, changes=[change()])
    assert [incident.changes for incident in incidents.all()] == [[]]


def test_the_change_is_in_every_form_of_json() -> None:
    incident = opened(
        finding(ROUTE, start=BEGAN - 86400), finding(PUT, callers=[share(ROUTE, 1.0)]), changes=[change()]
    )
    shown = {
        "ts": BEGAN - 120,
        "of": written(PUT.as_answer()),
        "what": "deploy",
        "version": "42",
        "by": "ci",
        "url": "https://ci.example.com/42",
        "after": 120,
    }
    assert written(incident_entry(incident))["changes"] == [shown]
    assert written(finding_entry(incident.primary, incident))["changes"] == [shown]
    assert written(finding_entry(finding(TABLE), incident))["changes"] == []


# -- what becomes known late -------------------------------------------------------------------------


class ReportedIncidents:
    """An incident about a table, and the notices about it, restarted after each feed if asked to."""

    def __init__(self, *, restart: bool = False) -> None:
        self.incidents = Incidents(Settings())
        self.notices: list[Notice] = []
        self._restart = restart

    def feed(self, at: int, *findings: Finding, changes: Sequence[StatedChange] = ()) -> list[Notice]:
        made = self.incidents.feed(findings, at, changes=changes)
        self.notices += made
        if self._restart:
            again = Incidents(Settings())
            again.restore(self.incidents.snapshot())
            self.incidents = again
        return made


@pytest.mark.parametrize("restart", [False, True])
def test_a_change_that_becomes_known_after_the_page_edits_it_once(*, restart: bool) -> None:
    reported = ReportedIncidents(restart=restart)
    [page] = reported.feed(T0, table_finding())
    assert page.incident.changes == []
    [edit] = reported.feed(T0 + 600, changes=[change()])
    assert (edit.action, edit.reason, edit.milestones) == (
        Action.UPDATE,
        NoticeReason.PRECEDED,
        [Milestone.PRECEDED],
    )
    assert named(edit.incident) == [("42", 120)]
    assert edit.incident.revision == page.incident.revision + 1
    assert reported.feed(T0 + 660, changes=[change()]) == [], "received again, it is the same change"
    assert reported.feed(T0 + 720, replace(table_finding(), revision=1, state="update", seen=T0 + 720)) != []
    assert [named(notice.incident) for notice in reported.notices[1:]] == [[("42", 120)]] * 2


def test_a_change_that_concerns_no_incident_edits_none() -> None:
    reported = ReportedIncidents()
    reported.feed(T0, table_finding())
    assert reported.feed(T0 + 600, changes=[change(scope("function", "shop-buy"))]) == []


def test_a_resolved_incident_is_edited_until_it_is_closed() -> None:
    reported = ReportedIncidents()
    reported.feed(T0, table_finding())
    reported.feed(T0 + 300, ended(table_finding(), T0 + 300))
    assert [notice.action for notice in reported.feed(T0 + 900)] == [Action.RESOLVE]
    [edit] = reported.feed(T0 + 960, changes=[change()])
    assert (edit.incident.state, named(edit.incident)) == ("resolved", [("42", 120)])


def test_a_page_that_waits_leaves_with_the_change() -> None:
    reported = ReportedIncidents()
    assert reported.feed(T0, finding(PUT, score=0.7)) == []
    [page] = reported.feed(T0 + STEP, changes=[change()])
    assert (page.action, named(page.incident)) == (Action.OPEN, [("42", 120)])
    assert page.milestones == [Milestone.OPENED]


def test_the_change_stays_when_shares_move_and_goes_with_a_finding_that_is_withdrawn() -> None:
    reported = ReportedIncidents()
    reported.feed(T0, table_finding(), finding(GET), changes=[change()])
    moved = table_finding(
        revision=1, state="update", seen=T0 + 300, callers=[share(GET, 0.9), share(PUT, 0.1)]
    )
    reported.feed(T0 + 300, moved)
    assert [named(incident) for incident in reported.incidents.all()] == [[("42", 120)]]
    reported.feed(T0 + 600, replace(moved, revision=2, state="withdrawn", seen=T0 + 600, end=T0 + 600))
    assert [named(incident) for incident in reported.incidents.all()] == [[]]


def test_who_carries_what_little_is_left_is_not_named() -> None:
    reported = ReportedIncidents()
    reported.feed(T0, table_finding(), changes=[change(), change(GET, version="7")])
    left = table_finding(revision=1, state="update", seen=T0 + 300, observed=9.0, callers=[share(GET, 1.8)])
    reported.feed(T0 + 300, left)
    assert [named(incident) for incident in reported.incidents.all()] == [[("42", 120)]]


def test_a_change_that_becomes_known_while_it_eases_is_held_against_its_worst() -> None:
    reported = ReportedIncidents(restart=True)
    reported.feed(T0, table_finding())
    left = table_finding(revision=1, state="update", seen=T0 + 300, observed=9.0, callers=[share(GET, 1.8)])
    reported.feed(T0 + 300, left)
    reported.feed(T0 + 360, changes=[change(), change(GET, version="7")])
    assert [named(incident) for incident in reported.incidents.all()] == [[("42", 120)]]


def test_a_deploy_in_the_middle_of_an_incident_is_not_said_to_precede_it() -> None:
    reported = ReportedIncidents()
    reported.feed(T0, table_finding())
    knock_on = finding(PUT, "later", start=T0 + 3600, seen=T0 + 3660)
    reported.feed(T0 + 3660, knock_on, changes=[change(ts=T0 + 3500)])
    assert [(len(incident.members), named(incident)) for incident in reported.incidents.all()] == [(1, [])]


def test_a_step_fed_apart_from_its_findings_changes_nothing() -> None:
    at_once, apart = ReportedIncidents(), ReportedIncidents()
    at_once.feed(T0, table_finding(), changes=[change()])
    apart.feed(T0 - STEP, changes=[change()])
    apart.feed(T0, table_finding())
    assert at_once.notices == apart.notices


# -- what is kept ------------------------------------------------------------------------------------


def test_changes_are_kept_for_a_week_each_once() -> None:
    recent = RecentChanges()
    first, second = change(ts=T0), change(ts=T0 + 60)
    assert recent.add([second, first, second], T0 + 60)
    assert not recent.add([first], T0 + 60)
    assert recent.all == (first, second)
    newest = change(ts=T0 + KEPT_SECONDS)
    recent.add([newest], T0 + KEPT_SECONDS)
    assert recent.all == (second, newest)
    assert not recent.add([first], T0 + KEPT_SECONDS), "too old to be of use"


def test_of_too_many_changes_the_newest_are_kept() -> None:
    recent = RecentChanges()
    recent.add([change(ts=T0 + number) for number in range(MOST + 10)], T0 + MOST)
    assert len(recent.all) == MOST
    assert recent.all[0].ts == T0 + 10


def test_changes_of_one_account_however_many_make_none_of_another_forgotten() -> None:
    recent = RecentChanges()
    recent.add([change()], T0)
    for number in range(4):
        of = [PUT._replace(account="666", name=f"f{number}-{other}") for other in range(MOST)]
        recent.add([change(about, ts=T0 + number) for about in of], T0 + number)
    assert len(recent.all) == MOST
    assert list(recent.about(PUT, T0 - STEP * 10, T0)) == [change()]


def test_a_state_without_changes_is_read() -> None:
    recent = RecentChanges()
    recent.restore({})
    assert recent.all == ()
    recent.add([change()], T0)
    again = RecentChanges()
    again.restore(recent.snapshot())
    assert again.all == recent.all
    assert again.snapshot() == recent.snapshot()

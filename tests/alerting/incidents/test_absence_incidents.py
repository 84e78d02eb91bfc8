"""Messages about absences and new exceptions, and their times."""

from typing import Any

from alerting.incidents.incidents import Incidents
from alerting.incidents.notice import Action, NoticeReason
from config.settings import Settings
from detectors.model.finding import Finding, Verdict
from detectors.model.measures import Measure
from detectors.model.scope import Scope
from tests.alerting.given import (
    ACCOUNT,
    GET,
    PUT,
    ROUTE,
    SERVICE,
    T0,
    TABLE,
    ended,
    finding,
    notices_of,
    ongoing,
    scope,
    share,
    table_finding,
)

GATHER = Settings().incidents.gather


def absence(about: Scope, **changes: Any) -> Finding:
    given: dict[str, Any] = {
        "id": f"absence-{about.kind}-{about.name}",
        "verdict": Verdict.ABSENCE,
        "measure": Measure.REQUESTS,
        "observed": 0.0,
        "sentence": f"{about.name} has had no requests for 4 minutes.",
    }
    return finding(about, **(given | changes))


def fatal(about: Scope = PUT, **changes: Any) -> Finding:
    given: dict[str, Any] = {
        "id": f"fatal-{about.name}",
        "verdict": Verdict.FATAL,
        "measure": Measure.ERRORS_FATAL,
        "observed": 0.05,
        "expected": 0.0,
        "lower": 0.0,
        "upper": 0.0,
        "error_type": "KeyError",
        "times": 3,
        "callers": [share(ROUTE, 1.0)],
        "touches": [ROUTE],
    }
    return finding(about, **(given | changes))


def test_an_absent_function_with_its_route_and_table_is_one_page_about_the_function() -> None:
    calls = {"callers": [share(ROUTE, 1.0)], "touches": [ROUTE]}
    [notice] = notices_of(absence(ROUTE), absence(PUT, **calls), absence(TABLE, touches=[PUT]))
    assert (notice.incident.primary.about, notice.incident.verdict) == (PUT, Verdict.ABSENCE)
    assert {member.about for member in notice.incident.members} == {ROUTE, TABLE}


def test_of_several_absent_functions_the_headline_is_their_service() -> None:
    [notice] = notices_of(absence(PUT), absence(GET), absence(SERVICE))
    assert notice.incident.primary.about == SERVICE


def test_of_several_absent_services_the_headline_is_the_account() -> None:
    account = scope("account", ACCOUNT)
    [notice] = notices_of(absence(SERVICE), absence(scope("service", "shop")), absence(account))
    assert notice.incident.primary.about == account


def test_a_function_that_falls_absent_later_does_not_take_the_message_of_its_service() -> None:
    incidents = Incidents(Settings())
    [page] = [*incidents.feed([absence(SERVICE)], T0), *incidents.feed([], T0 + 60)]
    [update] = incidents.feed([absence(PUT, seen=T0 + 120), absence(GET, seen=T0 + 120)], T0 + 120)
    assert (update.action, update.incident.id) == (Action.UPDATE, page.incident.id)
    assert update.incident.primary.about == SERVICE


def test_a_drop_to_nothing_takes_the_name_of_an_absence_in_the_same_message() -> None:
    incidents = Incidents(Settings())
    drop = absence(SERVICE, id="fall", verdict=Verdict.DROP)
    [page] = [*incidents.feed([drop], T0), *incidents.feed([], T0 + 60)]
    assert page.incident.verdict is Verdict.DROP
    now_absent = absence(SERVICE, id="fall", revision=1, seen=T0 + 120)
    [update] = incidents.feed([now_absent], T0 + 120)
    assert (update.incident.id, update.incident.verdict) == (page.incident.id, Verdict.ABSENCE)


def test_an_absence_explains_the_falls_behind_it() -> None:
    fall = table_finding(verdict=Verdict.DROP, observed=1.0, touches=[PUT, ROUTE])
    [first] = notices_of(fall, absence(ROUTE))
    assert first.incident.primary.about == ROUTE


def fallen(about: Scope, expected: float, *carry: Scope, part: float = 0.2, **changes: Any) -> Finding:
    """Return a fall to a tenth, of which each of ``carry`` has a part."""
    given: dict[str, Any] = {
        "id": f"fall-{about.kind}-{about.name}",
        "verdict": Verdict.DROP,
        "measure": Measure.REQUESTS,
        "observed": expected / 10,
        "expected": expected,
        "callers": [share(carrier, part) for carrier in carry],
        "touches": list(carry),
    }
    return finding(about, **(given | changes))


def test_where_a_service_falls_to_a_tenth_one_function_without_a_request_left_is_not_the_headline() -> None:
    quiet = absence(PUT, expected=0.8, callers=[share(ROUTE, 1.0)], touches=[ROUTE])
    service = fallen(SERVICE, 8.0, GET, PUT)
    account = fallen(scope("account", ACCOUNT), 20.0, SERVICE, part=0.9)
    [page] = notices_of(account, service, quiet)
    assert (page.incident.verdict, page.incident.primary.about) == (Verdict.DROP, SERVICE)
    assert page.incident.members[0].about == PUT


def test_a_fall_that_was_reported_keeps_the_message_when_a_small_part_of_it_falls_absent() -> None:
    incidents = Incidents(Settings())
    [page] = [*incidents.feed([fallen(SERVICE, 8.0, GET, PUT)], T0), *incidents.feed([], T0 + 60)]
    [update] = incidents.feed([absence(PUT, expected=0.8, seen=T0 + 120)], T0 + 120)
    assert (update.incident.id, update.incident.primary.about) == (page.incident.id, SERVICE)
    assert update.incident.verdict is Verdict.DROP


def test_an_absence_that_was_reported_gives_the_message_to_the_fall_that_it_is_a_small_part_of() -> None:
    incidents = Incidents(Settings())
    [page] = [*incidents.feed([absence(PUT, expected=0.8)], T0), *incidents.feed([], T0 + 60)]
    [update] = incidents.feed([fallen(SERVICE, 8.0, GET, PUT, seen=T0 + 120)], T0 + 120)
    assert (update.incident.id, update.incident.primary.about) == (page.incident.id, SERVICE)


def test_an_absence_that_is_most_of_a_fall_is_its_headline() -> None:
    for service in (fallen(SERVICE, 80.0, PUT, part=0.9), fallen(SERVICE, 8.0, GET, PUT)):
        [page] = notices_of(service, absence(PUT, expected=6.0))
        assert (page.incident.verdict, page.incident.primary.about) == (Verdict.ABSENCE, PUT)
    route = fallen(ROUTE, 8.0)  # it calls others, too
    [page] = notices_of(route, absence(PUT, expected=0.8, callers=[share(ROUTE, 1.0)], touches=[ROUTE]))
    assert page.incident.primary.about == PUT


def test_an_absent_table_waits_for_its_callers() -> None:
    incidents = Incidents(Settings())
    assert incidents.feed([absence(TABLE, touches=[SERVICE])], T0) == []
    [notice] = [
        *incidents.feed([absence(SERVICE, seen=T0 + 120)], T0 + 120),
        *incidents.feed([], T0 + 180),
    ]
    assert (notice.at, notice.incident.primary.about) == (T0 + 180, SERVICE)


def test_an_absent_table_whose_callers_continue_is_reported_alone() -> None:
    incidents = Incidents(Settings())
    [notice] = [*incidents.feed([absence(TABLE)], T0), *incidents.feed([], T0 + GATHER)]
    assert (notice.at, notice.incident.primary.about) == (T0 + GATHER, TABLE)


def test_absences_of_different_times_are_different_pages() -> None:
    incidents = Incidents(Settings())
    first = absence(SERVICE, start=T0 - 120)
    later = absence(scope("service", "shop"), start=T0 + 3600, seen=T0 + 3700)
    told_of = [*incidents.feed([first], T0), *incidents.feed([later], T0 + 3900)]
    assert [notice.action for notice in told_of] == [Action.OPEN, Action.OPEN]


def test_absences_that_follow_one_another_make_no_chain_that_hides_a_later_one() -> None:
    incidents, paged = Incidents(Settings()), list[str]()
    for number in range(7):  # of services that have nothing in common
        start = T0 + number * (GATHER - 30)
        gone = absence(scope("service", f"s{number}"), start=start, seen=start + 120)
        notices = [*incidents.feed([gone], start + 120), *incidents.feed([], start + 180)]
        paged += [str(notice.incident.primary.about) for notice in notices if notice.action is Action.OPEN]
    assert paged == [str(scope("service", f"s{number}")) for number in (0, 2, 4, 6)]


def test_absences_of_before_an_outage_belong_to_it_however_seldom_their_calls_are() -> None:
    incidents = Incidents(Settings())
    for number in range(7):  # an absence begins at the last call
        gone = absence(scope("service", f"s{number}"), start=T0 - number * (GATHER - 30), seen=T0 + 120)
        incidents.feed([gone], T0 + 120)
    assert len(ongoing(incidents)) == 1


def test_an_account_without_anything_is_resolved_as_soon_as_everything_is_back() -> None:
    incidents = Incidents(Settings())
    gone = absence(scope("account", ACCOUNT), gap=True)
    [page] = incidents.feed([gone], T0)
    [over] = incidents.feed([ended(gone, T0 + 600)], T0 + 600)
    assert (page.action, over.action, over.at) == (Action.OPEN, Action.RESOLVE, T0 + 600)


def test_an_exception_never_seen_before_is_reported_at_once() -> None:
    incidents = Incidents(Settings())
    [notice] = incidents.feed([fatal()], T0)
    assert (notice.action, notice.at, notice.reason) == (Action.OPEN, T0, NoticeReason.NEW)


def test_the_exception_explains_the_errors_that_it_makes() -> None:
    errors = finding(PUT, id="errors", measure=Measure.ERRORS_FATAL, score=0.9999)
    [notice] = notices_of(errors, fatal(score=0.5))
    assert notice.incident.verdict is Verdict.FATAL
    assert len(notice.incident.members) == 1


def test_an_exception_is_reported_even_when_it_came_once() -> None:
    incidents = Incidents(Settings())
    [page] = incidents.feed([fatal(times=1)], T0)
    resolved = [
        *incidents.feed([ended(fatal(times=1), T0 + 600)], T0 + 600),
        *incidents.feed([], T0 + 1200),
    ]
    assert (page.action, resolved[-1].action) == (Action.OPEN, Action.RESOLVE)

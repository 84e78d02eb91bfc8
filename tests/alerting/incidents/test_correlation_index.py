"""The correlation index gives the same answers as a scan over every finding of every incident."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from alerting.incidents.correlation import (
    FAILS_WITH_SECONDS,
    GROWTH,
    JOINS_SECONDS,
    RISES_WITH_SECONDS,
    UP,
    CorrelationIndex,
    carriers,
    direction,
    is_about_broad,
    is_broad,
    is_service_failure,
    parts,
    subjects,
    taken_over,
)
from alerting.incidents.incident_record import IncidentRecord
from alerting.incidents.incidents import Incidents
from config.settings import Settings
from detectors.model.finding import Finding, Verdict
from detectors.model.measures import Measure, value_of
from detectors.model.scope import ACCOUNT as ACCOUNT_KIND
from detectors.model.scope import CLIENT, TENANT, Scope
from tests.alerting.given import ACCOUNT, GET, IOS, PUT, ROUTE, SERVICE, T0, TABLE, finding, scope, share

GATHER = 300
PLACES = [TABLE, PUT, GET, ROUTE, IOS, SERVICE, scope("account", ACCOUNT), scope("table", "users")]
LOADS = [Measure.REQUESTS, Measure.WCU]
MEASURES = [*LOADS, Measure.ERRORS_USER, Measure.ERRORS_BACKEND, value_of("sales"), Measure("level:pool")]


@st.composite
def findings(draw: st.DrawFn) -> Finding:
    about: Scope = draw(st.sampled_from(PLACES))
    callers = draw(st.lists(st.sampled_from(PLACES), max_size=2, unique=True))
    verdict = draw(st.sampled_from([Verdict.SPIKE, Verdict.DROP, Verdict.ABSENCE, Verdict.GROWTH]))
    return finding(
        about,
        identity=f"f{draw(st.integers(0, 11))}",
        verdict=verdict,
        start=T0
        + draw(st.sampled_from([0, 60, 180, GATHER, GATHER + 60, JOINS_SECONDS, JOINS_SECONDS + 60])),
        measure=draw(
            st.sampled_from(
                [Measure.REQUESTS, Measure.WCU, Measure.ERRORS_USER, value_of("sales"), Measure("level:pool")]
            )
        ),
        callers=[share(caller, draw(st.sampled_from([0.05, 0.3, 0.9]))) for caller in callers],
        touches=draw(st.lists(st.sampled_from(PLACES), max_size=3, unique=True)),
        suspects=[share(IOS, 0.5)] if draw(st.booleans()) else [],
    )


def is_stated(one: Finding) -> bool:
    """Return whether others decide what a finding is about: what they say, or what they do wrong."""
    return bool(one.measure.key) or one.measure is Measure.ERRORS_USER


def connected(new: Finding, held: Finding, apart: int, absent: int) -> bool:
    """Return whether a new finding has the cause of an earlier one of its account and direction: the oracle.

    They began ``apart`` seconds from each other; ``absent`` is when the first absence of that incident did,
    of those that are stated or of those that are not, as ``held`` is. The rules are those of
    ``CorrelationIndex``.
    """
    if is_stated(held) and not is_stated(new) and apart > RISES_WITH_SECONDS:
        return False
    breaks = held.measure in LOADS and held.rises and new.measure is Measure.ERRORS_BACKEND
    if breaks and apart > FAILS_WITH_SECONDS:
        return False
    rises = direction(new) == UP
    whole = ACCOUNT_KIND in (new.about.kind, held.about.kind)
    together = apart <= (RISES_WITH_SECONDS if rises and whole else GATHER)
    if together and whole:
        return True
    if together and new.verdict is held.verdict is Verdict.ABSENCE and new.start - absent <= GATHER:
        return True
    mine, theirs = subjects(new), subjects(held)
    found = (mine & theirs) | (theirs & (parts(new) if together else carriers(new)))
    failing = is_service_failure(held) and new.measure is held.measure
    failing &= apart <= FAILS_WITH_SECONDS or new.about.kind == "client"
    if together or not is_about_broad(held) or failing:
        found |= (mine & (parts(held) if together else carriers(held))) | (carriers(new) & carriers(held))
    if rises and apart > RISES_WITH_SECONDS:
        through = {ACCOUNT_KIND} if new.about.kind in (CLIENT, TENANT) else {ACCOUNT_KIND, CLIENT, TENANT}
        found = set() if whole else {scope for scope in found if scope.kind not in through}
    return bool(found) if together else any(not is_broad(scope) for scope in found)


def scanned(new: Finding, incidents: dict[str, dict[str, Finding]]) -> set[str]:
    """Return the incidents that a scan over every finding relates to a new one."""
    found = set()
    for incident, held in incidents.items():
        if held and new.start - min(item.start for item in held.values()) > JOINS_SECONDS:
            continue
        same_way = [
            finding
            for finding in held.values()
            if direction(finding) == direction(new) != GROWTH
            and bool(finding.measure.level) is bool(new.measure.level)
        ]
        absences = [item for item in same_way if item.verdict is Verdict.ABSENCE]
        for item in same_way:
            apart = abs(item.start - new.start)
            alike = [one.start for one in absences if is_stated(one) is is_stated(item)]
            absent = min(alike, default=0)
            if apart <= JOINS_SECONDS and connected(new, item, apart, absent):
                found.add(incident)
    return found


@settings(max_examples=300)
@given(st.lists(st.tuples(st.integers(0, 3), findings()), max_size=14), st.integers(0, 3), findings())
def test_related_incidents_are_those_that_a_scan_over_every_finding_finds(
    puts: list[tuple[int, Finding]], removed: int, new: Finding
) -> None:
    index, incidents = CorrelationIndex(), dict[str, dict[str, Finding]]()
    for number, drawn in puts:
        numbered = replace(drawn, id=f"{number}-{drawn.id}")
        index.put(f"incident{number}", numbered)
        incidents.setdefault(f"incident{number}", {})[numbered.id] = numbered
    index.remove(f"incident{removed}")
    incidents.pop(f"incident{removed}", None)
    replaced = {incident for incident, held in incidents.items() if taken_over(held.values())}
    assert index.related(new, GATHER) - replaced == scanned(new, incidents) - replaced
    for incident in replaced:  # there, only what is a part of the other counts
        assert incident not in index.related(new, GATHER) or incident in scanned(new, incidents)
    assert index.same_series(new) == {
        incident
        for incident, held in incidents.items()
        if any(
            (finding.about, finding.measure, direction(finding)) == (new.about, new.measure, direction(new))
            for finding in held.values()
        )
    }


def test_a_level_of_a_function_takes_in_nothing_that_happens_to_its_requests() -> None:
    index = CorrelationIndex()
    index.put(
        "level", finding(PUT, "l", measure=Measure("level:q"), verdict=Verdict.LIMIT, near=True, limit=1.0)
    )
    failing = finding(PUT, "f", measure=Measure.ERRORS_BACKEND, start=T0 + GATHER)
    assert index.related(failing, GATHER) == set()


def test_quotas_that_come_near_together_are_incidents_of_their_own() -> None:
    incidents, account = Incidents(Settings()), scope("account", ACCOUNT)
    near = [
        finding(account, name, measure=Measure(f"level:{name}"), verdict=Verdict.LIMIT, near=True, limit=50.0)
        for name in ("quota", "other")
    ]
    incidents.feed(near, T0)
    incidents.feed([], T0 + 120)
    assert [len(incident.members) for incident in incidents.all()] == [0, 0]


@pytest.mark.parametrize("stated", [Measure.ERRORS_USER, value_of("sales")])
def test_what_callers_do_wrong_or_senders_say_takes_in_no_failure_that_begins_later(stated: Measure) -> None:
    index = CorrelationIndex()
    said = finding(PUT, "s", measure=stated, start=T0)
    failing = finding(PUT, "f", measure=Measure.ERRORS_BACKEND, start=T0 + GATHER)
    index.put("said", said)
    assert index.related(failing, GATHER) == set()
    assert index.related(replace(failing, start=T0 + 60), GATHER) == {"said"}
    index.put("failing", failing)
    index.remove("said")
    assert index.related(replace(said, start=T0 + 900), GATHER) == {"failing"}, "it is a part of that"


def test_the_errors_of_a_client_are_a_part_of_what_fails_for_as_long_as_it_does() -> None:
    index = CorrelationIndex()
    fatal = Measure.ERRORS_FATAL
    index.put("failing", finding(SERVICE, "s", measure=fatal, touches=[IOS], start=T0))
    assert index.related(finding(IOS, "c", measure=fatal, start=T0 + 1200), GATHER) == {"failing"}


def test_more_calls_take_in_failures_of_the_next_minutes_only() -> None:
    index = CorrelationIndex()
    index.put("called", finding(PUT, "c", measure=Measure.REQUESTS, start=T0))
    failing = finding(PUT, "f", measure=Measure.ERRORS_BACKEND, start=T0 + FAILS_WITH_SECONDS)
    assert index.related(failing, GATHER) == {"called"}
    assert index.related(replace(failing, start=failing.start + 60), GATHER) == set()


def test_one_burst_after_the_other_takes_in_no_later_outage() -> None:
    index = CorrelationIndex()
    for number in range(10):  # each an hour after the one before
        index.put("bursts", finding(PUT, f"b{number}", start=T0 + 3600 * number))
    failing = finding(PUT, "f", measure=Measure.ERRORS_BACKEND, start=T0 + 9 * 3600 + 60)
    assert index.related(failing, GATHER) == set()


def test_a_flood_of_one_service_takes_in_no_outage_of_another_that_begins_minutes_later() -> None:
    index = CorrelationIndex()
    pay = scope("function", "pay")
    flooded = finding(
        scope("account", ACCOUNT), "a", callers=[share(SERVICE, 0.98)], touches=[pay, SERVICE], start=T0
    )
    failing = finding(pay, "p", measure=Measure.ERRORS_BACKEND, start=T0 + 180)
    index.put("flood", flooded)
    assert index.related(failing, GATHER) == set()
    index.put("outage", failing)
    index.remove("flood")
    assert index.related(replace(flooded, start=T0 + 360), GATHER) == set(), "nor does it join an outage"
    assert index.related(replace(flooded, start=T0 + 300), GATHER) == {"outage"}


def test_a_flood_under_the_name_of_a_usual_client_takes_in_nothing_that_this_client_does_later() -> None:
    index = CorrelationIndex()
    index.put("flood", finding(TABLE, "f", suspects=[share(IOS, 0.9)], start=T0))
    other = finding(scope("table", "payments"), "p", suspects=[share(IOS, 0.9)], start=T0 + 180)
    assert index.related(other, GATHER) == set()
    assert index.related(replace(other, start=T0 + 120), GATHER) == {"flood"}


def test_nothing_is_left_of_removed_incidents() -> None:
    index = CorrelationIndex()
    for number, about in enumerate(PLACES):
        index.put(str(number % 3), finding(about, identity=str(number), touches=PLACES))
        index.put(str(number % 3), finding(about, identity=str(number), touches=[PUT], revision=1))
    for number in range(3):
        index.remove(str(number))
    assert vars(index) == vars(CorrelationIndex())


@pytest.mark.parametrize(
    "flood",
    [
        [finding(scope("table", f"t{n}"), callers=[share(IOS, 0.6)], touches=[IOS]) for n in range(400)],
        [finding(scope("table", f"t{n}"), verdict=Verdict.GROWTH, touches=[PUT]) for n in range(400)],
        [
            finding(
                scope("function", f"f{n}"), verdict=Verdict.DROP, observed=0.0, callers=[share(ROUTE, 1.0)]
            )
            for n in range(400)
        ],
        [finding(scope("table", f"t{n}"), callers=[share(PUT, 0.9)], touches=[PUT]) for n in range(400)],
        [finding(scope("function", f"f{n}"), verdict=Verdict.ABSENCE, observed=0.0) for n in range(400)],
    ],
    ids=["a client of all", "growth", "replaced functions", "one caller", "absent functions"],
)
def test_a_flood_is_linear_each_finding_is_compared_with_one_incident_at_most(
    flood: list[Finding], monkeypatch: pytest.MonkeyPatch
) -> None:
    compared = list[str]()
    accepts = IncidentRecord.accepts

    def counted(record: IncidentRecord, finding: Finding, *, same_series: bool) -> bool:
        compared.append(record.id)
        return accepts(record, finding, same_series=same_series)

    monkeypatch.setattr(IncidentRecord, "accepts", counted)
    Incidents(Settings()).feed(flood, T0)
    assert len(compared) <= len(flood)

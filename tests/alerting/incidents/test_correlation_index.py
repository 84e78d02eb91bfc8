"""The index of living cases gives the answers of looking at every finding of every case."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from alerting.incidents.correlation import GROWTH, connected, direction, taken_over
from alerting.incidents.correlation_index import JOINS_SECONDS, CorrelationIndex
from alerting.incidents.incident_record import Case
from alerting.incidents.incidents import Incidents
from config.settings import Settings
from detectors.model.finding import Finding, Verdict
from detectors.model.measures import Measure
from detectors.model.scope import Scope
from tests.alerting.given import ACCOUNT, GET, IOS, PUT, ROUTE, SERVICE, T0, TABLE, finding, scope, share

GATHER = 300
PLACES = [TABLE, PUT, GET, ROUTE, IOS, SERVICE, scope("account", ACCOUNT), scope("table", "users")]


@st.composite
def findings(draw: st.DrawFn) -> Finding:
    about: Scope = draw(st.sampled_from(PLACES))
    callers = draw(st.lists(st.sampled_from(PLACES), max_size=2, unique=True))
    verdict = draw(st.sampled_from([Verdict.SPIKE, Verdict.DROP, Verdict.ABSENCE, Verdict.GROWTH]))
    return finding(
        about,
        identity=f"f{draw(st.integers(0, 11))}",
        verdict=verdict,
        start=T0 + draw(st.sampled_from([0, 60, GATHER, GATHER + 60, JOINS_SECONDS, JOINS_SECONDS + 60])),
        measure=draw(st.sampled_from([Measure.REQUESTS, Measure.WCU])),
        callers=[share(caller, draw(st.sampled_from([0.05, 0.3, 0.9]))) for caller in callers],
        touches=draw(st.lists(st.sampled_from(PLACES), max_size=3, unique=True)),
        suspects=[share(IOS, 0.5)] if draw(st.booleans()) else [],
    )


def looked_up(new: Finding, cases: dict[str, dict[str, Finding]]) -> set[str]:
    """Return what looking at every finding finds."""
    found = set()
    for case, held in cases.items():
        same_way = [each for each in held.values() if direction(each) == direction(new) != GROWTH]
        for each in same_way:
            apart = abs(each.start - new.start)
            if apart <= JOINS_SECONDS and connected(new, each, together=apart <= GATHER):
                found.add(case)
    return found


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), findings()), max_size=14), st.integers(0, 3), findings())
def test_what_is_near_is_what_looking_at_every_finding_finds(
    puts: list[tuple[int, Finding]], removed: int, new: Finding
) -> None:
    reach, cases = CorrelationIndex(), dict[str, dict[str, Finding]]()
    for number, each in puts:
        one = replace(each, id=f"{number}-{each.id}")
        reach.put(f"case{number}", one)
        cases.setdefault(f"case{number}", {})[one.id] = one
    reach.remove(f"case{removed}")
    cases.pop(f"case{removed}", None)
    replaced = {case for case, held in cases.items() if taken_over(held.values())}
    assert reach.related(new, GATHER) - replaced == looked_up(new, cases) - replaced
    for case in replaced:  # there, only what is a part of the other counts
        assert case not in reach.related(new, GATHER) or case in looked_up(new, cases)
    assert reach.same_series(new) == {
        case
        for case, held in cases.items()
        if any(
            (each.about, each.measure, direction(each)) == (new.about, new.measure, direction(new))
            for each in held.values()
        )
    }


def test_nothing_is_left_of_cases_that_are_gone() -> None:
    reach = CorrelationIndex()
    for number, about in enumerate(PLACES):
        reach.put(str(number % 3), finding(about, identity=str(number), touches=PLACES))
        reach.put(str(number % 3), finding(about, identity=str(number), touches=[PUT], revision=1))
    for number in range(3):
        reach.remove(str(number))
    assert vars(reach) == vars(CorrelationIndex())


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
def test_a_flood_is_linear_each_finding_is_held_against_one_case_at_most(
    flood: list[Finding], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = list[str]()
    takes = Case.takes

    def counted(case: Case, finding: Finding, *, same_series: bool) -> bool:
        asked.append(case.id)
        return takes(case, finding, same_series=same_series)

    monkeypatch.setattr(Case, "takes", counted)
    Incidents(Settings()).feed(flood, T0)
    assert len(asked) <= len(flood)

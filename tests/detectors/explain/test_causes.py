"""The walk over the findings of an incident, from a symptom to the deepest one that explains it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.explain.causes import causes
from detectors.model.finding import CallRate, Finding, Share, Verdict
from detectors.model.measures import Measure
from detectors.model.scope import Scope
from detectors.model.sentence import with_causes


def scope(kind: str, name: str) -> Scope:
    return Scope(kind, "aws", "1", "eu-west-1", name)


ROUTE, PUT, GET = scope("route", "GET /items"), scope("function", "put"), scope("function", "get")
ITEMS, USERS, SERVICE = scope("table", "items"), scope("table", "users"), scope("service", "shop")


def finding(about: Scope, measure: Measure, observed: float, expected: float, **more: Any) -> Finding:
    given: dict[str, Any] = {
        "id": f"{about.name} {measure}",
        "revision": 0,
        "state": "open",
        "verdict": Verdict.SPIKE,
        "scope": about,
        "measure": measure,
        "start": 0,
        "seen": 60,
        "observed": observed,
        "expected": expected,
        "lower": expected,
        "upper": expected,
        "score": 0.99,
        "sentence": "It is so.",
    }
    return Finding(**(given | more))


def slow(
    about: Scope, observed: float, expected: float, calls: float, callers: dict[Scope, float], **more: Any
) -> Finding:
    traffic = [CallRate(scope=caller, calls=made) for caller, made in callers.items()]
    return finding(about, Measure.LATENCY, observed, expected, calls=calls, traffic=traffic, **more)


def failing(about: Scope, measure: Measure, observed: float, shares: dict[Scope, float]) -> Finding:
    callers = [
        Share(scope=caller, share=part, more_calls=part, more_per_call=0.0, observed=0.0, expected=0.0)
        for caller, part in shares.items()
    ]
    return finding(about, measure, observed, 0.0, callers=callers)


SLOW = [
    slow(ROUTE, 350, 50, 10, {}),
    slow(GET, 340, 40, 10, {ROUTE: 10}),
    slow(ITEMS, 150, 5, 20, {GET: 20, ROUTE: 20}),  # two calls for each of the function
]


def test_a_slow_route_leads_through_its_function_to_the_table() -> None:
    found = causes(SLOW)
    for symptom in (SLOW[0], SLOW[1]):
        first = found[symptom.id][0]
        assert (first.scope, first.measure) == (ITEMS, Measure.LATENCY)
        assert first.score > 0.9
    assert SLOW[2].id not in found  # nothing lies behind it


@given(st.permutations(SLOW))
def test_the_order_of_the_findings_does_not_matter(findings: list[Finding]) -> None:
    assert causes(findings) == causes(SLOW)


def test_a_table_explains_to_a_caller_only_its_own_part() -> None:
    loud, rare = slow(PUT, 340, 40, 100, {}), slow(GET, 340, 40, 100, {})
    found = causes([loud, rare, slow(ITEMS, 305, 5, 101, {PUT: 100, GET: 1})])
    assert found[loud.id][0].score == pytest.approx(1.0, abs=1e-3)
    assert rare.id not in found  # a hundredth of its slowness


def test_a_function_with_its_own_fault_keeps_it() -> None:
    found = causes(
        [slow(ROUTE, 350, 50, 10, {}), slow(GET, 340, 40, 10, {ROUTE: 10}), slow(ITEMS, 6, 5, 10, {GET: 10})]
    )
    assert [cause.scope for cause in found["GET /items latency"]] == [GET]
    assert "get latency" not in found


def test_where_no_event_names_the_caller_the_calls_seen_below_count() -> None:
    unnamed = [slow(ROUTE, 350, 50, 0.0, {}), *SLOW[1:]]
    assert causes(unnamed)[SLOW[0].id] == causes(SLOW)[SLOW[0].id]


def test_a_path_that_is_known_twice_is_walked_once() -> None:
    half = [
        SLOW[0],
        SLOW[1],
        slow(ITEMS, 80, 5, 20, {GET: 20, ROUTE: 20}),
    ]  # the function's own is the other half
    first, second = causes(half)[SLOW[0].id]
    assert first.score == pytest.approx(0.5, abs=0.01)
    assert second.score == pytest.approx(0.5, abs=0.01)


def test_a_slow_service_is_explained_by_its_functions() -> None:
    service = slow(SERVICE, 350, 50, 10, {GET: 10})
    found = causes([service, slow(GET, 350, 50, 10, {ROUTE: 10})])
    assert found[service.id][0].scope == GET
    assert "get latency" not in found


def test_a_service_is_also_explained_through_functions_without_a_finding() -> None:
    service = slow(SERVICE, 350, 50, 10, {GET: 10})
    found = causes([service, slow(ITEMS, 295, 5, 10, {GET: 10})])
    assert found[service.id][0].scope == ITEMS


def test_slow_code_is_explained_by_the_table_it_waits_for_and_explains_nothing_itself() -> None:
    code = finding(
        GET, Measure.LATENCY_CODE, 340, 40, calls=10.0, traffic=[CallRate(scope=ROUTE, calls=10.0)]
    )
    found = causes([SLOW[0], code, SLOW[2]])
    assert found[code.id][0].scope == ITEMS
    assert [cause.scope for cause in found[SLOW[0].id]] == [ITEMS]


def test_errors_lead_to_the_table_that_throttles() -> None:
    found = causes(
        [
            failing(ROUTE, Measure.ERRORS_BACKEND, 4.0, {}),
            failing(PUT, Measure.ERRORS_BACKEND, 4.0, {ROUTE: 1.0}),
            failing(ITEMS, Measure.THROTTLES, 5.0, {PUT: 0.9, GET: 0.1}),
        ]
    )
    first = found[f"{ROUTE.name} errors_backend"][0]
    assert (first.scope, first.measure) == (ITEMS, Measure.THROTTLES)


def test_falls_and_other_measures_explain_no_slowness() -> None:
    faster = slow(ITEMS, 2, 5, 10, {GET: 10})
    busier = finding(
        USERS, Measure.RCU, 90, 10, callers=failing(USERS, Measure.THROTTLES, 1, {GET: 1.0}).callers
    )
    assert causes([slow(GET, 340, 40, 10, {}), faster, busier]) == {}


def test_the_sentence_names_the_cause_of_most_of_it() -> None:
    found = causes(SLOW)
    reported = with_causes(SLOW[0], found[SLOW[0].id])
    assert reported.sentence == "It is so; the time is spent in table items."
    half = [cause for cause in found[SLOW[0].id] if cause.scope == ITEMS]
    assert (
        with_causes(SLOW[0], [type(half[0])(scope=ITEMS, measure=Measure.LATENCY, score=0.3)]).sentence
        == "It is so."
    )
    assert with_causes(SLOW[0], []) == SLOW[0]

"""Incidents of known length, from records to incidents: start, end and furthest step."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from alerting.incidents.incident import Incident
from alerting.incidents.notice import Action
from config.settings import JudgeSettings, Settings
from detectors.model.finding import Finding, Verdict
from detectors.model.measures import LATENCIES, Measure
from streams.offline.simulate.scenario import Scenario
from tests.streams.engine.stages.engine_run import (
    DAY,
    HOUR,
    START,
    EngineRun,
    backend,
    gathered,
    label_of,
    records,
)

SETTINGS = Settings(judge=JudgeSettings(young=12 * 3600))
STEP = SETTINGS.time.step
APART = 3 * HOUR
HYSTERESIS = 15 * 60  # seconds after which an end is certain, at most


class Case(NamedTuple):
    """An incident of a scenario: what is about, how long it lasts, and what makes it."""

    about: str
    minutes: int
    incident: dict[str, Any]

    def at(self, number: int) -> int:
        """Return when it begins, in seconds after the start of the scenario."""
        return DAY + HOUR + number * APART


BUY = "POST /offers/{id}/buy"
CASES = (
    Case("items", 40, {"kind": "hammer", "function": "inventory-put-item", "table": "items", "times": 8}),
    Case("shop-buy", 15, {"kind": "outage", "route": BUY, "share": 0.41}),
    Case("inventory-put-item", 25, {"kind": "spike", "function": "inventory-put-item", "times": 5}),
    Case("inventory", 40, {"kind": "drop", "service": "inventory", "times": 0.1}),
    Case("inventory-put-item", 30, {"kind": "absence", "function": "inventory-put-item"}),
    Case("items", 20, {"kind": "hot_key", "table": "items", "share": 0.3}),
    Case("ledger", 25, {"kind": "slow", "table": "ledger", "times": 6}),
)


def busier(scenario: Scenario, times: float) -> Scenario:
    """Return a scenario with more requests."""
    written = scenario.model_dump(by_alias=True)
    for service in written["services"].values():
        for route in service["routes"].values():
            route["rate"] *= times
    return Scenario.model_validate(written)


@pytest.fixture(scope="module")
def run() -> EngineRun:
    timed = [
        {"at": case.at(number), "for": f"{case.minutes}m", **case.incident}
        for number, case in enumerate(CASES)
    ]
    scenario = busier(backend(*timed, hours=2 + len(CASES) * APART // HOUR), 4)
    return EngineRun(gathered(records(scenario)), SETTINGS)


def page_of(run: EngineRun, number: int) -> Incident:
    """Return the page about what began at a time."""
    began = START + CASES[number].at(number)
    [page] = [
        incident
        for incident in run.incidents
        if incident.sent == "page" and began - 300 <= incident.start < began + CASES[number].minutes * 60
    ]
    return page


@pytest.mark.parametrize("number", range(len(CASES)), ids=[str(case.incident["kind"]) for case in CASES])
def test_start_and_end_are_those_of_the_deviation(run: EngineRun, number: int) -> None:
    case = CASES[number]
    begun, ended = page_of(run, number).primary_span
    began = START + case.at(number)
    assert ended is not None
    assert abs(begun - began) <= 2 * STEP
    steps = 4 if case.incident["kind"] == "slow" else 2  # a p95 of the newest calls looks back
    assert abs(ended - (began + 60 * case.minutes)) <= steps * STEP


@pytest.mark.parametrize("number", range(len(CASES)), ids=[str(case.incident["kind"]) for case in CASES])
def test_resolved_comes_when_it_was_quiet_for_as_long_as_is_asked(run: EngineRun, number: int) -> None:
    page = page_of(run, number)
    [resolved] = [
        notice for notice in run.notices if notice.action is Action.RESOLVE and notice.incident.id == page.id
    ]
    assert resolved.incident.end is not None
    certain = max(finding.seen for finding in (resolved.incident.primary, *resolved.incident.members))
    assert resolved.at == max(certain, resolved.incident.end + SETTINGS.incidents.quiet)
    assert resolved.at - (START + CASES[number].at(number) + 60 * CASES[number].minutes) <= HYSTERESIS + 300


def charted(run: EngineRun) -> Iterator[Finding]:
    for finding in run.findings:
        if finding.state == "end" and finding.verdict not in (Verdict.FATAL, Verdict.LIMIT, Verdict.GROWTH):
            yield finding


def test_the_peak_is_the_furthest_step_of_the_chart_while_it_lasted(run: EngineRun) -> None:
    checked = 0
    for finding in charted(run):
        trace = finding.trace
        assert trace is not None
        assert finding.end is not None
        steps = [
            value
            for place, value in enumerate(trace.now)
            if value is not None and finding.start <= trace.start + place * trace.step < finding.end
        ]
        furthest = max(steps) if finding.observed >= finding.expected else min(steps, default=0.0)
        if finding.measure in LATENCIES:  # a p95 of the newest calls goes on for as long as it needs
            assert finding.peak is not None
            assert finding.peak >= furthest
            continue
        assert finding.peak == pytest.approx(furthest)
        checked += 1
    assert checked > len(CASES)


def test_the_peak_of_an_incident_is_that_of_its_main_finding(run: EngineRun) -> None:
    peaks = {finding.id: finding.peak for finding in charted(run)}
    for number in range(len(CASES)):
        page = page_of(run, number)
        assert page.peak == pytest.approx(peaks[page.primary.id])


def test_errors_are_counted_among_the_requests_of_the_same_time(run: EngineRun) -> None:
    page = page_of(run, 1)
    failures = page.primary.failures
    assert failures is not None
    assert page.primary.measure is Measure.ERRORS_BACKEND
    assert label_of(page.primary) == "shop-buy"
    assert abs(failures.seconds - 15 * 60) <= 2 * STEP
    assert failures.share == pytest.approx(0.41, abs=0.12)
    assert failures.usual < 0.01
    assert "% of requests of function shop-buy failed with backend errors: " in page.primary.sentence
    assert ", normally 0, based on " in page.primary.sentence
    [opened] = [
        finding
        for finding in run.findings
        if finding.id == page.primary.id and finding.state == "open" and finding.failures
    ]
    assert opened.failures is not None
    assert opened.failures.share > 0.2
    assert " fail with backend errors: " in opened.sentence

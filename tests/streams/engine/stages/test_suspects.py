"""Suspects: clients and tenants with clearly more than their usual share, none if all are affected alike."""

from datetime import UTC, datetime

import pytest

from config.settings import CalendarSettings, JudgeSettings, Planned, Settings
from detectors.model.finding import Finding, Plan, Verdict
from detectors.model.measures import Measure
from tests.streams.engine.stages.engine_run import (
    DAY,
    HAMMER,
    HOUR,
    START,
    EngineRun,
    backend,
    gathered,
    records,
)

COUNTS = (Measure.REQUESTS, Measure.READS, Measure.WRITES)
ALIKE = (
    {"at": DAY + HOUR, "for": "20m", "kind": "spike", "service": "shop", "times": 8},
    {"at": DAY + 2 * HOUR, "for": "20m", "kind": "outage", "service": "shop", "share": 0.5},
    {"at": DAY + 3 * HOUR, "for": "20m", "kind": "hot_key", "table": "items", "share": 0.4},
    {"at": DAY + 4 * HOUR, "for": "30m", "kind": "absence", "service": "shop"},
)
BAD = HAMMER | {"at": DAY + 6 * HOUR, "for": "20m"}


def iso(at: int) -> str:
    return datetime.fromtimestamp(START + at, UTC).strftime("%Y-%m-%dT%H:%M")


@pytest.fixture(scope="module")
def findings() -> list[Finding]:
    """Return the findings of some hours: incidents of all clients, of one build, a failed planned rise."""
    scenario = backend(*ALIKE, BAD, hours=9, tenants={"big": 5, "small": 5}, noise={"drift": 0})
    sale = Planned(name="Sale", start=iso(DAY + 8 * HOUR), end=iso(DAY + 9 * HOUR), factor=4.0)
    settings = Settings(judge=JudgeSettings(young=12 * HOUR), calendar=CalendarSettings(planned=[sale]))
    return EngineRun(gathered(records(scenario)), settings).findings


def at(findings: list[Finding], first: float, last: float) -> list[Finding]:
    return [finding for finding in findings if first * HOUR <= finding.start - START - DAY < last * HOUR]


@pytest.mark.parametrize("hour", [1, 2, 3, 4])
def test_an_incident_that_affects_all_alike_has_no_suspect(findings: list[Finding], hour: int) -> None:
    struck = at(findings, hour - 0.1, hour + 0.9)
    assert {finding.verdict for finding in struck} & {Verdict.SPIKE, Verdict.DROP, Verdict.ABSENCE}
    assert [
        (finding.about, finding.measure, finding.suspects) for finding in struck if finding.suspects
    ] == []


def test_the_build_that_hammers_a_table_is_the_suspect_once_enough_of_its_requests_show_it(
    findings: list[Finding],
) -> None:
    of_table = [
        finding
        for finding in at(findings, 5.9, 6.5)
        if finding.scope and finding.scope.name == "items" and finding.measure is Measure.WCU
    ]
    named = next(finding for finding in of_table if finding.suspects)
    assert named.seen - named.start <= 120, "each of its requests is fifteen calls, and one draw"
    assert [(suspect.scope.label, suspect.share > 0.8) for suspect in named.suspects] == [("ios 3.2.1", True)]


def test_a_planned_rise_that_does_not_happen_has_no_suspect(findings: list[Finding]) -> None:
    missing = at(findings, 7.9, 9)
    assert {finding.verdict for finding in missing} == {Verdict.DROP}
    assert not any(finding.suspects for finding in missing)
    assert {finding.planned for finding in missing} == {Plan(name="Sale", factor=4.0)}
    assert all("planned for “Sale”, 4 times the " in finding.sentence for finding in missing)
    assert not any(finding.planned for finding in at(findings, 0, 7.9))


def test_each_share_is_the_sum_of_two_parts_of_its_sign_and_counts_have_no_cost_per_call(
    findings: list[Finding],
) -> None:
    shares = [
        (finding.measure, share) for finding in findings for share in (*finding.callers, *finding.suspects)
    ]
    assert len(shares) > 100
    for measure, share in shares:
        assert share.more_calls + share.more_per_call == pytest.approx(share.share, abs=1e-6)
        assert min(share.more_calls * share.share, share.more_per_call * share.share) > -1e-9, share
        if measure in COUNTS:
            assert share.more_per_call == pytest.approx(0, abs=1e-9)

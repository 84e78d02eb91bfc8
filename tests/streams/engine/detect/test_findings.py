"""The ids of findings: what outlives every version."""

import msgspec
import pytest

from config.settings import Settings
from detectors.explain.calling_requests import CallingRequests
from detectors.explain.edge_totals import EdgeTotals
from detectors.judge.judge import Judge
from detectors.model.finding import Finding, Verdict
from detectors.model.measures import Measure, Series
from detectors.model.scope import Scope
from detectors.state.state import pack
from streams.engine.detect.absences import Absences
from streams.engine.detect.explainer import Explainer
from streams.engine.detect.fatal_findings import FatalFindings
from streams.engine.detect.findings import Findings, identity


@pytest.mark.parametrize(
    ("scope", "measure", "verdict", "start", "known"),
    [
        (
            Scope("account", "gcp", "uneri-analysis", "", "uneri-analysis"),
            Measure.REQUESTS,
            Verdict.ABSENCE,
            1_758_866_400,
            "0f6eb59626dafa93",
        ),
        (
            Scope("table", "aws", "123456789012", "ap-northeast-1", "items"),
            Measure.WCU,
            Verdict.SPIKE,
            1_758_510_000,
            "892e613643ce06d4",
        ),
    ],
    ids=["absence", "spike"],
)
def test_a_finding_has_the_id_that_version_0_1_gave_it(
    scope: Scope, measure: Measure, verdict: Verdict, start: int, known: str
) -> None:
    assert identity(Series(scope, measure), verdict, start) == known


def test_a_finding_of_a_state_without_failures_and_peaks_is_readable() -> None:
    scope = Scope("table", "aws", "123456789012", "ap-northeast-1", "items")
    finding = Finding(
        id="892e613643ce06d4",
        revision=2,
        state="update",
        verdict=Verdict.SPIKE,
        scope=scope,
        measure=Measure.THROTTLES,
        start=1_758_510_000,
        seen=1_758_510_600,
        observed=3.0,
        expected=0.0,
        lower=0.0,
        upper=0.1,
        score=0.9,
        sentence="",
    )
    written = msgspec.to_builtins(finding)
    del written["failures"], written["peak"], written["added_up"]
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(written), type=Finding) == finding


def test_the_open_findings_of_an_older_state_are_readable() -> None:
    old = {"id": "a", "verdict": "spike", "start": 60, "reported": 120, "revision": 0, "worst": None}
    part = pack("findings", 3, ({3: old}, {}, []), {})
    settings = Settings().judge
    judge = Judge(settings, 60)
    absences = Absences(settings, 60)
    findings = Findings(judge, Explainer(EdgeTotals(60, 4), CallingRequests(60), 60), absences, settings, 60)
    findings.restore({"findings": part})
    assert findings.snapshot()["findings"] != part, "written with what is new"
    findings.restore(findings.snapshot())


def test_the_open_exceptions_of_an_older_state_are_readable() -> None:
    old = {"id": "a", "start": 60, "reported": 120, "last": 120, "count": 3.0, "revision": 0}
    fatal = FatalFindings(3600, 60, 300, Explainer(EdgeTotals(60, 4), CallingRequests(60), 60))
    parts = fatal.snapshot() | {"fatal": pack("fatal", 2, [(0, "KeyError", old)], {})}
    fatal.restore(parts)
    assert fatal.snapshot()["fatal"] != parts["fatal"], "written with what is new"

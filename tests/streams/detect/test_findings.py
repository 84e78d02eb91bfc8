"""The ids of findings: what outlives every version."""

import pytest

from detectors.model.finding import Verdict
from detectors.model.measures import Measure
from detectors.model.scope import Scope
from detectors.model.series import Series
from streams.detect.findings import identity


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

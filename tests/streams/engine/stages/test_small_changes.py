"""A function that calls its table twice in place of once, five times a minute, from an afternoon on."""

import json
from typing import Any, Final

import numpy as np
import pytest

from config.settings import Settings
from detectors.model.finding import Verdict
from tests.streams.engine.stages.engine_run import DAY, HOUR, START, EngineRun, gathered, label_of

pytestmark = pytest.mark.release  # weeks of every minute

WEEK: Final = 7 * DAY
AT: Final = START + 2 * WEEK + 2 * DAY + 14 * HOUR
UNTIL: Final = AT + 4 * HOUR
A_MINUTE: Final = 5
READ: Final = {"name": "items", "op": "GetItem", "ms": 4.0, "rcu": 1.0, "wcu": 0.0}


def record(at: float, number: int) -> bytes:
    reads = 2 if at >= AT else 1
    event: dict[str, Any] = {
        "ts": round(at, 3),
        "id": f"{number:016x}",
        "cloud": "aws",
        "account": "123456789012",
        "region": "eu-west-1",
        "service": "pages",
        "route": "GET /pages",
        "function": "pages-show",
        "status": 200,
        "ms": {"total": 20.0, "function": 15.0},
        "tables": [READ] * reads,
    }
    return json.dumps(event).encode()


@pytest.fixture(scope="module")
def run() -> EngineRun:
    """Return the results of an engine with the shipped defaults for two weeks, two days and the afternoon."""
    rng = np.random.default_rng(1)
    times = np.sort(rng.uniform(START, UNTIL, rng.poisson((UNTIL - START) / 60 * A_MINUTE)))
    lines = [record(at, number) for number, at in enumerate(times.tolist())]
    return EngineRun(gathered(lines), Settings())


def test_the_table_is_reported_within_the_hour_and_nothing_before(run: EngineRun) -> None:
    assert [page.incident.start for page in run.pages if page.incident.start < AT - 600] == []
    first = run.pages[0]
    assert first.at - AT < HOUR
    assert abs(first.incident.start - AT) <= 600
    assert first.incident.primary.observed == pytest.approx(2 * first.incident.primary.expected, rel=0.5)


def test_it_names_who_calls_the_table_twice(run: EngineRun) -> None:
    incident = run.incidents[0]
    assert {label_of(finding) for finding in run.findings} & {"items"}
    assert [share.scope.name for share in incident.primary.callers][:1] == ["pages-show"]


def test_it_becomes_a_shift_and_is_one_incident(run: EngineRun) -> None:
    assert len(run.pages) == 1
    assert Verdict.SHIFT in {finding.verdict for finding in run.findings if label_of(finding) == "items"}

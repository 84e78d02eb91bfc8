"""Laws of the whole path: the findings depend only on the records."""

from pathlib import Path

import pytest

from config.settings import JudgeSettings, Settings
from detectors.model.finding import Finding, Verdict
from streams.engine.engine import Engine
from streams.simulate.scenario_load import load_scenario
from streams.simulate.simulation import Simulation

BACKEND = Path(__file__).parents[2] / "main_job" / "backend.yaml"
SETTINGS = Settings(judge=JudgeSettings(young=6 * 3600))


@pytest.fixture(scope="module")
def records() -> list[bytes]:
    """A day and an hour of the backend, then an hour in which its table is hammered, then another."""
    scenario = load_scenario(BACKEND)
    (hammer,) = scenario.incidents
    day = 86400
    short = scenario.model_copy(
        update={
            "length": day + 3 * 3600,
            "incidents": [hammer.model_copy(update={"at": day + 3600})],
            "growth": [],
        }
    )
    return [line for _, lines in Simulation(short).lines() for line in lines]


def findings(
    records: list[bytes], *, chunk: int, shards: int = 1, restart: int | None = None
) -> list[Finding]:
    """Return all findings of the records, fed in chunks of this size."""
    engine = Engine(SETTINGS, ["law/0"], shards)
    found: list[Finding] = []
    for first in range(0, len(records), chunk):
        found += engine.feed("law/0", records[first : first + chunk]).findings
        if restart is not None and first // chunk == restart:
            parts = engine.snapshot()
            engine = Engine(SETTINGS, ["law/0"], shards)
            engine.restore(parts)
    return found + engine.finish("law/0").findings


@pytest.fixture(scope="module")
def whole(records: list[bytes]) -> list[Finding]:
    found = findings(records, chunk=100_000)
    assert any(finding.verdict is Verdict.SPIKE for finding in found)
    return found


def test_the_number_of_shards_changes_no_finding(records: list[bytes], whole: list[Finding]) -> None:
    assert findings(records, chunk=100_000, shards=3) == whole


def test_the_chunking_changes_no_finding(records: list[bytes], whole: list[Finding]) -> None:
    assert findings(records, chunk=777) == whole


def test_a_restart_in_the_middle_of_an_incident_changes_no_finding(
    records: list[bytes], whole: list[Finding]
) -> None:
    incident = int(len(records) * 0.97)
    assert findings(records, chunk=500, restart=incident // 500) == whole

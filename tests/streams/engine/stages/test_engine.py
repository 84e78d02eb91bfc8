"""Laws of the whole path: the findings depend only on the records."""

import pytest

from config.settings import JudgeSettings, Settings
from detectors.model.finding import Finding, Verdict
from tests.streams.engine.stages.engine_run import HAMMER, LEARNT, EngineRun, backend, records

SETTINGS = Settings(judge=JudgeSettings(young=6 * 3600))


@pytest.fixture(scope="module")
def lines() -> list[bytes]:
    """Hours of the backend, then some minutes in which its table is hammered, then another hour."""
    return records(backend(HAMMER, before=LEARNT, hours=3))


@pytest.fixture(scope="module")
def whole(lines: list[bytes]) -> list[Finding]:
    found = EngineRun(lines, SETTINGS).findings
    assert any(finding.verdict is Verdict.SPIKE for finding in found)
    return found


@pytest.mark.release
def test_the_number_of_shards_changes_no_finding(lines: list[bytes], whole: list[Finding]) -> None:
    assert EngineRun(lines, SETTINGS, shards=3).findings == whole


@pytest.mark.release
def test_the_chunking_changes_no_finding(lines: list[bytes], whole: list[Finding]) -> None:
    assert EngineRun(lines, SETTINGS, chunk=777).findings == whole


@pytest.mark.release
def test_a_restart_in_the_middle_of_an_incident_changes_no_finding(
    lines: list[bytes], whole: list[Finding]
) -> None:
    assert EngineRun(lines, SETTINGS, chunk=500, restart=0.97).findings == whole

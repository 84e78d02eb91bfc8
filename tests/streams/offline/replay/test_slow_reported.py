"""A table turns slow: findings of its callers state that the time is spent there."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from config.settings import JudgeSettings, Settings
from detectors.model.finding import Finding
from streams.engine.stages.engine import Engine
from streams.offline.replay import Replayed, write
from streams.offline.simulate.scenario import Scenario
from streams.offline.simulate.scenario_load import load_scenario
from streams.offline.simulate.simulation import Simulation

BACKEND = Path(__file__).parents[3] / "main_job" / "backend.yaml"
HOUR = 3600
LEARNT = 8 * HOUR  # two hours more than `young`


@pytest.fixture(scope="module")
def found() -> Replayed:
    given = load_scenario(BACKEND).model_dump(by_alias=True) | {
        "length": LEARNT + 2 * HOUR,
        "incidents": [{"kind": "slow", "at": LEARNT + HOUR, "for": 20 * 60, "table": "items", "times": 30}],
        "growth": [],
    }
    engine = Engine(Settings(judge=JudgeSettings(young=6 * HOUR)), ["one/0"])
    found = Replayed()
    newest: dict[str, Finding] = {}
    emitted = [
        engine.feed("one/0", lines) for _, _, lines in Simulation(Scenario.model_validate(given)).lines()
    ]
    for emitted_step in (*emitted, engine.finish("one/0")):
        newest |= {
            finding.id: msgspec.structs.replace(finding, trace=None) for finding in emitted_step.findings
        }
    found.findings, found.incidents = list(newest.values()), engine.incidents.all()
    return found


def lines_of(found: Replayed, out: Path, name: str) -> list[dict[str, Any]]:
    write(found, out)
    return [json.loads(line) for line in (out / name).read_text(encoding="utf-8").splitlines()]


def test_every_finding_of_a_caller_names_the_table_as_the_cause(found: Replayed, tmp_path: Path) -> None:
    slow = [
        entry
        for entry in lines_of(found, tmp_path, "findings.jsonl")
        if entry["measure"].startswith("latency")
    ]
    by_scope = {(entry["scope"]["kind"], entry["scope"]["name"]): entry for entry in slow}
    front = [entry for entry in slow if entry["scope"]["kind"] != "table"]
    assert {entry["scope"]["kind"] for entry in front} >= {"route", "function", "service"}
    for finding in front:
        first = finding["causes"][0]
        assert (first["kind"], first["name"], first["measure"]) == ("table", "items", "latency"), finding
        assert 0.5 < first["score"] <= 1
    assert by_scope["route", "GET /items"]["sentence"].endswith("; the time is spent in table items.")
    assert by_scope["table", "items"]["causes"] == []


def test_the_members_of_the_incident_name_it_too(found: Replayed, tmp_path: Path) -> None:
    [incident] = lines_of(found, tmp_path, "incidents.jsonl")
    assert incident["scope"]["name"] == "items"
    assert all(member["causes"][0]["name"] == "items" for member in incident["members"])

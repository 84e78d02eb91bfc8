"""The main job by replay of a file: what it leaves is what the contract promises."""

from pathlib import Path

import pytest

from tests.main_job.job import SCENARIO, SPIKE, read, uneri


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("events") / "events.ndjson.zst"
    assert uneri("simulate", SCENARIO, "--to", file).returncode == 0
    return file


@pytest.fixture(scope="module")
def replayed(events: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("replayed")
    done = uneri("replay", events, "--out", out)
    assert done.returncode == 0, done.stderr
    assert "\n1 page, " in done.stdout
    return out


def test_replay_leaves_the_findings_and_incidents_that_the_contract_promises(replayed: Path) -> None:
    pages = [incident for incident in read(replayed, "incidents.jsonl") if incident["sent"] == "page"]
    (page,) = pages
    assert page["verdict"] == "spike"
    assert (page["scope"]["kind"], page["scope"]["name"]) == ("table", "items")
    assert page["callers"][0]["name"] == "inventory-put-item"
    assert page["callers"][0]["share"] >= 0.8
    functions = [caller["share"] for caller in page["callers"] if caller["kind"] == "function"]
    assert sum(functions) == pytest.approx(1, abs=0.01)
    assert {(suspect["name"], suspect.get("version")) for suspect in page["suspects"]} == {("ios", "3.2.1")}
    assert SPIKE <= page["start"] < page["alerted"] <= SPIKE + 300
    assert page["start"] < page["end"] <= SPIKE + 3600
    grown = [incident for incident in read(replayed, "incidents.jsonl") if incident["sent"] == "digest"]
    assert {incident["scope"]["name"] for incident in grown if incident["scope"]["kind"] == "table"} == {
        "ledger"
    }
    for finding in read(replayed, "findings.jsonl"):
        assert finding["sent"] in ("page", "digest", "none")
        assert {"id", "verdict", "reason", "start", "alerted", "end", "scope", "measure"} <= finding.keys()
        assert {"observed", "expected", "lower", "upper", "score", "completeness"} <= finding.keys()
        assert {"callers", "suspects", "sentence"} <= finding.keys()

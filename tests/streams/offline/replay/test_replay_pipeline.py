"""Replay states for every incident whether it would have been sent, when, and why not."""

import json
from pathlib import Path
from typing import Any

import pytest

from alerting.pipeline.pipeline import Pipeline
from config.settings import Settings
from streams.engine.stages.engine import Engine
from streams.offline.replay import Replayed, replay, summary, write
from streams.offline.replay.replay_judge import with_fate
from streams.offline.simulate.scenario import Scenario
from streams.offline.simulate.scenario_load import load_scenario
from streams.offline.simulate.simulation import Simulation
from tests.streams.offline.sources.memory_source import MemorySource

BACKEND = Path(__file__).parents[3] / "main_job" / "backend.yaml"
DAY, HOUR = 86400, 3600
END_OF_WORK = 1_756_684_800 + DAY + 4 * HOUR  # 2025-09-02T04:00

SETTINGS = Settings.model_validate(
    {
        "judge": {"young": 12 * HOUR},
        "notify": {
            "silences": [
                {
                    "match": {"verdicts": ["absence"], "scopes": ["function:inventory-*"]},
                    "until": "2025-09-03",
                    "why": "it moves",
                }
            ],
            "maintenance": [
                {
                    "name": "upgrade",
                    "match": {"verdicts": ["fatal"]},
                    "start": "2025-09-02T03:00",
                    "end": "2025-09-02T04:00",
                }
            ],
        },
    }
)


@pytest.fixture(scope="module")
def lines() -> list[bytes]:
    incidents: list[dict[str, Any]] = [
        {"at": DAY + HOUR, "for": "40m", "kind": "absence", "function": "inventory-put-item"},
        {
            "at": DAY + 3 * HOUR + 1200,
            "for": "55m",
            "kind": "fatal",
            "function": "shop-buy",
            "error_type": "KeyError: order 4711",
            "share": 0.3,
        },
    ]
    given = load_scenario(BACKEND).model_dump(by_alias=True)
    changes = {"length": DAY + 5 * HOUR, "incidents": incidents, "growth": []}
    simulation = Simulation(Scenario.model_validate(given | changes))
    return [line for _, _, some in simulation.lines() for line in some]


@pytest.fixture(scope="module")
def found(lines: list[bytes]) -> Replayed:
    return replay(MemorySource({"shop/0": lines}), SETTINGS)


def test_an_incident_held_by_a_silence_is_not_sent_and_says_so(found: Replayed, tmp_path: Path) -> None:
    write(found, tmp_path)
    incidents = [json.loads(line) for line in (tmp_path / "incidents.jsonl").read_text().splitlines()]
    absence = next(line for line in incidents if line["verdict"] == "absence")
    assert (absence["sent"], absence["alerted"]) == ("none", None)
    assert absence["reason"].startswith("silenced until 2025-09-03 00:00 UTC by the configuration: it moves")
    findings = [json.loads(line) for line in (tmp_path / "findings.jsonl").read_text().splitlines()]
    of_it = next(line for line in findings if line["id"] == absence["finding"])
    assert (of_it["sent"], of_it["reason"]) == ("none", absence["reason"])


def test_what_outlasts_planned_work_is_a_page_at_its_end(found: Replayed) -> None:
    fatal = next(incident for incident in found.incidents if incident.verdict == "fatal")
    assert (fatal.sent, fatal.alerted) == ("page", END_OF_WORK)
    assert fatal.reason == "still open after it was held: maintenance upgrade until 2025-09-02 04:00 UTC"


def test_the_summary_counts_what_was_held(found: Replayed) -> None:
    assert found.pages == 1
    assert summary(found)[-1] == "held or changed by the pipeline: maintenance 1, silences 1"


def test_replay_equals_a_daemon_fed_in_pieces_and_restarted(lines: list[bytes], found: Replayed) -> None:
    engine, pipeline = Engine(SETTINGS, ["shop/0"]), Pipeline(SETTINGS)
    size = len(lines) // 37
    for first in range(0, len(lines), size):
        emitted = engine.feed("shop/0", lines[first : first + size])
        if emitted.watermark is not None:
            pipeline.feed(emitted.notices, emitted.watermark)
        parts, pipeline = pipeline.snapshot(), Pipeline(SETTINGS)
        pipeline.restore(parts)
    emitted = engine.finish("shop/0")
    pipeline.feed(emitted.notices, emitted.watermark or 0)
    assert [with_fate(incident, pipeline) for incident in engine.incidents.all()] == found.incidents

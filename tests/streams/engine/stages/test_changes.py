"""A deployment, from its record to the message: whatever the shards, the chunks, the restarts."""

import json
from typing import Any

import pytest

from alerting.incidents.incident import Incident
from alerting.incidents.notice import Action, Milestone, Notice
from alerting.messages.blocks import Message
from alerting.words.locales import ENGLISH, JAPANESE
from alerting.words.phrases import Phrases
from config.settings import JudgeSettings, Settings
from detectors.model.finding import Verdict
from tests.alerting.message_makers import page
from tests.streams.engine.stages.engine_run import (
    HAMMER,
    HOUR,
    LEARNT,
    START,
    EngineRun,
    backend,
    label_of,
    records,
)

SETTINGS = Settings(judge=JudgeSettings(young=6 * HOUR))
BEGAN = START + LEARNT + HOUR
LATE = 12 * 60


def deploy(ts: float, function: str, version: str) -> bytes:
    place = {"cloud": "aws", "account": "123456789012", "region": "ap-northeast-1"}
    of = {"kind": "function", "name": function}
    what = {"what": "deploy", "version": version, "by": "ci", "url": f"https://ci.example.com/{version}"}
    return json.dumps({"kind": "change", "ts": ts, "of": of, **place, **what}).encode()


def with_changes(*changes: tuple[float, bytes]) -> list[bytes]:
    """Return the hammered table's records with changes among them, each where records have that time."""
    lines = records(backend(HAMMER, before=LEARNT, hours=4))
    times = [json.loads(line)["ts"] for line in lines]
    for arrives, change in sorted(changes, reverse=True):
        at = next(place for place, ts in enumerate(times) if ts >= arrives)
        lines.insert(at, change)
    return lines


@pytest.fixture(scope="module")
def lines() -> list[bytes]:
    """A deploy two minutes before the table is hammered, one of another function, one minutes late."""
    return with_changes(
        (BEGAN - 120, deploy(BEGAN - 120, "inventory-put-item", "42")),
        (BEGAN - 60, deploy(BEGAN - 60, "shop-buy", "7")),
        (BEGAN + LATE, deploy(BEGAN - 600, "inventory-put-item", "41")),
    )


@pytest.fixture(scope="module")
def run(lines: list[bytes]) -> EngineRun:
    return EngineRun(lines, SETTINGS)


def hammered(run: EngineRun) -> list[Notice]:
    """Return the notices of the incident about the hammered table."""
    [opened] = [notice for notice in run.pages if label_of(notice.incident.primary) == "items"]
    of = [notice for notice in run.notices if notice.action is not Action.DIGEST]
    return [notice for notice in of if notice.incident.id == opened.incident.id]


def versions(incident: Incident) -> list[str]:
    return [change.change.version for change in incident.changes]


def first_line(message: Message) -> str:
    text: str = message.blocks[1]["text"]["text"]
    return text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (ENGLISH, "2 min after <https://ci.example.com/42|deploy 42> of inventory-put-item by ci"),
        (JAPANESE, "inventory-put-item の<https://ci.example.com/42|デプロイ 42>（ci）の2分後に発生"),
    ],
)
def test_the_page_of_the_table_says_first_what_was_deployed(
    run: EngineRun, words: Phrases, said: str
) -> None:
    opened = hammered(run)[0].incident
    assert opened.verdict is Verdict.SPIKE
    assert versions(opened) == ["42"], "what is about another function, or not known yet, is not named"
    assert first_line(page(opened, words=words)) == said


def test_a_deploy_that_becomes_known_minutes_late_edits_the_message(run: EngineRun) -> None:
    reported = hammered(run)
    [edit] = [notice for notice in reported if Milestone.PRECEDED in notice.milestones]
    assert BEGAN + LATE <= edit.at <= BEGAN + LATE + 180
    assert [versions(notice.incident) for notice in reported if notice.at < edit.at][-1] == ["42"]
    assert versions(edit.incident) == versions(reported[-1].incident) == ["42", "41"]
    lines = first_line(page(edit.incident)).split("\n")
    assert lines[1].startswith("10 min after ")


def test_the_incident_keeps_them_to_its_end(run: EngineRun) -> None:
    [incident] = [
        found for found in run.incidents if label_of(found.primary) == "items" and found.sent == "page"
    ]
    assert (incident.state, versions(incident)) == ("resolved", ["42", "41"])


def outcome(run: EngineRun) -> tuple[Any, ...]:
    return run.notices, run.incidents, run.findings


@pytest.mark.release
def test_the_number_of_shards_changes_nothing(lines: list[bytes], run: EngineRun) -> None:
    assert outcome(EngineRun(lines, SETTINGS, shards=3)) == outcome(run)


@pytest.mark.release
def test_the_chunking_and_a_restart_change_nothing(lines: list[bytes], run: EngineRun) -> None:
    assert outcome(EngineRun(lines, SETTINGS, chunk=501, restart=0.97)) == outcome(run)

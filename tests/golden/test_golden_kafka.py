"""The state that every release left in Kafka is read by the stages of this version."""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import msgspec
import numpy as np
import pytest

from alerting.outbox.row import State, rows_of
from alerting.pipeline.pipeline import Pipeline
from config.settings import KafkaSettings
from streams.drivers.kafka.checkpoints.state_transfer import _entries
from streams.drivers.kafka.notices import NotifyStage
from streams.drivers.kafka.stage import TOPIC, Emission
from streams.drivers.kafka.stages import DetectStage, IncidentsStage, RollupStage
from streams.drivers.kafka.topics import Topics
from streams.engine.detect.gather import JudgedStep
from streams.ingest.batch_consumer.chunk import Chunk
from streams.process.files.state_archive import check_archive, members_of
from tests.golden.kafka_story import REQUESTS
from tests.golden.story import PARTITIONS, SHARDS, SILENCED, read_sent, settings, told
from tests.golden.test_golden_embedded import same

RELEASES = sorted(path.parent for path in Path(__file__).parent.glob("*/kafka.tar.zst"))
TOPICS = Topics.of(KafkaSettings(app="golden", requests=REQUESTS))


class Kept:
    """What is in an archive."""

    def __init__(self, archive: Path) -> None:
        check_archive(archive)
        self.parts: dict[str, dict[str, bytes]] = defaultdict(dict)
        self.between: dict[str, list[bytes]] = {}
        self.outbox: dict[str, bytes] = {}
        for name, member in members_of(archive):
            kind, *path = name.split("/")
            if kind == "checkpoints" and path[1] == "parts":
                self.parts[unquote(path[0])][unquote(path[2])] = member.read()
            elif kind == "outbox":
                self.outbox = msgspec.msgpack.decode(member.read(), type=dict[str, bytes])
            elif kind in ("rollups", "findings", "notices"):
                self.between[name] = [value for _, value in _entries(member)]

    def run(self, key: str, stage: Any, values: list[bytes], arrived: Any = None) -> list[Any]:
        """Restore a stage, and feed it."""
        stage.restore({name: body for name, body in self.parts[key].items() if name != TOPIC})
        chunk = Chunk("t", 0, 0, len(values), range(len(values)), values, arrived=arrived)
        return list(stage.feed(chunk))


@pytest.mark.parametrize("release", RELEASES, ids=lambda path: path.name)
def test_the_state_of_a_release_in_kafka_is_read_and_goes_on_as_that_release_did(release: Path) -> None:
    kept, given = Kept(release / "kafka.tar.zst"), settings()
    sent = read_sent(release / "after.ndjson.zst")
    rollups: dict[int, list[bytes]] = {n: kept.between[f"rollups/{n}"] for n in range(SHARDS)}
    for number in range(PARTITIONS):
        own = [one for one in sent if one.partition == number]
        arrived = np.array([one.arrived for one in own])
        stage = RollupStage(number, given, SHARDS, TOPICS)
        for one in kept.run(f"rollup/{number}", stage, [one.record for one in own], arrived):
            rollups[one.partition].append(one.value)
    judged = kept.between["findings/0"]
    sources = [f"{REQUESTS}/{number}" for number in range(PARTITIONS)]
    for shard, blocks in rollups.items():
        emitted: list[Emission] = kept.run(
            f"detect/{shard}", DetectStage(shard, sources, given, TOPICS), blocks
        )
        judged = judged + [emission.value for emission in emitted]
    steps = [msgspec.msgpack.decode(value, type=JudgedStep) for value in judged]
    found = {(finding.id, finding.revision): told(finding) for step in steps for finding in step.findings}
    expected = json.loads((release / "kafka.json").read_text())
    assert same([found[key] for key in sorted(found)], expected["findings"])

    notices = kept.run("incidents/0", IncidentsStage(SHARDS, given, TOPICS), judged)
    values = kept.between["notices/0"] + [notice.value for notice in notices]
    (step,) = kept.run("notify/0", NotifyStage(), values)
    stem = "outbox|part/"
    pipeline = Pipeline(given)
    pipeline.restore(
        {name.removeprefix(stem): body for name, body in kept.outbox.items() if name.startswith(stem)}
    )
    rows = rows_of(body for name, body in kept.outbox.items() if "|" in name and not name.startswith(stem))
    assert any(row.state is State.DUE for row in rows)
    assert SILENCED in {silence.what for silence in pipeline.silences()}
    assert [(label.scope, label.kind.value) for label in pipeline.labels] == [
        ("table:ledger", "not_an_anomaly")
    ]
    dispatches = pipeline.feed(step.notices, step.watermark)
    assert dispatches, "the open incident is resolved"
    assert {dispatch.subject for dispatch in dispatches} <= {row.subject for row in rows}, (
        "in its own message"
    )
    assert not [incident for incident in pipeline._registry if incident.ended_at is None]


def test_there_is_a_state_of_a_release_in_kafka() -> None:
    assert RELEASES

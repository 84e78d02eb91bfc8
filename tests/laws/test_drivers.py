"""Laws of the drivers: the same records give the same findings, whatever the driver."""

from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any, Final

import msgspec
import pytest

from alerting.incidents.notice import Action, Notice
from config.settings import DigestSettings, KafkaSettings
from detectors.model.array_types import Floats
from detectors.model.finding import Finding
from detectors.watch.maturity import merged
from streams.drivers.kafka.notices import NotifyStage
from streams.drivers.kafka.stages import DetectStage, IncidentsStage, RollupStage
from streams.drivers.kafka.topics import Topics
from streams.engine.detect import gather
from streams.engine.detect.gather import JudgedStep
from streams.engine.stages.detection_engine import Emitted
from streams.engine.stages.engine import Engine
from streams.ingest.batch_consumer.chunk import Chunk
from streams.offline.replay import replay
from streams.offline.sources.files import FileSource
from tests.laws import hammered
from tests.laws.hammered import ARRIVED, DISTURBED

TOPICS: Final = Topics.of(KafkaSettings(app="law", requests="requests"))
SHARDS: Final = 2
LIVE: Final = (4, 8, 16)  # records of a chunk that is read as it is written
SETTINGS: Final = hammered.SETTINGS.model_copy(update={"digest": DigestSettings(at="12:00")})


class Topic(list[bytes]):
    """A partition of a topic: what was emitted to it, in order."""

    arrived: Floats | None = None

    def chunk(self, start: int, end: int) -> Chunk:
        values = self[start:end]
        offsets = range(start, start + len(values))
        arrived = None if self.arrived is None else self.arrived[start : offsets.stop]
        return Chunk("a topic", 0, start, offsets.stop, offsets, values, arrived=arrived)


@pytest.fixture(params=[gather.PART_BYTES, 3000], ids=["whole", "in parts"])
def _steps(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps that fit into a record, and steps that need several."""
    monkeypatch.setattr(gather, "PART_BYTES", request.param)


@pytest.fixture(scope="module")
def direct() -> Emitted:
    """The outputs of the engine without an end of the source: a topic has none."""
    return Engine(SETTINGS, ["requests/0"], SHARDS).feed("requests/0", DISTURBED, ARRIVED)


def found_by_shards(emitted: Emitted) -> list[Finding]:
    """Return findings as shards emit them: the requests of their account are known once all are gathered."""
    sent = [msgspec.structs.replace(finding, account=None) for finding in emitted.findings]
    return msgspec.msgpack.decode(msgspec.msgpack.encode(sent), type=list[Finding])


def crashing(
    make: Any, topic: Topic, random: Random, to: Sequence[Topic], sizes: Sequence[int] = (1, 20, 300)
) -> None:
    """Feed a stage the topic, killing it now and then: it repeats what it emitted since its checkpoint."""
    stage, at, saved = make(), 0, (0, None)
    while at < len(topic):
        chunk = topic.chunk(at, at + random.choice(sizes))
        for emission in stage.feed(chunk):
            if emission.topic in {TOPICS.rollups, TOPICS.findings, TOPICS.notices}:
                to[emission.partition].append(emission.value)
        at = chunk.end
        if random.random() < 0.05:
            saved = at, stage.snapshot()
        elif random.random() < 0.05:
            at, parts = saved
            stage = make()
            if parts is not None:
                stage.restore(parts)


@pytest.mark.usefixtures("_steps")
def test_the_stages_of_the_kafka_driver_find_what_the_engine_finds_even_when_each_crashes(
    direct: Emitted,
) -> None:
    random = Random(4)  # noqa: S311
    rollups, findings = [Topic() for _ in range(SHARDS)], Topic()
    requests = Topic(DISTURBED)
    requests.arrived = ARRIVED
    crashing(lambda: RollupStage(0, SETTINGS, SHARDS, TOPICS), requests, random, rollups)
    for shard, topic in enumerate(rollups):

        def make(shard: int = shard) -> DetectStage:
            return DetectStage(shard, ["requests/0"], SETTINGS, TOPICS)

        crashing(make, topic, random, [findings])
    steps = [msgspec.msgpack.decode(value, type=JudgedStep) for value in findings]
    by_step = {(step.shard, step.start, step.part): step.findings for step in steps}
    assert len(by_step) < len(steps), "some were emitted twice"
    assert all(by_step[step.shard, step.start, step.part] == step.findings for step in steps), (
        "and both times alike"
    )
    every = found_by_shards(direct)

    def order(finding: Finding) -> tuple[str, int]:
        return finding.id, finding.revision

    assert sorted((finding for findings in by_step.values() for finding in findings), key=order) == sorted(
        every, key=order
    )
    notices = Topic()
    crashing(lambda: IncidentsStage(SHARDS, SETTINGS, TOPICS), findings, random, [notices])
    sent = [notice for step in NotifyStage().feed(notices.chunk(0, len(notices))) for notice in step.notices]
    expected = msgspec.msgpack.decode(msgspec.msgpack.encode(direct.notices), type=list[Notice])
    assert sorted(sent, key=lambda one: one.id) == sorted(expected, key=lambda one: one.id)
    [digest] = [notice for notice in sent if notice.action is Action.DIGEST]
    assert merged(digest.maturity).judgeable == {
        "service": 2,
        "table": 2,
        "function": 3,
        "route": 3,
        "client": 2,
    }


def test_a_replayed_file_gives_the_findings_of_the_engine(tmp_path: Path) -> None:
    engine = Engine(SETTINGS, ["files/0"], SHARDS)
    newest = {finding.id: finding for finding in engine.feed("files/0", DISTURBED).findings}
    newest |= {finding.id: finding for finding in engine.finish("files/0").findings}
    file = tmp_path / "events.ndjson"
    file.write_bytes(b"\n".join(DISTURBED))
    found = replay(FileSource([file]), SETTINGS)
    assert found.records == len(DISTURBED)
    assert {
        finding.id: (finding.verdict, finding.start, finding.end, finding.score, finding.observed)
        for finding in found.findings
    } == {
        finding.id: (finding.verdict, finding.start, finding.end, finding.score, finding.observed)
        for finding in newest.values()
    }


@pytest.mark.usefixtures("_steps")
def test_with_early_evaluation_the_steps_are_the_same_and_early_findings_are_confirmed_or_taken_back(
    direct: Emitted,
) -> None:
    random = Random(5)  # noqa: S311
    rollups, findings = [Topic() for _ in range(SHARDS)], Topic()
    requests = Topic(DISTURBED)
    requests.arrived = ARRIVED

    def rolling() -> RollupStage:
        return RollupStage(0, SETTINGS, SHARDS, TOPICS, now=lambda: 0.0)

    crashing(rolling, requests, random, rollups, LIVE)
    for shard, topic in enumerate(rollups):

        def make(shard: int = shard) -> DetectStage:
            return DetectStage(shard, ["requests/0"], SETTINGS, TOPICS)

        crashing(make, topic, random, [findings], LIVE)
    every = [msgspec.msgpack.decode(value, type=JudgedStep) for value in findings]
    steps = {(step.shard, step.start, step.part): step.findings for step in every if not step.early}
    looked = [step for step in every if step.early]
    assert looked
    expected = found_by_shards(direct)

    def order(finding: Finding) -> tuple[str, int]:
        return finding.id, finding.revision

    judged = sorted((finding for step in steps.values() for finding in step), key=order)
    assert judged == sorted(expected, key=order)
    found = [finding for step in looked for finding in step.findings]
    assert found, "a hammer is found early"
    notices = Topic()
    crashing(lambda: IncidentsStage(SHARDS, SETTINGS, TOPICS), findings, random, [notices])
    sent = NotifyStage().feed(notices.chunk(0, len(notices)))
    assert {notice.id for step in sent for notice in step.notices}
    stage = IncidentsStage(SHARDS, SETTINGS, TOPICS)
    list(stage.feed(findings.chunk(0, len(findings))))
    assert not [
        incident for incident in stage.incidents.all() if incident.primary.early and incident.end is None
    ]

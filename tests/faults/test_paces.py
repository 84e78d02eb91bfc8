"""Findings do not depend on how far one partition is read while another waits."""

from collections.abc import Iterator, Sequence

from config.settings import JudgeSettings, KafkaSettings, Settings
from detectors.model.array_types import Floats
from streams.drivers.kafka.stages import DetectStage, RollupStage
from streams.drivers.kafka.topics import Topics
from streams.engine.stages.engine import Engine
from streams.ingest.batch_consumer.chunk import Chunk
from tests.faults.traffic import PARTITIONS, Traffic, traffic

SETTINGS = Settings(judge=JudgeSettings(young=3600))


Turn = tuple[int, list[bytes], Floats]


def in_turns(records: Traffic, run: int) -> Iterator[Turn]:
    longest = max(map(len, records.partitions))
    for first in range(0, longest, run):
        for number, (partition, arrived) in enumerate(zip(*records, strict=True)):
            yield number, partition[first : first + run], arrived[first : first + run]


def found(turns: Iterator[Turn], shards: int = 2) -> tuple[list[str], int]:
    sources = [f"requests/{number}" for number in range(PARTITIONS)]
    engine = Engine(SETTINGS, sources, shards)
    reported = []
    for number, run, arrived in turns:
        reported += engine.feed(sources[number], run, arrived).findings
    for source in sources:
        reported += engine.idle(source).findings
    return [repr(finding) for finding in reported], len(engine.incidents.all())


def test_the_pace_of_each_partition_changes_no_finding() -> None:
    records = traffic(2)
    expected = found(in_turns(records, 50))
    assert expected[0]
    assert expected[1]
    assert found(in_turns(records, 500)) == expected
    assert found(in_turns(records, 7)) == expected
    whole = [(number, *record) for number, record in enumerate(zip(*records, strict=True))]
    assert found(iter(whole)) == expected
    assert found(iter(whole[::-1])) == expected


def test_a_shard_that_is_restored_again_and_again_comes_to_the_same_state() -> None:
    settings = SETTINGS.model_copy(update={"kafka": KafkaSettings(shards=2)})
    assert settings.kafka is not None
    names = Topics.of(settings.kafka)
    given = traffic(1)
    topic = [
        emission
        for number, (records, arrived) in enumerate(zip(*given, strict=True))
        for emission in RollupStage(number, settings, 2, names).feed(chunk_of(records, arrived))
        if emission.topic == names.rollups
    ]
    sources = [f"{names.requests}/{number}" for number in range(PARTITIONS)]
    for shard in range(2):
        blocks = [emission.value for emission in topic if emission.partition == shard]
        whole = DetectStage(shard, sources, settings, names)
        list(whole.feed(chunk_of(blocks)))
        again = DetectStage(shard, sources, settings, names)
        for first in range(0, len(blocks), 97):
            list(again.feed(chunk_of(blocks[first : first + 97])))
            parts = again.snapshot()
            again = DetectStage(shard, sources, settings, names)
            again.restore(parts)
        assert again.snapshot() == whole.snapshot()


def chunk_of(records: Sequence[bytes], arrived: Floats | None = None) -> Chunk:
    return Chunk("topic", 0, 0, len(records), range(len(records)), records, arrived=arrived)

"""The stage of steps holds them until they are written; the detect stage leaves them in a topic for it."""

import numpy as np
import pytest

from config.settings import KafkaSettings, Settings
from streams.drivers.kafka.board import history_keeping
from streams.drivers.kafka.board.history_keeping import StepsStage
from streams.drivers.kafka.stage import Emission, UnfedError
from streams.drivers.kafka.stages import DetectStage, RollupStage
from streams.drivers.kafka.topics import Topics
from streams.engine.detect.step_record import decode_step
from streams.engine.detect.successor import Successor
from streams.engine.rollup.blocks.block_codec import decode_block
from streams.ingest.batch_consumer.chunk import Chunk
from streams.record.history.history_rows import COLUMNS
from streams.record.history.segments import HOUR
from streams.record.history.series_names import SeriesNames
from streams.record.history.step_rows import StepRows
from tests.streams.record.history.backend import Backend, arrivals, requests

TOPICS = Topics.of(KafkaSettings(app="app", requests="requests"))
SETTINGS = Settings.model_validate({"judge": {"young": 3600}, "time": {"idle": 3600}})


def chunk(values: list[bytes], start: int = 0) -> Chunk:
    end = start + len(values)
    return Chunk("topic", 0, start, end, range(start, end), values)


@pytest.fixture(scope="module")
def steps() -> list[bytes]:
    return Backend(settings=SETTINGS).feed(requests(150, late=False))


def blocks_of(lines: list[bytes]) -> list[bytes]:
    given = chunk(lines)
    given.arrived = arrivals(lines)
    return [emission.value for emission in RollupStage(0, SETTINGS, 1, TOPICS).feed(given)]


def test_a_shard_leaves_the_record_of_each_step_in_a_topic_of_its_own_and_again_the_same(
    steps: list[bytes],
) -> None:
    blocks = blocks_of(requests(150, late=False))

    def left(*, records: bool, cut: int) -> list[Emission]:
        stage = DetectStage(0, ["requests/0"], SETTINGS, TOPICS, records=records)
        first = list(stage.feed(chunk(blocks[:cut])))
        again = DetectStage(0, ["requests/0"], SETTINGS, TOPICS, records=records)
        again.restore(stage.snapshot())
        return [
            emission
            for emission in first + list(again.feed(chunk(blocks[cut:], cut)))
            if emission.topic == TOPICS.steps
        ]

    found = left(records=True, cut=len(blocks) // 3)
    assert {(emission.topic, emission.partition, emission.key, emission.once) for emission in found} == {
        ("app-steps", 0, b"0", False)
    }
    assert [emission.value for emission in found] == steps
    assert left(records=True, cut=len(blocks) // 2) == found
    assert left(records=False, cut=len(blocks) // 2) == []


def test_a_judge_that_takes_over_goes_on_with_records_that_can_be_read(steps: list[bytes]) -> None:
    blocks = blocks_of(requests(150, late=False))
    cut = len(blocks) // 2
    stage, other = (DetectStage(0, ["requests/0"], SETTINGS, TOPICS, records=True) for _ in range(2))
    before = list(stage.feed(chunk(blocks[:cut])))
    successor = Successor(other.detect, None, 0)
    successor.feed(map(decode_block, blocks[:cut]))
    stage.take_over(successor)
    left = [
        emission.value
        for emission in before + list(stage.feed(chunk(blocks[cut:], cut)))
        if emission.topic == TOPICS.steps
    ]
    rows = [StepRows(SeriesNames()).rows(map(decode_step, several)) for several in (left, steps)]
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(rows[0], name), getattr(rows[1], name), name)
    named = [record.start for record in map(decode_step, left) if record.first == (0, 0)]
    assert len(named) == len({start // HOUR for start in named}) + 1, "all are named once an hour, and anew"


def test_a_step_that_comes_again_is_held_once_also_after_a_restart(steps: list[bytes]) -> None:
    whole, stage = StepsStage(1), StepsStage(1)
    whole.feed(chunk(steps))
    stage.feed(chunk(steps[:80]))
    again = StepsStage(1)
    again.restore(stage.snapshot())
    again.feed(chunk(steps[60:], 60))
    assert again.snapshot() == whole.snapshot()


def test_a_full_stage_takes_nothing_in_until_an_hour_is_written(
    steps: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_keeping, "ROOM", 1)
    stage = StepsStage(1)
    stage.feed(chunk(steps[:30]))
    stage.feed(chunk(steps[30:70], 30))
    with pytest.raises(UnfedError) as refused:
        stage.feed(chunk(steps[70:], 70))
    assert refused.value.offset == 70
    assert stage.full
    (hour,) = stage.segments.complete()
    stage.segments.forget(hour)
    stage.update_full()
    assert not stage.full
    stage.feed(chunk(steps[70:], 70))
    assert stage.segments.complete()


def test_an_hour_that_is_larger_than_the_room_is_taken_in_whole(
    steps: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_keeping, "ROOM", 1)
    stage = StepsStage(1)
    for number, step in enumerate(steps[:60]):
        stage.feed(chunk([step], number))
    assert len(stage.segments.complete()) == 1

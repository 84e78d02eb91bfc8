"""The batches of a long topic hold what its answer says, and no id twice."""

import json

import pytest
from aiokafka.record.memory_records import MemoryRecords

from benchmarks.long_topic import BATCH, CYCLE, ROW, LongTopic
from benchmarks.request_events import PARTITIONS, START, Answer, answer, events


@pytest.fixture(scope="module")
def made() -> LongTopic:
    return LongTopic((CYCLE + 1) * ROW - 1)  # the bodies of the first batches come again


@pytest.fixture(scope="module")
def lines(made: LongTopic) -> list[list[bytes]]:
    found: list[list[bytes]] = [[] for _ in range(PARTITIONS)]
    for partition in range(PARTITIONS):
        for number in range(made.batches):
            batch = MemoryRecords(made.batch(partition, number)).next_batch()
            assert batch is not None
            assert batch.validate_crc()
            records = list(batch)
            found[partition] += [record.value for record in records]
            stamps = [record.timestamp for record in records]
            assert stamps == [round(json.loads(record.value)["ts"] * 1000) for record in records]
            assert stamps[-1] == batch.max_timestamp
    return found


def is_same(one: Answer, other: Answer) -> bool:
    return one._replace(totals=other.totals) == other and one.totals.cells == other.totals.cells


def test_the_answer_is_that_to_the_lines_that_are_written(made: LongTopic, lines: list[list[bytes]]) -> None:
    assert made.records == (CYCLE + 1) * ROW
    assert is_same(made.whole, answer(lines))


def test_an_answer_to_a_first_part_of_each_partition_is_that_to_its_lines(
    made: LongTopic, lines: list[list[bytes]]
) -> None:
    counts = [0, 1, BATCH - 1, BATCH, BATCH + 1, CYCLE * BATCH, CYCLE * BATCH + 7, 5]
    parts = [of_one[:count] for of_one, count in zip(lines, counts, strict=True)]
    assert is_same(made.answer(counts), answer(parts))


def test_no_id_comes_twice_and_time_does_not_go_back(lines: list[list[bytes]]) -> None:
    ids = set[str]()
    for of_one in lines:
        said = [json.loads(line) for line in of_one]
        ids.update(event["id"] for event in said)
        stamps = [event["ts"] for event in said]
        assert stamps == sorted(stamps)
    assert len(ids) == sum(map(len, lines))
    assert min(json.loads(of_one[0])["ts"] for of_one in lines) == START


def test_bodies_are_those_of_the_events(lines: list[list[bytes]]) -> None:
    fourth = events(4 * PARTITIONS)[-PARTITIONS:]
    for line, event in zip([of_one[3] for of_one in lines], fourth, strict=True):
        ours, theirs = json.loads(line), json.loads(event)
        assert ours.pop("id") != theirs.pop("id")
        assert ours == theirs


def test_a_first_part_is_a_topic_of_its_own(made: LongTopic) -> None:
    brief = made.first(1)
    assert brief.records == ROW
    assert brief.batch(3, 0) == made.batch(3, 0)
    assert is_same(brief.whole, made.answer([BATCH] * PARTITIONS))

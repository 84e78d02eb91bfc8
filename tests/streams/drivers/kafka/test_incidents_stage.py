"""The incidents stage of the Kafka driver emits how far time went, also where there are no notices."""

from collections.abc import Iterable

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from alerting.incidents.notice import Notice
from config.settings import KafkaSettings, Settings
from detectors.model.finding import Finding
from detectors.model.scope import Scope
from detectors.model.stated import StatedChange
from detectors.watch.rankings import Hot
from streams.drivers.kafka import notices as notices_topic
from streams.drivers.kafka.notices import NoticesOfStep, NotifyStage, notices_parts
from streams.drivers.kafka.stage import Emission
from streams.drivers.kafka.stages import IncidentsStage
from streams.drivers.kafka.topics import Topics
from streams.engine.detect.gather import JudgedStep
from streams.ingest.batch_consumer.chunk import Chunk
from tests.alerting.given import PUT, T0, table_finding


def _chunk(values: list[bytes]) -> Chunk:
    return Chunk("topic", 0, 0, len(values), range(len(values)), values)


def _judged(step: int, *findings: Finding, shard: int = 0) -> bytes:
    return msgspec.msgpack.encode(JudgedStep(shard, T0 + 60 * (step - 1), T0 + 60 * step, list(findings)))


def _stage(shards: int) -> IncidentsStage:
    return IncidentsStage(shards, Settings(), Topics.of(KafkaSettings(app="app")))


def _passed(emissions: Iterable[Emission], notify: NotifyStage | None = None) -> list[NoticesOfStep]:
    sent = list(emissions)
    assert {(emission.topic, emission.partition) for emission in sent} <= {("app-notices", 0)}
    return list((notify or NotifyStage()).feed(_chunk([emission.value for emission in sent])))


def test_time_passes_without_findings() -> None:
    assert _passed(_stage(1).feed(_chunk([_judged(1), _judged(2)]))) == [NoticesOfStep([], T0 + 120)]


def test_the_notices_of_one_step_come_together_with_its_time() -> None:
    [passed] = _passed(_stage(1).feed(_chunk([_judged(0, table_finding()), _judged(1)])))
    assert [notice.at for notice in passed.notices] == [T0]
    assert passed.watermark == T0 + 60


def test_nothing_is_said_of_a_step_that_another_shard_has_not_judged() -> None:
    stage = _stage(2)
    assert _passed(stage.feed(_chunk([_judged(1)]))) == []
    assert _passed(stage.feed(_chunk([_judged(1, shard=1)]))) == [NoticesOfStep([], T0 + 60)]


def _notices() -> list[Notice]:
    [passed] = _passed(_stage(1).feed(_chunk([_judged(0, table_finding())])))
    return [msgspec.structs.replace(passed.notices[0], id=f"n{number}") for number in range(10)]


def test_a_flood_is_written_in_parts_and_arrives_as_one_step() -> None:
    flood = _notices()
    size = len(msgspec.msgpack.encode(flood[0]))
    before, notices_topic.PART_BYTES = notices_topic.PART_BYTES, 3 * size  # type: ignore[misc]
    try:
        records = list(notices_parts(flood, [], T0))
    finally:
        notices_topic.PART_BYTES = before  # type: ignore[misc]
    assert len(records) == 4
    notify = NotifyStage()
    assert list(notify.feed(_chunk(records[:3]))) == []
    again = NotifyStage()
    again.restore(notify.snapshot())
    assert list(again.feed(_chunk(records[:3]))) == [], (
        "written again after a crash in the middle of the step"
    )
    assert list(again.feed(_chunk(records[3:]))) == [NoticesOfStep(flood, T0)]


LEADER = Hot(Scope("table", "aws", "1", "eu", "items"), 0.5)


@settings(max_examples=50)
@given(st.lists(st.integers(1, 9), max_size=12), st.lists(st.integers(0, 30), max_size=6))
def test_what_is_written_again_after_a_crash_changes_nothing(cuts: list[int], restarts: list[int]) -> None:
    every = _notices()
    records = [
        record
        for step in range(12)
        for record in notices_parts(every[step % 4 : step % 4 + step % 3], [LEADER], T0 + 60 * step)
    ]
    stream: list[bytes] = []
    for begin in sorted(restarts):  # incidents died there and wrote the last five records again
        at = min(begin, len(records))
        stream = [*stream, *records[len(set(stream)) : at], *records[max(0, at - 5) : at]]
    stream += records[len(set(stream)) :]
    notify, notices, at = NotifyStage(), list[Notice](), 0
    for cut in [*cuts, len(stream)]:
        for passed in notify.feed(_chunk(stream[at : at + cut])):
            notices += passed.notices
        at += cut
        fresh = NotifyStage()
        fresh.restore(notify.snapshot())
        notify = fresh
    expected = [notice for step in range(12) for notice in every[step % 4 : step % 4 + step % 3]]
    assert notices == expected
    assert (notify.watermark, list(notify.leaders)) == (T0 + 660, [LEADER])


CHANGES = [StatedChange(T0 - 900.0 + number, PUT, "deploy", str(number)) for number in range(5)]


def test_changes_travel_with_the_step_in_which_they_became_known_and_outlast_a_restart() -> None:
    stage, notify = _stage(1), NotifyStage()
    before, notices_topic.PART_CHANGES = notices_topic.PART_CHANGES, 2  # type: ignore[misc]
    try:
        judged = JudgedStep(0, T0 - 60, T0, [table_finding()], changes=CHANGES)
        sent = list(stage.feed(_chunk([msgspec.msgpack.encode(judged)])))
    finally:
        notices_topic.PART_CHANGES = before  # type: ignore[misc]
    assert len(sent) == 3
    [passed] = _passed(sent, notify)
    assert [len(notice.incident.changes) for notice in passed.notices] == [5]
    assert stage.incidents.recent_changes == notify.changes == tuple(CHANGES)
    again = NotifyStage()
    again.restore(notify.snapshot())
    assert again.changes == notify.changes
    assert _passed(sent, again) == []
    assert again.changes == notify.changes

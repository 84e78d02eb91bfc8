"""The incidents stage of the Kafka driver tells how far time went, also where there is nothing to tell."""

import msgspec

from config.settings import Settings
from detectors.finding import Finding
from streams.chunk import Chunk
from streams.gather import Judged
from streams.kafka_stages import IncidentsStage, Passed
from tests.alerting.given import T0, table_finding


def _chunk(*judged: Judged) -> Chunk:
    values = [msgspec.msgpack.encode(one) for one in judged]
    return Chunk("findings", 0, 0, len(values), range(len(values)), values)


def _judged(step: int, *findings: Finding, shard: int = 0) -> Judged:
    return Judged(shard, T0 + 60 * (step - 1), T0 + 60 * step, list(findings))


def test_time_passes_without_findings() -> None:
    stage = IncidentsStage(1, Settings())
    assert list(stage.feed(_chunk(_judged(1), _judged(2)))) == [Passed([], T0 + 120)]


def test_what_is_told_of_one_step_comes_together_with_its_time() -> None:
    stage = IncidentsStage(1, Settings())
    [passed] = stage.feed(_chunk(_judged(0, table_finding()), _judged(1)))
    assert [notice.at for notice in passed.notices] == [T0]
    assert passed.watermark == T0 + 60


def test_nothing_is_said_of_a_step_that_another_shard_has_not_judged() -> None:
    stage = IncidentsStage(2, Settings())
    assert list(stage.feed(_chunk(_judged(1)))) == []
    assert list(stage.feed(_chunk(_judged(1, shard=1)))) == [Passed([], T0 + 60)]

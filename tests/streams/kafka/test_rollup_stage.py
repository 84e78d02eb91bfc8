import json

import pytest

from config.settings import KafkaSettings, Settings
from streams.kafka.stage import Emission
from streams.kafka.stages import RollupStage
from streams.kafka.topics import Topics
from streams.lane.chunk import Chunk

TOPICS = Topics.of(KafkaSettings())
WILD = 3  # the offset of a record of a clock that runs ahead: what follows it says so


def records() -> list[bytes]:
    stamps = [1_760_000_000 + second for second in range(8)]
    stamps[WILD] += 40_000
    return [json.dumps({"ts": ts, "service": "shop"}).encode() for ts in stamps] + [b"no event"]


def letters(*, cut: int, restart: bool) -> list[Emission]:
    stage = RollupStage(0, Settings(), 1, TOPICS)
    told: list[Emission] = []
    every = records()
    for first, last in ((0, cut), (cut, cut + 1), (cut + 1, len(every))):
        offsets = range(100 + first, 100 + last)
        told += stage.feed(Chunk("requests", 0, offsets.start, offsets.stop, offsets, every[first:last]))
        if restart:
            parts = stage.snapshot()
            stage = RollupStage(0, Settings(), 1, TOPICS)
            stage.restore(parts)
    return [each for each in told if each.topic == TOPICS.dead_letters]


@pytest.mark.parametrize("cut", range(1, 8))
def test_a_record_that_was_held_back_keeps_its_offset_across_chunks_and_restarts(cut: int) -> None:
    whole = letters(cut=8, restart=False)
    assert {json.loads(each.value)["offset"] for each in whole} == {100 + WILD, 108}
    # in the order in which it was decided, which is that of the chunks
    assert set(letters(cut=cut, restart=False)) == set(whole)
    assert set(letters(cut=cut, restart=True)) == set(whole)

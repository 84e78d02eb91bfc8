import json

import numpy as np
import pytest

from config.settings import KafkaSettings, Settings
from streams.drivers.kafka.stage import Emission
from streams.drivers.kafka.stages import RollupStage
from streams.drivers.kafka.topics import Topics
from streams.engine.rollup.blocks.block_codec import decode_block
from streams.ingest.batch_consumer.chunk import Chunk
from streams.process.metrics import Metrics

TOPICS = Topics.of(KafkaSettings())
COUNT = 200
WILD = 100  # the offset of a record of a clock that runs ahead: what surrounds it says so
ARRIVED = np.full(COUNT + 1, 1_760_100_000.0)  # all were posted a day later


def records() -> list[bytes]:
    stamps = [1_760_000_000 + second for second in range(COUNT)]
    stamps[WILD] += 40_000
    return [json.dumps({"ts": ts, "service": "shop"}).encode() for ts in stamps] + [b"no event"]


def letters(*, cut: int, restart: bool) -> list[Emission]:
    stage = RollupStage(0, Settings(), 1, TOPICS)
    emitted: list[Emission] = []
    every = records()
    for first, last in ((0, cut), (cut, cut + 1), (cut + 1, len(every))):
        offsets = range(100 + first, 100 + last)
        emitted += stage.feed(
            Chunk(
                "requests",
                0,
                offsets.start,
                offsets.stop,
                offsets,
                every[first:last],
                arrived=ARRIVED[first:last],
            )
        )
        if restart:
            parts = stage.snapshot()
            stage = RollupStage(0, Settings(), 1, TOPICS)
            stage.restore(parts)
    return [emission for emission in emitted if emission.topic == TOPICS.dead_letters]


@pytest.mark.parametrize("cut", [1, 40, WILD, WILD + 1, WILD + 2, WILD + 64, WILD + 65, COUNT - 1])
def test_a_record_that_was_held_back_keeps_its_offset_across_chunks_and_restarts(cut: int) -> None:
    whole = letters(cut=COUNT, restart=False)
    assert {json.loads(emission.value)["offset"] for emission in whole} == {100 + WILD, 100 + COUNT}
    # in the order in which it was decided, which is that of the chunks
    assert set(letters(cut=cut, restart=False)) == set(whole)
    assert set(letters(cut=cut, restart=True)) == set(whole)


def test_tombstones_are_counted_and_are_never_bad() -> None:
    metrics = Metrics()
    stage = RollupStage(0, Settings(), 1, TOPICS, metrics)
    every = [offset for offset in range(700) if offset % 7]
    values = [json.dumps({"ts": 1_760_000_000 + offset, "service": "shop"}).encode() for offset in every]
    chunk = Chunk("requests", 0, 0, 700, every, values, tombstones=range(0, 700, 7))
    emitted = [*stage.feed(chunk.until(350)), *stage.feed(chunk.since(350))]
    assert {emission.topic for emission in emitted} == {TOPICS.rollups}
    assert (stage.records, stage.rejected) == (600, 0)
    name = "uneri_skipped_parts_total"
    assert metrics.registry.get_sample_value(name, {"reason": "tombstone"}) == 100


def test_an_empty_record_is_bad_as_it_was() -> None:
    stage = RollupStage(0, Settings(), 1, TOPICS)
    (letter,) = stage.feed(Chunk("requests", 0, 5, 6, [5], [b""]))
    assert json.loads(letter.value)["reason"] == "empty"


def test_what_is_long_over_is_emitted_by_the_step_and_what_is_new_by_the_bucket() -> None:
    now = 1_760_100_000.0
    stage = RollupStage(0, Settings(), 1, TOPICS, now=lambda: now)
    every = [json.dumps({"ts": 1_760_000_000 + 5 * at, "service": "shop"}).encode() for at in range(120)]

    def widths(first: int, last: int) -> list[int]:
        arrived = np.array([1_760_000_001.0 + 5 * at for at in range(first, last)])
        run = Chunk("requests", 0, first, last, range(first, last), every[first:last], arrived=arrived)
        return [decode_block(emission.value).width for emission in stage.feed(run)]

    assert set(widths(0, 40)) == {10}
    assert stage.wants_switch(now)
    stage.prepare_switch(now)
    assert set(widths(40, 60)) == {10}, "not before the checkpoint is durable"
    parts = stage.snapshot()
    stage.switch_mode()
    assert 60 in widths(60, 90)
    stage = RollupStage(0, Settings(), 1, TOPICS, now=lambda: now)
    stage.restore(parts)  # it crashed, and goes the same way again
    assert 60 in widths(60, 90)
    now = 1_760_000_000.0 + 5 * 90 + 30
    assert stage.wants_switch(now)
    stage.prepare_switch(now)
    stage.switch_mode()
    assert set(widths(90, 100)) == {10, 60}  # what was begun as a step ends as one
    assert set(widths(100, 120)) == {10}


def test_time_that_the_clock_moves_goes_no_further_than_the_clock_of_this_host() -> None:
    """A broker's clock that was ahead for the last record before a pause would end what has not begun."""
    now = 1_760_000_000.0
    stage = RollupStage(0, Settings(), 1, TOPICS, now=lambda: now)

    def arrive(first: int, count: int, ahead: float) -> None:
        values = [json.dumps({"ts": now + at, "service": "shop"}).encode() for at in range(count)]
        arrived = now + ahead + np.arange(float(count))
        offsets = range(first, first + count)
        stage.feed(Chunk("requests", 0, first, first + count, offsets, values, arrived=arrived))

    arrive(0, 100, 0)
    now += 100
    arrive(100, 1, 500)
    now += 120
    stage.idle(120)
    assert now - 180 < stage.rollup.watermark <= now
    arrive(101, 100, 0)
    assert not stage.rollup.late

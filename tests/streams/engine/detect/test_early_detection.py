from types import SimpleNamespace
from typing import Any

from streams.engine.detect.early_detection import PartialStep
from streams.engine.rollup.blocks.block import Block

T0 = 1_760_000_040


def block(bucket: int, *, width: int = 10, early: bool = False) -> Block:
    return Block("requests/0", 0, 1, 0, bucket, width, bucket + width, records=1, early=early)


def last_minute(watermark: int) -> PartialStep:
    steps = SimpleNamespace(levels={"requests/0": watermark}, watermark=watermark)
    measuring: Any = SimpleNamespace(steps=steps)
    return PartialStep(measuring, 60, 10)


def test_a_minute_is_known_when_its_buckets_are_emitted() -> None:
    minute = last_minute(T0 + 30)
    minute.note(block(T0 + 20))
    for at in range(30, 60, 10):
        minute.feed(block(T0 + at, early=True))
    assert minute.end() == T0 + 60


def test_a_minute_with_a_part_of_a_step_that_was_emitted_whole_is_not_known() -> None:
    minute = last_minute(T0 + 60)
    minute.note(block(T0, width=60))
    for at in range(60, 110, 10):
        minute.feed(block(T0 + at, early=True))
    assert minute.end() is None
    minute.feed(block(T0 + 110, early=True))
    assert minute.end() == T0 + 120

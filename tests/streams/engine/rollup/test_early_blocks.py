"""Early blocks hold the counts of open buckets so far; they change no total."""

import json
from collections.abc import Sequence

import numpy as np
import pytest

from config.settings import Settings, TimeSettings
from detectors.model.measures import COLUMN, Measure
from streams.engine.decode.decoder import Decoder
from streams.engine.measure.step import Step
from streams.engine.measure.steps import Steps
from streams.engine.rollup.blocks.block import Block
from streams.engine.rollup.blocks.block_codec import decode_block, encode_block
from streams.engine.rollup.rollup import SETTLED, Rollup

T0 = 1_760_000_000 - 1_760_000_000 % 60
TIME = Settings().time
REQUESTS = COLUMN[Measure.REQUESTS]


def event(ts: float) -> bytes:
    tables = [{"name": "items", "op": "PutItem", "ms": 4}]
    return json.dumps(
        {"ts": ts, "service": "shop", "function": "put", "ms": {"total": 12}, "tables": tables}
    ).encode()


class Source:
    """A partition whose records arrive when they happen."""

    def __init__(self, shards: int = 1, time: TimeSettings = TIME) -> None:
        self.decoder = Decoder(Settings())
        self.rollup = Rollup("requests/0", shards, time, self.decoder)

    def feed(self, stamps: Sequence[float]) -> list[Block]:
        columns, _ = self.decoder.decode([event(ts) for ts in stamps], np.array(stamps))
        return self.rollup.feed(columns)


def early_blocks(source: Source) -> list[Block]:
    """Return early blocks of buckets since the first record."""
    return [block for block in source.rollup.early() if block.bucket >= T0]


def per_second(begin: int, end: int) -> list[float]:
    return [float(ts) for ts in range(begin, end)]


def test_a_bucket_is_emitted_once_some_seconds_after_its_end() -> None:
    source = Source()
    source.feed(per_second(T0, T0 + 10 + SETTLED))
    assert early_blocks(source) == []
    source.feed([T0 + 10.0 + SETTLED])
    [block] = early_blocks(source)
    assert (block.bucket, block.watermark, block.records) == (T0, T0 + 10, 10)
    assert source.rollup.early() == []


def test_it_has_nothing_but_sums_and_times() -> None:
    source = Source()
    source.feed(per_second(T0, T0 + 20))
    [block] = early_blocks(source)
    assert block.early
    assert block.sums[:, REQUESTS].tolist() == [10.0, 10.0]  # of the path, of its call
    assert block.counts.tolist() == [10.0, 10.0, 10.0]  # of the request, its function, its call
    assert not len(block.tags) + len(block.values) + len(block.examples)


def test_a_bucket_without_a_record_is_emitted_as_well() -> None:
    source = Source()
    source.feed([*per_second(T0, T0 + 10), T0 + 25.0])
    assert [(block.bucket, block.records) for block in early_blocks(source)] == [(T0, 10), (T0 + 10, 0)]


def test_shards_get_their_own() -> None:
    source = Source(shards=2)
    source.feed(per_second(T0, T0 + 15))
    blocks = early_blocks(source)
    assert [block.shard for block in blocks] == [0, 1]
    assert all(block.records == 10 for block in blocks)  # the same for every shard, as of any bucket


def test_after_a_leap_only_the_last_step_is_emitted() -> None:
    source = Source()
    source.feed(per_second(T0, T0 + 10))
    source.feed(per_second(T0 + 7200, T0 + 7200 + 65))
    assert len(source.rollup.early()) <= TIME.step // TIME.bucket


def test_nothing_is_emitted_before_the_first_record() -> None:
    assert Source().rollup.early() == []


def test_nobody_is_in_a_hurry_whose_steps_are_hours() -> None:
    source = Source(time=TimeSettings(step=3600))
    source.feed(per_second(T0, T0 + 60))
    assert source.rollup.early() == []


@pytest.mark.parametrize("restart", [False, True])
def test_blocks_and_steps_are_the_same_whether_buckets_are_emitted_early_or_not(*, restart: bool) -> None:
    plain, early = Source(), Source()
    of_plain, of_early = Steps(["requests/0"], TIME.step), Steps(["requests/0"], TIME.step)
    steps: list[list[Step]] = [[], []]
    count = 0
    for second in range(T0, T0 + 400):
        expected, blocks = plain.feed([float(second)]), early.feed([float(second)])
        assert [encode_block(block) for block in blocks] == [encode_block(block) for block in expected]
        hints = early.rollup.early()
        count += len(hints)
        blocks += [decode_block(encode_block(hint)) for hint in hints]
        steps[0] += of_plain.feed(expected)
        steps[1] += of_early.feed(blocks)
        if restart and second % 37 == 0:
            parts = early.rollup.snapshot()
            early = Source()
            early.rollup.restore(parts)
    assert count >= 30
    assert len(steps[0]) == len(steps[1]) >= 4
    for left, other in zip(*steps, strict=True):
        assert (left.start, left.records) == (other.start, other.records)
        assert np.array_equal(left.sums, other.sums)


def test_none_is_emitted_of_a_step_that_is_emitted_whole() -> None:
    source = Source()
    source.feed(per_second(T0 - 60, T0 - 10))
    source.rollup.switch_mode(whole_steps=True)
    source.feed(per_second(T0 - 10, T0 + 20))
    assert source.rollup.early() == []
    source.rollup.switch_mode(whole_steps=False)
    source.feed(per_second(T0 + 20, T0 + 50))
    assert source.rollup.early() == [], "a part of this minute is in a block that follows"
    wide = [block for block in source.feed(per_second(T0 + 50, T0 + 120)) if block.width > 10]
    assert {block.bucket for block in wide} == {T0}
    assert [block.bucket for block in source.rollup.early()] == [T0 + 80, T0 + 90, T0 + 100]

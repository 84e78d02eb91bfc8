from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from detectors.model.measures import COLUMN, SUMMED, Measure
from detectors.model.scope import Edge, Scope
from streams.engine.decode.cells import PER_ID
from streams.engine.decode.paths import Call, Path
from streams.engine.measure.step import Step
from streams.engine.measure.steps import LostBlockError, Steps, StrayBlockError
from streams.engine.rollup.blocks.block import Block

ITEMS = Scope("table", "aws", "1", "eu-west-1", "items")
PUT = Scope("function", "aws", "1", "eu-west-1", "put")
PATH = Path("aws", "1", "eu-west-1", "", "", "put", "", "", "")
REQUESTS = COLUMN[Measure.REQUESTS]


def block(
    source: str,
    sequence: int,
    bucket: int,
    *,
    watermark: int | None = None,
    calls: float = 1,
    idle: bool = False,
) -> Block:
    sums = np.zeros((2, len(SUMMED)))
    sums[:, REQUESTS] = calls
    return Block(
        source=source,
        shard=0,
        shards=1,
        sequence=sequence,
        bucket=bucket,
        width=10,
        watermark=bucket + 10 if watermark is None else watermark,
        idle=idle,
        records=int(calls),
        paths=[PATH],
        calls=[Call(0, "items")],
        sums=sums,
        cells=np.array([3, PER_ID + 4]),
        counts=np.array([1.0, 2.0]),
        tags=[(1, "throttle", "hot", 1.0)],
    )


def calls_of(steps: Steps, step: Step) -> float:
    return float(step.sums[steps.scopes.index(ITEMS), REQUESTS])


def reasons_of(steps: Steps, step: Step) -> dict[tuple[object, str], float]:
    return {(steps.scopes[row], text): count for (row, _, text), count in step.tags.items()}


def test_a_step_closes_when_every_source_has_passed_it_and_holds_what_all_of_them_counted() -> None:
    steps = Steps(["a", "b"], 60)
    assert list(steps.feed([block("a", 0, 0, calls=3), block("a", 1, 60)])) == []
    (closed,) = steps.feed([block("b", 0, 50, calls=4)])
    assert (closed.start, calls_of(steps, closed), closed.records) == (0, 7, 7)
    assert reasons_of(steps, closed) == {(ITEMS, "hot"): 2.0}
    rows, bins, counts = closed.latency[Measure.LATENCY]
    measured: Counter[tuple[str, int]] = Counter()
    for row, at, count in zip(rows.tolist(), bins.tolist(), counts.tolist(), strict=True):
        measured[steps.scopes[row].kind, at] += count
    assert measured == {("account", 3): 2.0, ("table", 4): 4.0}  # the function's own layer had none
    assert {PUT, Edge(PUT, ITEMS)} < set(steps.scopes)


def test_an_idle_source_holds_nothing_back_until_its_next_block() -> None:
    steps = Steps(["a", "b"], 60)
    list(steps.feed([block("b", 0, 0)]))
    assert list(steps.feed([block("a", 0, 0), block("a", 1, 110)])) == []
    idle = Block("b", 0, 1, 0, bucket=0, width=10, watermark=10, idle=True)
    assert [step.start for step in steps.feed([idle])] == [0, 60]
    list(steps.feed([block("b", 1, 120)]))
    assert list(steps.feed([block("a", 2, 200)])) == []
    assert steps.watermark == 130


def test_a_source_that_was_idle_is_waited_for_from_when_it_has_more_until_that_is_read() -> None:
    steps = Steps(["a", "b", "c"], 60)
    idle = [
        Block(source, 0, 1, 0, bucket=0, width=10, watermark=10, idle=True, read=100) for source in ("b", "c")
    ]
    list(steps.feed([block("a", 0, 0), block("b", 0, 0), block("c", 0, 0), *idle]))
    told = Block("a", 0, 1, 0, 0, 10, 10, ends={"a": 900, "b": 101, "c": 100, "gone": 7})
    after = Steps(["a", "b", "c"], 60)
    assert list(steps.feed([told])) == []
    after.restore(steps.snapshot())
    assert list(after.feed([block("a", 1, 600)])) == []
    assert after.levels == {"a": 610, "b": 10}
    assert list(after.feed([idle[0]])) == [], "it looked before that arrived"
    assert len(list(after.feed([replace(idle[0], read=101)]))) == 10


def test_a_source_that_never_sent_a_block_holds_time_back() -> None:
    steps = Steps(["a", "b"], 60)
    assert list(steps.feed([block("a", 0, 0), block("a", 1, 600)])) == []
    assert steps.watermark is None


def test_a_source_that_is_no_longer_read_holds_nothing_back() -> None:
    before = Steps(["a", "gone"], 60)
    assert list(before.feed([block("a", 0, 50), block("gone", 0, 20)])) == []
    after = Steps(["a"], 60)
    after.restore(before.snapshot())
    closed = list(after.feed([block("a", 1, 110), block("gone", 1, 30)]))
    assert [step.start for step in closed] == [0, 60]


def test_a_repeated_block_changes_nothing() -> None:
    steps = Steps(["a"], 60)
    (closed,) = steps.feed(
        [block("a", 0, 0), block("a", 0, 0), block("a", 1, 50, calls=2), block("a", 1, 50, calls=2)]
    )
    assert calls_of(steps, closed) == 3


def test_a_missing_block_stops_everything_with_a_clear_error() -> None:
    steps = Steps(["a"], 60)
    with pytest.raises(LostBlockError, match="a: block 2 follows block 0"):
        list(steps.feed([block("a", 0, 0), block("a", 2, 20)]))


def test_steps_without_traffic_are_closed_too() -> None:
    steps = Steps(["a"], 60)
    closed = list(steps.feed([block("a", 0, 0), block("a", 1, 230)]))
    assert [(step.start, calls_of(steps, step)) for step in closed] == [(0, 1), (60, 0), (120, 0), (180, 1)]


def test_a_correction_is_merged_while_its_step_is_open_and_counted_late_afterwards() -> None:
    steps = Steps(["a"], 60)
    (closed,) = steps.feed([block("a", 0, 20), block("a", 1, 10, watermark=30), block("a", 2, 50)])
    assert calls_of(steps, closed) == 3
    list(steps.feed([block("a", 3, 10, watermark=60, calls=5)]))
    assert steps.late == 5


def test_a_restored_copy_continues_like_the_original() -> None:
    steps = Steps(["a", "b"], 60)
    list(steps.feed([block("a", 0, 0), block("b", 0, 0, calls=4), block("a", 1, 60)]))
    copy = Steps(["a", "b"], 60)
    copy.restore(steps.snapshot())
    for merged in (steps, copy):
        (closed,) = merged.feed([block("b", 1, 60)])
        assert (closed.start, calls_of(merged, closed)) == (0, 5)
        assert reasons_of(merged, closed) == {(ITEMS, "hot"): 2.0}
        assert merged.scopes == steps.scopes
        assert merged.snapshot() == steps.snapshot() or merged is copy
    assert copy.snapshot() == steps.snapshot()


def test_a_block_of_another_number_of_shards_is_refused_with_the_remedy() -> None:
    steps = Steps(["a"], 60)
    list(steps.feed([block("a", 0, 0)]))
    other = block("a", 1, 10)
    other.shards = 2
    with pytest.raises(StrayBlockError, match=r"shard 0 of 2 arrived at shard 0 of 1; .* another kafka\.app"):
        list(steps.feed([other]))


def test_rows_of_a_restored_copy_follow_the_names_even_when_paths_and_calls_alternate() -> None:
    steps = Steps(["a"], 60)
    later = block("a", 1, 60)
    later.paths = [PATH._replace(function="get")]
    list(steps.feed([block("a", 0, 0), later]))
    copy = Steps(["a"], 60)
    copy.restore(steps.snapshot())
    for merged in (steps, copy):
        (closed,) = merged.feed([block("a", 2, 110)])
        assert (closed.start, calls_of(merged, closed)) == (60, 2)
    assert copy.scopes == steps.scopes


def test_a_step_of_many_small_blocks_counts_as_one_of_few() -> None:
    steps = Steps(["a"], 60)
    blocks = [block("a", number, 0, watermark=10) for number in range(700)]
    blocks[350].paths = [PATH._replace(function="get")]
    (closed,) = steps.feed([*blocks, block("a", 700, 50)])
    assert (calls_of(steps, closed), closed.records) == (701, 701)
    assert reasons_of(steps, closed) == {(ITEMS, "hot"): 701.0}
    assert closed.latency[Measure.LATENCY][2].sum() == 701 * 3
    assert closed.sums[steps.scopes.index(PUT), REQUESTS] == 700

"""Laws of blocks of whole steps, by which history is judged: they make the steps that buckets make."""

from collections.abc import Iterator, Sequence
from itertools import cycle
from typing import Any

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from detectors.explain.examples import at_most
from detectors.model.measures import SUMMED
from streams.engine.measure.step import Step
from streams.engine.measure.steps import Steps
from streams.engine.rollup.blocks.block import Block
from streams.engine.rollup.blocks.counts import MAX_TAGS
from tests.laws.arrivals import prompt
from tests.laws.events import T0, Sent, steady, streams
from tests.laws.partition import TIME, Partition, fed

cuts = st.lists(st.integers(1, 9), min_size=1, max_size=5)

# Late for its bucket while its step is open, and late for its step; the first few wait for the others.
LATE = [
    Sent(b'{"ts":%d,"service":"a"}' % (T0 + at), float(T0 + at))
    for at in (0, 0, 0, 45, 52, 1, 59, 130, 8, 70, 131, 500, 2)
]


def named(step: Step, steps: Steps) -> dict[str, Any]:
    """Return the content of a step by name, whatever the order of its rows."""
    scopes = steps.scopes
    latency: dict[Any, float] = {}
    for measure, (rows, bins, counts) in step.latency.items():
        for row, at, count in zip(rows.tolist(), bins.tolist(), counts.tolist(), strict=True):
            place = measure, scopes[row], at
            latency[place] = latency.get(place, 0.0) + count
    return {
        "start": step.start,
        "records": step.records,
        "completeness": step.completeness,
        "sums": {
            (scopes[row], SUMMED[column]): float(step.sums[row, column])
            for row, column in np.argwhere(step.sums).tolist()
        },
        "values": {
            (scopes[steps.values[at][0]], steps.values[at][1]): float(step.values[at])
            for at in np.flatnonzero(step.values).tolist()
        },
        "costs": {scopes[row]: float(step.costs[row]) for row in np.flatnonzero(step.costs).tolist()},
        "latency": latency,
        "tags": {(scopes[row], key, text): count for (row, key, text), count in step.tags.items()},
        "levels": step.levels,
        "changes": step.changes,
        "examples": at_most(step.examples),
        "late": [named(rows, steps) for rows in step.late],
    }


def steps_of(blocks: Sequence[Block], shard: int) -> Iterator[Any]:
    """Yield the steps of a shard, and how many records came after theirs."""
    steps = Steps(["requests/0"], TIME.step)
    for step in steps.feed(block for block in blocks if block.shard == shard):
        yield named(step, steps)
    yield steps.late, steps.watermark is None


@settings(steady)
@given(streams(), cuts, st.booleans(), st.integers(1, 3))
@example(LATE, [2], True, 1)
def test_blocks_of_whole_steps_make_the_same_steps(
    sent: list[Sent], sizes: Sequence[int], restart: bool, shards: int
) -> None:
    bodies = [event.body for event in sent]
    buckets = fed(bodies, shards=shards)
    spans = fed(bodies, sizes, restart=restart, shards=shards, whole_steps=True)
    assert (spans.rollup.late, spans.rollup.duplicates) == (buckets.rollup.late, buckets.rollup.duplicates)
    assert spans.rollup.watermark == buckets.rollup.watermark
    for shard in range(shards):
        assert list(steps_of(spans.blocks, shard)) == list(steps_of(buckets.blocks, shard))


@settings(steady)
@given(streams(), cuts, st.lists(st.booleans(), min_size=1, max_size=6), st.booleans(), st.integers(1, 2))
@example(LATE, [2], [True, False], True, 1)
@example(LATE, [1], [False, True, True], True, 2)
def test_blocks_of_steps_and_of_buckets_in_turn_make_the_same_steps(
    sent: list[Sent], sizes: Sequence[int], turns: Sequence[bool], restart: bool, shards: int
) -> None:
    bodies = [event.body for event in sent]
    buckets = fed(bodies, shards=shards)
    both = Partition(shards)
    at, size, turn = 0, cycle(sizes), cycle(turns)
    while at < len(bodies):
        both.rollup.switch_mode(whole_steps=next(turn))
        if restart:
            both.restart()
        run = bodies[at : at + next(size)]
        both.feed(run, arrived=prompt(bodies)[at : at + len(run)])
        at += len(run)
    both.finish()
    assert (both.rollup.late, both.rollup.duplicates) == (buckets.rollup.late, buckets.rollup.duplicates)
    for shard in range(shards):
        assert list(steps_of(both.blocks, shard)) == list(steps_of(buckets.blocks, shard))


def test_the_same_tags_are_too_many_for_a_bucket() -> None:
    sent = [b'{"ts":%d,"service":"a"}' % T0] * 250
    sent += [
        b'{"ts":%d,"service":"a","error":"fatal","error_type":"type %d"}' % (T0 + at % 2 * 10, at)
        for at in range(2 * MAX_TAGS + 100)
    ]
    sent += [b'{"ts":%d,"service":"a"}' % (T0 + 300)] * 250
    first, *others = steps_of(fed(sent, whole_steps=True).blocks, 0)
    assert [first, *others] == list(steps_of(fed(sent).blocks, 0))
    assert len(first["tags"]) > MAX_TAGS


def test_a_state_of_buckets_goes_on_in_spans() -> None:
    """A backfill may have been interrupted by an upgrade."""
    bodies = [event.body for event in LATE]
    before = fed(bodies, [3], restart=True)
    half = len(bodies) // 2
    buckets, spans = fed(bodies[:0]), fed(bodies[:0], whole_steps=True)
    buckets.feed(bodies[:half])
    spans.rollup.restore(buckets.rollup.snapshot())
    spans.feed(bodies[half:]).finish()
    made = [*buckets.blocks, *spans.blocks]
    assert list(steps_of(made, 0)) == list(steps_of(before.blocks, 0))

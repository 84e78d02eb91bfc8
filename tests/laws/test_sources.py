"""Laws of steps with many partitions: neither the spread of records nor the speed of a partition matters."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from random import Random

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from detectors.model.measures import SUMMED
from streams.engine.measure.step import Step
from streams.engine.measure.steps import Steps
from streams.engine.rollup.blocks.block import Block
from tests.laws.events import PLAIN, T0, Sent, fields_of, record, seeds, steady, streams
from tests.laws.partition import TIME, Partition

WIDTH = 60
numbers = st.integers(0, 2**16)
forward = st.lists(
    st.tuples(seeds, st.sampled_from([0, 0.25, 1, 3, 9, 35, 70, 250])), min_size=4, max_size=60
)

Judged = dict[tuple[int, object], dict[object, float]]
"""Counts by start of the step and scope or edge: sums, latency, tags and values."""


def in_order(base: Sequence[tuple[int, float]]) -> list[Sent]:
    """Return records in the order of their times, but those that join: they do so within a partition only."""
    now, sent = float(T0), list[Sent]()
    for number, (seed, move) in enumerate(base):
        now += move
        if not fields_of(Random(seed), now, plain=seed < PLAIN).get("joins"):  # noqa: S311 - no secret
            sent.append(Sent(record(seed, now, f"n{number}"), now))
    return sent


def blocks_of(parts: Sequence[Sequence[Sent]], *, idle: bool = True) -> dict[str, list[Block]]:
    """Return the blocks of each partition, to its end."""
    found = {}
    for number, part in enumerate(parts):
        name = f"requests/{number}"
        partition = Partition(source=name).feed([event.body for event in part]).finish()
        found[name] = [block for block in partition.blocks if idle or not block.idle]
    return found


def interleaved(blocks: dict[str, list[Block]], random: Random) -> Iterable[Block]:
    """Yield the blocks of each source in its order, randomly interleaved."""
    left = {source: list(its) for source, its in blocks.items()}
    while any(left.values()):
        source = random.choice([source for source, its in left.items() if its])
        for _ in range(random.choice((1, 1, 2, 1000))):
            if left[source]:
                yield left[source].pop(0)


def counted_by(steps: Steps, step: Step) -> Judged:
    """Return the counts of a step, by name."""
    found: Judged = defaultdict(dict)
    for row, sums in enumerate(step.sums.tolist()):
        found[step.start, steps.scopes[row]] = {
            measure: value for measure, value in zip(SUMMED, sums, strict=True) if value
        }
    for (row, measure), amount in zip(steps.values, step.values.tolist(), strict=True):
        if amount:
            found[step.start, steps.scopes[row]][measure] = amount
    for measure, latency in step.latency.items():
        for row, at, count in zip(*(part.tolist() for part in latency), strict=True):
            here = found[step.start, steps.scopes[row]]
            here[measure, at] = here.get((measure, at), 0) + count
    for (row, key, text), count in step.tags.items():
        found[step.start, steps.scopes[row]][key, text] = count
    return {place: counts for place, counts in found.items() if counts}


def judged(parts: Sequence[Sequence[Sent]], random: Random) -> tuple[Judged, int, list[int]]:
    """Return the counts of all steps, the number of late records, and the starts of the steps."""
    steps = Steps([f"requests/{n}" for n in range(len(parts))], WIDTH)
    found: Judged = {}
    starts: list[int] = []
    for step in steps.feed(interleaved(blocks_of(parts), random)):
        assert not step.late
        found |= counted_by(steps, step)
        starts.append(step.start)
    return found, steps.late, starts


@settings(steady, max_examples=40)
@given(forward, st.integers(2, 4), numbers)
def test_any_split_over_partitions_and_any_interleaving_judges_the_same_steps(
    base: list[tuple[int, float]], partitions: int, seed: int
) -> None:
    random, sent = Random(seed), in_order(base)  # noqa: S311
    parts: list[list[Sent]] = [[] for _ in range(partitions)]
    for at, event in enumerate(sent):  # some start late, some end early
        random.choice(parts[at * partitions // len(sent) // 2 :]).append(event)
    parts = [part for part in parts if part]
    found, late, starts = judged(parts, random)
    expected, _, whole = judged([sent], random)
    assert late == 0
    upto = min(starts[-1], whole[-1]) if starts and whole else 0  # the sources decide where the end closes
    assert {key: its for key, its in found.items() if key[0] <= upto} == {
        key: its for key, its in expected.items() if key[0] <= upto
    }
    again, late, _ = judged(parts, random)
    assert (again, late) == (found, 0)


def test_a_partition_with_earlier_records_loses_none_when_another_is_read_first() -> None:
    early = in_order([(number, 3) for number in range(100)])
    late = [Sent(record(9, event.ts + 3000, None), event.ts + 3000) for event in early]
    blocks = blocks_of([early, late], idle=False)
    totals = []
    for order in (["requests/0", "requests/1"], ["requests/1", "requests/0"]):
        steps = Steps(list(blocks), WIDTH)
        closed = [step for source in order for step in steps.feed(blocks[source])]
        assert steps.late == 0
        totals.append([(step.start, step.records) for step in closed])
    assert totals[0] == totals[1]
    assert sum(records for _, records in totals[0]) > 80


def corrected(late: Sequence[Step]) -> int:
    return sum(step.records for step in late)


def sent_at(*seconds: float) -> list[Sent]:
    return [Sent(record(0, T0 + second, None), T0 + second) for second in seconds]


@settings(steady, max_examples=40)
@example(
    [sent_at(0), sent_at(0, 0, -28, 0, 0, 0, 0, 0, 0, 0, 9, 44, -28, -28)], 0
)  # it ends ahead of its watermark
@given(st.lists(streams(most=25, bad=False, wild=()), min_size=2, max_size=3), numbers)
def test_with_late_records_the_interleaving_decides_only_which_are_corrections(
    parts: list[list[Sent]], seed: int
) -> None:
    """The limit: whether a late record still finds its step open depends on how far the others are."""
    random, blocks = Random(seed), blocks_of(parts)  # noqa: S311
    counts = []
    for _ in range(3):
        steps = Steps(list(blocks), WIDTH)
        every = [*interleaved(blocks, random), closing(blocks)]
        closed = list(steps.feed(every))
        assert sum(corrected(step.late) for step in closed) == steps.late
        total = defaultdict[int, int](int)
        for step in closed:
            for part in (step, *step.late):
                total[part.start] += part.records
        counts.append({start: records for start, records in total.items() if records})
    assert counts[0] == counts[1] == counts[2]
    assert sum(counts[0].values()) == sum(block.records for its in blocks.values() for block in its)


def closing(blocks: dict[str, list[Block]]) -> Block:
    """Return a block without records of the first source that lets everything close: all others are idle."""
    source, its = next(iter(blocks.items()))
    end = max(max(block.watermark, block.bucket) for its in blocks.values() for block in its) + WIDTH
    return Block(source, 0, 1, its[-1].sequence + 1, end, 10, end + 10)


def test_an_idle_partition_holds_nothing_back_and_loses_nothing_when_it_returns() -> None:
    steady_one = in_order([(number, 3) for number in range(200)])
    pause = [
        Sent(record(9, event.ts, None), event.ts) for event in steady_one if not 200 <= event.ts - T0 < 400
    ]
    blocks = blocks_of([steady_one, pause], idle=False)
    before = [block for block in blocks["requests/1"] if block.watermark <= T0 + 200]
    after = blocks["requests/1"][len(before) :]
    steps = Steps(list(blocks), WIDTH)
    idle = Block("requests/1", 0, 1, before[-1].sequence, 0, 10, before[-1].watermark, idle=True)
    closed = list(steps.feed([*before, *blocks["requests/0"]]))
    assert closed[-1].start + WIDTH <= T0 + 200, "what is not idle holds time back"
    closed += steps.feed([idle])
    assert closed[-1].start + 2 * WIDTH > blocks["requests/0"][-1].watermark
    late = steps.late
    closed += steps.feed([*after, Block("requests/1", 0, 1, after[-1].sequence + 1, T0, 10, T0 + 5000)])
    closed += steps.feed(
        [Block("requests/0", 0, 1, blocks["requests/0"][-1].sequence + 1, T0, 10, T0 + 5000)]
    )
    assert late == 0
    assert steps.late == sum(corrected(step.late) for step in closed) > 0
    assert sum(step.records for step in closed) + steps.late == len(steady_one) + len(pause)
    assert [step.start for step in closed] == list(range(closed[0].start, closed[-1].start + 1, WIDTH))


@pytest.mark.parametrize("every", [(1, 45), (1, 100), (45, 45), (35, 700)])
@pytest.mark.parametrize("delays", [(0.5, 0.5), (0.5, 20)])
def test_what_a_partition_has_counted_before_a_pause_is_judged_in_time(
    every: tuple[int, int], delays: tuple[float, float]
) -> None:
    """Each has a record every so many seconds until traffic ends, and says when it has had none for long."""
    partitions = [Partition(source=f"requests/{number}") for number in range(2)]
    steps, newest, judged = Steps(["requests/0", "requests/1"], WIDTH), [0, 0], 0
    for second in range(2400):
        for number, partition in enumerate(partitions):
            at, begun = T0 + second, len(partition.blocks)
            if second % every[number] == 0 and second < 2000:
                body = record(9, at - delays[number], None)
                partition.feed([body], arrived=np.array([float(at)]))
                newest[number] = second
            elif second - newest[number] >= TIME.idle:
                partition.blocks += partition.rollup.idle(second - newest[number])
            judged += sum(step.records for step in steps.feed(partition.blocks[begun:]))
    assert steps.late == 0
    assert judged == sum(len(range(0, 2000, pause)) for pause in every)

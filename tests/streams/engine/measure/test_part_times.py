"""The time of the present mix of calls if each took its usual time: against plain sums, and over restarts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.latency.histogram import N_BINS, bins_of
from detectors.latency.running_p95 import QUANTILE
from detectors.latency.usual_times import OTHER_MIX
from detectors.model.array_types import Floats
from detectors.model.measures import Measure
from streams.engine.measure.fan_out import Latency
from streams.engine.measure.latency_window import CALLS
from streams.engine.measure.part_times import HALF_LIFE_SECONDS, LEAST, PartTimes

STEP = 60
FAST, SLOW = 10.0, 500.0
ENOUGH = int(LEAST) + 1


def calls(*of_parts: list[float]) -> Latency:
    """One step in which each part had calls of so many milliseconds."""
    parts = np.repeat(np.arange(len(of_parts)), [len(values) for values in of_parts])
    bins = bins_of(np.concatenate([np.array(values, float) for values in of_parts])).astype(np.int64)
    return parts, bins, np.ones(len(parts))


def fed(
    times: PartTimes, step: Latency, wholes: list[int], usual: list[float], seen: float = np.nan
) -> Floats:
    (found,) = times.feed([step], wholes, np.array([usual]), np.full((1, len(usual)), seen))
    return np.asarray(found)


def test_slow_parts_that_are_called_more_often_explain_a_higher_p95_and_their_usual_share_does_not() -> None:
    times = PartTimes(Measure.LATENCY, STEP)
    for _ in range(10):
        usual = fed(times, calls([FAST] * 980, [SLOW] * 20), [0, 0], [FAST])
    assert np.isnan(usual[0])
    assert fed(times, calls([FAST] * 900, [SLOW] * 100), [0, 0], [FAST]) == pytest.approx([SLOW], rel=0.1)
    rare = fed(times, calls([FAST] * 1000, [SLOW] * 5), [0, 0], [SLOW])
    assert rare == pytest.approx([FAST], rel=0.1), "the p95 is usually that of the slow ones"


def test_a_p95_between_fast_and_slow_parts_is_either_by_chance() -> None:
    times = PartTimes(Measure.LATENCY, STEP)
    for _ in range(20):
        fed(times, calls([FAST] * 958, [SLOW] * 42), [0, 0], [FAST])
    few = calls([FAST] * 190, [SLOW] * 10)  # 8.4 are usual
    assert fed(times, few, [0, 0], [FAST], seen=SLOW) == pytest.approx([SLOW])
    assert np.isnan(fed(times, few, [0, 0], [FAST], seen=2 * SLOW)[0]), "no part takes so long"
    many = calls([FAST] * 19_100, [SLOW] * 900)  # of many calls nothing is chance
    assert np.isnan(fed(times, many, [0, 0], [FAST], seen=SLOW)[0])


def test_it_is_not_chance_where_the_calls_are_slower_than_those_of_their_parts() -> None:
    draw = np.random.default_rng(1)

    def step(slower: float = 1.0, of_slow: float = 1.0) -> Latency:
        return calls(
            (slower * FAST * np.exp(0.3 * draw.standard_normal(190))).tolist(),
            (slower * of_slow * SLOW * np.exp(0.3 * draw.standard_normal(10))).tolist(),
        )

    times = PartTimes(Measure.LATENCY, STEP)
    for _ in range(100):
        fed(times, step(), [0, 0], [FAST])
    assert times.peek(step(), [0, 0], np.array([FAST]), np.array([SLOW])) == pytest.approx([SLOW])
    assert times.peek(step(slower=2), [0, 0], np.array([FAST]), np.array([SLOW])) != pytest.approx([SLOW])


def test_what_a_single_part_takes_explains_nothing() -> None:
    times = PartTimes(Measure.LATENCY, STEP)
    for _ in range(5):
        fed(times, calls([FAST] * 1000), [0], [FAST])
    assert np.isnan(fed(times, calls([SLOW] * 1000), [0], [FAST])[0])


def test_the_times_of_a_new_part_explain_nothing_until_they_are_known() -> None:
    times = PartTimes(Measure.LATENCY, STEP)
    for _ in range(5):
        fed(times, calls([FAST] * 500, [FAST] * 500), [0, 0], [FAST])
    new = calls([FAST] * 500, [FAST] * 300, [SLOW] * ENOUGH)
    assert np.isnan(fed(times, new, [0, 0, 0], [FAST])[0])
    assert fed(times, new, [0, 0, 0], [FAST]) == pytest.approx([SLOW], rel=0.1)


def test_nothing_is_explained_while_the_known_parts_have_less_than_half_of_the_calls() -> None:
    times = PartTimes(Measure.LATENCY, STEP)
    for _ in range(5):
        fed(times, calls([FAST] * 500, [SLOW] * 20), [0, 0], [FAST])
    unknown = calls([FAST] * 200, [SLOW] * 200, [FAST] * 500)
    assert np.isnan(fed(times, unknown, [0, 0, 0], [FAST])[0])


def test_few_calls_are_weighed_with_those_before_them() -> None:
    times = PartTimes(Measure.LATENCY, STEP)
    for _ in range(200):
        fed(times, calls([FAST] * 19, [SLOW]), [0, 0], [FAST])
    found = fed(times, calls([FAST] * 9, [SLOW] * 3), [0, 0], [FAST])
    assert np.isnan(found[0]) or found[0] <= SLOW
    for _ in range(CALLS // 10):
        found = fed(times, calls([FAST] * 7, [SLOW] * 3), [0, 0], [FAST])
    assert found == pytest.approx([SLOW], rel=0.1)


def test_usual_times_follow_what_calls_take_within_days() -> None:
    step = HALF_LIFE_SECONDS // 8
    times = PartTimes(Measure.LATENCY, step)
    for _ in range(16):
        fed(times, calls([FAST] * 900, [SLOW] * 100), [0, 0], [FAST])
    for _ in range(64):  # eight half-lives: a 256th of the weight is left
        found = fed(times, calls([FAST] * 900, [4 * SLOW] * 100), [0, 0], [FAST])
    assert found == pytest.approx([4 * SLOW], rel=0.1)


@given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.integers(1, 4), st.integers(1, 12))
def test_the_mix_is_that_of_plain_sums_at_any_restart(seed: int, parts: int, wholes: int, steps: int) -> None:
    draw = np.random.default_rng(seed)
    of = draw.integers(0, wholes, parts).tolist()
    medians = 10 ** draw.uniform(0.5, 3.5, parts)
    usual, unseen = np.full(wholes, 1e-3), np.full(wholes, np.nan)  # every mix is another one
    times, histogram, found = PartTimes(Measure.LATENCY, STEP), np.zeros((parts, N_BINS)), usual
    for number in range(steps):
        counts = draw.integers(0, 3 * CALLS, parts)
        ms = [medians[part] * np.exp(0.4 * draw.standard_normal(counts[part])) for part in range(parts)]
        peeked = times.peek(calls(*map(list, ms)), of, usual, unseen)
        found = times.feed([calls(*map(list, ms))], of, usual[None], unseen[None])[0]
        assert np.array_equal(peeked, found, equal_nan=True)
        known = histogram.sum(axis=1)
        share = np.where(known > 1.001 * LEAST, counts / np.maximum(known, 1), 0.0)
        for whole in range(wholes):
            mine = [part for part in range(parts) if of[part] == whole]
            several = [part for part in mine if share[part] > 0]
            enough = sum(counts[part] for part in mine) >= CALLS  # else those before count, too
            if len(several) < 2 or not enough or np.any((known > 0) & (known < 1.1 * LEAST)):
                continue
            if sum(counts[part] for part in several) < 0.51 * sum(counts[part] for part in mine):
                continue
            mixed = np.cumsum(sum(share[part] * histogram[part] for part in several))
            faster, slower = mixed[bins_of([found[whole] / 1.2, found[whole] * 1.2])] / mixed[-1]
            assert faster <= QUANTILE + 0.005
            assert slower >= QUANTILE - 0.005
        for part in range(parts):
            np.add.at(histogram[part], bins_of(ms[part]), 1.0)
        if number % 3 == 1:
            state, times = times.snapshot(), PartTimes(Measure.LATENCY, STEP)
            times.restore(state, of, wholes)
    again = PartTimes(Measure.LATENCY, STEP)
    again.restore(times.snapshot(), of, wholes)
    last = calls(*[[medians[part]] * CALLS for part in range(parts)])
    alone, other = (part_times.feed([last], of, usual[None], unseen[None]) for part_times in (again, times))
    assert np.array_equal(alone, other, equal_nan=True)


@given(st.integers(0, 2**32 - 1), st.integers(1, 9))
def test_steps_taken_together_are_those_taken_one_by_one(seed: int, at_once: int) -> None:
    draw = np.random.default_rng(seed)
    single, many = (PartTimes(Measure.LATENCY, HALF_LIFE_SECONDS) for _ in range(2))  # often rescaled
    usual, seen = 10 ** draw.uniform(0, 3, (2, 30, 3))
    steps = []
    for _ in range(30):
        size = int(draw.integers(0, 300))
        parts, bins = draw.integers([[0], [100]], [[6], [400]], (2, size))
        steps.append((parts, bins, draw.integers(1, 9, size).astype(np.float64)))
    for first in range(0, 30, at_once):
        here = slice(first, first + at_once)
        found = many.feed(steps[here], [0, 1, 0, 2, 1, 0], usual[here], seen[here])
        for at, step in enumerate(steps[here]):
            alone = single.feed([step], [0, 1, 0, 2, 1, 0], usual[first + at][None], seen[first + at][None])
            np.testing.assert_array_equal(found[at], alone[0])
        assert many.snapshot() == single.snapshot()


@given(st.integers(0, 2**32 - 1))
def test_the_order_of_the_calls_of_a_step_changes_nothing(seed: int) -> None:
    draw = np.random.default_rng(seed)
    alone, other = PartTimes(Measure.LATENCY, STEP), PartTimes(Measure.LATENCY, STEP)
    for _ in range(4):
        size = int(draw.integers(1, 500))
        parts, bins = draw.integers(0, [[3], [N_BINS]], (2, size))
        counts = draw.integers(1, 9, size).astype(np.float64)
        order = draw.permutation(size)
        fed(alone, (parts, bins, counts), [0, 0, 1], [1.0, 1.0])
        fed(other, (parts[order], bins[order], counts[order]), [0, 0, 1], [1.0, 1.0])
    assert alone.snapshot() == other.snapshot()


def test_a_part_of_no_known_scope_is_refused() -> None:
    with pytest.raises(ValueError, match="scope 1 of 1"):
        fed(PartTimes(Measure.LATENCY, STEP), calls([FAST], [FAST]), [0, 1], [FAST])


def test_a_state_without_parts_is_gone_on_with() -> None:
    times = PartTimes(Measure.LATENCY, STEP)
    times.restore({}, [0, 0], 1)
    assert np.isnan(fed(times, calls([FAST] * 900, [SLOW] * 100), [0, 0], [FAST])[0])
    assert OTHER_MIX > 1

"""No series is blind: ten times the usual is found in its minute, whatever came before."""

from functools import cache
from typing import Final

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from config.settings import JudgeSettings
from detectors.judge.decide import ONSET_STEPS
from detectors.judge.judge import Judge
from detectors.judge.kernel.arrays import DROP, SHIFT, SPIKE
from detectors.model.measures import Measure, Series
from detectors.model.scope import Scope

BEGIN: Final = 1_759_708_800  # a Monday, 00:00 UTC
MINUTE, DAY = 60, 1440
LEARNT: Final = 8 * DAY + 9 * 60
RATES: Final = np.array([10.0, 30.0, 30.0, 600.0])  # a minute, of counts; the third are amounts of calls
REGULAR: Final = np.array([30.0, 60.0, 75.0, 600.0])
SMALL_REGULAR: Final = np.array([10.0, 5.0, 12.0, 1.0])
GAP: Final = -1.0
LARGE, SMALL, FEW = 5.0, 0.4, 20.0

Past = list[tuple[float, int, float]]
"""Times the usual or ``GAP``, for how many minutes, and the part of the first minute that comes."""


def a_judge() -> Judge:
    judge = Judge(JudgeSettings(young=DAY * MINUTE), MINUTE)
    table, other = (Scope("table", "aws", "1", "r", name) for name in ("items", "users"))
    service = Scope("service", "aws", "1", "", "shop")
    judge.add(
        [
            Series(other, Measure.WRITES),
            Series(table, Measure.WRITES),
            Series(table, Measure.WCU),
            Series(service, Measure.REQUESTS),
        ]
    )
    return judge


def drawn(rng: np.random.Generator, steps: int, times: float = 1.0) -> np.ndarray:
    counts = rng.poisson(RATES * times, (steps, len(RATES))).astype(float)
    counts[:, 2] = counts[:, 1] * 2.5
    return counts


@cache
def learnt() -> dict[str, bytes]:
    judge = a_judge()
    values = drawn(np.random.default_rng(1), LEARNT)
    for first in range(0, LEARNT, 720):
        judge.judge_steps(BEGIN + first * MINUTE, values[first : first + 720])
    return judge.snapshot()


@cache
def learnt_by_rote(usual: tuple[float, ...]) -> dict[str, bytes]:
    judge = a_judge()
    for first in range(0, LEARNT, 720):
        steps = min(720, LEARNT - first)
        judge.judge_steps(BEGIN + first * MINUTE, np.tile(usual, (steps, 1)))
    return judge.snapshot()


def disturbed(past: Past, rng: np.random.Generator) -> tuple[np.ndarray, list[bool]]:
    """Return the values of a past, (steps, n), and which steps are the first after a gap."""
    values, partial = [np.zeros((0, len(RATES)))], list[bool]()
    after_gap = False
    for times, minutes, begins in past:
        if times == GAP:
            values.append(np.full((minutes, len(RATES)), np.nan))
            partial += [False] * minutes
            after_gap = True
            continue
        counts = drawn(rng, minutes, times)
        if after_gap:
            counts[0] = drawn(rng, 1, times * begins)[0]
        values.append(counts)
        partial += [after_gap, *[False] * (minutes - 1)]
        after_gap = False
    return np.concatenate(values), partial


PASTS: Final = st.lists(
    st.tuples(
        st.sampled_from((GAP, 1.0, 1.0, 0.0, 0.1, 0.4, 1.6, 2.5, 6.0, 30.0)),
        st.integers(1, 45),
        st.sampled_from((0.05, 0.5, 1.0)),
    ),
    max_size=4,  # what lasts for three hours is the usual level
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(past=PASTS, seed=st.integers(0, 2**16))
@example(past=[(GAP, 35, 1.0), (1.0, 11, 0.05)], seed=1)
@example(past=[(0.0, 30, 1.0)], seed=1)
@example(past=[(30.0, 30, 1.0), (1.0, 6, 1.0)], seed=1)
@example(past=[(2.5, 30, 1.0)], seed=1)
def test_ten_times_the_usual_is_found_in_its_minute_whatever_came_before(past: Past, seed: int) -> None:
    before, begun, found = judged_after(past, 10.0, 2, seed)
    large = any(times > LARGE for times, _, _ in past)
    # what has just begun goes on to rise, and what was as large is the same
    known = np.isin(before, (SPIKE, SHIFT)) & (large | (begun <= ONSET_STEPS) | (RATES < FEW))
    assert (known | (found == SPIKE)).all()


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(past=PASTS, seed=st.integers(0, 2**16))
@example(past=[(30.0, 60, 1.0)], seed=1)
@example(past=[(GAP, 35, 1.0), (30.0, 30, 0.05)], seed=1)
def test_nothing_at_all_is_found_in_three_minutes_whatever_came_before(past: Past, seed: int) -> None:
    before, begun, found = judged_after(past, 0.0, 3, seed)
    large = any(0 <= times <= SMALL for times, _, _ in past)
    known = np.isin(before, (DROP, SHIFT)) & (large | (begun <= ONSET_STEPS))
    assert (known | (found == DROP))[RATES > FEW].all()


@pytest.mark.parametrize("times", [0.0, 0.1, 0.3, 2.0, 10.0])
def test_a_count_that_is_the_same_every_minute_is_no_blinder_than_others(times: float) -> None:
    assert found_after_rote(REGULAR, times, 2).all()


@pytest.mark.parametrize(("times", "minutes"), [(0.0, 15), (4.0, 10), (6.0, 7), (10.0, 2)])
def test_nor_is_a_small_count_that_is_the_same_every_minute(times: float, minutes: int) -> None:
    found = found_after_rote(SMALL_REGULAR, times, minutes)
    assert found[SMALL_REGULAR > 1].all()
    assert found.all() or times < 6  # of one a minute, four may be chance


def found_after_rote(usual: np.ndarray, times: float, minutes: int) -> np.ndarray:
    judge = a_judge()
    judge.restore(learnt_by_rote(tuple(usual)))
    after = [judge.judge(BEGIN + (LEARNT + at) * MINUTE, usual * times) for at in range(minutes)]
    found: np.ndarray = np.any([judged.opened for judged in after], axis=0)
    return found


def judged_after(past: Past, times: float, minutes: int, seed: int) -> tuple[np.ndarray, ...]:
    """Judge a past, and then so many minutes of so many times the usual.

    Return (n,) the verdict that was open before, for how many steps, and the one that opened then.
    """
    judge, rng = a_judge(), np.random.default_rng(seed)
    judge.restore(learnt())
    values, partial = disturbed(past, rng)
    start, opened = BEGIN + LEARNT * MINUTE, np.full(len(RATES), -LEARNT)
    before, found = np.zeros((2, len(RATES)), np.int8)
    for at, (row, begins) in enumerate(zip(values, partial, strict=True)):
        judged = judge.judge(start + at * MINUTE, row, partial=begins)
        opened[judged.opened], before = at, judged.verdict
    for at, row in enumerate(drawn(rng, minutes, times), len(values)):
        judged = judge.judge(start + at * MINUTE, row)
        found = np.where(judged.opened, judged.verdict, found)
    return before, len(values) - opened, found

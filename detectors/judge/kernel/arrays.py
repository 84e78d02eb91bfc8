"""The arrays that the judge passes to its compiled functions, and the codes in them.

The last axis is the series.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.model.array_types import Bools, Float32s, Floats, Int32s, Ints
from detectors.model.finding import Verdict

VIEWS: Final = 6
"""Last minutes, last weeks; weeks over minutes and over half an hour; level over minutes and half an hour."""

KEPT_DAYS: Final = 3
"""Days whose rises and falls are kept by time of day: as many as must have had a daily one."""

HALF_HOUR_SLOTS: Final = 3
"""Slots of the day before the present one in which a deviation of half an hour may have begun."""

FAR_BACK: Final = -(1 << 30)
"""A step before all others."""

CODES: Final[tuple[Verdict | None, ...]] = (None, *Verdict)
"""The verdict of each code; 0 is none."""

SPIKE: Final = CODES.index(Verdict.SPIKE)
DROP: Final = CODES.index(Verdict.DROP)
SHIFT: Final = CODES.index(Verdict.SHIFT)

COUNT: Final = 1
"""A series of counts; 0 is one that is compared on a logarithmic scale."""

OF_CALLS: Final = 2
"""An amount that is made of calls."""

UP, DOWN = range(2)  # sides of a sum of evidence

NOTHING, MINUTES, YESTERDAY, WEEKS, DOUBTED = range(5)  # bases of an expectation, the last in ``Output``


class Rows(NamedTuple):
    """The traits of the n series; (n,) each."""

    counted: NDArray[np.int8]  # 0: on a logarithmic scale, 1: counts, 2: made of calls
    calls: Ints  # row that counts the calls of an amount, -1
    whole: Ints  # row of which this is a part (errors of requests), -1
    rises: Bools  # only rises are reported
    judged: Bools
    place: Ints  # series of one scope share a place
    floor: Floats  # smallest difference that matters, in the unit of the values
    relative: Floats  # the same as a part of what is expected
    positive: Bools  # counts and times, whose negative values become zero


class Memory(NamedTuple):
    """The state of the n series: four bytes for what counts steps, which a float32 does up to 16 million."""

    seen: Float32s  # steps measured
    usual: Floats  # slow mean
    recent: Floats  # (Pace.short, n) the last values, a ring
    residual: Floats  # (Pace.short, n) the same on the scale minus the weekly shape, where steps are wide
    unit: Floats  # (VIEWS, n) noise of each view
    learnt: Float32s  # (VIEWS, n) deviations that a unit is based on
    lag_level: Floats  # (lags, n) level of each lag relative to now
    lag_steps: Float32s  # (lags, n) steps that this level is based on
    level: Floats  # of the difference to the last weeks
    fast: Floats  # (2, n) means of that difference over minutes and half an hour
    base: Floats  # slow mean on the scale
    lasting: Floats  # (2, n) level and base over hours: the reference for half an hour
    previous: Floats  # (2, n) level and lasting level before the last shift, NaN when it cannot be reverted
    moved: Int32s  # step at which that shift became the level
    near: Floats  # (2, n) means on the scale over minutes and half an hour
    part: Floats  # (2, n) decaying sums of a part and of its whole
    beyond: Floats  # (2, n) means of the difference to the usual part of the whole
    failed: Floats  # (2, n) decaying sums of a part over half an hour, observed and expected
    failed_unit: Floats  # noise of their deviance
    failed_learnt: Float32s  # deviances that this noise is based on
    above: Float32s  # (SLOTS, n) largest rise by slot of the day; maybe not all slots (Habits)
    below: Float32s
    above_now: Floats
    below_now: Floats
    rose: Float32s  # (KEPT_DAYS, SLOTS, n) largest rise by time of day, newest day first
    fell: Float32s
    rose_now: Floats
    fell_now: Floats
    first: Int32s  # step of the first value, -1
    code: NDArray[np.int8]  # open verdict
    since: Int32s  # step at which it began
    side: NDArray[np.int8]
    run: Int32s  # consecutive steps of the deviation
    calm: Int32s
    unseen: Int32s
    open: Int32s  # steps it has been open
    peak: Floats  # largest deviation at onset
    hours: Floats  # (2, n) decaying sums over hours: events observed, and as the weeks expect them
    hours_before: Floats  # level of these hours before the last shift, in times the weeks
    cusum: Floats  # (2, n) evidence of a rise and of a fall that has added up
    cusum_unit: Floats  # (2, n) its noise
    cusum_learnt: Float32s  # steps that this noise is based on
    cusum_level: Floats  # (2, n) the level of the hours before, in times the weeks
    cusum_place: Floats  # (2, n) the same level as a difference on the scale
    cusum_seen: Floats  # (2, n) events observed since it began to add up
    cusum_usual: Floats  # (2, n) and those expected
    cusum_since: Int32s  # (2, n) the step that began it
    daily: Floats  # the daily jump that began what lasts, on the scale; 0 without one
    daily_at: Int32s  # the newest step that showed it
    open_at: Int32s  # the newest step with an open verdict, far back without one
    anew: Int32s  # consecutive steps that show another onset while a verdict is open, negative for a fall
    shape_lately: Floats  # mean over minutes of what the weeks expect, on the scale
    awaited: Int32s  # steps for which a job that comes every week has not come
    missing: Floats  # the evidence of that, in nats; of failures, that they are over
    heard: Int32s  # the newest step with a value, far back without one


class Output(NamedTuple):
    """The results, (steps, n) each."""

    expected: Floats
    lower: Floats
    upper: Floats
    size: Floats  # signed; a size of 1 is reported when it persists
    code: NDArray[np.int8]
    opened: Bools
    ended: Bools
    spoilt: Bools  # excluded from learning
    tame: Floats  # the input of growth: the value, at most as far off as is expected
    score: Floats  # of the size, below 1: 0.5 and more is reported
    level: Floats  # the level that the expectation contains: that of the memory before the step
    hours: Floats  # the same of the level over hours
    basis: NDArray[np.int8]  # of the expectation: NOTHING, MINUTES, YESTERDAY, WEEKS, or DOUBTED weeks


class Scratch(NamedTuple):
    """Intermediate results of one step, allocated once: the compiled functions make no arrays."""

    around: Floats  # (2 beside + 1,) values around the same time
    weeks: Floats  # (lags,) positions on the scale, by week
    highs: Floats
    lows: Floats
    means: Floats  # (lags,) mean values, by week
    place: Floats  # (n,) the value on the scale, NaN where nothing was measured
    off: Floats  # (n,) the deviation from the last weeks at the present level
    deviation: Floats  # (VIEWS, n)
    lags: Floats  # (lags, n) positions of the same times
    basis: NDArray[np.int8]  # (n,) of the expectation
    known: Ints  # (n,) weeks that it is based on
    doubted: Bools  # (n,) whether these are few and one of them, or yesterday, had nothing like it;
    # or yesterday alone is known, and was another kind of day
    events: Floats  # (n,) of the step, NaN where they do not add up
    by_weeks: Floats  # (n,) the same in the last weeks, around the same time
    summed: Floats  # (n,) the deviation of sums over minutes, where they are reported; else NaN
    before: Floats  # (n,) the level before, where evidence over hours is reported; else NaN
    alone: Floats  # (n,) the size of the step by itself, where a verdict is open; else NaN


def empty_output(shape: tuple[int, int]) -> Output:
    """Return room for the results of a shape of (steps, n)."""
    expected, lower, upper, size, tame, score, level, hours = np.empty((8, *shape))
    opened, ended, spoilt = np.empty((3, *shape), np.bool_)
    code, basis = np.empty((2, *shape), np.int8)
    return Output(expected, lower, upper, size, code, opened, ended, spoilt, tame, score, level, hours, basis)


def empty_scratch(beside: int, kept: int, lags: int, n: int) -> Scratch:
    """Return room for one step of n series."""
    around, weeks = np.empty(max(2 * beside + 1, kept)), np.empty((4, lags))
    place, off = np.empty(n), np.empty(n)
    deviation, same = np.empty((VIEWS, n)), np.empty((lags, n))
    basis, known, doubted = np.empty(n, np.int8), np.zeros(n, np.int64), np.zeros(n, np.bool_)
    others = np.full((5, n), np.nan)
    return Scratch(
        around,
        weeks[0],
        weeks[1],
        weeks[2],
        weeks[3],
        place,
        off,
        deviation,
        same,
        basis,
        known,
        doubted,
        *others,
    )

"""The judgement of one series at one step, compiled; the same for one series and for a hundred thousand.

A value is compared on a scale on which noise is alike everywhere: near the square root for what is
counted, near the logarithm for the rest (``to_scale``). Two views must agree before anything is told.

- *The last weeks*: the median, over the weeks, of the values around the same time, each week moved to the
  present level. A rise must pass the largest of the values around that time, a fall the smallest, so that
  a job that wanders by a minute is no news.
- *The last minutes*: the median of the last ten steps; what a series does at this time of day anyway (its
  habit, the largest such deviation lately) counts only half, and nothing of it where it came on each of the
  last days. Five steps of an hour or a day are no minutes:
  where steps are wide this view is that of the last steps with the shape of the weeks taken off.

Each view measures in units of its own noise: the 95 % quantile of its deviations over that of a standard
normal, learnt by stochastic approximation (Robbins and Monro 1951), which one wild value moves by a fixed
step. Steps without any deviation teach nothing, so that a series that is mostly silent is judged by what it
does when it does something. For what is counted the unit is never below Poisson's, and sums over the
last minutes and the last half hour are judged as well: few calls show in no single step. Of what is a part
of another count, as errors are of requests, the number that failed in half an hour is judged, too: a handful
where there is none on other days is certain long before any mean shows it.

While a verdict is open nothing is learnt: an incident never teaches the baseline. One that stays becomes
a shift, and its level the expected one. The level before it is kept beside: what goes back there is over, and
no news.

All functions are in one module because the compiler's cache does not see changes in another.
"""

from math import asinh, copysign, exp, expm1, log, log1p, sinh, sqrt
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.state.compiled import without_arrays

Floats = NDArray[np.float64]

SPIKE: Final = 1
DROP: Final = 2
SHIFT: Final = 3

NORMAL_TAIL: Final = 1.96
"""95 % of a standard normal lie within."""

TAIL: Final = 0.05
"""Share of the deviations that lie beyond the unit times ``NORMAL_TAIL``."""

GAIN: Final = 0.003
"""Least step of the approximation of a quantile: an unlabelled hour of trouble moves a unit by a third."""

WIDE_GAIN: Final = 0.015
"""The same where steps are wide: a unit of hours would take half a year to come down from its first guess."""

LEAST_UNIT: Final = 0.003
"""Smallest unit on the logarithmic scale: a third of a percent is never told as many times the noise."""

OFFSET: Final = 0.1
"""Part of the usual level below which a difference counts as such, and not as a ratio."""

LEAST_OFFSET: Final = 1e-290
"""So that the ratio of the largest value to it is a number still."""

COUNTS_OF_ROOT: Final = 25.0
"""Counts up to which Poisson's noise rules; above, noise is taken as relative, a tenth of the level."""

VIEWS: Final = 6
"""Last minutes, last weeks; weeks over minutes and over half an hour; level over minutes and half an hour."""

POISSON: Final = np.array([1.1, 1.1, 0.4, 0.22, 0.4, 0.22])
"""Poisson's noise in each view, in that of one step: a mean of k has 1/sqrt(k), and the level adds some."""

HABIT: Final = 0.5
"""Part of the usual deviation at this time of day that is taken off: half keeps a larger one visible."""

KEPT_DAYS: Final = 5
"""What came at this time of day on so many days in a row is how the series is, and is taken off in full."""

WANDERS: Final = 1.25
"""So many times as large as on these days is as large still: the same job is more on a calm Sunday."""

HALF_HOUR_SLOTS: Final = 3
"""Slots of the day before the present one in which what half an hour sees may have begun."""

CLIP: Final = 6.0
"""Units by which one step may pull the level: what is further off counts as so far."""

CALM_PART: Final = 0.33
"""Part of the deviation at onset below which a verdict is calm."""

CLEAR_PART: Final = 1.0
"""Units below which it is calm in any case."""

ONSET_STEPS: Final = 5
"""Steps in which the deviation at onset is measured."""

FEW_CALLS: Final = 5.0
"""An amount of fewer calls is judged as if each were ``HEAVY`` times the usual size at most."""

HEAVY: Final = 4.0

BAND: Final = 3.0
"""Half-width of the expected interval in units."""

NOTHING, MINUTES, YESTERDAY, WEEKS = range(4)  # what an expectation rests on

COUNT, OF_CALLS = 1, 2  # in Rows.counted

LEAST_DEVIATION: Final = 1e-9
"""What is smaller is rounding, and teaches nothing."""

SETTLING: Final = 10
"""Deviations and values after which first guesses have lost their weight."""

NEARLY: Final = 0.99
"""Ratio above which a fall is none."""

FEWEST: Final = 1.0
"""Happenings that are expected in any half hour: the first few of a kind are no news yet."""

UNSEEN: Final = 3
"""What was not measured for so many times the calm steps it would have needed has ended: nobody can tell."""

LARGEST: Final = 1e15
"""More than any measure: what is above is taken as this."""


class Rows(NamedTuple):
    """What is known of the n series; (n,) each."""

    counted: NDArray[np.int8]  # 0: on a logarithmic scale, 1: counts, 2: made of calls
    calls: NDArray[np.int64]  # row that counts the calls of an amount, -1
    whole: NDArray[np.int64]  # row of which this is a part (errors of requests), -1
    rises: NDArray[np.bool_]  # only a rise is told
    judged: NDArray[np.bool_]
    place: NDArray[np.int64]  # series of one scope share a place
    floor: Floats  # smallest difference that matters, in the unit of the values
    relative: Floats  # the same as a part of what is expected


class Memory(NamedTuple):
    """What is remembered of the n series; the last axis is the series."""

    seen: Floats  # steps measured
    usual: Floats  # slow mean
    short: Floats  # (SHORT, n) the last values, a ring
    freed: Floats  # (SHORT, n) the same on the scale, freed of the shape of the weeks, where steps are wide
    unit: Floats  # (VIEWS, n)
    learnt: Floats  # (VIEWS, n) deviations a unit rests on
    aside: Floats  # (lags, n) level of each lag against now
    aligned: Floats  # (lags, n) steps that level rests on
    level: Floats  # of the difference to the last weeks
    fast: Floats  # (2, n) means of that difference over minutes and half an hour
    base: Floats  # slow mean on the scale
    lasting: Floats  # (2, n) level and base over hours, against which half an hour is seen
    before: Floats  # (2, n) level and lasting level before the last shift, NaN when there is no way back
    moved: NDArray[np.int64]  # step at which that shift became the level
    near: Floats  # (2, n) means on the scale over minutes and half an hour
    part: Floats  # (2, n) decayed sums of a part and of its whole
    beyond: Floats  # (2, n) means of the difference to the usual part of the whole
    failed: Floats  # (2, n) fading sums of a part over half an hour, and of what was expected of it
    failed_unit: Floats  # noise of their deviance
    failed_learnt: Floats  # deviances it rests on
    above: NDArray[np.float32]  # (SLOTS, n) largest rise by time of day; or as many as are held (Habits)
    below: NDArray[np.float32]
    above_now: Floats
    below_now: Floats
    rose: NDArray[np.float32]  # (KEPT_DAYS, SLOTS, n) largest rise by time of day, newest day first
    fell: NDArray[np.float32]
    rose_now: Floats
    fell_now: Floats
    first: NDArray[np.int64]  # step of the first value, -1
    code: NDArray[np.int8]  # open verdict
    since: NDArray[np.int64]  # step at which it began
    side: NDArray[np.int8]
    run: NDArray[np.int64]  # steps the deviation has lasted
    calm: NDArray[np.int64]
    unseen: NDArray[np.int64]
    open: NDArray[np.int64]  # steps it has been open
    peak: Floats  # largest deviation at onset


class Pace(NamedTuple):
    """What follows from the width of a step and from the settings."""

    beside: int  # neighbours on each side that count as the same time
    short: int  # steps of the last minutes
    fast: float  # gains of the means over minutes and half an hour
    middle: float
    slow: float  # gain of the level
    hours: float  # gain of the level over hours
    day: float  # gain of what changes over days
    usual: float  # gain of the usual level
    habit: float  # what remains of a habit after a day
    young: int  # steps of history before anything is told
    persist: int
    extraordinary: float
    recover: int
    shift: int  # steps after which a spike or drop is a shift
    settle: int  # steps more until the shift is the usual level
    back: int  # steps in which going back from a shift is no news
    threshold: float  # units both views must see
    many: float  # units that sums must show
    aligned: bool  # lags are weeks: their levels are learnt
    wide: bool  # the last steps are compared without the shape of the weeks


class Out(NamedTuple):
    """What is said; (steps, n) each."""

    expected: Floats
    lower: Floats
    upper: Floats
    size: Floats  # signed; 1 is told when it persists
    code: NDArray[np.int8]
    opened: NDArray[np.bool_]
    ended: NDArray[np.bool_]
    spoilt: NDArray[np.bool_]  # not to be learnt from


class Scratch(NamedTuple):
    """What one step hands from function to function; the last axis of the last five is the series."""

    around: Floats  # values around the same time
    weeks: Floats  # (lags,) places on the scale, by week
    highs: Floats
    lows: Floats
    place: Floats  # (n,) of the value on the scale, NaN where nothing was measured
    off: Floats  # (n,) what the last weeks do not explain
    deviation: Floats  # (VIEWS, n)
    lags: Floats  # (lags, n) places of the same times
    rests: NDArray[np.int8]  # (n,) what the expectation rests on


class Expected(NamedTuple):
    """What is expected of one series, on its scale."""

    shape: float  # of the last weeks, without the present level
    high: float  # the largest around the same time
    low: float
    lately: float  # median of the last minutes


def out_of(shape: tuple[int, int]) -> Out:
    """Return room for what is said of (steps, n)."""
    expected, lower, upper, size = (np.empty(shape) for _ in range(4))
    opened, ended, spoilt = (np.empty(shape, np.bool_) for _ in range(3))
    return Out(expected, lower, upper, size, np.empty(shape, np.int8), opened, ended, spoilt)


def scratch_of(beside: int, kept: int, lags: int, n: int) -> Scratch:
    """Return room for one step of n series: the compiled functions make no arrays themselves."""
    around, weeks = np.empty(max(2 * beside + 1, kept)), np.empty((3, lags))
    place, off = np.empty(n), np.empty(n)
    deviation, same = np.empty((VIEWS, n)), np.empty((lags, n))
    return Scratch(around, weeks[0], weeks[1], weeks[2], place, off, deviation, same, np.empty(n, np.int8))


@without_arrays
def to_scale(value: float, offset: float, counted: bool) -> float:
    """Return where a value lies on the scale of its noise.

    Counts: ``2 asinh(sqrt(x / 4o))``, the transform that makes a negative binomial's variance constant
    (Anscombe 1948); it grows as ``sqrt(x / o)`` while x is small and as ``log(x / o)`` when it is large.
    Others: ``log(1 + x / o)``, odd about zero.
    """
    if counted:
        return 2 * asinh(sqrt(value / (4 * offset))) if not value <= 0 else 0.0  # NaN stays NaN
    return log1p(value / offset) if value >= 0 else -log1p(-value / offset)


@without_arrays
def from_scale(y: float, offset: float, counted: bool) -> float:
    """Return the value at a place of the scale; what counts is not below zero."""
    if np.isnan(y):
        return y
    if counted:
        half = sinh(min(max(y, 0.0), 60.0) / 2)
        return 4 * offset * half * half
    y = min(max(y, -60.0), 60.0)
    return offset * expm1(y) if y >= 0 else -offset * expm1(-y)


@without_arrays
def falling(ratio: float) -> float:
    """Return what of a fall of a count to so many times the expected is left on a normal's scale.

    Far below, the root overstates: a Poisson zero lies sqrt(2 m) from its mean m by its deviance
    (McCullagh and Nelder 1989, section 2.4.3), not the 2 sqrt(m) of the root. The quotient of the two.
    """
    if not 0 <= ratio < NEARLY:
        return 1.0
    deviance = (ratio * log(ratio) if ratio > 0 else 0.0) - ratio + 1
    return sqrt(2 * deviance) / (2 * (1 - sqrt(ratio)))


@without_arrays
def median(values: Floats, count: int) -> float:
    """Sort the first ``count`` values in place and return their median, NaN of none."""
    if count == 0:
        return np.nan
    for at in range(1, count):
        one = values[at]
        to = at - 1
        while to >= 0 and values[to] > one:
            values[to + 1] = values[to]
            to -= 1
        values[to + 1] = one
    if count % 2:
        return float(values[count // 2])
    return float(0.5 * (values[count // 2 - 1] + values[count // 2]))


@without_arrays
def _offset_of(row: int, value: float, rows: Rows, memory: Memory) -> tuple[float, float]:
    """Return what one happening brings to a series, 0 where nobody knows, and the offset of its scale."""
    usual = memory.usual[row]
    grain = 0.0
    if rows.counted[row] == COUNT:
        grain = 1.0
    elif rows.counted[row] == OF_CALLS and memory.usual[rows.calls[row]] > 0:
        grain = usual / memory.usual[rows.calls[row]]
    if grain > 0:
        return grain, COUNTS_OF_ROOT * grain
    offset = OFFSET * (usual if usual > 0 else abs(value))
    if offset > LEAST_OFFSET:
        return 0.0, offset
    return 0.0, LEAST_OFFSET if usual > 0 or abs(value) > 0 else 1.0


@without_arrays
def _same_time(past: Floats, at: int, lag: int, row: int, beside: int, counted: bool, around: Floats) -> int:
    """Put the values around the same time into ``around``; return how many, 0 where too few are known."""
    ring = past.shape[0]
    count = 0
    for near in range(2 * beside + 1):
        was = past[(at + near) % ring, lag, row]
        if not np.isnan(was):
            around[count] = was
            count += 1
    if count > beside:
        return count
    # what is seldom measured, as latency is, has few neighbours
    return 0 if counted or np.isnan(past[(at + beside) % ring, lag, row]) else count


@without_arrays
def _of_last(kept: Floats, row: int, around: Floats) -> float:
    count = 0
    for at in range(kept.shape[0]):
        was = kept[at, row]
        if not np.isnan(was):
            around[count] = was
            count += 1
    return median(around, count)


@without_arrays
def _middle_of(around: Floats, count: int, offset: float, counted: bool) -> float:
    """Return where the middle of the values lies on the scale, and leave them sorted."""
    if not counted:
        return to_scale(median(around, count), offset, counted)
    middle = 0.0  # the mean keeps the sum over a window in which a job wanders
    for at in range(count):
        middle += to_scale(around[at], offset, counted)
    median(around, count)
    return middle / count


@without_arrays
def _expect(
    past: Floats,
    at: int,
    row: int,
    offset: float,
    counted: bool,
    memory: Memory,
    pace: Pace,
    scratch: Scratch,
) -> Expected:
    """Return what is expected, NaN where nothing was ever measured."""
    around, weeks, highs, lows = scratch.around, scratch.weeks, scratch.highs, scratch.lows
    used = 0
    for lag in range(past.shape[1]):
        scratch.lags[lag, row] = np.nan
        count = _same_time(past, at, lag, row, pace.beside, counted, around)
        if count == 0:
            continue
        middle = _middle_of(around, count, offset, counted)
        scratch.lags[lag, row] = middle
        moved = memory.aside[lag, row] if pace.aligned else 0.0
        # yesterday comes first, and gives way to the first week
        to = 0 if lag == 0 else used
        weeks[to] = middle + moved
        highs[to] = to_scale(around[count - 1], offset, counted) + moved
        lows[to] = to_scale(around[0], offset, counted) + moved
        if lag > 0:
            used = to + 1
    if used > 0:
        shape, high, low = median(weeks, used), median(highs, used), median(lows, used)
        scratch.rests[row] = WEEKS
    elif not np.isnan(scratch.lags[0, row]):  # the level of yesterday is followed by itself
        level = memory.level[row]
        shape, high, low = weeks[0] - level, highs[0] - level, lows[0] - level
        scratch.rests[row] = YESTERDAY
    lately = to_scale(_of_last(memory.short, row, around), offset, counted)
    if used == 0 and np.isnan(scratch.lags[0, row]):
        shape, high, low = lately, lately, lately
        scratch.rests[row] = NOTHING if np.isnan(lately) else MINUTES
    elif pace.wide:
        freed = _of_last(memory.freed, row, around)
        if not np.isnan(freed):
            lately = shape + freed
    return Expected(shape, high, low, lately)


@without_arrays
def _deviate(
    index: int,
    slot: int,
    row: int,
    y: float,
    expected: Expected,
    memory: Memory,
    pace: Pace,
    scratch: Scratch,
) -> float:
    """Measure how far off a value is, view by view; return what of the last minutes' view is habit."""
    difference = y - expected.shape
    off = difference - memory.level[row]
    scratch.off[row] = off
    if pace.wide and scratch.rests[row] >= YESTERDAY:
        memory.freed[index % memory.freed.shape[0], row] = difference
    memory.fast[0, row] += pace.fast * (difference - memory.fast[0, row])
    memory.fast[1, row] += pace.middle * (difference - memory.fast[1, row])
    memory.near[0, row] += pace.fast * (y - memory.near[0, row])
    memory.near[1, row] += pace.middle * (y - memory.near[1, row])
    deviation = scratch.deviation
    lately = y - expected.lately
    deviation[0, row] = lately
    if off > 0:
        deviation[1, row] = max(off - (expected.high - expected.shape), 0.0)
    else:
        deviation[1, row] = min(off - (expected.low - expected.shape), 0.0)
    deviation[2, row] = memory.fast[0, row] - memory.level[row]
    deviation[3, row] = memory.fast[1, row] - memory.lasting[0, row]
    deviation[4, row] = memory.near[0, row] - memory.base[row]
    deviation[5, row] = memory.near[1, row] - memory.lasting[1, row]
    if not memory.code[row]:
        memory.above_now[row] = max(memory.above_now[row], lately)
        memory.below_now[row] = min(memory.below_now[row], lately)
    held = memory.above.shape[0]  # divides the slots of a day: what lies around the present one has room
    at, before, after = slot % held, (slot - 1) % held, (slot + 1) % held
    if lately > 0:
        habit = max(memory.above[at, row], memory.above[before, row], memory.above[after, row])
    else:
        habit = -min(memory.below[at, row], memory.below[before, row], memory.below[after, row])
    return float(HABIT * habit)


@without_arrays
def _of_every_day(slot: int, before: int, row: int, rises: bool, memory: Memory) -> float:
    """Return by how much the series rose (or fell) at this time of day on each of the last days at least."""
    slots = memory.rose.shape[1]
    least = LARGEST
    for day in range(KEPT_DAYS):
        largest = 0.0
        for near in range(slot - before, slot + 2):
            at = near % slots
            jump = memory.rose[day, at, row] if rises else -memory.fell[day, at, row]
            largest = max(largest, float(jump))
        least = min(least, largest)
    return least


@without_arrays
def _left_of(
    size: float, by: float, slot: int, before: int, row: int, least: float, memory: Memory, pace: Pace
) -> float:
    """Return what is left of a size that a deviation has when that comes every day is taken off."""
    if abs(size) < 1:
        return size
    daily = _of_every_day(slot, before, row, by > 0, memory)
    if by == 0 or daily < pace.threshold * max(memory.unit[0, row], least):  # noise comes every day, too
        return size
    return size * max(0.0, 1 - WANDERS * daily / abs(by))


@without_arrays
def _size_of_step(row: int, poisson: float, memory: Memory, scratch: Scratch) -> float:
    """Return the units on which the last weeks and the last minutes agree, without a sign."""
    by_minutes, by_weeks = scratch.deviation[0, row], scratch.deviation[1, row]
    if by_minutes * by_weeks <= 0:
        return 0.0
    size = min(
        abs(by_minutes) / max(memory.unit[0, row], POISSON[0] * poisson),
        abs(by_weeks) / max(memory.unit[1, row], POISSON[1] * poisson),
    )
    return float(size)


@without_arrays
def _size_of_sums(
    span: int,
    row: int,
    poisson: float,
    shape: float,
    usual: float,
    offset: float,
    rows: Rows,
    memory: Memory,
    pace: Pace,
    scratch: Scratch,
) -> tuple[float, float]:
    """Return the signed size on which the views of minutes (0) or half an hour (1) agree, and their mean."""
    by_weeks, by_level = scratch.deviation[2 + span, row], scratch.deviation[4 + span, row]
    if by_weeks * by_level <= 0:
        return 0.0, usual
    least = POISSON[2 + span] * poisson
    size = min(
        abs(by_weeks) / max(memory.unit[2 + span, row], least),
        abs(by_level) / max(memory.unit[4 + span, row], least),
    )
    if rows.whole[row] >= 0:
        size = min(size, max(memory.beyond[span, row], 0.0) / least)
    lasting = from_scale(shape + memory.fast[span, row], offset, True)
    if by_weeks < 0:
        size *= -falling(lasting / usual) if usual > 0 else -1.0
    return float(size / pace.many), lasting


@without_arrays
def _size_as_part(
    row: int, whole: float, y: float, grain: float, offset: float, memory: Memory, pace: Pace
) -> float:
    """Return by how many units there are more errors than usually come with so many requests."""
    share = memory.part[0, row] / memory.part[1, row] if memory.part[1, row] > 0 else 0.0
    usual = share * (0.0 if np.isnan(whole) else whole)
    beyond = y - to_scale(usual, offset, grain > 0)
    memory.beyond[0, row] += pace.fast * (beyond - memory.beyond[0, row])
    memory.beyond[1, row] += pace.middle * (beyond - memory.beyond[1, row])
    unit = max(memory.unit[1, row], POISSON[1] * sqrt(grain / (usual + 4 * offset)))
    return float(max(beyond, 0.0) / unit)


@without_arrays
def more_than(seen: float, expected: float) -> float:
    """Return the normal deviate of so many where so many are expected, 0 where they are not more.

    The signed root of Poisson's deviance (McCullagh and Nelder 1989, section 2.4.3): it holds for a
    handful of happenings, too, where the root of the scale has Poisson's noise of many.
    """
    if not seen > expected:
        return 0.0
    return sqrt(max(2 * (seen * log(seen / expected) - seen + expected), 0.0))


@without_arrays
def _deviance(row: int, memory: Memory, pace: Pace) -> float:
    """Return by how much more failed in the last half hour than was expected, as a normal deviate."""
    whole = 2 - pace.middle  # the variance of a fading sum is its mean over this
    return more_than(whole * memory.failed[0, row], max(whole * memory.failed[1, row], FEWEST))


@without_arrays
def _size_of_failed(
    row: int, value: float, whole: float, usual: float, memory: Memory, pace: Pace
) -> tuple[float, float]:
    """Return the units by which more of the whole failed lately, and how many more a step that were."""
    share = memory.part[0, row] / memory.part[1, row] if memory.part[1, row] > 0 else 0.0
    expected = 0.0 if np.isnan(whole) else share * whole
    if not np.isnan(usual):  # as it is before anything was measured
        expected = max(expected, usual)
    keep = 1 - pace.middle
    memory.failed[0, row] = keep * memory.failed[0, row] + value
    memory.failed[1, row] = keep * memory.failed[1, row] + expected
    size = _deviance(row, memory, pace) / max(memory.failed_unit[row], 1.0)
    return size / pace.many, pace.middle * (memory.failed[0, row] - memory.failed[1, row])


@without_arrays
def _size_of_many(
    row: int,
    value: float,
    whole: float,
    poisson: float,
    shape: float,
    usual: float,
    offset: float,
    rows: Rows,
    memory: Memory,
    pace: Pace,
    scratch: Scratch,
) -> tuple[float, float]:
    """Return the largest size of the sums, where 1 is told, and how far apart they are a step."""
    size, apart = 0.0, 0.0
    for span in range(2):
        many, lasting = _size_of_sums(span, row, poisson, shape, usual, offset, rows, memory, pace, scratch)
        if abs(many) > abs(size):
            size, apart = many, abs(lasting - usual)
    if rows.whole[row] >= 0:
        many, more = _size_of_failed(row, value, whole, usual, memory, pace)
        if many > abs(size):
            size, apart = many, more
    return size, apart


@without_arrays
def _comes_back(index: int, row: int, side: int, memory: Memory, pace: Pace, scratch: Scratch) -> bool:
    """Say whether a deviation is the way back from a shift; at its end, the level is that of before."""
    if np.isnan(memory.before[0, row]):
        return False
    off = scratch.off[row]
    if index - memory.moved[row] >= pace.back:
        memory.before[0, row] = np.nan
        return False
    way = memory.before[0, row] - memory.level[row]  # what is left of it
    if way * side <= 0:
        return False
    near = CALM_PART * abs(way)
    if abs(off) > abs(way) + near:  # beyond what was before
        return False
    if abs(off) >= abs(way) - near and memory.run[row] >= pace.persist:
        memory.level[row], memory.lasting[0, row] = memory.before[0, row], memory.before[1, row]
        memory.base[row] = memory.lasting[1, row] = memory.near[0, row]
        _forget_sums(row, memory)
        scratch.off[row] = off - way
        memory.run[row] = 0
        memory.before[0, row] = np.nan
    return True


@without_arrays
def _forget_sums(row: int, memory: Memory) -> None:
    """Begin the sums anew: what is over must not look like something new."""
    memory.fast[0, row], memory.fast[1, row] = memory.level[row], memory.lasting[0, row]
    memory.near[0, row], memory.near[1, row] = memory.base[row], memory.lasting[1, row]
    memory.beyond[0, row], memory.beyond[1, row] = 0.0, 0.0
    memory.failed[0, row] = memory.failed[1, row]


@without_arrays
def _end(row: int, rows: Rows, memory: Memory, open_places: NDArray[np.int64]) -> None:
    memory.code[row] = 0
    memory.run[row] = 0
    open_places[rows.place[row]] -= 1


@without_arrays
def _settle(index: int, row: int, memory: Memory, scratch: Scratch) -> None:
    """Make the level of a shift the usual one, and keep the one before."""
    if scratch.rests[row] == WEEKS and np.isnan(memory.before[0, row]):
        memory.before[0, row], memory.before[1, row] = memory.level[row], memory.lasting[0, row]
        memory.moved[row] = index
    memory.level[row] = memory.lasting[0, row] = memory.fast[1, row]
    memory.base[row] = memory.lasting[1, row] = memory.near[1, row]


@without_arrays
def _decide(
    index: int,
    step: int,
    row: int,
    poisson: float,
    planned: bool,
    rows: Rows,
    memory: Memory,
    pace: Pace,
    open_places: NDArray[np.int64],
    scratch: Scratch,
    out: Out,
) -> None:
    """Open, go on with, rename or end the verdict of a series."""
    size, off = out.size[step, row], scratch.off[row]
    side = 1 if size > 0 else -1
    if abs(size) >= 1:
        memory.run[row] = memory.run[row] + 1 if memory.side[row] == side else 1
        memory.side[row] = side
    else:
        memory.run[row] = 0
    out.spoilt[step, row] = memory.code[row] != 0
    if memory.code[row] == 0:
        if abs(size) >= 1 and _comes_back(index, row, side, memory, pace, scratch):
            size = out.size[step, row] = 0.0
        at_once = abs(size) >= pace.extraordinary and (side > 0 or rows.counted[row] == 0)
        told = abs(size) >= 1 and (
            memory.run[row] >= pace.persist or at_once
        )  # a minute without calls is no drop
        if not (told and rows.judged[row] and index - memory.first[row] >= pace.young):
            out.code[step, row] = 0
            return
        memory.code[row] = SPIKE if side > 0 else DROP
        memory.since[row] = index + 1 - min(memory.run[row], pace.persist)
        memory.calm[row] = 0
        memory.open[row] = 0
        memory.peak[row] = side * LEAST_DEVIATION  # its sign is the side of the verdict
        open_places[rows.place[row]] += 1
        out.opened[step, row] = True
        out.spoilt[step, row] = True
    if not planned:  # a planned rise that does not come is no new level, however long it does not come
        memory.open[row] += 1
    side = 1 if memory.peak[row] > 0 else -1
    if memory.open[row] <= ONSET_STEPS and off * side > abs(memory.peak[row]):
        memory.peak[row] = off
    clear = CLEAR_PART * max(memory.unit[2, row], POISSON[2] * poisson)
    calm = max(clear, CALM_PART * abs(memory.peak[row]))
    is_calm = scratch.deviation[2, row] * side < calm and off * side < calm
    memory.calm[row] = memory.calm[row] + 1 if is_calm else 0
    if memory.open[row] >= pace.shift and not is_calm:
        memory.code[row] = SHIFT
    settled = memory.code[row] == SHIFT and not is_calm and memory.open[row] >= pace.shift + pace.settle
    if memory.calm[row] >= pace.recover or settled:
        if settled:  # it was told: now it is the level
            _settle(index, row, memory, scratch)
            out.spoilt[step, row] = False
        _forget_sums(row, memory)
        _end(row, rows, memory, open_places)
        out.ended[step, row] = True
    out.code[step, row] = memory.code[row]


@without_arrays
def _miss(
    step: int, row: int, rows: Rows, memory: Memory, pace: Pace, open_places: NDArray[np.int64], out: Out
) -> None:
    """Nothing was measured: what is open stays so for a while."""
    if memory.code[row] != 0:
        memory.unseen[row] += 1
        memory.open[row] += 1
        if memory.unseen[row] >= UNSEEN * pace.recover:
            _end(row, rows, memory, open_places)
            out.ended[step, row] = True
    out.code[step, row] = memory.code[row]
    out.spoilt[step, row] = False


@without_arrays
def _learn_units(row: int, rows: Rows, memory: Memory, pace: Pace, scratch: Scratch) -> None:
    for view in range(VIEWS):
        distance = abs(scratch.deviation[view, row])
        if distance > LEAST_DEVIATION:
            memory.learnt[view, row] += 1
            least = WIDE_GAIN if pace.wide else GAIN
            gain = 2 * max(least, 2 / (SETTLING + memory.learnt[view, row]))
            beyond = 1.0 if distance > NORMAL_TAIL * memory.unit[view, row] else 0.0
            unit = memory.unit[view, row] * exp(gain * (beyond - TAIL))
            memory.unit[view, row] = max(unit, LEAST_UNIT)
    if rows.whole[row] >= 0:
        _learn_deviance(row, memory, pace)


@without_arrays
def _learn_deviance(row: int, memory: Memory, pace: Pace) -> None:
    """Failures that come in clumps deviate by more than Poisson's."""
    distance = _deviance(row, memory, pace)
    memory.failed_learnt[row] += 1
    gain = 2 * max(GAIN, 2 / (SETTLING + memory.failed_learnt[row]))
    beyond = 1.0 if distance > NORMAL_TAIL * memory.failed_unit[row] else 0.0
    memory.failed_unit[row] = max(memory.failed_unit[row] * exp(gain * (beyond - TAIL)), 1.0)


@without_arrays
def _learn(
    row: int, value: float, whole: float, rows: Rows, memory: Memory, pace: Pace, scratch: Scratch
) -> None:
    """Let the levels follow a value of which nothing is told."""
    y, seen = scratch.place[row], memory.seen[row]
    unit = memory.unit[1, row]
    if rows.counted[row] > 0:
        unit = max(unit, 1 / sqrt(4 * COUNTS_OF_ROOT))  # Poisson's, where few are counted
    clip = CLIP * unit
    gain = max(pace.slow, 1 / seen)
    if scratch.rests[row] != YESTERDAY:
        memory.level[row] += gain * min(max(scratch.off[row], -clip), clip)
        off = scratch.off[row] + memory.level[row] - memory.lasting[0, row]
        memory.lasting[0, row] += max(pace.hours, 1 / seen) * min(max(off, -clip), clip)
    memory.base[row] += gain * (y - memory.base[row])
    memory.lasting[1, row] += max(pace.hours, 1 / seen) * (y - memory.lasting[1, row])
    if pace.aligned:
        for lag in range(scratch.lags.shape[0]):
            if not np.isnan(scratch.lags[lag, row]):
                memory.aligned[lag, row] += 1
                apart = y - scratch.lags[lag, row] - memory.aside[lag, row]
                if lag and not np.isnan(memory.before[0, row]):  # what may go back does not move the weeks
                    continue
                gain = max(pace.day if lag else pace.slow, 1 / memory.aligned[lag, row])
                memory.aside[lag, row] += gain * min(max(apart, -3 * clip), 3 * clip)
    usual = memory.usual[row]
    most = SETTLING * usual if seen > SETTLING and usual > 0 else LARGEST
    memory.usual[row] += max(pace.usual, 1 / seen) * (min(abs(value), most) - usual)
    if rows.whole[row] >= 0 and not np.isnan(whole):
        keep = 1 - pace.day
        memory.part[0, row] = memory.part[0, row] * keep + value
        memory.part[1, row] = memory.part[1, row] * keep + whole


@without_arrays
def _judge(  # noqa: PLR0915  # one value from its place on the scale to its verdict
    index: int,
    step: int,
    row: int,
    slot: int,
    values: Floats,
    factor: float,
    past: Floats,
    at: int,
    rows: Rows,
    memory: Memory,
    pace: Pace,
    open_places: NDArray[np.int64],
    scratch: Scratch,
    out: Out,
) -> None:
    """Judge one series at one step."""
    out.opened[step, row] = False
    out.ended[step, row] = False
    out.size[step, row] = 0.0
    scratch.place[row] = np.nan
    value = values[step, row] / factor
    grain, offset = _offset_of(row, value, rows, memory)
    counted = grain > 0
    if counted and rows.counted[row] == OF_CALLS and values[step, rows.calls[row]] < FEW_CALLS:
        value = min(value, HEAVY * grain * values[step, rows.calls[row]])  # one heavy call is no rise
    expected = _expect(past, at, row, offset, counted, memory, pace, scratch)
    place = expected.shape + memory.level[row]
    usual = from_scale(place, offset, counted)
    poisson = sqrt(grain / (max(usual, 0.0) + 4 * offset)) if counted else 0.0
    unit = max(memory.unit[1, row], POISSON[1] * poisson)
    out.expected[step, row] = usual * factor
    out.upper[step, row] = from_scale(place + BAND * unit, offset, counted) * factor
    out.lower[step, row] = from_scale(place - BAND * unit, offset, counted) * factor
    if np.isnan(value):
        _miss(step, row, rows, memory, pace, open_places, out)
        return
    memory.unseen[row] = 0
    y = to_scale(value, offset, counted)
    scratch.place[row] = y
    if memory.first[row] < 0:
        memory.first[row] = index
        memory.base[row] = y
        memory.lasting[1, row] = y
        memory.near[0, row] = y
        memory.near[1, row] = y
    if scratch.rests[row] == NOTHING:
        expected = Expected(y, y, y, y)
    habit = _deviate(index, slot, row, y, expected, memory, pace, scratch)
    part, whole = np.inf, rows.whole[row]
    if whole >= 0:
        part = _size_as_part(row, values[step, whole], y, grain, offset, memory, pace)
    lately = scratch.deviation[0, row]
    size = _size_of_step(row, poisson, memory, scratch)
    memory.rose_now[row] = max(memory.rose_now[row], lately)
    memory.fell_now[row] = min(memory.fell_now[row], lately)
    if size > 0:
        size *= max(0.0, 1 - habit / abs(lately))
    size = min(size, part) / pace.threshold
    least = POISSON[0] * poisson
    size = _left_of(size, lately, slot, 1, row, least, memory, pace)
    if scratch.deviation[0, row] < 0:
        size *= -falling(value / usual) if counted and usual > 0 else -1.0
    apart = abs(value - usual)
    if counted:
        of = values[step, whole] / factor if whole >= 0 else np.nan
        many, more = _size_of_many(
            row, value, of, poisson, expected.shape, usual, offset, rows, memory, pace, scratch
        )
        by = to_scale(max(usual + copysign(more, many), 0.0), offset, counted) - place
        many = _left_of(many, by, slot, HALF_HOUR_SLOTS, row, least, memory, pace)
        if abs(many) > abs(size):
            size, apart = many, more
    falls = rows.rises[row] and size < 0
    small = apart * factor < max(rows.floor[row], rows.relative[row] * usual * factor)
    out.size[step, row] = 0.0 if falls or small else size
    planned = factor != 1.0
    _decide(index, step, row, poisson, planned, rows, memory, pace, open_places, scratch, out)


@without_arrays
def _turn(over: int, row: int, memory: Memory, pace: Pace) -> None:
    """Keep what a series did in a time of day that is over."""
    over %= memory.above.shape[0]
    memory.above[over, row] = max(float(memory.above[over, row]) * pace.habit, memory.above_now[row])
    memory.below[over, row] = min(float(memory.below[over, row]) * pace.habit, memory.below_now[row])
    for day in range(KEPT_DAYS - 1, 0, -1):
        memory.rose[day, over, row] = memory.rose[day - 1, over, row]
        memory.fell[day, over, row] = memory.fell[day - 1, over, row]
    memory.rose[0, over, row] = memory.rose_now[row]
    memory.fell[0, over, row] = memory.fell_now[row]
    memory.above_now[row] = memory.below_now[row] = 0.0
    memory.rose_now[row] = memory.fell_now[row] = 0.0


@without_arrays
def turn(over: int, memory: Memory, pace: Pace) -> None:
    """Keep what all series did in a time of day that is over, before the next step is judged."""
    for row in range(memory.code.shape[0]):
        _turn(over, row, memory, pace)


@without_arrays
def advance(
    first: int,
    values: Floats,
    factor: Floats,
    past: Floats,
    head: int,
    slots: NDArray[np.int64],
    rows: Rows,
    memory: Memory,
    pace: Pace,
    open_places: NDArray[np.int64],
    scratch: Scratch,
    out: Out,
) -> None:
    """Judge steps in order and learn from them.

    Parameters
    ----------
    first : int
        Index of the first step.
    values : (steps, n) float64
        NaN where nothing was measured.
    factor : (n,) float64
        How many times the usual is planned.
    past : (steps + 2 beside, lags, n) float64
        What was learnt around the same times; entry 0 is yesterday. NaN where missing or spoilt. A ring
        that begins at ``head``.
    slots : (steps, 2) int64
        Time of day of each step in slots of the habits, and the slot that ended before it, -1 where none did.
    open_places : (places,) int64
        How many verdicts are open at each place; kept up to date.
    """
    steps, n = values.shape
    kept = memory.short.shape[0]
    for step in range(steps):
        index = first + step
        slot, over = slots[step, 0], slots[step, 1]
        for row in range(n):
            if over >= 0:  # a time of day is over: its habit is known
                _turn(over, row, memory, pace)
            _judge(
                index,
                step,
                row,
                slot,
                values,
                factor[row],
                past,
                head + step,
                rows,
                memory,
                pace,
                open_places,
                scratch,
                out,
            )
        # learn when all are judged, where no verdict is open at the place
        for row in range(n):
            if np.isnan(scratch.place[row]):
                continue
            value, whole = values[step, row], rows.whole[row]
            memory.seen[row] += 1
            frozen = open_places[rows.place[row]] > 0 or factor[row] != 1.0
            if frozen:
                out.spoilt[step, row] = True
            if not frozen or scratch.rests[row] >= YESTERDAY:  # what is new is not expected meanwhile
                memory.short[index % kept, row] = value / factor[row]
            if not frozen or out.opened[step, row]:
                # the onset too: where it is rare it hardly counts, and some series are made of onsets
                _learn_units(row, rows, memory, pace, scratch)
            if not frozen:
                of = values[step, whole] if whole >= 0 else np.nan
                _learn(row, value, of, rows, memory, pace, scratch)

"""The judgement of one series at one step, compiled; the same for one series and for a hundred thousand.

A value is compared on a scale on which noise is alike everywhere: near the square root for what is
counted, near the logarithm for the rest (``to_scale``). Two views must agree before anything is told.

- *The last weeks*: the median, over the weeks, of the values around the same time, each week moved to the
  present level. A rise must pass the largest of the values around that time, a fall the smallest, so that
  a job that wanders by a minute is no news.
- *The last minutes*: the median of the last ten steps; what a series does at this time of day anyway (its
  habit, the largest such deviation lately) counts only half.

Each view measures in units of its own noise: the 95 % quantile of its deviations over that of a standard
normal, learnt by stochastic approximation (Robbins and Monro 1951), which one wild value moves by a fixed
step. Steps without any deviation teach nothing, so that a series that is mostly silent is judged by what it
does when it does something. For what is counted the unit is never below Poisson's, and sums over the
last minutes and the last half hour are judged as well: few calls show in no single step.

While a verdict is open nothing is learnt: an incident never teaches the baseline. One that stays becomes
a shift, and its level the expected one.

All functions are in one module because the compiler's cache does not see changes in another.
"""

from math import asinh, exp, expm1, log1p, sinh, sqrt
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.compiled import compiled

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
    unit: Floats  # (VIEWS, n)
    learnt: Floats  # (VIEWS, n) deviations a unit rests on
    aside: Floats  # (lags, n) level of each lag against now
    aligned: Floats  # (lags, n) steps that level rests on
    level: Floats  # of the difference to the last weeks
    fast: Floats  # (2, n) means of that difference over minutes and half an hour
    base: Floats  # slow mean on the scale
    near: Floats  # (2, n) means on the scale over minutes and half an hour
    part: Floats  # (2, n) decayed sums of a part and of its whole
    beyond: Floats  # (2, n) means of the difference to the usual part of the whole
    above: NDArray[np.float32]  # (SLOTS, n) largest rise by time of day
    below: NDArray[np.float32]
    above_now: Floats
    below_now: Floats
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
    day: float  # gain of what changes over days
    habit: float  # what remains of a habit after a day
    young: int  # steps of history before anything is told
    persist: int
    extraordinary: float
    recover: int
    shift: int  # steps after which a spike or drop is a shift
    settle: int  # steps more until the shift is the usual level
    threshold: float  # units both views must see
    many: float  # units that sums must show
    aligned: bool  # lags are weeks: their levels are learnt


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


def out_of(shape: tuple[int, int]) -> Out:
    """Return room for what is said of (steps, n)."""
    expected, lower, upper, size = (np.empty(shape) for _ in range(4))
    opened, ended, spoilt = (np.empty(shape, np.bool_) for _ in range(3))
    return Out(expected, lower, upper, size, np.empty(shape, np.int8), opened, ended, spoilt)


@compiled
def to_scale(value: float, offset: float, counted: bool) -> float:
    """Return where a value lies on the scale of its noise.

    Counts: ``2 asinh(sqrt(x / 4o))``, the transform that makes a negative binomial's variance constant
    (Anscombe 1948); it grows as ``sqrt(x / o)`` while x is small and as ``log(x / o)`` when it is large.
    Others: ``log(1 + x / o)``, odd about zero.
    """
    if counted:
        return 2 * asinh(sqrt(value / (4 * offset))) if value > 0 else 0.0
    return log1p(value / offset) if value >= 0 else -log1p(-value / offset)


@compiled
def from_scale(y: float, offset: float, counted: bool) -> float:
    """Return the value at a place of the scale; what counts is not below zero."""
    if np.isnan(y):
        return y
    if counted:
        half = sinh(min(max(y, 0.0), 60.0) / 2)
        return 4 * offset * half * half
    y = min(max(y, -60.0), 60.0)
    return offset * expm1(y) if y >= 0 else -offset * expm1(-y)


@compiled
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


@compiled
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
    lags = past.shape[1]
    ring = past.shape[0]
    kept = memory.short.shape[0]
    around = np.empty(max(2 * pace.beside + 1, kept, lags) + 1)
    weeks, highs, lows = np.empty(lags), np.empty(lags), np.empty(lags)
    deviation = np.empty((VIEWS, n))
    scaled, offs = np.empty(n), np.empty(n)
    rests, by_days = np.zeros(n, np.bool_), np.zeros(n, np.bool_)
    seen_lags = np.empty((lags, n))
    day_slots = memory.above.shape[0]
    for step in range(steps):
        index = first + step
        slot, before = slots[step, 0], slots[step, 1]
        after = slot + 1 if slot + 1 < day_slots else 0
        for row in range(n):
            if before >= 0:
                memory.above[before, row] = max(memory.above[before, row] * pace.habit, memory.above_now[row])
                memory.below[before, row] = min(memory.below[before, row] * pace.habit, memory.below_now[row])
                memory.above_now[row] = 0.0
                memory.below_now[row] = 0.0
            out.opened[step, row] = False
            out.ended[step, row] = False
            scaled[row] = np.nan
            value = values[step, row] / factor[row]
            counted = rows.counted[row] > 0
            grain = 1.0
            if rows.counted[row] == 2:
                calls = memory.usual[rows.calls[row]]
                grain = memory.usual[row] / calls if calls > 0 else 0.0
                counted = grain > 0
                made = values[step, rows.calls[row]]
                if counted and made < FEW_CALLS:  # one heavy call is no rise
                    value = min(value, max(HEAVY * made * grain, 0.0))
            usual = memory.usual[row]
            if counted:
                offset = COUNTS_OF_ROOT * grain
            else:
                offset = OFFSET * (usual if usual > 0 else abs(value))
                if not offset > LEAST_OFFSET:  # nothing but zeros so far
                    offset = LEAST_OFFSET if usual > 0 or abs(value) > 0 else 1.0
            # -- what is expected
            used = 0
            for lag in range(lags):
                seen_lags[lag, row] = np.nan
                count = 0
                for near in range(2 * pace.beside + 1):
                    was = past[(head + step + near) % ring, lag, row]
                    if not np.isnan(was):
                        around[count] = was
                        count += 1
                centre = past[(head + step + pace.beside) % ring, lag, row]
                if count <= pace.beside and (counted or np.isnan(centre)):  # latency is seldom measured
                    continue
                if counted:  # the mean keeps the sum over a window in which a job wanders
                    middle = 0.0
                    for near in range(count):
                        middle += to_scale(around[near], offset, counted)
                    middle /= count
                    median(around, count)
                else:
                    middle = to_scale(median(around, count), offset, counted)
                moved = memory.aside[lag, row] if pace.aligned else 0.0
                seen_lags[lag, row] = middle
                # yesterday comes first, and gives way to the first week
                at = 0 if lag == 0 or used == 0 else used
                weeks[at] = middle + moved
                highs[at] = to_scale(around[count - 1], offset, counted) + moved
                lows[at] = to_scale(around[0], offset, counted) + moved
                if lag > 0:
                    used = at + 1
            rests[row] = used > 0 or not np.isnan(seen_lags[0, row])
            by_day = used == 0 and not np.isnan(seen_lags[0, row])
            by_days[row] = by_day
            count = 0
            for at in range(kept):
                was = memory.short[at, row]
                if not np.isnan(was):
                    around[count] = was
                    count += 1
            lately = to_scale(median(around, count), offset, counted)
            if used > 0:
                shape = median(weeks, used)
                high, low = median(highs, used), median(lows, used)
            elif by_day:  # the level of yesterday is followed by itself
                shape = weeks[0] - memory.level[row]
                high, low = highs[0] - memory.level[row], lows[0] - memory.level[row]
            elif count > 0:
                shape = lately
                high, low = shape, shape
            else:
                shape = np.nan
                high, low = shape, shape
            place = shape + memory.level[row]
            expected = from_scale(place, offset, counted)
            missing = np.isnan(value)
            unit = memory.unit[1, row]
            poisson = 0.0
            if counted:
                poisson = sqrt(grain / (max(expected, 0.0) + 4 * offset))
                unit = max(unit, POISSON[1] * poisson)
            out.expected[step, row] = expected * factor[row]
            out.upper[step, row] = from_scale(place + BAND * unit, offset, counted) * factor[row]
            lower = from_scale(place - BAND * unit, offset, counted) * factor[row]
            out.lower[step, row] = lower
            out.size[step, row] = 0.0
            spoilt = memory.code[row] != 0
            if missing:
                if memory.code[row] != 0:
                    memory.unseen[row] += 1
                    memory.open[row] += 1
                    if memory.unseen[row] >= 3 * pace.recover:  # nobody can tell any more
                        out.ended[step, row] = True
                        memory.code[row] = 0
                        memory.run[row] = 0
                        open_places[rows.place[row]] -= 1
                out.code[step, row] = memory.code[row]
                out.spoilt[step, row] = False
                continue
            memory.unseen[row] = 0
            y = to_scale(value, offset, counted)
            scaled[row] = y
            if memory.first[row] < 0:
                memory.first[row] = index
                memory.base[row] = y
                memory.near[0, row] = y
                memory.near[1, row] = y
            if np.isnan(shape):
                shape = y
                lately = y
                high, low = y, y
            # -- how far off it is, view by view
            difference = y - shape
            off = difference - memory.level[row]
            offs[row] = off
            memory.fast[0, row] += pace.fast * (difference - memory.fast[0, row])
            memory.fast[1, row] += pace.middle * (difference - memory.fast[1, row])
            memory.near[0, row] += pace.fast * (y - memory.near[0, row])
            memory.near[1, row] += pace.middle * (y - memory.near[1, row])
            deviation[0, row] = y - lately
            deviation[1, row] = max(off - (high - shape), 0.0) if off > 0 else min(off - (low - shape), 0.0)
            deviation[2, row] = memory.fast[0, row] - memory.level[row]
            deviation[3, row] = memory.fast[1, row] - memory.level[row]
            deviation[4, row] = memory.near[0, row] - memory.base[row]
            deviation[5, row] = memory.near[1, row] - memory.base[row]
            if not memory.code[row]:
                memory.above_now[row] = max(memory.above_now[row], deviation[0, row])
                memory.below_now[row] = min(memory.below_now[row], deviation[0, row])
            habit = 0.0
            if deviation[0, row] > 0:
                habit = max(memory.above[slot, row], memory.above[slot - 1, row], memory.above[after, row])
            else:
                habit = -min(memory.below[slot, row], memory.below[slot - 1, row], memory.below[after, row])
            short_unit = max(memory.unit[0, row], POISSON[0] * poisson)
            week_unit = max(memory.unit[1, row], POISSON[1] * poisson)
            size = 0.0
            if deviation[0, row] * deviation[1, row] > 0:
                short_size = abs(deviation[0, row]) / short_unit
                size = min(short_size, abs(deviation[1, row]) / week_unit)
                size *= max(0.0, 1 - HABIT * habit / abs(deviation[0, row]))
            # errors, throttles: as a part of the requests, too
            part = 0.0
            of = rows.whole[row]
            if of >= 0:
                share = memory.part[0, row] / memory.part[1, row] if memory.part[1, row] > 0 else 0.0
                whole = values[step, of]
                if np.isnan(whole):
                    whole = 0.0
                usual_part = share * whole
                part = y - to_scale(usual_part, offset, counted)
                noise = sqrt(grain / (usual_part + 4 * offset)) if counted else 0.0
                memory.beyond[0, row] += pace.fast * (part - memory.beyond[0, row])
                memory.beyond[1, row] += pace.middle * (part - memory.beyond[1, row])
                size = min(size, max(part, 0.0) / max(memory.unit[1, row], POISSON[1] * noise))
            size /= pace.threshold
            matters = abs(value - expected)
            if deviation[0, row] < 0:
                size = -size
            if counted:
                for m in range(2):
                    by_weeks, by_level = deviation[2 + m, row], deviation[4 + m, row]
                    if by_weeks * by_level <= 0:
                        continue
                    many = min(
                        abs(by_weeks) / max(memory.unit[2 + m, row], POISSON[2 + m] * poisson),
                        abs(by_level) / max(memory.unit[4 + m, row], POISSON[4 + m] * poisson),
                    )
                    if of >= 0:
                        many = min(
                            many, max(memory.beyond[m, row], 0.0) / max(POISSON[2 + m] * poisson, 1e-12)
                        )
                    many /= pace.many
                    if many > abs(size):
                        size = many if by_weeks > 0 else -many
                        lasting = from_scale(shape + memory.fast[m, row], offset, counted)
                        matters = abs(lasting - expected)
            if rows.rises[row] and size < 0:
                size = 0.0
            if matters * factor[row] < max(rows.floor[row], rows.relative[row] * expected * factor[row]):
                size = 0.0
            out.size[step, row] = size
            # -- what becomes of it
            side = 1 if size > 0 else -1
            if abs(size) >= 1:
                memory.run[row] = memory.run[row] + 1 if memory.side[row] == side else 1
                memory.side[row] = side
            else:
                memory.run[row] = 0
            if memory.code[row] == 0:
                told = memory.run[row] >= pace.persist or abs(size) >= pace.extraordinary
                old = index - memory.first[row] >= pace.young
                if abs(size) >= 1 and told and old and rows.judged[row]:
                    memory.code[row] = SPIKE if side > 0 else DROP
                    memory.since[row] = index + 1 - min(memory.run[row], pace.persist)
                    memory.calm[row] = 0
                    memory.open[row] = 0
                    memory.peak[row] = side * 1e-12  # its sign is the side of the verdict
                    open_places[rows.place[row]] += 1
                    out.opened[step, row] = True
                    spoilt = True
            if memory.code[row] != 0:
                memory.open[row] += 1
                side = 1 if memory.peak[row] > 0 else -1
                if memory.open[row] <= ONSET_STEPS and off * side > abs(memory.peak[row]):
                    memory.peak[row] = off
                calm = max(
                    CLEAR_PART * max(memory.unit[2, row], POISSON[2] * poisson),
                    CALM_PART * abs(memory.peak[row]),
                )
                if deviation[2, row] * side < calm and off * side < calm:
                    memory.calm[row] += 1
                else:
                    memory.calm[row] = 0
                stayed = memory.open[row] >= pace.shift
                if stayed and memory.calm[row] == 0:
                    memory.code[row] = SHIFT
                settled = memory.code[row] == SHIFT and memory.open[row] >= pace.shift + pace.settle
                if memory.calm[row] >= pace.recover or settled:
                    if settled:  # it was told: now it is the level
                        memory.level[row] = memory.fast[1, row]
                        memory.base[row] = memory.near[1, row]
                        spoilt = False
                    for m in range(2):  # what was over must not look like something new
                        memory.fast[m, row] = memory.level[row]
                        memory.near[m, row] = memory.base[row]
                        memory.beyond[m, row] = 0.0
                    memory.code[row] = 0
                    memory.run[row] = 0
                    open_places[rows.place[row]] -= 1
                    out.ended[step, row] = True
            out.code[step, row] = memory.code[row]
            out.spoilt[step, row] = spoilt
        # -- learn, where no verdict is open at the place
        for row in range(n):
            y = scaled[row]
            if np.isnan(y):
                continue
            value = values[step, row]
            memory.seen[row] += 1
            seen = memory.seen[row]
            frozen = open_places[rows.place[row]] > 0 or factor[row] != 1.0
            if frozen:
                out.spoilt[step, row] = True
            if not frozen or rests[row]:  # what was never seen before is not expected while something is open
                memory.short[index % kept, row] = value / factor[row]
            if frozen and not out.opened[step, row]:
                continue
            # the onset too: where it is rare it hardly counts, and some series are made of onsets
            for view in range(VIEWS):
                distance = abs(deviation[view, row])
                if distance > 1e-9:
                    memory.learnt[view, row] += 1
                    gain = 2 * max(GAIN, 2 / (10 + memory.learnt[view, row]))
                    beyond = 1.0 if distance > NORMAL_TAIL * memory.unit[view, row] else 0.0
                    unit = memory.unit[view, row] * exp(gain * (beyond - TAIL))
                    memory.unit[view, row] = max(unit, LEAST_UNIT)
            if frozen:
                continue
            clip = CLIP * memory.unit[1, row]
            if rows.counted[row] > 0:
                clip = max(clip, CLIP * 0.1)
            gain = max(pace.slow, 1 / seen)
            if not by_days[row]:
                memory.level[row] += gain * min(max(offs[row], -clip), clip)
            memory.base[row] += gain * (y - memory.base[row])
            if pace.aligned:
                for lag in range(lags):
                    if not np.isnan(seen_lags[lag, row]):
                        memory.aligned[lag, row] += 1
                        apart = y - seen_lags[lag, row] - memory.aside[lag, row]
                        gain = max(pace.day if lag else pace.slow, 1 / memory.aligned[lag, row])
                        memory.aside[lag, row] += gain * min(max(apart, -3 * clip), 3 * clip)
            gain = max(pace.day / 3, 1 / seen)
            most = 10 * memory.usual[row] + 1e-12 if seen > 10 else LARGEST
            memory.usual[row] += gain * (min(abs(value), most) - memory.usual[row])
            of = rows.whole[row]
            if of >= 0 and not np.isnan(values[step, of]):
                keep = 1 - pace.day
                memory.part[0, row] = memory.part[0, row] * keep + value
                memory.part[1, row] = memory.part[1, row] * keep + values[step, of]

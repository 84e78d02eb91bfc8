"""The expectation at a step: from the same time in earlier weeks, yesterday, or the last minutes."""

from math import sqrt
from typing import Final, NamedTuple

import numpy as np

from detectors.judge.kernel.arrays import MINUTES, NOTHING, WEEKS, YESTERDAY, Memory, Scratch
from detectors.judge.kernel.pace import Pace
from detectors.judge.kernel.scale import COUNTS_OF_ROOT, NORMAL_TAIL, from_scale, median, to_scale
from detectors.model.array_types import Bools, Float32s, Floats
from detectors.state.compiled import inlined, part

SLIGHT: Final = 0.1
"""A level that moved by less, about a tenth, is the same: the level of the last hours follows it."""

LIKE: Final = 0.33
"""Part of the largest distance of a week within which another one is like the present."""

LATELY: Final = 240
"""Steps after which the last values are no longer the last minutes, but those before a night."""

CAME: Final = 0.5
"""Part of what is expected by one clock from which on it has come by the other."""

SEVERAL: Final = 2
"""Weeks that must be like the present if it comes every week."""


class Expected(NamedTuple):
    """The expectation of one series, on its scale."""

    shape: float  # of the last weeks, without the present level
    high: float  # the largest around the same time
    low: float
    lately: float  # median of the last minutes
    least: float  # the smallest around the same time in all weeks, NaN where fewer than two days are known
    certain: float  # what each of few weeks had around the same time; infinite for more


@inlined
def _values_around(
    past: Float32s, at: int, column: int, row: int, beside: int, counted: bool, around: Floats
) -> int:
    """Collect the values around the same time in ``around``; return how many, 0 if too few are known."""
    ring = past.shape[0]
    count = 0
    for near in range(2 * beside + 1):
        was = float(past[(at + near) % ring, column, row])
        if not np.isnan(was):
            around[count] = was
            count += 1
    if count > beside:
        return count
    # a series that is rarely measured, such as a latency, has few neighbours
    return 0 if counted or np.isnan(past[(at + beside) % ring, column, row]) else count


@inlined
def _median_of(kept: Floats, row: int, around: Floats) -> float:
    count = 0
    for at in range(kept.shape[0]):
        was = kept[at, row]
        if not np.isnan(was):
            around[count] = was
            count += 1
    return median(around, count)


@inlined
def _middle_of(around: Floats, count: int, offset: float, counted: bool) -> float:
    """Return the position of the centre of the values on the scale; sorts them in place."""
    if not counted:
        return to_scale(median(around, count), offset, counted)
    middle = 0.0  # the mean preserves the total when the start of a job varies within the window
    for at in range(count):
        middle += to_scale(around[at], offset, counted)
    median(around, count)
    return middle / count


@inlined
def _mean_of(around: Floats, count: int, moved: float, offset: float, counted: bool) -> float:
    """Return the mean value, moved to the present level of the week."""
    total = 0.0
    for at in range(count):
        total += around[at]
    if abs(moved) < SLIGHT:
        return total / count
    return from_scale(to_scale(total / count, offset, counted) + moved, offset, counted)


@inlined
def _is_often(often: Bools, at: int, row: int, beside: int) -> bool:
    """Return whether something was reported around this time in several weeks."""
    ring = often.shape[0]
    for near in range(2 * beside + 1):  # noqa: SIM110
        if often[(at + near) % ring, row]:
            return True
    return False


@inlined
def _keep_like(y: float, row: int, used: int, scratch: Scratch) -> int:
    """Keep the weeks that were like the value if several were, and return how many.

    A job comes, or it does not. A single week shows nothing: its incident happened to be at this time.
    """
    far, alike = 0.0, 0
    for week in range(used):
        far = max(far, y - scratch.highs[week], scratch.lows[week] - y)
    for week in range(used):
        alike += max(y - scratch.highs[week], scratch.lows[week] - y) <= far * LIKE
    if alike < SEVERAL:
        return used
    week = kept = 0
    for lag in range(1, scratch.lags.shape[0]):
        if np.isnan(scratch.lags[lag, row]):
            continue
        if max(y - scratch.highs[week], scratch.lows[week] - y) <= far * LIKE:
            for of in (scratch.weeks, scratch.highs, scratch.lows, scratch.means):
                of[kept] = of[week]
            kept += 1
        else:
            scratch.lags[lag, row] = np.nan  # its level is not that of the present
        week += 1
    return kept


@inlined
def _least_of(lows: Floats, used: int, yesterday: float) -> float:
    """Return the smallest value around the same time in all weeks, NaN if fewer than two days are known."""
    least = float(lows[0])
    if used < SEVERAL:
        return np.nan if np.isnan(yesterday) else min(least, yesterday)
    for week in range(1, used):
        least = min(least, lows[week])
    return least


@inlined
def _certain(highs: Floats, used: int, day_before: float) -> float:
    """Return the value that each week reached around the same time, a single one and yesterday.

    With more than a few weeks it is infinite: one does not move their median.
    """
    if used == 0 or used > SEVERAL:
        return np.inf
    least = day_before if used < SEVERAL else np.inf
    for week in range(used):
        least = min(least, highs[week])
    return float(least)


@inlined
def _forget_evening(index: int, row: int, unknown: bool, memory: Memory, pace: Pace) -> None:
    if unknown and index - memory.heard[row] > LATELY and not pace.wide:
        for at in range(memory.recent.shape[0]):
            memory.recent[at, row] = np.nan


@inlined
def _forget_level(index: int, row: int, counted: bool, memory: Memory, pace: Pace) -> None:
    if counted and 0 <= memory.heard[row] < index - LATELY and not pace.wide:  # of old states, unknown
        memory.lag_level[0, row] = 0.0  # by how much an evening exceeded the one before


@part
def _place_of(
    past: Float32s,
    at: int,
    first: int,
    row: int,
    offset: float,
    counted: bool,
    memory: Memory,
    pace: Pace,
    scratch: Scratch,
) -> float:
    """Return the position that the days from column ``first`` on expect, NaN where none is known."""
    used, yesterday = 0, np.nan
    for lag in range(memory.lag_level.shape[0]):
        count = _values_around(past, at, first + lag, row, pace.beside, counted, scratch.around)
        if count == 0:
            continue
        place = _middle_of(scratch.around, count, offset, counted)
        if pace.aligned:
            place += memory.lag_level[lag, row]
        if lag == 0:
            yesterday = place
        else:
            scratch.weeks[used] = place
            used += 1
    return median(scratch.weeks, used) + memory.level[row] if used else yesterday


@part
def follow(
    past: Float32s,
    at: int,
    row: int,
    y: float,
    offset: float,
    counted: bool,
    memory: Memory,
    pace: Pace,
    scratch: Scratch,
) -> int:
    """Return the column of yesterday by the clock that the value follows: the local one, or the other one.

    Where clocks changed since the days that are known, a job may go by either: what fits one is usual. What
    comes later by one clock than by the other may have come then, and is missing only if it has not.
    """
    lags = memory.lag_level.shape[0]
    if past.shape[1] == lags:
        return 0
    local = _place_of(past, at, 0, row, offset, counted, memory, pace, scratch)
    other = _place_of(past, at, lags, row, offset, counted, memory, pace, scratch)
    if counted:  # where nothing arrived at all, nothing is known
        local = 0.0 if np.isnan(local) else local
        other = 0.0 if np.isnan(other) else other
    if np.isnan(local) or np.isnan(other):
        return 0 if np.isnan(other) else lags
    usual, noise = from_scale(local, offset, counted), memory.unit[1, row]
    if counted:
        noise = max(noise, sqrt(offset / COUNTS_OF_ROOT / (usual + 4 * offset)))
    if abs(other - local) <= NORMAL_TAIL * noise:
        return 0
    later, earlier, column = (local, other, 0) if pace.local_later else (other, local, lags)
    if counted and later > earlier:
        count = _values_around(past, at, 2 * lags, row, pace.beside, counted, scratch.around)
        came = _mean_of(scratch.around, count, 0.0, offset, counted) if count else 0.0
        if came < CAME * from_scale(later, offset, counted):
            return column
    if np.isnan(y):
        return 0 if local <= other else lags
    return 0 if abs(y - local) <= max(abs(y - other), NORMAL_TAIL * noise) else lags


@inlined
def expect(
    index: int,
    past: Float32s,
    often: Bools,
    at: int,
    row: int,
    y: float,
    offset: float,
    counted: bool,
    memory: Memory,
    pace: Pace,
    scratch: Scratch,
) -> Expected:
    """Return the expectation, NaN where nothing was ever measured; set ``scratch.lags`` and ``basis``."""
    around, weeks, highs, lows = scratch.around, scratch.weeks, scratch.highs, scratch.lows
    means = scratch.means
    used, least, yesterday, day_before = 0, np.nan, np.nan, np.inf
    _forget_level(index, row, counted, memory, pace)
    first = follow(past, at, row, y, offset, counted, memory, pace, scratch)
    for lag in range(memory.lag_level.shape[0]):
        scratch.lags[lag, row] = np.nan
        count = _values_around(past, at, first + lag, row, pace.beside, counted, around)
        if count == 0:
            continue
        middle = _middle_of(around, count, offset, counted)
        scratch.lags[lag, row] = middle
        moved = memory.lag_level[lag, row] if pace.aligned else 0.0
        # yesterday comes first and is overwritten by the first week
        to = 0 if lag == 0 else used
        weeks[to] = middle + moved
        highs[to] = to_scale(around[count - 1], offset, counted) + moved
        lows[to] = to_scale(around[0], offset, counted) + moved
        if lag == 0:
            yesterday, day_before = lows[0], highs[0]
        else:
            means[used] = _mean_of(around, count, moved, offset, counted)
            used = to + 1
    may_come = used > 1 and not pace.wide and _is_often(often, at, row, pace.beside)
    if may_come:
        used = _keep_like(y - memory.level[row], row, used, scratch)
    scratch.known[row] = used
    if used > 0:
        least = _least_of(lows, used, yesterday)
        shape, high, low = median(weeks, used), median(highs, used), median(lows, used)
        scratch.by_weeks[row] = median(means, used)
        scratch.basis[row] = WEEKS
    elif not np.isnan(scratch.lags[0, row]):  # yesterday is taken at its own level
        level = memory.level[row]
        shape, high, low = weeks[0] - level, highs[0] - level, lows[0] - level
        scratch.basis[row] = YESTERDAY
        low = low if pace.alike else -np.inf  # a closed Saturday lacks nothing that Friday had
    unknown = used == 0 and np.isnan(scratch.lags[0, row])
    _forget_evening(index, row, unknown, memory, pace)
    lately = to_scale(_median_of(memory.recent, row, around), offset, counted)
    if unknown:
        shape, high, low = lately, lately, lately
        scratch.basis[row] = NOTHING if np.isnan(lately) else MINUTES
    elif pace.wide:
        freed = _median_of(memory.residual, row, around)
        if not np.isnan(freed):
            lately = shape + freed
    certain = _certain(highs, used, day_before)
    return Expected(shape, high, low, lately, np.nan if may_come else least, certain)

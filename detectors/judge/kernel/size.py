"""How far a value is off, in units of each view's own noise; 1 is where a deviation is reported."""

from math import sqrt
from typing import Final

import numpy as np

from detectors.judge.kernel.arrays import HALF_HOUR_SLOTS, KEPT_DAYS, YESTERDAY, Memory, Rows, Scratch
from detectors.judge.kernel.expect import Expected
from detectors.judge.kernel.pace import Pace
from detectors.judge.kernel.scale import LARGEST, falling, from_scale, more_than, to_scale
from detectors.state.compiled import inlined, part

POISSON: Final = np.array([1.1, 1.1, 0.4, 0.22, 0.4, 0.22])
"""Poisson noise in each view, relative to one step: a mean of k has 1/sqrt(k), and the level adds some."""

OF_MINUTE: Final = float(POISSON[0] / POISSON[2])
"""Noise of a minute relative to that of a mean over minutes, where minutes vary independently."""

HABIT: Final = 0.5
"""Part of the usual deviation at this time of day that is subtracted: half keeps a larger one visible."""

LARGEST_OF_FIVE: Final = 1.163
"""Mean of the largest of five standard normals (Harter 1961): neighbours are as far off by chance."""

VARIES: Final = 2.0
"""Times as far off by chance do values around the same time differ where a job begins: a minute earlier or
later adds nothing to the sums."""

DAILY: Final = KEPT_DAYS
"""Last days that each had a deviation at this time if it is a daily one: a new nightly job is reported as
often."""

WANDERS: Final = 1.25
"""Up to this many times the daily deviation is still the daily one: a job stands out on a calm Sunday."""

FEWEST: Final = 1.0
"""Events that are expected in any half hour: the first few of a kind are not notable yet."""


@inlined
def _beyond(off: float, expected: Expected, chance: float) -> float:
    """Return the excess over the values around the same time, which are off by ``chance`` themselves."""
    if off > 0:
        return max(off - max(expected.high - expected.shape - chance, 0.0), 0.0)
    return min(off - min(expected.low - expected.shape + chance, 0.0), 0.0)


@inlined
def deviate(
    index: int,
    slot: int,
    row: int,
    y: float,
    poisson: float,
    expected: Expected,
    memory: Memory,
    pace: Pace,
    scratch: Scratch,
) -> float:
    """Measure the deviation in each view; return the part of the last minutes' deviation that is habit."""
    difference = y - expected.shape
    off = difference - memory.level[row]
    scratch.off[row] = off
    if pace.wide and scratch.basis[row] >= YESTERDAY:
        memory.residual[index % memory.residual.shape[0], row] = difference
    chance = LARGEST_OF_FIVE * (0.0 if np.isnan(poisson) else poisson)  # the first value has none
    beyond = memory.level[row] + _beyond(off, expected, VARIES * chance)
    memory.fast[0, row] += pace.fast * (beyond - memory.fast[0, row])
    memory.fast[1, row] += pace.middle * (beyond - memory.fast[1, row])
    memory.near[0, row] += pace.fast * (y - memory.near[0, row])
    memory.near[1, row] += pace.middle * (y - memory.near[1, row])
    deviation = scratch.deviation
    lately = y - expected.lately
    memory.rose_now[row] = max(memory.rose_now[row], lately)
    memory.fell_now[row] = min(memory.fell_now[row], lately)
    deviation[1, row] = _beyond(off, expected, chance)
    deviation[2, row] = memory.fast[0, row] - memory.level[row]
    deviation[3, row] = memory.fast[1, row] - memory.lasting[0, row]
    deviation[4, row] = memory.near[0, row] - memory.base[row]
    deviation[5, row] = memory.near[1, row] - memory.lasting[1, row]
    if not memory.code[row]:
        memory.above_now[row] = max(memory.above_now[row], lately)
        memory.below_now[row] = min(memory.below_now[row], lately)
    after = memory.code[row] == 0 and index - memory.open_at[row] <= pace.short
    if after and scratch.basis[row] >= YESTERDAY:
        lately = off  # the last minutes are those of an incident
    deviation[0, row] = lately
    held = memory.above.shape[0]  # divides the slots of a day, so that neighbouring slots never share a place
    at, before, after = slot % held, (slot - 1) % held, (slot + 1) % held
    if lately > 0:
        habit = max(memory.above[at, row], memory.above[before, row], memory.above[after, row])
    else:
        habit = -min(memory.below[at, row], memory.below[before, row], memory.below[after, row])
    return float(HABIT * habit)


@part
def _daily_jump(
    slot: int, before: int, row: int, rises: bool, noise: float, memory: Memory, pace: Pace
) -> float:
    """Return the smallest rise (or fall) at this time of the last ``DAILY`` days, 0 if it is noise."""
    slots = memory.rose.shape[1]
    smallest = LARGEST
    for day in range(DAILY):
        largest = 0.0
        for near in range(slot - before, slot + 2):
            at = near % slots
            jump = memory.rose[day, at, row] if rises else -memory.fell[day, at, row]
            largest = max(largest, float(jump))
        smallest = min(smallest, largest)
    return smallest if smallest >= pace.threshold * noise else 0.0  # noise comes every day too


@part
def lasting_jump(
    index: int, slot: int, row: int, rises: bool, least: float, memory: Memory, pace: Pace, scratch: Scratch
) -> float:
    """Return the daily jump that began the deviation of the sums, 0 if there was none.

    A job of hours shows long after it began: its jump counts for as long as the sums show it, and only
    if yesterday was like it at this time, where that is known.
    """
    # Of a series that does little else, the unit of a minute is the jump itself: not so in the sums.
    noise = max(min(memory.unit[0, row], OF_MINUTE * memory.unit[2, row]), least)
    jump = _daily_jump(slot, HALF_HOUR_SLOTS, row, rises, noise, memory, pace)
    began = memory.daily[row] if rises else -memory.daily[row]
    if began > jump and index - memory.daily_at[row] <= pace.short:
        apart = abs(scratch.place[row] - scratch.lags[0, row])
        if np.isnan(apart) or apart <= began / 2:
            jump = began
    if jump > 0 and memory.code[row] == 0:
        memory.daily[row] = jump if rises else -jump
        memory.daily_at[row] = index
    return jump


@inlined
def without_jump(size: float, by: float, jump: float) -> float:
    """Subtract a deviation that comes every day from a size."""
    return size * max(0.0, 1 - WANDERS * jump / abs(by)) if by != 0 else size


@inlined
def without_daily(
    size: float, by: float, slot: int, row: int, least: float, memory: Memory, pace: Pace
) -> float:
    """Subtract the deviation that comes every day from the size of a step."""
    if abs(size) < 1:
        return size
    noise = max(memory.unit[0, row], least)
    return without_jump(size, by, _daily_jump(slot, 1, row, by > 0, noise, memory, pace))


@inlined
def size_of_step(row: int, by_minutes: float, poisson: float, memory: Memory, scratch: Scratch) -> float:
    """Return the unsigned size on which the last weeks and the last minutes agree, in units."""
    by_weeks = scratch.deviation[1, row]
    if by_minutes * by_weeks <= 0:
        return 0.0
    size = min(
        abs(by_minutes) / max(memory.unit[0, row], POISSON[0] * poisson),
        abs(by_weeks) / max(memory.unit[1, row], POISSON[1] * poisson),
    )
    return float(size)


@inlined
def _size_of_span(
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
    """Return the signed size on which the views of minutes (0) or half an hour (1) agree, and the mean."""
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


@inlined
def size_as_part(
    row: int, whole: float, y: float, grain: float, offset: float, memory: Memory, pace: Pace
) -> float:
    """Return the excess over the usual part of the whole (errors of requests), in units."""
    share = memory.part[0, row] / memory.part[1, row] if memory.part[1, row] > 0 else 0.0
    usual = share * (0.0 if np.isnan(whole) else whole)
    beyond = y - to_scale(usual, offset, grain > 0)
    memory.beyond[0, row] += pace.fast * (beyond - memory.beyond[0, row])
    memory.beyond[1, row] += pace.middle * (beyond - memory.beyond[1, row])
    unit = max(memory.unit[1, row], POISSON[1] * sqrt(grain / (usual + 4 * offset)))
    return float(max(beyond, 0.0) / unit)


@inlined
def deviance(row: int, memory: Memory, pace: Pace) -> float:
    """Return by how many standard deviations more failed in the last half hour than expected."""
    whole = 2 - pace.middle  # the variance of a decaying sum is its mean divided by this
    return more_than(whole * memory.failed[0, row], max(whole * memory.failed[1, row], FEWEST))


@inlined
def _size_of_failures(
    row: int, value: float, whole: float, usual: float, memory: Memory, pace: Pace
) -> tuple[float, float]:
    """Return the size of the failures of the last half hour, and their excess per step."""
    share = memory.part[0, row] / memory.part[1, row] if memory.part[1, row] > 0 else 0.0
    expected = 0.0 if np.isnan(whole) else share * whole
    if not np.isnan(usual):  # NaN before anything was measured
        expected = max(expected, usual)
    keep = 1 - pace.middle
    memory.failed[0, row] = keep * memory.failed[0, row] + value
    memory.failed[1, row] = keep * memory.failed[1, row] + expected
    size = deviance(row, memory, pace) / max(memory.failed_unit[row], 1.0)
    return size / pace.many, pace.middle * (memory.failed[0, row] - memory.failed[1, row])


@inlined
def size_of_sums(
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
    """Return the largest size of the sums (1 is reported), and the difference per step behind it."""
    size, apart = 0.0, 0.0
    for span in range(2):
        many, lasting = _size_of_span(span, row, poisson, shape, usual, offset, rows, memory, pace, scratch)
        if abs(many) > abs(size):
            size, apart = many, abs(lasting - usual)
    if rows.whole[row] >= 0:
        many, more = _size_of_failures(row, value, whole, usual, memory, pace)
        if many > abs(size):
            size, apart = many, more
    return size, apart

"""Evidence that adds up: a small change that lasts, which shows in no minute and in no half hour.

Every step adds the logarithm of a likelihood ratio to a sum for rises and one for falls, never below zero
(Page 1954): how much better a count fits ``RISE`` (or ``FALL``) times the usual than the usual itself. The
usual is what the weeks expect, at the level of the last hours. In quiet times such a sum exceeds ``s`` in a
share ``exp(-s)`` of the steps where counts are Poisson's (Lorden 1971), and ``exp(-s / unit)`` where they
come in clumps or their level wanders: that unit is learnt from the sum itself, so a series that wanders has
to show more. A rise below the logarithmic mean of 1 and ``RISE`` never adds up, however long it lasts.
"""

from math import exp, log, sqrt
from typing import Final

import numpy as np

from detectors.judge.kernel.arrays import DOWN, UP, WEEKS, Memory, Rows, Scratch
from detectors.judge.kernel.pace import Pace
from detectors.judge.kernel.scale import to_scale
from detectors.judge.kernel.size import lasting_jump
from detectors.state.compiled import inlined, part

RISE: Final = 1.4
"""The rise of the likelihood ratio, in times the usual; 1.3 is certain after a while, 2 sooner."""

FALL: Final = 0.6
"""The same of a fall; half is certain within minutes where a minute has tens of calls."""

FEWEST_STEPS: Final = 5
"""Least steps until a report, on either side: no minute speaks for all."""

BOUND: Final = 2.0
"""No sum exceeds this many times the threshold: it forgets as fast as it has learnt."""

SURE: Final = 2.0
"""Standard errors by which the change may be larger than it looks."""

SHARE: Final = 0.01
"""The unit is learnt so that this share of the steps exceeds its ``log(1 / SHARE)``-fold."""

GAIN: Final = 0.003
"""Least step of the approximation of that quantile, as in ``learn``."""

SETTLING: Final = 60.0
"""Steps that a first guess of the unit counts for."""

NEAR: Final = 0.33
"""Part of the way back within which a return is complete."""

TINY: Final = 1e-9
"""Keeps logarithms of a level finite."""

LEAST_USUAL: Final = 0.5
"""Events that are expected at least since a sum began: new events are judged elsewhere."""

DOUBT: Final = 0.25
"""Part of the threshold up to which nothing has begun, and daily jumps do not matter."""

BEGUN: Final = 0.5
"""Part of the change that the counts must show without the weeks: else the counts have not moved."""


@inlined
def ratio_of(row: int, memory: Memory) -> float:
    """Return the level of the last hours, in times the expectation of the weeks."""
    seen, usual = memory.hours[0, row], memory.hours[1, row]
    return float((seen + 1) / (usual + 1))  # one event more: a series that begins is as its weeks


@part
def restart(row: int, memory: Memory) -> None:
    """Reset the sums of evidence."""
    for side in range(2):
        memory.cusum[side, row] = memory.cusum_seen[side, row] = memory.cusum_usual[side, row] = 0.0


@inlined
def adds_up(row: int, rows: Rows, pace: Pace, scratch: Scratch) -> bool:
    """Return whether a series counts events, and its weeks are known."""
    known = scratch.basis[row] == WEEKS and not pace.wide
    return known and rows.counted[row] > 0 and rows.whole[row] < 0


@inlined
def add_up(
    index: int,
    slot: int,
    row: int,
    events: float,
    grain: float,
    least: float,
    memory: Memory,
    pace: Pace,
    scratch: Scratch,
) -> None:
    """Add the evidence of a step with a number of events."""
    by_weeks = scratch.by_weeks[row] / grain
    scratch.events[row], scratch.by_weeks[row] = events, by_weeks
    is_open = memory.code[row] != 0
    level = ratio_of(row, memory)
    for side in range(2):
        most = pace.certain * unit_of(side, row, memory, scratch)
        if memory.cusum[side, row] <= DOUBT * most and not is_open:
            memory.cusum_since[side, row] = index
            memory.cusum_level[side, row] = level
            memory.cusum_place[side, row] = memory.lasting[0, row]
            memory.cusum_seen[side, row] = memory.cusum_usual[side, row] = 0.0
        memory.cusum_seen[side, row] += events
        memory.cusum_usual[side, row] += memory.cusum_level[side, row] * by_weeks
        if is_open:
            continue
        times = RISE if side == UP else FALL
        usual = level * by_weeks
        more = events * log(times) - usual * (times - 1)
        more = min(max(more, -most / FEWEST_STEPS), most / FEWEST_STEPS)
        is_doubtful = more > 0 and memory.cusum[side, row] > DOUBT * most
        if is_doubtful and lasting_jump(index, slot, row, side == UP, least, memory, pace, scratch) > 0:
            more = 0.0  # it comes on every day at this time
        memory.cusum[side, row] = min(max(memory.cusum[side, row] + more, 0.0), BOUND * most)


@part
def has_begun(side: int, row: int, memory: Memory, pace: Pace, scratch: Scratch) -> bool:
    """Return whether so much has added up that it is known when it began."""
    most = pace.certain * unit_of(side, row, memory, scratch)
    return bool(memory.cusum[side, row] > DOUBT * most)


@inlined
def unit_of(side: int, row: int, memory: Memory, scratch: Scratch) -> float:
    """Return the unit of a sum: at least the noise of a count and of the weeks that it is compared with."""
    return float(max(memory.cusum_unit[side, row], 1 + 1 / max(scratch.known[row], 1)))


@inlined
def learn_over_hours(row: int, memory: Memory, pace: Pace, scratch: Scratch) -> None:
    """Let the level of the last hours follow, and the unit of each sum (Robbins and Monro 1951)."""
    if np.isnan(scratch.events[row]):
        return
    memory.cusum_learnt[row] += 1
    gain = 2 * max(GAIN, 3 / (SETTLING + float(memory.cusum_learnt[row])))
    for side in range(2):
        beyond = 1.0 if memory.cusum[side, row] > log(1 / SHARE) * memory.cusum_unit[side, row] else 0.0
        unit = memory.cusum_unit[side, row] * exp(gain * (beyond - SHARE))
        memory.cusum_unit[side, row] = max(unit, 1.0)
    keep = 1 - pace.level_of_hours
    memory.hours[0, row] = memory.hours[0, row] * keep + scratch.events[row]
    memory.hours[1, row] = memory.hours[1, row] * keep + scratch.by_weeks[row]


@inlined
def size_of_cusum(
    row: int, offset: float, grain: float, memory: Memory, pace: Pace, scratch: Scratch
) -> tuple[float, float, float]:
    """Return the signed size of a sum (1 is reported), the usual value and the present one.

    The size is 0 where a series is not known for long enough, where its counts have not moved by themselves
    (the weeks expected something else: a holiday), and where its level wanders as far within half an hour.
    """
    side = UP if memory.cusum[UP, row] >= memory.cusum[DOWN, row] else DOWN
    size = memory.cusum[side, row] / (pace.certain * unit_of(side, row, memory, scratch))
    usual = memory.cusum_level[side, row] * scratch.by_weeks[row] * grain
    if size < 1 or memory.cusum_learnt[row] < pace.young:
        return 0.0, usual, usual
    seen, expected = memory.cusum_seen[side, row], max(memory.cusum_usual[side, row], LEAST_USUAL)
    now = usual * seen / expected
    by = to_scale(now, offset, True) - to_scale(usual, offset, True)
    moved = scratch.deviation[5, row]
    wanders = sqrt(2 * pace.certain) * memory.unit[3, row]  # the standard deviations that are as certain
    if moved * by <= 0 or abs(moved) < BEGUN * abs(by) or abs(by) < wanders:
        return 0.0, usual, usual
    # a change that may be as large as the floor is not small
    more = (1 if side == UP else -1) * SURE * sqrt(seen) / expected
    return (size if side == UP else -size), usual, max(now + usual * more, 0.0)


@part
def set_level(ratio: float, row: int, memory: Memory) -> None:
    """Set the level of the last hours, in times the expectation of the weeks."""
    memory.hours[0, row] = max(ratio * (memory.hours[1, row] + 1) - 1, 0.0)


@part
def adopt(row: int, memory: Memory) -> None:
    """Take the level of a shift as that of the last hours."""
    side = UP if memory.peak[row] > 0 else DOWN
    memory.hours_before[row] = ratio_of(row, memory)
    if memory.cusum_usual[side, row] > 0:
        memory.hours_before[row] = memory.cusum_level[side, row]
        times = memory.cusum_seen[side, row] / memory.cusum_usual[side, row]
        set_level(memory.cusum_level[side, row] * times, row, memory)


@part
def is_slow_return(side: int, row: int, memory: Memory, scratch: Scratch) -> bool:
    """Return whether a sum is the return from a shift; restore its level once complete."""
    way = memory.previous[0, row] - scratch.before[row]
    at = UP if side > 0 else DOWN
    if way * side <= 0 or memory.cusum_usual[at, row] <= 0 or np.isnan(memory.hours_before[row]):
        return False
    level = memory.cusum_level[at, row]
    now = level * memory.cusum_seen[at, row] / memory.cusum_usual[at, row]
    part = log(max(now, TINY) / level) / log(max(memory.hours_before[row], TINY) / level)
    if part > 1 + NEAR:
        return False
    if part >= 1 - NEAR:
        set_level(memory.hours_before[row], row, memory)
        restart(row, memory)
        memory.previous[0, row] = np.nan
    return True

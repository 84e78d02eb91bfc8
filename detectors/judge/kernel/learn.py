"""Learns from a series while no verdict is open at its scope: noise, levels, shares, habits."""

from math import exp, sqrt
from typing import Final

import numpy as np

from detectors.judge.kernel.arrays import KEPT_DAYS, VIEWS, YESTERDAY, Memory, Rows, Scratch
from detectors.judge.kernel.pace import Pace
from detectors.judge.kernel.scale import COUNTS_OF_ROOT, LARGEST, LEAST_DEVIATION, NORMAL_TAIL, TAIL
from detectors.judge.kernel.size import deviance
from detectors.state.compiled import inlined, part, without_arrays

GAIN: Final = 0.003
"""Least step of the approximation of a quantile: an unlabelled hour of trouble moves a unit by a third."""

WIDE_GAIN: Final = 0.015
"""The same where steps are wide: a unit of hours would take half a year to come down from its first guess."""

LEAST_UNIT: Final = 0.003
"""Smallest unit on the logarithmic scale: a third of a percent is never many times the noise."""

CLIP: Final = 6.0
"""Units by which one step may pull the level: larger deviations count as this."""

ONE: Final = 1.0
"""Usual count of a step below which most have none: these say nothing of the noise of the others."""

SETTLING: Final = 10
"""Deviations and values after which first guesses have lost their weight."""


@inlined
def learn_units(row: int, rows: Rows, memory: Memory, pace: Pace, scratch: Scratch) -> None:
    """Move the unit of each view towards the quantile of its deviations."""
    # The same count again says that there is less noise than was guessed; chance has its own bound. That
    # there is none again, as in the night of an office, says nothing.
    regular = rows.counted[row] > 0 and memory.usual[row] >= ONE and scratch.place[row] > 0
    for view in range(VIEWS):
        distance = abs(scratch.deviation[view, row])
        if distance > LEAST_DEVIATION or (regular and distance >= 0):
            memory.learnt[view, row] += 1
            least = WIDE_GAIN if pace.wide else GAIN
            gain = 2 * max(least, 2 / (SETTLING + float(memory.learnt[view, row])))
            beyond = 1.0 if distance > NORMAL_TAIL * memory.unit[view, row] else 0.0
            unit = memory.unit[view, row] * exp(gain * (beyond - TAIL))
            memory.unit[view, row] = max(unit, LEAST_UNIT)
    if rows.whole[row] >= 0:
        _learn_deviance(row, memory, pace)


@inlined
def _learn_deviance(row: int, memory: Memory, pace: Pace) -> None:
    """Learn how far failures deviate: in clumps they exceed Poisson noise."""
    distance = deviance(row, memory, pace)
    memory.failed_learnt[row] += 1
    gain = 2 * max(GAIN * pace.middle, 2 / (SETTLING + float(memory.failed_learnt[row])))
    beyond = 1.0 if distance > NORMAL_TAIL * memory.failed_unit[row] else 0.0
    memory.failed_unit[row] = max(memory.failed_unit[row] * exp(gain * (beyond - TAIL)), 1.0)


@inlined
def learn(
    row: int, value: float, whole: float, rows: Rows, memory: Memory, pace: Pace, scratch: Scratch
) -> None:
    """Let the levels follow a value that is not part of an incident."""
    y, seen = scratch.place[row], float(memory.seen[row])
    unit = memory.unit[1, row]
    if rows.counted[row] > 0:
        unit = max(unit, 1 / sqrt(4 * COUNTS_OF_ROOT))  # Poisson noise, where few are counted
    clip = CLIP * unit
    gain = max(pace.slow, 1 / seen)
    if scratch.basis[row] != YESTERDAY:
        memory.level[row] += gain * min(max(scratch.off[row], -clip), clip)
        off = scratch.off[row] + memory.level[row] - memory.lasting[0, row]
        memory.lasting[0, row] += max(pace.hours, 1 / seen) * min(max(off, -clip), clip)
    memory.base[row] += gain * (y - memory.base[row])
    memory.lasting[1, row] += max(pace.hours, 1 / seen) * (y - memory.lasting[1, row])
    if pace.aligned:
        for lag in range(scratch.lags.shape[0]):
            if not np.isnan(scratch.lags[lag, row]):
                memory.lag_steps[lag, row] += 1
                apart = y - scratch.lags[lag, row] - memory.lag_level[lag, row]
                if lag and not np.isnan(memory.previous[0, row]):  # while it may revert
                    continue
                gain = max(pace.day if lag else pace.slow, 1 / float(memory.lag_steps[lag, row]))
                memory.lag_level[lag, row] += gain * min(max(apart, -3 * clip), 3 * clip)
    usual = memory.usual[row]
    most = SETTLING * usual if seen > SETTLING and usual > 0 else LARGEST
    memory.usual[row] += max(pace.usual, 1 / seen) * (min(abs(value), most) - usual)
    if rows.whole[row] >= 0 and not np.isnan(whole):
        keep = 1 - pace.day
        memory.part[0, row] = memory.part[0, row] * keep + value
        memory.part[1, row] = memory.part[1, row] * keep + whole


@part
def close_slot(over: int, row: int, memory: Memory, pace: Pace) -> None:
    """Record the largest deviations of a series in the slot of the day that has just ended."""
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
def close_slots(over: int, memory: Memory, pace: Pace) -> None:
    """Close the slot that has just ended for all series, before the next step is judged."""
    for row in range(memory.code.shape[0]):
        close_slot(over, row, memory, pace)

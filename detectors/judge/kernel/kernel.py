"""The judgement of one series at one step, compiled; the same for one series and for a hundred thousand.

A value is compared on a scale on which noise is alike everywhere (``scale``). Two views must agree before
anything is reported.

- *The last weeks* (``expect``): the median, over the weeks, of the values around the same time, each week
  moved to the present level. A rise must exceed the largest of the values around that time, a fall the
  smallest, so that a job whose start varies by a minute is not notable.
- *The last minutes*: the median of the last ten steps. Half of what the series does at this time of day
  anyway (its habit, the largest such deviation lately) is subtracted, and all of a deviation that came on
  each of the last days. Five steps of an hour or a day are not minutes: where steps are wide, this view is
  that of the last steps minus the shape of the weeks.

Each view measures in units of its own noise (``learn``): the 95 % quantile of its deviations over that of a
standard normal, learnt by stochastic approximation (Robbins and Monro 1951), in which an outlier moves the
unit by a fixed step. Steps without a deviation teach nothing, so that a series that is mostly zero is
judged by its other values. Counts are never held to less than Poisson noise, and sums over the
last minutes and half hour are judged as well (``size``), since few calls show in no single step. Of a part
of another count, such as errors of requests, the number that failed in half an hour is judged too: a handful
where there is none on other days is certain long before any mean shows it.

While a verdict is open nothing is learnt: an incident never teaches the baseline. One that stays becomes
a shift, and its level the expected one (``decide``). The previous level is kept: a return to it is the end
of the shift and not notable.
"""

from math import copysign, sqrt
from typing import Final

import numpy as np

from detectors.judge.decide import decide, miss, restart_after_gap
from detectors.judge.kernel.arrays import (
    DOUBTED,
    DOWN,
    NOTHING,
    OF_CALLS,
    UP,
    YESTERDAY,
    Memory,
    Output,
    Rows,
    Scratch,
)
from detectors.judge.kernel.awaited import await_job, expects_jump, size_of_missing
from detectors.judge.kernel.cumulative import add_up, adds_up, has_begun, learn_over_hours, size_of_cusum
from detectors.judge.kernel.expect import Expected, expect
from detectors.judge.kernel.learn import close_slot, learn, learn_units
from detectors.judge.kernel.pace import Pace
from detectors.judge.kernel.scale import LARGEST, falling, from_scale, grain_and_offset, to_scale
from detectors.judge.kernel.size import (
    POISSON,
    deviate,
    lasting_jump,
    size_as_part,
    size_of_step,
    size_of_sums,
    without_daily,
    without_jump,
)
from detectors.model.array_types import Bools, Float32s, Floats, Ints
from detectors.state.compiled import inlined, part, without_arrays

FEW_CALLS: Final = 5.0
"""An amount of fewer calls is judged as if each were ``HEAVY`` times the usual size at most."""

HEAVY: Final = 4.0

MOST: Final = 1e4
"""Larger deviations have no larger score: the score must stay below 1."""

LASTING: Final = 0.25
"""Part of the smallest difference that matters from which on one matters that lasts."""

DOUBT: Final = 0.5
"""Part of the expected below which everything around the same time was on one of few days that are known."""

BAND: Final = 3.0
"""Half-width of the expected interval in units."""


@inlined
def _judge_value(  # noqa: C901, PLR0912, PLR0915  # from the value to its verdict, in order
    index: int,
    step: int,
    row: int,
    slot: int,
    values: Floats,
    factor: float,
    past: Float32s,
    often: Bools,
    at: int,
    rows: Rows,
    memory: Memory,
    pace: Pace,
    open_places: Ints,
    scratch: Scratch,
    out: Output,
) -> None:
    """Judge one series at one step; write the results to ``out``."""
    out.opened[step, row] = False
    out.ended[step, row] = False
    out.size[step, row] = 0.0
    scratch.place[row] = np.nan
    scratch.events[row] = scratch.summed[row] = scratch.before[row] = scratch.alone[row] = np.nan
    value = values[step, row] / factor
    grain, offset = grain_and_offset(row, value, rows, memory)
    counted = grain > 0
    if counted and rows.counted[row] == OF_CALLS and values[step, rows.calls[row]] < FEW_CALLS:
        value = min(value, HEAVY * grain * values[step, rows.calls[row]])  # a single heavy call is not a rise
    y = to_scale(value, offset, counted)
    expected = expect(index, past, often, at, row, y, offset, counted, memory, pace, scratch)
    place = expected.shape + memory.level[row]
    usual = from_scale(place, offset, counted)
    scratch.doubted[row] = from_scale(expected.certain + memory.level[row], offset, counted) < DOUBT * usual
    scratch.doubted[row] |= scratch.basis[row] == YESTERDAY and not pace.alike
    poisson = sqrt(grain / (max(usual, 0.0) + 4 * offset)) if counted else 0.0
    unit = max(memory.unit[1, row], POISSON[1] * poisson)
    _interval(step, row, place, unit, offset, counted, factor, out)
    jumps = expects_jump(row, expected.shape, offset, counted, memory, pace, scratch)
    if pace.partial:
        restart_after_gap(row, rows, memory)
    left_out = pace.partial and value < usual
    if left_out or np.isnan(value):
        miss(step, row, rows, memory, pace, open_places, out)
        out.spoilt[step, row] = left_out
        return
    memory.unseen[row] = 0
    memory.heard[row] = index
    scratch.place[row] = y
    if memory.first[row] < 0:
        memory.first[row] = index
        memory.base[row] = y
        memory.lasting[1, row] = y
        memory.near[0, row] = y
        memory.near[1, row] = y
    if scratch.basis[row] == NOTHING:
        expected = Expected(y, y, y, y, np.nan, np.inf)
    habit = deviate(index, slot, row, y, poisson, expected, memory, pace, scratch)
    part, whole = np.inf, rows.whole[row]
    if whole >= 0:
        part = size_as_part(row, values[step, whole], y, grain, offset, memory, pace)
    lately = scratch.deviation[0, row]
    size = size_of_step(row, lately, poisson, memory, scratch)
    if size > 0:
        size *= max(0.0, 1 - habit / abs(lately))
    size = min(size, part) / pace.threshold
    least = POISSON[0] * poisson
    size = _signed(without_daily(size, lately, slot, row, least, memory, pace), lately, value, usual, counted)
    apart = abs(value - usual)
    if memory.code[row] != 0:  # its last minutes are those of an incident: the weeks alone know better
        off = scratch.off[row]
        alone = min(size_of_step(row, off, poisson, memory, scratch), part) / pace.threshold
        alone = without_daily(alone, off, slot, row, least, memory, pace)
        matters = max(rows.floor[row], rows.relative[row] * usual * factor)
        if apart * factor >= matters and (off > 0 or not rows.rises[row]):
            scratch.alone[row] = _signed(alone, off, value, usual, counted)
    of = values[step, whole] / factor if whole >= 0 else np.nan
    if counted:
        many, more = size_of_sums(
            row, value, of, poisson, expected.shape, usual, offset, rows, memory, pace, scratch
        )
        by = to_scale(max(usual + copysign(more, many), 0.0), offset, counted) - place
        if abs(many) >= 1:
            jump = lasting_jump(index, slot, row, by > 0, least, memory, pace, scratch)
            in_weeks = (place - memory.lasting[1, row]) * copysign(1.0, by)  # their part of the jump
            many = without_jump(many, by, max(jump - max(in_weeks, 0.0), 0.0))
        if abs(many) > abs(size):
            size, apart = many, more
            scratch.summed[row] = by
        if factor == 1.0:
            await_job(row, value, grain, offset, expected, jumps, rows, memory)
            missing = size_of_missing(row, memory, pace)
            if missing < -abs(size):
                size, apart = missing, abs(value - usual)
                scratch.summed[row] = np.nan
    falls = rows.rises[row] and size < 0
    small = apart * factor < max(rows.floor[row], rows.relative[row] * usual * factor)
    size = 0.0 if falls or small else size
    if counted and factor == 1.0 and adds_up(row, rows, pace, scratch):
        add_up(index, slot, row, value / grain, grain, least, memory, pace, scratch)
        if memory.code[row] == 0:
            size = _size_over_hours(row, size, offset, grain, rows, memory, pace, scratch)
    out.size[step, row] = size
    planned = factor != 1.0
    mean = np.nan
    if whole >= 0:
        mean = from_scale(memory.near[1, whole], grain_and_offset(whole, of, rows, memory)[1], True)
    decide(index, step, row, value, of, mean, poisson, planned, rows, memory, pace, open_places, scratch, out)
    if out.opened[step, row] and not np.isnan(scratch.before[row]):  # the level had followed
        _interval(step, row, expected.shape + scratch.before[row], unit, offset, counted, factor, out)


@inlined
def _signed(size: float, by: float, value: float, usual: float, counted: bool) -> float:
    """Return the size of a step with its sign; that of a fall as its deviance."""
    if by >= 0:
        return size
    return size * (-falling(value / usual) if counted and usual > 0 else -1.0)


@part
def _interval(
    step: int, row: int, place: float, unit: float, offset: float, counted: bool, factor: float, out: Output
) -> None:
    """Write the expected value of a position on the scale, and the interval about it."""
    out.expected[step, row] = from_scale(place, offset, counted) * factor
    out.upper[step, row] = from_scale(place + BAND * unit, offset, counted) * factor
    out.lower[step, row] = from_scale(place - BAND * unit, offset, counted) * factor


@inlined
def _size_over_hours(
    row: int,
    size: float,
    offset: float,
    grain: float,
    rows: Rows,
    memory: Memory,
    pace: Pace,
    scratch: Scratch,
) -> float:
    """Return the size of a sum of evidence if that is reported, else the size given.

    A deviation in the sums over minutes may have begun before them, and the level have followed: the evidence
    dates its beginning.
    """
    if abs(size) >= 1:
        side = UP if size > 0 else DOWN
        if not np.isnan(scratch.summed[row]) and has_begun(side, row, memory, pace, scratch):
            scratch.before[row] = memory.cusum_place[side, row]
        return size
    lasts, was, now = size_of_cusum(row, offset, grain, memory, pace, scratch)
    falls = rows.rises[row] and lasts < 0
    if abs(lasts) < 1 or falls or abs(now - was) < max(LASTING * rows.floor[row], rows.relative[row] * was):
        return size
    scratch.summed[row] = np.nan
    scratch.before[row] = memory.cusum_place[UP if lasts > 0 else DOWN, row]
    return lasts


@without_arrays
def advance(  # noqa: C901  # judge, learn, write results: step by step
    first: int,
    values: Floats,
    factor: Floats,
    past: Float32s,
    often: Bools,
    head: int,
    slots: Ints,
    rows: Rows,
    memory: Memory,
    pace: Pace,
    open_places: Ints,
    scratch: Scratch,
    out: Output,
    stops: bool,
) -> int:
    """Judge steps in order and learn from them; return how many were judged.

    Parameters
    ----------
    values : (steps, n) float64
        NaN where nothing was measured; updated: values that are not finite are missing.
    factor : (n,) float64
        Planned load in times the usual.
    past : (steps + 2 beside, lags, n) float32
        Learnt values around the same times, a ring that starts at ``head``; lag 0 is yesterday. NaN where
        missing or spoilt. Where clocks changed in between, it has the columns of ``follow``, too.
    often : (steps + 2 beside, n) bool
        Where something was reported around this time in several weeks; the same ring.
    slots : (steps, 2) int64
        Slot of the day of each step, and the slot that ended before it, -1 where none did.
    open_places : (places,) int64
        Number of open verdicts at each place; updated.
    stops : bool
        Whether the first step in which a verdict opens is the last one that is judged.
    """
    steps, n = len(values), values.shape[1]
    kept = memory.recent.shape[0]
    for step in range(steps):
        index = first + step
        _clean(step, values, rows)
        slot, over = slots[step, 0], slots[step, 1]
        for row in range(n):
            if over >= 0:  # a slot of the day has ended: its habit is known
                close_slot(over, row, memory, pace)
            out.level[step, row], out.hours[step, row] = memory.level[row], memory.lasting[0, row]
            _judge_value(
                index,
                step,
                row,
                slot,
                values,
                factor[row],
                past,
                often,
                head + step,
                rows,
                memory,
                pace,
                open_places,
                scratch,
                out,
            )
            out.basis[step, row] = DOUBTED if scratch.doubted[row] else scratch.basis[row]
        # learn once all are judged, where no verdict is open at the place
        for row in range(n):
            if np.isnan(scratch.place[row]):
                continue
            value, whole = values[step, row], rows.whole[row]
            memory.seen[row] += 1
            frozen = open_places[rows.place[row]] > 0 or factor[row] != 1.0
            if frozen:
                out.spoilt[step, row] = True
            if not frozen or scratch.basis[row] >= YESTERDAY:  # a new level is not expected meanwhile
                memory.recent[index % kept, row] = value / factor[row]
            if not frozen or out.opened[step, row]:
                # onsets too: rare ones hardly count, and some series consist of them
                learn_units(row, rows, memory, pace, scratch)
            if not frozen and memory.awaited[row] == 0:
                of = values[step, whole] if whole >= 0 else np.nan
                learn(row, value, of, rows, memory, pace, scratch)
                learn_over_hours(row, memory, pace, scratch)
        if _write_results(step, values, out) > 0 and stops:
            return step + 1
    return steps


@inlined
def _clean(step: int, values: Floats, rows: Rows) -> None:
    """Bring the values of a step within bounds, NaN where they are not finite."""
    for row in range(values.shape[1]):
        value = values[step, row]
        if np.isfinite(value):
            least = 0.0 if rows.positive[row] else -LARGEST
            values[step, row] = min(max(value, least), LARGEST)
        else:
            values[step, row] = np.nan


@inlined
def _write_results(step: int, values: Floats, out: Output) -> int:
    """Write scores and the input of growth of a step; return how many verdicts opened."""
    opened = 0
    for row in range(values.shape[1]):
        opened += out.opened[step, row]
        value, expected = values[step, row], out.expected[step, row]
        lower, upper = out.lower[step, row], out.upper[step, row]
        if out.spoilt[step, row] and not np.isnan(value) and not np.isnan(expected):
            out.tame[step, row] = expected
        elif np.isnan(value) or np.isnan(lower) or np.isnan(upper):
            out.tame[step, row] = value
        else:
            out.tame[step, row] = min(max(value, lower), upper)
        size = min(abs(out.size[step, row]), MOST)
        out.score[step, row] = size * size / (1 + size * size)
    return opened

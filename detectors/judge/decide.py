"""Decides whether a deviation is a spike or a drop: opens a verdict, keeps it, makes it a shift, ends it."""

from math import log
from typing import Final

import numpy as np

from detectors.judge.kernel import cumulative
from detectors.judge.kernel.arrays import (
    DOWN,
    DROP,
    FAR_BACK,
    SHIFT,
    SPIKE,
    UP,
    WEEKS,
    Memory,
    Output,
    Rows,
    Scratch,
)
from detectors.judge.kernel.pace import Pace
from detectors.judge.kernel.scale import LEAST_DEVIATION
from detectors.judge.kernel.size import POISSON
from detectors.model.array_types import Ints
from detectors.state.compiled import inlined, part

CALM_PART: Final = 0.33
"""Part of the deviation at onset below which a verdict is calm."""

CLEAR_PART: Final = 1.0
"""Units below which it is calm in any case."""

ONSET_STEPS: Final = 5
"""Steps in which the deviation at onset is measured."""

AGAIN: Final = 2.0
"""Times the deviation at onset from which on an open verdict hides another one."""

STRONG: Final = 2.0
"""Size of a step that ends an open verdict alone: what rebounds after an incident is smaller."""

MISSED: Final = 9.0
"""Nats of evidence that failures are over: by chance, there is as much once in 8,000 times."""

MOST_FAIL: Final = 0.95
"""Part of the requests that fails at most, as far as is known."""

FAILS: Final = 0.02
"""Part of the requests from which on their failing is never the new level."""

UNSEEN: Final = 3
"""A verdict ends when nothing was measured for this many times its calm steps."""


@part
def _is_return(index: int, row: int, side: int, memory: Memory, pace: Pace, scratch: Scratch) -> bool:
    """Return whether a deviation is the return from a shift; restore the previous level once complete."""
    if np.isnan(memory.previous[0, row]):
        return False
    summed = not np.isnan(scratch.summed[row])
    off = scratch.summed[row] if summed else scratch.off[row]
    if index - memory.moved[row] >= pace.back:
        memory.previous[0, row] = np.nan
        return False
    if not summed and not np.isnan(scratch.before[row]):
        return cumulative.is_slow_return(side, row, memory, scratch)
    way = memory.previous[0, row] - memory.level[row]  # the rest of it
    if way * side <= 0:
        return False
    near = CALM_PART * abs(way)
    if abs(off) > abs(way) + near:  # beyond the previous level
        return False
    if abs(off) >= abs(way) - near and memory.run[row] >= pace.persist:
        memory.level[row], memory.lasting[0, row] = memory.previous[0, row], memory.previous[1, row]
        memory.base[row] = memory.lasting[1, row] = memory.near[0, row]
        if not np.isnan(memory.hours_before[row]):
            cumulative.set_level(memory.hours_before[row], row, memory)
        _restart_sums(row, memory)
        scratch.off[row] -= way
        memory.run[row] = 0
        memory.previous[0, row] = np.nan
    return True


@part
def _restart_sums(row: int, memory: Memory) -> None:
    """Restart the sums: the end must not look like something new."""
    _restart_minutes(row, memory)
    cumulative.restart(row, memory)


@part
def restart_after_gap(row: int, rows: Rows, memory: Memory) -> None:
    """Let a step after a long gap begin anew: what ended before the gap was cut off by it."""
    _restart_minutes(row, memory)
    if rows.counted[row] > 0:
        memory.run[row] = 0


@part
def _restart_minutes(row: int, memory: Memory) -> None:
    """Restart the sums over minutes: those before say nothing about those that follow."""
    memory.fast[0, row], memory.fast[1, row] = memory.level[row], memory.lasting[0, row]
    memory.near[0, row], memory.near[1, row] = memory.base[row], memory.lasting[1, row]
    memory.beyond[0, row], memory.beyond[1, row] = 0.0, 0.0
    memory.failed[0, row] = memory.failed[1, row]


@part
def _as_before(row: int, side: int, memory: Memory, scratch: Scratch) -> float:
    """Return how far off the value is; date a change that took hours to be certain to its beginning.

    Meanwhile the level has followed. The present value is compared with the level before.
    """
    if not np.isnan(scratch.before[row]):
        memory.since[row] = memory.cusum_since[UP if side > 0 else DOWN, row]
        scratch.off[row] += memory.level[row] - scratch.before[row]
        memory.level[row] = memory.lasting[0, row] = scratch.before[row]
    return float(scratch.off[row])


@part
def _end(row: int, rows: Rows, memory: Memory, open_places: Ints) -> None:
    memory.code[row] = 0
    memory.run[row] = 0
    open_places[rows.place[row]] -= 1


@part
def _adopt(index: int, row: int, memory: Memory, scratch: Scratch) -> None:
    """Adopt the level of a shift as the usual one, and keep the previous one."""
    if scratch.basis[row] == WEEKS and np.isnan(memory.previous[0, row]):
        memory.previous[0, row], memory.previous[1, row] = memory.level[row], memory.lasting[0, row]
        memory.moved[row] = index
    cumulative.adopt(row, memory)
    memory.level[row] = memory.lasting[0, row] = memory.fast[1, row]
    memory.base[row] = memory.lasting[1, row] = memory.near[1, row]


@part
def _begins_anew(row: int, rows: Rows, memory: Memory, pace: Pace, scratch: Scratch) -> bool:
    """Return whether an open verdict ends because a step shows another onset, on its own.

    That is one in the other direction or, of a count, one in the same that is much larger.
    """
    alone = scratch.alone[row]
    side = 1 if alone > 0 else -1
    peak = memory.peak[row]
    larger = memory.open[row] >= ONSET_STEPS and scratch.off[row] * side >= AGAIN * abs(peak)
    if not (abs(alone) >= pace.extraordinary and (peak * side < 0 or (larger and rows.counted[row] > 0))):
        memory.anew[row] = 0
        return False
    memory.anew[row] = memory.anew[row] + side if memory.anew[row] * side > 0 else side
    return abs(memory.anew[row]) >= pace.persist or (abs(alone) >= STRONG and _may_be_short(alone, row, rows))


@part
def _begin_anew(row: int, rows: Rows, memory: Memory, open_places: Ints, scratch: Scratch) -> float:
    """End the open verdict; return the size of the step that shows the next onset."""
    _restart_sums(row, memory)
    _end(row, rows, memory, open_places)
    size = scratch.alone[row]
    memory.run[row], memory.side[row] = abs(memory.anew[row]), 1 if size > 0 else -1
    scratch.summed[row] = scratch.before[row] = np.nan
    return float(size)


@inlined
def _failing(row: int, memory: Memory, pace: Pace) -> float:
    """Return how many fail in a step, by the half hour before it became calm."""
    return float(pace.middle * memory.failed[0, row] / (1 - pace.middle) ** memory.calm[row])


@inlined
def _seem_over(row: int, value: float, of: float, mean: float, memory: Memory, pace: Pace) -> bool:
    """Return whether failures seem to be over, at a step in which ``value`` of so many requests fail.

    Adds up the logarithms of how much likelier it is by the usual part than by that of the last half hour,
    of ``mean`` requests a step (Wald 1945): where one fails in four minutes, some minutes without say
    nothing; where all failed, one request that does not says much.
    """
    if of > 0:
        requests = of + mean / pace.middle + memory.calm[row] * mean
        share = min(_failing(row, memory, pace) / pace.middle / requests, MOST_FAIL)
        usual = memory.part[0, row] / memory.part[1, row] if memory.part[1, row] > 0 else 0.0
        usual = min(max(usual, 1 / requests), share)
        memory.missing[row] += (of - value) * log((1 - usual) / (1 - share))
        memory.missing[row] += value * log(usual / share) if value > 0 else 0.0
    memory.missing[row] = max(memory.missing[row], 0.0)
    return bool(memory.missing[row] > 0)


@inlined
def _is_over(row: int, rows: Rows, memory: Memory, pace: Pace) -> bool:
    """Return whether it has been calm for long enough; failures must be missed, too."""
    calm = memory.calm[row]
    certain = rows.whole[row] < 0 or calm >= pace.shift or memory.missing[row] >= MISSED
    return bool(calm >= pace.recover and certain)


@inlined
def _fails(row: int, mean: float, rows: Rows, memory: Memory, pace: Pace) -> bool:
    """Return whether as much has failed in the last half hour as nobody takes for usual."""
    if rows.whole[row] < 0:
        return False
    return not (mean > 0 and pace.middle * memory.failed[0, row] < FAILS * mean)


@inlined
def _may_be_short(size: float, row: int, rows: Rows) -> bool:
    """Return whether one step may open a verdict; a single minute without calls is not a drop."""
    return bool(size > 0 or rows.counted[row] == 0)


@inlined
def decide(  # noqa: C901, PLR0915  # the life of a verdict, in order
    index: int,
    step: int,
    row: int,
    value: float,
    of: float,
    mean: float,
    poisson: float,
    planned: bool,
    rows: Rows,
    memory: Memory,
    pace: Pace,
    open_places: Ints,
    scratch: Scratch,
    out: Output,
) -> None:
    """Open, continue, rename or end the verdict of a series."""
    size, off = out.size[step, row], scratch.off[row]
    side = 1 if size > 0 else -1
    if abs(size) >= 1:
        memory.run[row] = memory.run[row] + 1 if memory.side[row] == side else 1
        memory.side[row] = side
    else:
        memory.run[row] = 0
    out.spoilt[step, row] = memory.code[row] != 0
    if memory.code[row] != 0 and _begins_anew(row, rows, memory, pace, scratch):
        out.ended[step, row] = True
        size = out.size[step, row] = _begin_anew(row, rows, memory, open_places, scratch)
        side = 1 if size > 0 else -1
    if memory.code[row] == 0:
        if abs(size) >= 1 and _is_return(index, row, side, memory, pace, scratch):
            size = out.size[step, row] = 0.0
        at_once = abs(size) >= pace.extraordinary and _may_be_short(size, row, rows)
        opens = abs(size) >= 1 and (memory.run[row] >= pace.persist or at_once)
        if not (opens and rows.judged[row] and index - memory.first[row] >= pace.young):
            out.code[step, row] = 0
            return
        memory.code[row] = SPIKE if side > 0 else DROP
        memory.since[row] = index + 1 - max(min(memory.run[row], pace.persist), memory.awaited[row])
        off = _as_before(row, side, memory, scratch)
        memory.calm[row] = memory.open[row] = memory.anew[row] = 0
        memory.missing[row] = 0.0
        memory.peak[row] = side * LEAST_DEVIATION  # its sign is the side of the verdict
        # what is reported is no habit yet, neither tomorrow nor in ten minutes
        memory.above_now[row] = memory.below_now[row] = 0.0
        open_places[rows.place[row]] += 1
        out.opened[step, row] = True
        out.spoilt[step, row] = True
    memory.open_at[row] = index
    if not planned:  # a planned rise that fails to come is not a new level, however long it lasts
        memory.open[row] += 1
    side = 1 if memory.peak[row] > 0 else -1
    if memory.open[row] <= ONSET_STEPS and off * side > abs(memory.peak[row]):
        memory.peak[row] = off
    clear = CLEAR_PART * max(memory.unit[2, row], POISSON[2] * poisson)
    calm = max(clear, CALM_PART * abs(memory.peak[row]))
    is_calm = scratch.deviation[2, row] * side < calm and off * side < calm
    if rows.whole[row] >= 0:
        is_calm = _seem_over(row, value, of, mean, memory, pace)
    memory.calm[row] = memory.calm[row] + 1 if is_calm else 0
    if memory.open[row] >= pace.shift and not is_calm:
        memory.code[row] = SHIFT
    settled = memory.code[row] == SHIFT and not is_calm and memory.open[row] >= pace.shift + pace.settle
    settled = settled and not _fails(row, mean, rows, memory, pace)
    if settled or _is_over(row, rows, memory, pace):
        if settled:  # it was reported; now it is the level
            _adopt(index, row, memory, scratch)
            memory.open_at[row] = FAR_BACK  # the last minutes are of the new level
            out.spoilt[step, row] = False
        _restart_sums(row, memory)
        _end(row, rows, memory, open_places)
        out.ended[step, row] = True
    out.code[step, row] = memory.code[row]


@inlined
def miss(step: int, row: int, rows: Rows, memory: Memory, pace: Pace, open_places: Ints, out: Output) -> None:
    """Keep an open verdict for a while when nothing was measured, then end it."""
    if memory.code[row] != 0:
        memory.unseen[row] += 1
        memory.open[row] += 1
        if memory.unseen[row] >= UNSEEN * pace.recover:
            _restart_sums(row, memory)  # they are as old as the last value
            _end(row, rows, memory, open_places)
            out.ended[step, row] = True
    out.code[step, row] = memory.code[row]

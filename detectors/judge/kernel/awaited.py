"""A job that comes every week and does not come: a rise that the weeks expect within minutes.

The last minutes never show it, since nothing changes. The weeks alone do, and may be wrong about a day: a
holiday's morning does not come either. But people come over an hour and jobs within a minute. So a job is
awaited from a step on in which the weeks expect a sudden rise, all of them, for as long as not even half of
the smallest comes. Meanwhile nothing is learnt, so that what comes later is no rise.
"""

from math import log, sqrt
from typing import Final

from detectors.judge.kernel.arrays import WEEKS, Memory, Rows, Scratch
from detectors.judge.kernel.expect import Expected
from detectors.judge.kernel.pace import Pace
from detectors.judge.kernel.scale import from_scale
from detectors.state.compiled import inlined, part

SUDDEN: Final = 2.0
"""Times what is expected in the minutes before: no morning doubles so soon."""

COMES: Final = 0.5
"""Part of the smallest of all weeks from which on a job has come, however small."""

CERTAIN: Final = 20.0
"""Evidence in nats, as of an absence: a Poisson stream of that many events has none by a chance of e^-20."""

LATE_STEPS: Final = 5
"""Steps by which a job may be later than ever."""


@inlined
def expects_jump(
    row: int, shape: float, offset: float, counted: bool, memory: Memory, pace: Pace, scratch: Scratch
) -> bool:
    """Return whether the weeks expect a sudden rise at this step; follow what they expect."""
    if scratch.basis[row] != WEEKS or not counted or pace.wide:
        return False
    before, level = memory.shape_lately[row], memory.level[row]
    memory.shape_lately[row] += pace.fast * (shape - before)
    now, then = from_scale(shape + level, offset, True), from_scale(before + level, offset, True)
    return bool(now >= SUDDEN * then and now > 0)


@part
def await_job(
    row: int,
    value: float,
    grain: float,
    offset: float,
    expected: Expected,
    jumps: bool,
    rows: Rows,
    memory: Memory,
) -> None:
    """Count the steps for which a job has not come, and the evidence that it does not."""
    if rows.whole[row] >= 0:  # of failures, the evidence is that of their end
        return
    least = from_scale(expected.least + memory.level[row], offset, True)
    lately = from_scale(expected.lately, offset, True)
    is_job = least >= grain and least >= SUDDEN * lately  # less than one call is the level of a thin series
    is_missing = is_job and value <= COMES * least and memory.code[row] == 0
    if not is_missing or not (jumps or memory.awaited[row] > 0):
        memory.awaited[row], memory.missing[row] = 0, 0.0
        return
    events, usual = value / grain, least / grain
    memory.awaited[row] += 1
    memory.missing[row] += (events * log(events / usual) if events > 0 else 0.0) - events + usual


@part
def size_of_missing(row: int, memory: Memory, pace: Pace) -> float:
    """Return the negative size of a job that does not come (1 is reported), 0 while none is missing."""
    if memory.awaited[row] < LATE_STEPS or not memory.missing[row] >= CERTAIN:
        return 0.0
    return -sqrt(2 * memory.missing[row]) / pace.many

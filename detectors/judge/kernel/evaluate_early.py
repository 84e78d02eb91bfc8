"""Judges the last minute of some series between two steps, as if it were a step.

The same compiled code judges it, on copies of what is known of these series. So nothing is learnt from it,
and the step that follows comes out as if there had been none.
"""

from typing import NamedTuple

import numpy as np

from detectors.judge.kernel.arrays import Memory, Rows, empty_output, empty_scratch
from detectors.judge.kernel.kernel import advance
from detectors.judge.kernel.pace import Pace
from detectors.model.array_types import Bools, Float32s, Floats, Ints, Places


class EarlyEvaluation(NamedTuple):
    """The early judgement of some series, (k,) each."""

    rows: Places  # of the judge
    size: Floats  # as in ``Output``; of a step, more than ``Pace.extraordinary`` is reported at once
    observed: Floats  # sums over a step, ms of latencies
    expected: Floats
    lower: Floats
    upper: Floats


def may_deviate(values: Floats, expected: Floats, upper: Floats, rows: Rows, ready: Bools) -> Places:
    """Return the rows that may deviate upwards: only these are evaluated.

    ``values`` (n,) are of the last minute, ``expected`` and ``upper`` (n,) of the newest step; ``ready`` are
    those that ``may_be_evaluated``.
    """
    n = len(values)
    with np.errstate(invalid="ignore"):
        apart = values - expected[:n]
        rises = (values > upper[:n]) & (apart >= np.maximum(rows.floor[:n], rows.relative[:n] * expected[:n]))
    return np.flatnonzero(rises & ready[:n])


def may_be_evaluated(rows: Rows, memory: Memory, latency: Bools, index: int, pace: Pace) -> Bools:
    """Return (n,) which series count or are a ``latency``, are judged, old enough, and have no open verdict.

    ``index`` is that of the step that has not ended.
    """
    old = (memory.first >= 0) & (index - memory.first >= pace.young)
    measured = (rows.counted > 0) | latency
    found: Bools = measured & rows.judged & old & (memory.code == 0)
    return found


def related(rows: Places, all_rows: Rows) -> Places:
    """Return these rows, ascending, with those that they are made of or a part of."""
    others = np.concatenate((all_rows.calls[rows], all_rows.whole[rows]))
    found: Places = np.unique(np.concatenate((rows, others[others >= 0]))).astype(np.intp)
    return found


def dry_run(
    index: int,
    values: Floats,
    factor: Floats,
    past: Float32s,
    often: Bools,
    slots: Ints,
    rows: Rows,
    memory: Memory,
    pace: Pace,
    open_places: Ints,
) -> tuple[Floats, Floats, Floats, Floats]:
    """Judge one step of k series; return their sizes, expectations and intervals (lower, upper).

    Parameters
    ----------
    values, factor
        (k,) sums over a step; planned load in times the usual.
    past, often
        Of ``Baseline.past_of`` the same series.
    slots
        (1, 2) the slot of the day, and the one that ends before it, -1 for none.
    rows, memory
        Of ``copy_rows``: they are written to.
    """
    out = empty_output((1, len(values)))
    scratch = empty_scratch(pace.beside, pace.short, memory.lag_level.shape[0], len(values))
    with np.errstate(all="ignore"):
        advance(
            index,
            np.array(values[None]),
            factor,
            past,
            often,
            0,
            slots,
            rows,
            memory,
            pace,
            open_places.copy(),
            scratch,
            out,
            False,
        )
    return out.size[0], out.expected[0], out.lower[0], out.upper[0]


def copy_rows(at: Places, rows: Rows, memory: Memory) -> tuple[Rows, Memory]:
    """Copy what is known of the series at these rows, which are ``related``."""
    picked = Rows(*(np.ascontiguousarray(np.take(row, at, axis=-1)) for row in rows))
    place = np.full(len(rows.counted) + 1, -1, np.int64)
    place[at] = np.arange(len(at))
    picked = picked._replace(calls=place[picked.calls], whole=place[picked.whole])
    return picked, Memory(*(np.ascontiguousarray(np.take(array, at, axis=-1)) for array in memory))

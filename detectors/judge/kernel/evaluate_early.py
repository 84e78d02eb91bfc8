"""A look between two steps: what the judge would say of some series if the last minute were a step.

The same compiled code judges it, on copies of what is known of these series, so nothing is learnt from a look
and the step that follows comes out as if there had been none.
"""

from typing import NamedTuple

import numpy as np

from detectors.judge.kernel.arrays import Memory, Rows, empty_output, empty_scratch
from detectors.judge.kernel.kernel import advance
from detectors.judge.kernel.pace import Pace
from detectors.model.array_types import Bools, Float32s, Floats, Ints, Places


class Look(NamedTuple):
    """What a look shows of some series, (k,) each."""

    rows: Places  # of the judge
    size: Floats  # as in ``Output``; of a step, more than ``Pace.extraordinary`` is reported at once
    observed: Floats  # sums over a step, ms of latencies
    expected: Floats
    lower: Floats
    upper: Floats


def suspicious(values: Floats, expected: Floats, upper: Floats, rows: Rows, ready: Bools) -> Places:
    """Return the rows that may deviate upwards: only these need a look.

    Parameters
    ----------
    values
        (n,) of the last minute.
    expected, upper
        (n,) at the newest step.
    ready
        Which are ``lookable``.
    """
    n = len(values)
    with np.errstate(invalid="ignore"):
        apart = values - expected[:n]
        rises = (values > upper[:n]) & (apart >= np.maximum(rows.floor[:n], rows.relative[:n] * expected[:n]))
    return np.flatnonzero(rises & ready[:n])


def lookable(rows: Rows, memory: Memory, latency: Bools, index: int, pace: Pace) -> Bools:
    """Return (n,) which series count or are a ``latency``, are judged, old enough, and have no open verdict.

    ``index`` is that of the step that a look takes the last minute for.
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
    """Judge one step of k series, on copies; return the size, and what is expected within which interval.

    Parameters
    ----------
    values, factor
        (k,) sums over a step; planned load in times the usual.
    past, often
        Of ``Baseline.of`` the same series.
    slots
        (1, 2) the slot of the day, and the one that ends before it, -1 for none.
    rows, memory
        Of the same series: ``taken``.
    """
    out = empty_output((1, len(values)))
    scratch = empty_scratch(pace.beside, pace.short, past.shape[1], len(values))
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


def taken(at: Places, rows: Rows, memory: Memory) -> tuple[Rows, Memory]:
    """Return copies of what is known of the series at these rows, which are ``related``."""
    picked = Rows(*(np.ascontiguousarray(np.take(row, at, axis=-1)) for row in rows))
    place = np.full(len(rows.counted) + 1, -1, np.int64)
    place[at] = np.arange(len(at))
    picked = picked._replace(calls=place[picked.calls], whole=place[picked.whole])
    return picked, Memory(*(np.ascontiguousarray(np.take(each, at, axis=-1)) for each in memory))

"""The p95 of the newest calls of each row, step after step, and whether it is beyond chance; compiled.

A step of thin traffic has hundreds of numbers: what numpy takes to begin, a dozen times, is most of what it
costs.
"""

from typing import Final, NamedTuple

import numpy as np

from detectors.latency.histogram import EDGES, MIDDLES
from detectors.latency.newest_calls import (
    BEFORE,
    BIN,
    CALLS,
    COUNT,
    END,
    FIRST,
    ROW,
    STEP,
    append,
    quantile_bins,
)
from detectors.model.array_types import Bools, Floats, Int32s, Ints
from detectors.state.compiled import compiled, part

QUANTILE: Final = 0.95
SLOW: Final = 1 - QUANTILE
"""Share of the calls that are slower than the usual p95 in any minute."""

TIMES: Final = 2.0
"""A p95 is certainly higher if this many times as many calls are slow as usual: the share of slow kinds of
calls varies by more than chance.
"""

GAIN: Final = 0.003
"""Gain of the logarithm of the usual p95: an hour of slow calls raises the p95 by a sixth."""

SETTLING: Final = 10
"""Steps after which its first estimate has lost its weight."""

_LOG_MIDDLES: Final = np.log(MIDDLES)


class Followed(NamedTuple):
    """Receives what is found, of k steps."""

    bins: Ints  # (k, quantiles, rows) as of ``quantile_bins``: -1 at first
    certain: Bools  # (k, rows) whether the p95 is beyond chance: true at first
    usual: Floats  # (k, rows) logarithm of the usual p95 in milliseconds behind the step: NaN at first


@compiled
def follow(
    latency: tuple[Ints, Ints, Floats],
    ends: Ints,
    begun: tuple[int, int, int, int],
    reach: tuple[int, int],
    quantiles: tuple[Floats, int],
    deviations: float,
    newest: Ints,
    runs: Ints,
    cells: Int32s,
    histogram: Ints,
    usual: Floats,
    learnt: Floats,
    found: Followed,
) -> tuple[int, int, int]:
    """Append steps, and find their quantiles; stop before one for which there is no room.

    The usual p95 follows the share of calls that are slower than it (Robbins and Monro).

    Parameters
    ----------
    latency
        Rows, bins and counts of all steps, one step behind the other.
    ends
        (k,) where those of each step end.
    begun
        Steps of these k that are done, the number of the step before them all, and the runs and cells in use.
    reach
        Least calls of a quantile, and most steps that it looks back.
    quantiles
        Ascending, and the place of the p95 among them.
    deviations
        A p95 is certainly higher if this many Poisson standard deviations more calls are slow than usual.
    newest, runs, cells, histogram
        As for ``append``.
    usual, learnt
        (rows,) logarithm of the usual p95, and the steps that it rests on; updated.
    found
        Receives what is found.

    Returns
    -------
    Steps that are done, and the runs and cells in use.
    """
    rows, bins, counts = latency
    wanted, p95 = quantiles
    least, most = reach
    done, number, run, cell = begun
    while done < len(ends):
        first, end = ends[done - 1] if done else 0, ends[done]
        if run + min(end - first, len(newest)) > len(runs) or cell + end - first > len(cells):
            break
        before, step = run, number + done + 1
        if end > first:
            of_step = rows[first:end], bins[first:end], counts[first:end]
            run, cell = append(of_step, step, newest, runs, cells, (run, cell), histogram)
        lookback, at = (least, step - most + 1), found.bins[done]
        quantile_bins((before, run), lookback, wanted, runs, cells, histogram, at)
        for here in range(before, run):
            row = runs[here, ROW]
            if at[p95, row] < 0:
                continue
            if learnt[row] == 0:
                usual[row] = _LOG_MIDDLES[at[p95, row]]
            beyond = _bin_of(np.exp(usual[row]))
            calls, slow = _slower(here, lookback, beyond, runs, cells)
            chance = SLOW * calls
            certain = slow >= max(TIMES * chance, chance + deviations * np.sqrt(chance))
            found.certain[done, row] = certain or at[p95, row] <= beyond
            gain = max(GAIN, 1 / (SETTLING + learnt[row]))
            usual[row] += gain * (slow / calls - SLOW)
            learnt[row] += 1
        for row in range(len(newest)):
            if learnt[row] > SETTLING:
                found.usual[done, row] = usual[row]
        done += 1
    return done, run, cell


@part
def _slower(
    newest: int, lookback: tuple[int, int], beyond: int, runs: Ints, cells: Int32s
) -> tuple[float, float]:
    """Return the number of calls within reach of a row, and of those above a bin."""
    least, oldest = lookback
    calls, above, run = 0, 0, newest
    while run >= 0 and calls < least and runs[run, STEP] >= oldest:
        calls += runs[run, CALLS]
        cell = runs[run, END] - 1
        while cell >= runs[run, FIRST] and cells[cell, BIN] > beyond:
            above += cells[cell, COUNT]
            cell -= 1
        run = runs[run, BEFORE]
    return float(calls), float(above)


@part
def _bin_of(ms: float) -> int:
    """Return the bin of a duration, as ``bins_of`` does."""
    low, high = 0, len(EDGES) - 1  # the last bin takes all larger values
    while low < high:
        middle = (low + high) // 2
        if EDGES[middle] < ms:
            low = middle + 1
        else:
            high = middle
    return low

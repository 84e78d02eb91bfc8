"""The p95 of the newest calls of each row, step after step, and whether it is beyond chance; compiled.

A step of thin traffic has hundreds of numbers: most of its cost would be a dozen calls of numpy.

The calls of a row in one step are a run: contiguous cells (bin, count) with bins ascending, so that the cost
depends on the calls and not on the bins. The runs of a row are chained, newest first. A quantile follows the
chain until it has enough calls. Nothing behind that point is ever needed again, because newer runs only
shorten the way: the memory of a row is bounded by the calls required and one step more.
"""

from typing import Final, NamedTuple

import numpy as np

from detectors.latency.histogram import EDGES, MIDDLES
from detectors.model.array_types import Bools, Floats, Int32s, Ints
from detectors.state.compiled import compiled, part

Lookback = tuple[int, int]
"""Least calls of a quantile, and the oldest step that it may use."""

ROW, STEP, CALLS, FIRST, END, BEFORE = range(6)
"""Columns of a run: its first cell and the cell after its last; the previous run of the row, -1 for none."""
COLUMNS: Final = 6

BIN, COUNT = range(2)  # columns of a cell

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
    """Receives the results of k steps."""

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
        Receives the results.

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


@compiled
def append(
    latency: tuple[Ints, Ints, Floats],
    step: int,
    newest: Ints,
    runs: Ints,
    cells: Int32s,
    used: tuple[int, int],
    histogram: Ints,
) -> tuple[int, int]:
    """Append the runs of a step, rows ascending; return the new numbers of runs and cells.

    Parameters
    ----------
    latency
        Rows, bins and counts, (k,) each; a pair of row and bin may occur more than once.
    step
        Number of the step, larger than all before.
    newest
        (rows,) the newest run of each, -1 for none; updated.
    runs, cells
        With room for k more after those in use; written to.
    used
        Numbers of runs and cells in use.
    histogram
        (bins,) zeros, and zeros again at the end.
    """
    rows, bins, counts = latency
    run, cell = used
    last = np.full(len(newest), -1)
    link = np.empty(len(rows), np.int64)
    for at in range(len(rows)):
        link[at] = last[rows[at]]
        last[rows[at]] = at
    for row in range(len(newest)):
        at = last[row]
        low, high, calls = len(histogram), -1, 0
        while at >= 0:
            count = int(counts[at])
            histogram[bins[at]] += count
            calls += count
            low, high = min(low, bins[at]), max(high, bins[at])
            at = link[at]
        if calls:
            runs[run, ROW] = row
            runs[run, STEP] = step
            runs[run, CALLS] = calls
            runs[run, FIRST] = cell
            runs[run, BEFORE] = newest[row]
            newest[row] = run
            for filled in range(low, high + 1):
                if histogram[filled]:
                    cells[cell, BIN] = filled
                    cells[cell, COUNT] = histogram[filled]
                    histogram[filled] = 0
                    cell += 1
            runs[run, END] = cell
            run += 1
    return run, cell


@compiled
def quantile_bins(
    which: tuple[int, int],
    lookback: Lookback,
    quantiles: Floats,
    runs: Ints,
    cells: Int32s,
    histogram: Ints,
    found: Ints,
) -> None:
    """Find the bins of quantiles of every row that has one of these runs as its newest.

    Parameters
    ----------
    which
        The first of these runs, and the one after their last.
    lookback
        Least calls, and how far to look back for them.
    quantiles
        (k,) ascending; 0 gives the smallest, 1 the largest.
    runs, cells
        As ``append`` left them.
    histogram
        (bins,) zeros, and zeros again at the end.
    found
        (k, rows) receives the bins; rows with too few calls stay as they are.
    """
    least, oldest = lookback
    for newest in range(which[0], which[1]):
        calls, run = 0, newest
        low, high = len(histogram), -1
        while run >= 0 and calls < least and runs[run, STEP] >= oldest:
            calls += runs[run, CALLS]
            first, end = runs[run, FIRST], runs[run, END]
            low, high = min(low, cells[first, BIN]), max(high, cells[end - 1, BIN])
            for cell in range(first, end):
                histogram[cells[cell, BIN]] += cells[cell, COUNT]
            run = runs[run, BEFORE]
        if calls >= least:
            below, filled = 0, low - 1
            for place in range(len(quantiles)):
                wanted = np.floor(quantiles[place] * (calls - 1))
                while below <= wanted:
                    filled += 1
                    below += histogram[filled]
                found[place, runs[newest, ROW]] = filled
        histogram[low : high + 1] = 0


@compiled
def needed(newest: Ints, lookback: Lookback, runs: Ints) -> Bools:
    """Return (runs,) whether a quantile may still use each run.

    ``newest`` (rows,) is the newest run of each row, -1 for none; ``lookback`` that of the next step;
    ``runs`` are exactly those that ``append`` wrote.
    """
    least, oldest = lookback
    kept = np.zeros(len(runs), np.bool_)
    for row in range(len(newest)):
        calls, run = 0, newest[row]
        while run >= 0 and calls < least and runs[run, STEP] >= oldest:
            kept[run] = True
            calls += runs[run, CALLS]
            run = runs[run, BEFORE]
    return kept

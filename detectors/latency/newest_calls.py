"""Quantiles over the newest calls of each row, over no more steps than necessary; compiled.

The calls of a row in one step are a run: contiguous cells (bin, count) with bins ascending, so that the cost
depends on the calls and not on the bins. The runs of a row are chained, newest first. A quantile follows the
chain until it has enough calls. Nothing behind that point is ever needed again, because newer runs only
shorten the way: the memory of a row is bounded by the calls required and one step more.
"""

from typing import Final

import numpy as np

from detectors.model.array_types import Bools, Floats, Int32s, Ints
from detectors.state.compiled import compiled

Lookback = tuple[int, int]
"""Least calls of a quantile, and the oldest step that it may use."""

# columns of a run
ROW: Final = 0
STEP: Final = 1
CALLS: Final = 2
FIRST: Final = 3
"""Its first cell."""
END: Final = 4
"""The cell after its last."""
BEFORE: Final = 5
"""The previous run of the same row, -1 for none."""
COLUMNS: Final = 6

# columns of a cell
BIN: Final = 0
COUNT: Final = 1


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

    Parameters
    ----------
    newest
        (rows,) the newest run of each, -1 for none.
    lookback
        For the next step.
    runs
        Exactly those that ``append`` wrote.
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

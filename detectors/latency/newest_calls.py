"""A quantile over the newest calls of each row, over no more steps than it takes; compiled.

What a row took in one step is a run: its cells (bin, count), bins ascending and each once, in one piece, so
that a long histogram of few calls costs what its calls cost. The runs of a row are chained, newest first. A
quantile walks its chain until it has calls enough. Whatever lies behind that is never walked to again,
because newer runs only shorten the way: what is needed of a row is bounded by the calls that are asked for
and one step more.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.state.compiled import compiled

Ints = NDArray[np.int64]
Cells = NDArray[np.int32]
Reach = tuple[int, int]
"""Calls a quantile rests on at least, and the oldest step that it may look back to."""

# columns of a run
ROW: Final = 0
STEP: Final = 1
CALLS: Final = 2
FIRST: Final = 3
"""Its first cell."""
END: Final = 4
"""The cell behind its last."""
BEFORE: Final = 5
"""The run before it of the same row, -1 for none."""
COLUMNS: Final = 6

# columns of a cell
BIN: Final = 0
COUNT: Final = 1


@compiled
def append(
    latency: tuple[Ints, Ints, NDArray[np.float64]],
    step: int,
    newest: Ints,
    runs: Ints,
    cells: Cells,
    used: tuple[int, int],
    histogram: Ints,
) -> tuple[int, int]:
    """Append the runs of a step, rows ascending; return how many runs and cells there are then.

    Parameters
    ----------
    latency
        Rows, bins and counts, (k,) each; a pair of row and bin may come more than once.
    step
        Number of the step, larger than those before it.
    newest
        (rows,) the newest run of each, -1 for none; moved on.
    runs, cells
        Room for k more of each behind those that are ``used``; written to.
    used
        How many runs and cells there are.
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
    reach: Reach,
    q: float,
    runs: Ints,
    cells: Cells,
    histogram: Ints,
    found: Ints,
) -> None:
    """Find the bin of the quantile of every row that has one of these runs as its newest.

    Parameters
    ----------
    which
        The first of these runs, and the one behind their last.
    reach
        How many calls it takes and how far it may look back for them.
    q
        0 gives the smallest, 1 the largest.
    runs, cells
        As ``append`` left them.
    histogram
        (bins,) zeros, and zeros again at the end.
    found
        (rows,) where the bins are written; a row that has too few calls is left as it is.
    """
    least, oldest = reach
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
            wanted = np.floor(q * (calls - 1))
            below = 0
            for filled in range(low, high + 1):
                below += histogram[filled]
                if below > wanted:
                    found[runs[newest, ROW]] = filled
                    break
        histogram[low : high + 1] = 0


@compiled
def slower(
    which: tuple[int, int],
    reach: Reach,
    beyond: Ints,
    runs: Ints,
    cells: Cells,
    found: Ints,
) -> None:
    """Count the calls of every row, and those of them that lie beyond a bin.

    Parameters
    ----------
    which
        The first run, and the one behind the last, of those whose rows are looked at.
    reach
        As ``quantile_bins`` had it.
    beyond
        (rows,) a bin each.
    runs, cells
        As ``append`` left them.
    found
        (2, rows) where the numbers are written: all calls that were looked back to, and the slower ones.
    """
    least, oldest = reach
    for newest in range(which[0], which[1]):
        row, run = runs[newest, ROW], newest
        calls, above = 0, 0
        while run >= 0 and calls < least and runs[run, STEP] >= oldest:
            calls += runs[run, CALLS]
            cell = runs[run, END] - 1
            while cell >= runs[run, FIRST] and cells[cell, BIN] > beyond[row]:
                above += cells[cell, COUNT]
                cell -= 1
            run = runs[run, BEFORE]
        found[0, row], found[1, row] = calls, above


@compiled
def needed(newest: Ints, reach: Reach, runs: Ints) -> NDArray[np.bool_]:
    """Return (runs,) which of them a quantile may still look back to.

    Parameters
    ----------
    newest
        (rows,) the newest run of each, -1 for none.
    reach
        That of the next step.
    runs
        Those that ``append`` wrote, and no others.
    """
    least, oldest = reach
    kept = np.zeros(len(runs), np.bool_)
    for row in range(len(newest)):
        calls, run = 0, newest[row]
        while run >= 0 and calls < least and runs[run, STEP] >= oldest:
            kept[run] = True
            calls += runs[run, CALLS]
            run = runs[run, BEFORE]
    return kept

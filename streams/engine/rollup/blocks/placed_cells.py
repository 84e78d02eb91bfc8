"""The cells of a bucket as a block has them: of the rows that it holds, in place of ids."""

import numpy as np

from detectors.model.array_types import Floats, Ints
from detectors.state.compiled import unlocked
from streams.engine.decode.cells import PER_ID

Cells = tuple[Ints, Floats]


def placed(
    several: tuple[Cells, Cells], ids: tuple[Ints, Ints], rows: tuple[Ints, Ints]
) -> tuple[Ints, Floats]:
    """Return the cells of the rows that are kept, with their counts: those of paths, then those of calls.

    Parameters
    ----------
    several
        (k,) cells of the ids of paths, ascending, and the count of each; and those of calls.
    ids
        (n,) ascending, all that cells belong to: of paths, and of calls.
    rows
        (n,) the row of each id, -1 if it is not kept; the rows of calls follow those of paths.

    Examples
    --------
    >>> paths, none = np.array([2, 7, 7 + 1]) * PER_ID + 5, (np.zeros(0, np.int64), np.zeros(0))
    >>> cells = (paths, np.array([1.0, 2.0, 3.0]))
    >>> found = placed((cells, none), (np.array([2, 7, 8]), none[0]), (np.array([0, -1, 1]), none[0]))
    >>> found[0].tolist() == [5, PER_ID + 5]
    True
    """
    most = sum(len(cells) for cells, _ in several)
    found, times = np.empty(most, np.int64), np.empty(most)
    kept = 0
    for (cells, counts), each, row in zip(several, ids, rows, strict=True):
        if len(cells):
            kept += _place(cells, counts, each, row, found[kept:], times[kept:])
    return found[:kept], times[:kept]


@unlocked
def _place(cells: Ints, counts: Floats, ids: Ints, rows: Ints, found: Ints, times: Floats) -> int:
    kept = at = 0
    for each in range(len(cells)):
        owner = cells[each] // PER_ID
        while ids[at] < owner:
            at += 1
        if rows[at] >= 0:
            found[kept] = cells[each] + (rows[at] - owner) * PER_ID
            times[kept] = counts[each]
            kept += 1
    return kept

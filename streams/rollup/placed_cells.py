"""The cells of a bucket as a block has them: of the rows that it holds, in place of ids."""

import numpy as np
from numpy.typing import NDArray

from detectors.state.compiled import unlocked
from streams.decode.cells import PER_ID

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def placed(cells: Ints, counts: Floats, ids: Ints, rows: Ints) -> tuple[Ints, Floats]:
    """Return the cells of the rows that are kept, with their counts.

    Parameters
    ----------
    cells, counts
        (k,) cells of ids, ascending; and the count of each.
    ids
        (n,) ascending, all that cells belong to.
    rows
        (n,) the row of each id, -1 if it is not kept.

    Examples
    --------
    >>> cells, counts = np.array([2, 7, 7 + 1]) * PER_ID + 5, np.array([1.0, 2.0, 3.0])
    >>> placed(cells, counts, np.array([2, 7, 8]), np.array([0, -1, 1]))[0].tolist() == [5, PER_ID + 5]
    True
    """
    found, times = np.empty(len(cells), np.int64), np.empty(len(cells))
    kept = _place(cells, counts, ids, rows, found, times)
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

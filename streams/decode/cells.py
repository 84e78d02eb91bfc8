"""A cell: one bin of the latency histogram of one layer of one path or call, written as one number."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.latency.latency import N_BINS

TOTAL: Final = 0
IN_FUNCTION: Final = 1
IN_CODE: Final = 2
IN_AUTH: Final = 3
LAYERS: Final = 4
"""Histograms a path has: of the whole request, of its function, of that one's code, of the authorizer.

A call has the first only.
"""

PER_ID: Final = LAYERS * N_BINS
"""Cells that belong to one id."""

Ints = NDArray[np.int64]


def cells_of(ids: Ints, layer: int | Ints, bins: NDArray[np.int16]) -> Ints:
    """Return the cell of each measurement.

    Examples
    --------
    >>> cells_of(np.array([3]), IN_FUNCTION, np.array([7], np.int16)).tolist() == [3 * PER_ID + N_BINS + 7]
    True
    """
    return (ids * LAYERS + layer) * N_BINS + bins


def layers_of(cells: Ints) -> tuple[Ints, Ints]:
    """Return what each cell belongs to (id * LAYERS + layer) and its bin."""
    owners = cells // N_BINS
    return owners, cells - owners * N_BINS


def renumbered(cells: Ints, ids: Ints) -> Ints:
    """Return the cells of 0..n-1 as those of ``ids[0]``..``ids[n-1]``.

    Examples
    --------
    >>> renumbered(np.array([5, PER_ID + 6]), np.array([2, 9])).tolist() == [2 * PER_ID + 5, 9 * PER_ID + 6]
    True
    """
    rows = cells // PER_ID
    return cells + (ids[rows] - rows) * PER_ID

"""A cell: one bin of the latency histogram of one layer of one path or call, as one number."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.latency.histogram import N_BINS
from detectors.model.array_types import Ints

TOTAL: Final = 0
IN_FUNCTION: Final = 1
IN_CODE: Final = 2
IN_AUTH: Final = 3
LAYERS: Final = 4
"""Histograms of a path: the whole request, its function, the function's code, and the authorizer.

A call has only the first.
"""

PER_ID: Final = LAYERS * N_BINS
"""Cells that belong to one id."""


def cells_of(ids: Ints, layer: int | Ints, bins: NDArray[np.int16]) -> Ints:
    """Return the cell of each measurement.

    Examples
    --------
    >>> cells_of(np.array([3]), IN_FUNCTION, np.array([7], np.int16)).tolist() == [3 * PER_ID + N_BINS + 7]
    True
    """
    return (ids * LAYERS + layer) * N_BINS + bins


def renumbered(cells: Ints, ids: Ints) -> Ints:
    """Return the cells of ids 0..n-1 as cells of ``ids[0]``..``ids[n-1]``.

    Examples
    --------
    >>> renumbered(np.array([5, PER_ID + 6]), np.array([2, 9])).tolist() == [2 * PER_ID + 5, 9 * PER_ID + 6]
    True
    """
    rows = cells // PER_ID
    return cells + (ids[rows] - rows) * PER_ID

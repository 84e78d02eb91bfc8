"""Group equal whole numbers: what every summing over (bucket, path) begins with."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

DENSE: Final = 4
"""Counting beats sorting up to so many cells per key."""


def group(keys: NDArray[np.int64], size: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the distinct keys, ascending, and for each key its place among them.

    Parameters
    ----------
    keys
        (n,) numbers within 0..size-1.
    size
        Bound of the keys: a small one makes it fast.

    Examples
    --------
    >>> [part.tolist() for part in group(np.array([7, 2, 7]), 10)]
    [[2, 7], [1, 0, 1]]
    """
    if size > DENSE * len(keys) + 1024:
        distinct, place = np.unique(keys, return_inverse=True)
        return distinct, place
    present = np.zeros(size, np.bool_)
    present[keys] = True
    distinct = np.flatnonzero(present)
    place_of = np.empty(size, np.int64)
    place_of[distinct] = np.arange(len(distinct))
    return distinct, place_of[keys]

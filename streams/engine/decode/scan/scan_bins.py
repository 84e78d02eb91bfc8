"""The bin of a latency by a table look-up, the same as ``detectors.latency.histogram.bins_of``. Compiled."""

from typing import Final

import numpy as np

from detectors.latency.histogram import EDGES, N_BINS
from detectors.state.compiled import unlocked
from streams.engine.decode.scan.machine_words import as_bits

_SHIFT: Final = 45
"""Bits below a table cell. There are 128 cells per power of two, so at most one edge lies in each."""


def _cells() -> tuple[int, np.ndarray]:
    low, high = (EDGES[[0, -1]].view(np.uint64) >> np.uint64(_SHIFT)).tolist()
    begins = (np.arange(low, high + 1, dtype=np.uint64) << np.uint64(_SHIFT)).view(np.float64)
    return low, np.searchsorted(EDGES, begins).astype(np.int16)


_LOW, _FIRST = _cells()


@unlocked
def bin_of(ms: float) -> int:
    """Return the bin of a duration in milliseconds, -1 for NaN."""
    if ms <= EDGES[0]:
        return np.int64(0)
    if ms > EDGES[N_BINS - 2]:
        return np.int64(N_BINS - 1)
    if not ms == ms:
        return np.int64(-1)
    found = np.int64(_FIRST[np.int64(as_bits(ms) >> np.uint64(_SHIFT)) - _LOW])
    return found + (ms > EDGES[found])

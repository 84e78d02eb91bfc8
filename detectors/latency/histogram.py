"""Latency as a mergeable histogram with a guaranteed relative error.

Method: DDSketch (Masson, Rim, Lee, "DDSketch: A fast and fully-mergeable quantile sketch with
relative-error guarantees", PVLDB 12(12), 2019, sections 2.1-2.2). Bin i holds (gamma**(i-1), gamma**i],
gamma = (1 + a) / (1 - a), and is represented by 2 * gamma**i / (gamma + 1), which is within a fraction
``a`` of every value in it. The range is fixed, so bins never collapse and merging is adding.
"""

from fractions import Fraction
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from detectors.model.array_types import Floats

RELATIVE_ERROR: Final = 0.02
GAMMA: Final = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
SMALLEST_MS: Final = 0.01
"""Durations up to this are in bin 0."""
LARGEST_MS: Final = 1e7
"""Durations above this (almost three hours) are in the last bin."""

N_BINS: Final = int(np.ceil(np.log(LARGEST_MS / SMALLEST_MS) / np.log(GAMMA))) + 1
"""Number of bins."""

EDGES: Final = np.array([float(Fraction(51**bin_, 100 * 49**bin_)) for bin_ in range(N_BINS)])
"""(N_BINS,) the upper end of each bin: SMALLEST_MS * GAMMA**i, the float64 nearest to it.

Computed from whole numbers: a logarithm differs in its last bit between processors, which would put the
same records into different bins.
"""

MIDDLES: Final = SMALLEST_MS * 2 * np.power(GAMMA, np.arange(N_BINS, dtype=np.float64)) / (GAMMA + 1)
"""(N_BINS,) the value that represents each bin, milliseconds."""


def bins_of(ms: ArrayLike) -> NDArray[np.int16]:
    """Return the bin of each duration in milliseconds, of any shape; -1 for NaN, a missing measurement.

    Examples
    --------
    >>> bins_of([0.0, 0.01, float("nan"), 1e300]).tolist()
    [0, 0, -1, 519]
    """
    values = np.asarray(ms, np.float64)
    bins = np.searchsorted(EDGES[:-1], values)  # the last bin takes all larger values
    return np.where(np.isnan(values), -1, bins).astype(np.int16)


def quantile(counts: NDArray[Any], q: float) -> Floats:
    """Return the quantile of each histogram, milliseconds, within ``RELATIVE_ERROR``.

    ``counts`` (..., N_BINS) are measurements in each bin. ``q`` of 0 is the smallest, 1 the largest; others
    raise ``ValueError``. NaN where a histogram is empty.

    Examples
    --------
    >>> counts = np.bincount(bins_of([10.0, 20.0, 1000.0]), minlength=N_BINS)
    >>> round(float(quantile(counts, 0.5)))
    20
    """
    if not 0 <= q <= 1:
        raise ValueError(f"q={q} is not within [0, 1]")
    below = np.cumsum(counts, axis=-1, dtype=np.float64)
    total = below[..., -1:]
    first = np.argmax(below > np.floor(q * (total - 1)), axis=-1)
    return np.where(total[..., 0] > 0, MIDDLES[first], np.nan)

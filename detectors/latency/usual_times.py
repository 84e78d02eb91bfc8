"""The usual times of the parts of a whole, as coarse histograms that forget; compiled."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.latency.histogram import GAMMA, N_BINS, SMALLEST_MS
from detectors.state.compiled import compiled

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Ints = NDArray[np.int64]

WIDTH: Final = 4
"""Bins of a latency histogram in one of these: a sixth of a time is fine enough to tell a mix by."""

COARSE: Final = -(-N_BINS // WIDTH)
"""Bins of a usual time."""

KNOWN_SHARE: Final = 0.5
"""Least share of the present calls of a whole that must be of parts whose usual times are known."""

_LOG_GAMMA: Final = np.log(GAMMA)


@compiled
def learn(parts: Ints, bins: Ints, counts: Floats, weight: float, counted: Singles, usual: Singles) -> None:
    """Add the calls of a step to the usual times of their parts, whatever order they are in.

    Parameters
    ----------
    parts, bins, counts
        (k,) each: number of the part, bin of ``detectors.latency.histogram``, calls; pairs may repeat.
    weight
        What a call counts; it grows from step to step, which is how older ones are forgotten.
    counted
        (parts, COARSE) zeros, and zeros again at the end.
    usual
        (parts, COARSE) weights; updated.
    """
    for at in range(len(parts)):
        counted[parts[at], bins[at] // WIDTH] += np.float32(counts[at])  # whole numbers: exact in any order
    for at in range(len(parts)):
        part, filled = parts[at], bins[at] // WIDTH
        usual[part, filled] += np.float32(counted[part, filled] * weight)
        counted[part, filled] = 0.0


@compiled
def mixed_quantile(
    quantile: float,
    least: float,
    order: Ints,
    ends: Ints,
    recent: Floats,
    usual: Singles,
    known: Floats,
    found: Floats,
) -> None:
    """Find the quantile that the present calls of each whole would have at the usual times of their parts.

    Parameters
    ----------
    quantile
        Within (0, 1).
    least
        Weight from which on the usual times of a part are known.
    order
        (parts,) the parts, those of a whole together.
    ends
        (wholes,) where those of each whole end in it.
    recent
        (parts,) present calls.
    usual, known
        What ``learn`` added up, and its sum over all bins.
    found
        (wholes,) receives milliseconds; left as it is for a whole of a single part, or of which too little
        is known.
    """
    together = np.zeros(COARSE)
    first = 0
    for whole in range(len(ends)):
        begin, first = first, ends[whole]
        several, calls, all_calls = 0, 0.0, 0.0
        for place in range(begin, first):
            part = order[place]
            all_calls += recent[part]
            if recent[part] > 0 and known[part] >= least:
                several += 1
                calls += recent[part]
        if several < 2 or calls < KNOWN_SHARE * all_calls:  # noqa: PLR2004 - one part is no mix
            continue
        together[:] = 0.0
        for place in range(begin, first):
            part = order[place]
            if recent[part] > 0 and known[part] >= least:
                share = recent[part] / known[part]
                for filled in range(COARSE):
                    together[filled] += share * usual[part, filled]
        wanted, below, filled = quantile * together.sum(), 0.0, 0
        while filled < COARSE - 1 and below + together[filled] < wanted:
            below += together[filled]
            filled += 1
        within = (wanted - below) / together[filled] if together[filled] > 0 else 0.5
        found[whole] = SMALLEST_MS * np.exp(_LOG_GAMMA * (WIDTH * (filled + within) - 1))

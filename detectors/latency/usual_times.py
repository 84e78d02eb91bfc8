"""The usual times of the parts of a whole, as coarse histograms that forget; compiled."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.latency.histogram import GAMMA, N_BINS, SMALLEST_MS
from detectors.state.compiled import compiled, part

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


BY_CHANCE: Final = 2.0
"""Standard errors within which is chance: of the rank of a quantile, and of the ranks of the calls."""

SLOWEST: Final = 0.1
"""Share of the usual times of a part that are its slowest."""


@compiled
def rank(
    parts: Ints,
    bins: Ints,
    counts: Floats,
    calls: Floats,
    least: float,
    order: Ints,
    ends: Ints,
    usual: Singles,
    known: Floats,
    counted: Singles,
    ranks: Floats,
) -> None:
    """Add up where the calls of a step rank among the usual times of their own parts.

    What its parts are called for makes no difference to that (a stratified rank sum, van Elteren 1960).

    Parameters
    ----------
    parts, bins, counts
        As for ``learn``.
    calls
        (parts,) the calls of the step.
    least, order, ends, usual, known
        As for ``mixed_quantile``.
    counted
        As for ``learn``.
    ranks
        (3, wholes) receives the sum of the ranks less a half, of what is among the ``SLOWEST``, and of the
        calls; of parts whose usual times are known.
    """
    for at in range(len(parts)):
        counted[parts[at], bins[at] // WIDTH] += np.float32(counts[at])
    first = 0
    for whole in range(len(ends)):
        begin, first = first, ends[whole]
        for place in range(begin, first):
            part = order[place]
            if calls[part] <= 0 or known[part] < least:
                continue
            below = 0.0
            for filled in range(COARSE):
                share, here = usual[part, filled] / known[part], counted[part, filled]
                if here > 0:
                    slow = below + share - (1 - SLOWEST)
                    slow = min(slow / share, 1.0) if share > 0 else 1.0
                    ranks[0, whole] += here * (below + share / 2 - 0.5)
                    ranks[1, whole] += here * max(slow, 0.0) if below + share > 1 - SLOWEST else 0.0
                    ranks[2, whole] += here
                below += share
    for at in range(len(parts)):
        counted[parts[at], bins[at] // WIDTH] = 0.0


def as_usual(ranks: Floats) -> NDArray[np.bool_]:
    """Return (wholes,) whether the calls take what those of their parts usually take, but for chance.

    Ranks of so many calls have a standard error of ``sqrt(n / 12)``, and the number of the slowest that of a
    binomial.

    Examples
    --------
    >>> as_usual(np.array([[0.0, 60.0, 10.0], [20.0, 60.0, 40.0], [200.0, 200.0, 200.0]])).tolist()
    [True, False, False]
    """
    calls = ranks[2]
    off = np.abs(ranks[0]) <= BY_CHANCE * np.sqrt(calls / 12)
    slow = ranks[1] - SLOWEST * calls <= BY_CHANCE * np.sqrt(SLOWEST * (1 - SLOWEST) * calls)
    found: NDArray[np.bool_] = off & slow
    return found


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
    nearest: Floats,
    farthest: Floats,
) -> None:
    """Find the quantile that the present calls of each whole would have at the usual times of their parts.

    Of so few calls it may be another by chance: of 200 calls, 7 to 13 may be among the slowest twentieth. In
    a mix of fast and slow calls that may be the difference between the two. So it is found for the ranks
    between which that of the sample lies, too (a binomial proportion; Wilks 1941).

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
    found, nearest, farthest
        (wholes,) receive milliseconds: of the quantile, and of the ranks ``BY_CHANCE`` standard errors below
        and above it. Left as they are for a whole of a single part, or of which too little is known.
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
        off = BY_CHANCE * np.sqrt(quantile * (1 - quantile) / all_calls)
        filled, within = _place_of(quantile, together)
        found[whole] = _ms(filled + within)
        nearest[whole] = _ms(_place_of(max(quantile - off, 0.0), together)[0])  # the edges of their bins:
        farthest[whole] = _ms(_place_of(min(quantile + off, 1.0), together)[0] + 1)  # it is known no better


@part
def _place_of(quantile: float, together: Floats) -> tuple[int, float]:
    """Return the bin of a quantile, and how far within it that lies."""
    wanted, below, filled = quantile * together.sum(), 0.0, 0
    while filled < COARSE - 1 and below + together[filled] < wanted:
        below += together[filled]
        filled += 1
    return filled, (wanted - below) / together[filled] if together[filled] > 0 else 0.5


@part
def _ms(place: float) -> float:
    return float(SMALLEST_MS * np.exp(_LOG_GAMMA * (WIDTH * place - 1)))

"""The usual times of the parts of a whole, as coarse histograms that forget; compiled."""

from typing import Final, NamedTuple

import numpy as np

from detectors.latency.histogram import GAMMA, N_BINS, SMALLEST_MS
from detectors.model.array_types import Float32s, Floats, Ints
from detectors.state.compiled import compiled, part

WIDTH: Final = 4
"""Bins of a latency histogram in one of these: a sixth of a time is fine enough to recognise a mix."""

COARSE: Final = -(-N_BINS // WIDTH)
"""Bins of a usual time."""

KNOWN_SHARE: Final = 0.5
"""Least share of the present calls of a whole that must be of parts whose usual times are known."""

_LOG_GAMMA: Final = np.log(GAMMA)


OTHER_MIX: Final = 1.15
"""A p95 this many times the usual one, or its inverse, is of another mix: histograms are no finer."""

BY_CHANCE: Final = 2.0
"""Standard errors that are chance: of the rank of a quantile, and of the ranks of the calls."""

SLOWEST: Final = 0.1
"""Share of the usual times of a part that are its slowest."""

_HEAVIEST: Final = 2.0**20


class Parts(NamedTuple):
    """The n parts, and the wholes that they are parts of."""

    whole: Ints  # (n,) of each
    order: Ints  # (n,) the parts, those of a whole together
    ends: Ints  # (wholes,) where those of each whole end in it
    usual: Float32s  # (n, COARSE) weights of the times that were seen; updated
    known: Floats  # (n,) their sums over all bins; updated
    recent: Floats  # (n,) the newest calls, about ``enough`` of a whole; updated
    ranks: Floats  # (3, wholes) of the same calls, as of ``_rank``; updated
    calls: Floats  # (n,) those of a step
    counted: Float32s  # (n, COARSE) the same by bin; zeros, and zeros again at the end
    last: Ints  # (n,) the highest bin of a step
    together: Floats  # (COARSE,)
    of_whole: Floats  # (4, wholes) earlier calls that are kept; the quantile, and what is near it by chance


@compiled
def follow(
    times: tuple[Ints, Ints, Floats],
    ends: Ints,
    weights: tuple[float, float],
    limits: tuple[float, float, float],
    parts: Parts,
    usual: Floats,
    seen: Floats,
    found: Floats,
) -> float:
    """Find the quantile of the present mix of each whole at the usual times of its parts, step after step.

    Parameters
    ----------
    times
        Number of the part, bin of ``detectors.latency.histogram`` and calls, (m,) each, of all steps, one
        behind the other; pairs may repeat.
    ends
        (k,) where those of each step end.
    weights
        The weight of a call of the step before, and its growth from step to step, by which older calls are
        forgotten; 0 to learn nothing.
    limits
        The quantile, the calls of the newest step from whose weight on the usual times of a part are known,
        and ``enough`` calls of a whole.
    parts
        Updated.
    usual, seen
        (k, wholes) the usual quantile in milliseconds, NaN where unknown, and that of the newest calls.
    found
        (k, wholes) receives milliseconds, NaN where the mix is about as usual, or not known.

    Returns
    -------
    The weight of a call of the last step.
    """
    numbers, bins, _ = times
    weight, growth = weights
    quantile, least, enough = limits
    first = 0
    for step in range(len(ends)):
        begin, first = first, ends[step]
        _count(times, begin, first, parts)
        _forget(enough, parts)
        _rank(least * weight, parts)
        _mixed_quantile(quantile, least * weight, parts)
        for whole in range(len(parts.ends)):
            mixed, now = parts.of_whole[1, whole], seen[step, whole]
            ratio = mixed / usual[step, whole]
            found[step, whole] = np.nan
            if parts.of_whole[2, whole] <= now <= parts.of_whole[3, whole] and _as_usual(parts.ranks, whole):
                found[step, whole] = now
            elif ratio >= OTHER_MIX or ratio <= 1 / OTHER_MIX:
                found[step, whole] = mixed
        if growth == 0:
            for at in range(begin, first):  # not all: rows that are never written to take no memory
                parts.counted[numbers[at], bins[at] // WIDTH] = 0.0
            continue
        weight *= growth
        _learn(numbers[begin:first], bins[begin:first], weight, parts)
        if weight > _HEAVIEST:
            for part in range(len(parts.calls)):
                parts.known[part] /= weight
                for filled in range(COARSE):
                    parts.usual[part, filled] /= np.float32(weight)
            weight = 1.0
    return weight


@part
def _count(times: tuple[Ints, Ints, Floats], first: int, end: int, parts: Parts) -> None:
    """Count the calls of a step by part, and by bin."""
    numbers, bins, counts = times
    parts.calls[:] = 0.0
    parts.last[:] = -1
    for at in range(first, end):
        part, filled = numbers[at], bins[at] // WIDTH
        parts.calls[part] += counts[at]
        parts.counted[part, filled] += np.float32(counts[at])  # whole numbers: exact in any order
        parts.last[part] = max(parts.last[part], filled)


@part
def _forget(enough: float, parts: Parts) -> None:
    """Keep as many earlier calls of each whole as are missing of ``enough``, and add those of the step."""
    kept = parts.of_whole[0]
    kept[:] = 0.0
    for number in range(len(parts.calls)):
        kept[parts.whole[number]] += parts.calls[number]
    for whole in range(len(kept)):
        kept[whole] = max(1 - kept[whole] / enough, 0.0)
        for row in range(3):
            parts.ranks[row, whole] *= kept[whole]
    for number in range(len(parts.calls)):
        parts.recent[number] = kept[parts.whole[number]] * parts.recent[number] + parts.calls[number]


@part
def _learn(numbers: Ints, bins: Ints, weight: float, parts: Parts) -> None:
    """Add the calls of a step to the usual times of their parts, whatever order they are in."""
    usual, counted = parts.usual, parts.counted
    for at in range(len(numbers)):
        part, filled = numbers[at], bins[at] // WIDTH
        usual[part, filled] += np.float32(np.float64(counted[part, filled]) * weight)
        counted[part, filled] = 0.0
    for part in range(len(parts.calls)):
        parts.known[part] += parts.calls[part] * weight


@part
def _rank(least: float, parts: Parts) -> None:
    """Add up where the calls of a step rank among the usual times of their own parts.

    The mix of parts makes no difference to that (a stratified rank sum, van Elteren 1960). The sums are those
    of the ranks less a half, of the calls among the ``SLOWEST``, and of the calls; of parts whose usual times
    are known: of a weight of ``least``.
    """
    ranks, usual, known, counted = parts.ranks, parts.usual, parts.known, parts.counted
    first = 0
    for whole in range(len(parts.ends)):
        begin, first = first, parts.ends[whole]
        for place in range(begin, first):
            part = parts.order[place]
            if parts.calls[part] <= 0 or known[part] < least:
                continue
            below = 0.0
            for filled in range(parts.last[part] + 1):
                share, here = usual[part, filled] / known[part], counted[part, filled]
                if here > 0:
                    slow = below + share - (1 - SLOWEST)
                    slow = min(slow / share, 1.0) if share > 0 else 1.0
                    ranks[0, whole] += here * (below + share / 2 - 0.5)
                    ranks[1, whole] += here * max(slow, 0.0) if below + share > 1 - SLOWEST else 0.0
                    ranks[2, whole] += here
                below += share


@part
def _as_usual(ranks: Floats, whole: int) -> bool:
    """Return whether the calls of a whole take as long as those of its parts usually do, but for chance.

    Ranks of so many calls have a standard error of ``sqrt(n / 12)``, and the number of the slowest that of a
    binomial.
    """
    calls = ranks[2, whole]
    off = abs(ranks[0, whole]) <= BY_CHANCE * np.sqrt(calls / 12)
    slow = ranks[1, whole] - SLOWEST * calls <= BY_CHANCE * np.sqrt(SLOWEST * (1 - SLOWEST) * calls)
    return bool(off and slow)


@part
def _mixed_quantile(quantile: float, least: float, parts: Parts) -> None:
    """Find the quantile that the present calls of each whole would have at the usual times of their parts.

    Of so few calls it may be another by chance: of 200 calls, 7 to 13 may be among the slowest twentieth. In
    a mix of fast and slow calls that may be the difference between the two. So it is found for the ranks
    between which that of the sample lies, too (a binomial proportion; Wilks 1941): ``BY_CHANCE`` standard
    errors below and above it. NaN for a whole of a single part, or of which too little is known.
    """
    order, recent, usual = parts.order, parts.recent, parts.usual
    known, together = parts.known, parts.together
    parts.of_whole[1:] = np.nan
    first = 0
    for whole in range(len(parts.ends)):
        begin, first = first, parts.ends[whole]
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
        parts.of_whole[1, whole] = _ms(filled + within)  # the edges of the bins of the others:
        parts.of_whole[2, whole] = _ms(_place_of(max(quantile - off, 0.0), together)[0])  # known no better
        parts.of_whole[3, whole] = _ms(_place_of(min(quantile + off, 1.0), together)[0] + 1)


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

"""Demand or defect: whether the sources of an excess share it as they share the traffic.

Everything is called more: functions, routes, clients and tenants each have the part of the excess that they
have of the traffic, and that is *demand*. One of them has more than its part, or the same calls use more:
that is a *defect*.

The excess is taken for a mixture: a part that is spread as the expected amounts are, and a part that some
sources carry beyond it. With ``p`` the expected and ``q`` the actual part of those that carry more than their
part, the latter is ``(q - p) / (1 - p)`` of the excess. Both are sums, so that it is the same however a
source is split in two. Requests come in sessions and mixes wander, which moves parts by chance: what chance
explains is allowed for.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np

from detectors.model.array_types import Bools, Floats
from detectors.model.finding import Concentration, RiseCause, Share
from detectors.model.scope import CLIENT, FUNCTION, ROUTE, SERVICE, TENANT

CARRIED: Final = 0.5
"""Part of an excess that is not spread as usual: demand up to it, a defect if it is that beyond chance."""

MOST_OF_IT: Final = 0.8
"""Part of what is carried that the named carriers have."""

NEARLY_ONE: Final = 0.8
"""Expected part of the largest source up to which the others show what they share."""

HALF: Final = 0.5
"""Part that those which carry more than their part have of what is expected, where all is chance."""

CLUMP: Final = 3.0
"""Requests of a session, which come together: the variance of a count in times that of Poisson's."""

WANDERS: Final = 0.1
"""Relative size by which the parts of sources wander within the hours."""

_TELLING: Final = (TENANT, CLIENT, FUNCTION, ROUTE, SERVICE)
"""Kinds of source, those first that say most of a cause: a build calls a function, and not the reverse."""


class Mixture(NamedTuple):
    """The sources of one kind, (k,) each: amounts and calls, observed and as expected."""

    observed: Floats
    expected: Floats
    calls_observed: Floats
    calls_expected: Floats


class ExcessSpread(NamedTuple):
    """How the sources of one kind share an excess."""

    moved: float  # part of the excess that is not spread as usual, in [0, 1]
    chance: float  # part that may be so by chance
    share: float  # of what rose, that of the carriers
    carriers: int  # the fewest that carry most of it
    telling: bool  # whether it would show that one carries it


def spread(mixture: Mixture, per_request: float = 1.0) -> ExcessSpread | None:
    """Return how the excess is shared; None if a single source has all, or if nothing rose.

    ``per_request`` is how many calls a request makes (``detectors.explain.calling_requests.Calling``).

    Examples
    --------
    >>> calls = [np.array(counts, float) for counts in ([500, 900, 100], [100, 900, 100])]
    >>> found = spread(Mixture(*calls, *calls))
    >>> round(found.moved, 2), found.share, found.carriers
    (1.0, 1.0, 1)
    >>> calls = [np.array(counts, float) for counts in ([200, 1800, 200], [100, 900, 100])]
    >>> round(spread(Mixture(*calls, *calls)).moved, 1)
    0.0
    """
    now, then = mixture.observed, mixture.expected + _of_one_call(mixture)
    whole, usual = float(now.sum()), float(then.sum())
    excess = whole - usual
    if len(now) < 2 or excess <= 0 or usual <= 0:  # noqa: PLR2004  nobody to share with
        return None
    as_usual = then * (whole / usual)
    more: Floats = now - as_usual
    carry: Bools = more > 1e-9 * whole
    rest = max(1.0 - float(then[carry].sum()) / usual, 1e-9)  # none is left only by rounding
    beyond = float(more[carry].sum())
    size, by_chance = excess * rest, float(_deviations(mixture, as_usual, per_request).sum()) / 2
    telling = by_chance <= CARRIED * excess * max(rest, HALF) and float(then.max()) <= NEARLY_ONE * usual
    order = np.argsort(-more, kind="stable")
    fewest = int(np.searchsorted(np.cumsum(np.maximum(more[order], 0.0)), MOST_OF_IT * beyond)) + 1
    rose = np.maximum(now - then, 0.0)
    share = float(rose[order[:fewest]].sum() / rose.sum())
    return ExcessSpread(min(beyond / size, 1.0), by_chance / size, share, fewest, telling)


def _of_one_call(mixture: Mixture) -> float:
    """Return the amount of one call, divided evenly: where nothing is expected, nobody is expected more."""
    calls, amount = (float((now + then).sum()) for now, then in (mixture[2:], mixture[:2]))
    return amount / calls / len(mixture.observed) if calls > 0 else 0.0


def _deviations(mixture: Mixture, as_usual: Floats, per_request: float) -> Floats:
    """Return by how much the amount of each source deviates by chance."""
    calls = np.maximum(mixture.calls_observed, mixture.calls_expected)
    amounts = np.maximum(mixture.observed, mixture.expected)
    per_call = np.divide(amounts, calls, out=np.zeros(len(calls)), where=calls > 0)
    found: Floats = np.hypot(per_call * np.sqrt(max(CLUMP, per_request) * calls), WANDERS * as_usual)
    return found


def concentration(
    by_kind: Mapping[str, Mixture], shares: Sequence[Share], per_request: float = 1.0
) -> Concentration | None:
    """Return whether an excess is demand or a defect; None if its sources do not tell.

    ``shares`` are its parts by a kind of source, which say whether calls use more than usual; ``per_request``
    is how many calls a request makes.
    """
    spreads = {kind: spread(mixture, per_request) for kind, mixture in by_kind.items()}
    found = {kind: made for kind, made in spreads.items() if made is not None}
    per_call = min(sum(share.more_per_call for share in shares), 1.0)
    if per_call >= CARRIED:
        return Concentration(cause=RiseCause.DEFECT, share=per_call, per_call=True)
    for kind in _TELLING:
        if kind in found and found[kind].moved - found[kind].chance >= CARRIED:
            of = found[kind]
            return Concentration(cause=RiseCause.DEFECT, share=of.share, kind=kind, carriers=of.carriers)
    for kind, of in found.items():  # what is called first; builds change with every release
        if of.telling and of.moved <= CARRIED:
            return Concentration(cause=RiseCause.DEMAND, share=1.0 - of.moved, kind=kind)
    return None

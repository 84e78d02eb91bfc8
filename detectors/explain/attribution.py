"""Attribution: divides an excess exactly over the sources of one kind.

The excess of a source is split into *more calls* and *more per call* symmetrically: with c calls and u
units per call, ``c1 u1 - c0 u0 = (c1 - c0) (u0 + u1) / 2 + (u1 - u0) (c0 + c1) / 2``. This is the Shapley
value of the two causes (Shapley 1953), exact and independent of which one is changed first: changing calls
first would attribute the whole interaction to the price. Where the two moved in opposite directions, the one
in the direction of the excess gets all of it.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from detectors.explain.concentration import NEARLY_ONE
from detectors.model.array_types import Floats, Ints
from detectors.model.finding import Share
from detectors.model.scope import CLIENT, TENANT, Scope

LEAST_SUSPECT_SHARE: Final = 0.5
"""Part of the excess that a client version or tenant must carry to be named."""

STANDS_OUT: Final = 0.2
"""How much its part of the excess must exceed its usual part."""

NO_CHANCE: Final = math.log(270)
"""How unlikely its part must be by chance: a stricter bound names who is to blame minutes later."""

SURE: Final = 3.0
"""Standard errors within which sources are alike: a handful of calls proves nothing."""

OWN_LEVEL: Final = 0.25
"""Part of the target's change, in logarithms, that its sources must show against their own expectation."""

LARGEST_RATIO: Final = 20.0
"""Larger rises and falls count as this."""


def attribute(
    observed: ArrayLike,
    expected: ArrayLike,
    calls_observed: ArrayLike,
    calls_expected: ArrayLike,
    scopes: Sequence[Scope],
    *,
    seconds: float = 1.0,
) -> list[Share]:
    """Divide an excess over its sources.

    Parameters
    ----------
    observed, expected : (k,) array_like
        Amount of each source over the interval; not negative. Values that are not finite count as 0.
    calls_observed, calls_expected : (k,) array_like
        Calls of each source over the interval. For a measure that counts calls, the same arrays again;
        nothing is then *more per call*.
    scopes
        The k sources, all of one kind.
    seconds
        Length of the interval, for the rates returned.

    Returns
    -------
    list[Share]
        Largest share first, ties by name. The shares add up to 1, and ``more_calls`` and
        ``more_per_call`` to each share, with its sign. Empty if the sources together have no excess.

    Examples
    --------
    >>> items = [Scope("function", "aws", "1", "eu-west-1", name) for name in ("put", "get")]
    >>> first, _ = attribute([90, 20], [10, 20], [90, 20], [10, 20], items)
    >>> first.scope.name, first.share, first.more_calls, first.more_per_call
    ('put', 1.0, 1.0, 0.0)
    """
    now, then, calls_now, calls_then = (
        np.nan_to_num(np.asarray(values, np.float64), nan=0.0, posinf=0.0, neginf=0.0)
        for values in (observed, expected, calls_observed, calls_expected)
    )
    if not now.shape == then.shape == calls_now.shape == calls_then.shape == (len(scopes),):
        raise ValueError(f"pass one value per source: {len(scopes)} scopes, {now.shape} observed")
    excess = now - then
    whole = float(excess.sum())
    if not scopes or abs(whole) <= 1e-9 * float(np.abs(now).sum() + np.abs(then).sum()):
        return []
    with np.errstate(divide="ignore", invalid="ignore"):
        price_now, price_then = now / calls_now, then / calls_then
    # without calls, the price of a call is what it is at the other time
    price_now = np.where(calls_now > 0, price_now, np.where(calls_then > 0, price_then, 0.0))
    price_then = np.where(calls_then > 0, price_then, price_now)
    by_calls = (calls_now - calls_then) * (price_now + price_then) / 2
    # opposite directions: one cause gets all, since no part can exceed the whole
    opposed = by_calls * (excess - by_calls) < 0
    by_calls = np.where(opposed, np.where(by_calls * excess > 0, excess, 0.0), by_calls)
    # units without calls (an estimate of 0 calls) go to the price
    by_price = excess - by_calls
    shares = [
        Share(
            scope=scope,
            share=float(excess[at]) / whole,
            more_calls=float(by_calls[at]) / whole,
            more_per_call=float(by_price[at]) / whole,
            observed=float(now[at]) / seconds,
            expected=float(then[at]) / seconds,
        )
        for at, scope in enumerate(scopes)
    ]
    return sorted(shares, key=lambda share: (-share.share, share.scope))


def level_for(ratio: float, observed: Floats, expected: Floats) -> float:
    """Return the factor for the expectations of sources with which together they explain a finding.

    Expectations of sources are based on fewer calls than that of their target, and do not include planned
    events. Where the sources together hardly moved with the target, or in the other direction, their excess
    is mere noise: their level is then that of the target, which went to ``ratio`` times the expected.

    Examples
    --------
    >>> level_for(4.0, np.array([40.0, 10.0]), np.array([50.0, 50.0]))
    0.125
    >>> level_for(4.0, np.array([40.0, 10.0]), np.array([10.0, 10.0]))
    1.0
    """
    now, then = float(observed.sum()), float(expected.sum())
    if now <= 0 or then <= 0 or ratio == 1:
        return 1.0
    wanted = math.log(min(max(ratio, 1 / LARGEST_RATIO), LARGEST_RATIO))
    own = math.log(now) - math.log(then)
    return 1.0 if own / wanted >= OWN_LEVEL else now / then * math.exp(-wanted)


def nearest(observed: Floats, expectations: Sequence[Floats]) -> Ints:
    """Return which of several expectations each source is nearest to; NaN is far from everything.

    Weeks know who comes by day alone, yesterday and the last day know a build that took the place of another.
    So a source exceeds its own expectation if it exceeds them all; of a new one, each is nothing.

    Examples
    --------
    >>> weeks, day = [40.0, 0.0, 0.0, 0.0], [15.0, 30.0, 40.0, 0.0]
    >>> nearest(np.array([40.0, 0.0, 40.0, 60.0]), [np.array(weeks), np.array(day)]).tolist()
    [0, 0, 1, 0]
    """
    apart = np.abs(np.array(expectations) - observed)
    found: Ints = np.argmin(np.where(np.isnan(apart), np.inf, apart), axis=0)
    return found


def suspects(shares: Sequence[Share], usual: Mapping[Scope, float], events: float) -> list[Share]:
    """Return the client versions and tenants that carry the excess and stand out.

    A large client carries a large part of everything. It is suspect only if its part of the excess is clearly
    larger than its usual part, and if its part of the whole surely differs from the usual one.

    ``shares`` are all of one kind, ``usual`` the usual part of each, ``events`` the independent calls or
    errors behind them: with few events, parts are chance.
    """
    whole = sum(share.observed for share in shares)
    found = []
    for share in shares:
        part = usual.get(share.scope, 0.0)
        if share.scope.kind not in (CLIENT, TENANT) or share.share < LEAST_SUSPECT_SHARE:
            continue
        carried = share.observed / whole if whole > 0 else part
        if share.share - part >= STANDS_OUT and _unlikely(carried, part, events) >= NO_CHANCE:
            found.append(share)
    return found


def _unlikely(carried: float, usual: float, events: float) -> float:
    """Return the logarithm of how unlikely it is that chance carries such a part (Chernoff 1952).

    What was never seen is taken as half an event.
    """
    least = 0.5 / max(events, 1.0)
    usual = min(max(usual, least), 1 - least)
    parts = ((carried, usual), (1 - carried, 1 - usual))
    return events * sum(part * math.log(part / of) for part, of in parts if part > 0)


def alike(shares: Sequence[Share], usual: Mapping[Scope, float], events: float) -> bool:
    """Return whether sources share the excess as they share the traffic, and would show it if they did not.

    Parameters are those of ``suspects``. Few events do not tell, nor does a source that has nearly all.
    """
    whole = sum(share.observed for share in shares)
    excess = abs(sum(share.observed - share.expected for share in shares))
    parts = [usual.get(share.scope, 0.0) for share in shares]
    if max(parts, default=1.0) > NEARLY_ONE or whole <= 0 or events <= 0:
        return False
    apart = sum(abs(share.share - part) for share, part in zip(shares, parts, strict=True)) / 2
    chance = math.sqrt(max(part * (1 - part) for part in parts) / events)
    return apart < STANDS_OUT and SURE * chance <= STANDS_OUT * min(excess / whole, 1.0)

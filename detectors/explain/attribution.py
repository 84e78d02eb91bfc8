"""Who carries an excess: it is divided over the sources of one kind, exactly.

The excess of a source is split into *more calls* and *more per call* symmetrically: with c calls and u
units a call, ``c1 u1 - c0 u0 = (c1 - c0) (u0 + u1) / 2 + (u1 - u0) (c0 + c1) / 2``. This is the Shapley
value of the two causes (Shapley 1953): exact, and it does not hang on which of them is changed first.
The form that changes calls first would charge the whole interaction to the heavier calls. Where the two
went different ways, the one that made the excess is charged with what is left of it.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from detectors.model.finding import Share
from detectors.model.scope import CLIENT, TENANT, Scope

Floats = NDArray[np.float64]

LEAST_SUSPECT_SHARE: Final = 0.5
"""Part of the excess a client version or tenant must carry to be named."""

STANDS_OUT: Final = 0.2
"""By so much its part of the excess must exceed its part of what is usual."""

SURE: Final = 3.0
"""Standard errors by which its part must be another than usual: a handful of calls is anybody's."""

OWN_LEVEL: Final = 0.25
"""Part of what befell the target, in logarithms, that must show in the sources' own expectation."""

LARGEST_RATIO: Final = 20.0
"""What rose by more, or fell to less than its inverse, is as clear as this."""


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
        What each source brought over the interval, and what it was expected to; not negative. What is
        not finite counts as 0.
    calls_observed, calls_expected : (k,) array_like
        Calls of each source over the interval. For a measure that counts calls, the same arrays again:
        there is no more per call then.
    scopes : Sequence[Scope]
        The k sources, all of one kind.
    seconds : float
        Length of the interval, for the rates in the answer.

    Returns
    -------
    list[Share]
        Largest share first, equal ones by name. The shares add up to 1, and ``more_calls`` and
        ``more_per_call`` to each share, neither of them of another sign than it. Empty when the sources
        together have no excess at all.

    Examples
    --------
    >>> items = [Scope("function", "aws", "1", "eu-west-1", name) for name in ("put", "get")]
    >>> [s.to_json() for s in attribute([90, 20], [10, 20], [90, 20], [10, 20], items)][0]
    {'kind': 'function', 'name': 'put', 'share': 1.0, 'more_calls': 1.0, 'more_per_call': 0.0}
    """
    now, then, calls_now, calls_then = (
        np.nan_to_num(np.asarray(values, np.float64), nan=0.0, posinf=0.0, neginf=0.0)
        for values in (observed, expected, calls_observed, calls_expected)
    )
    if not now.shape == then.shape == calls_now.shape == calls_then.shape == (len(scopes),):
        raise ValueError(f"give one value a source: {len(scopes)} scopes, {now.shape} observed")
    excess = now - then
    whole = float(excess.sum())
    if not scopes or abs(whole) <= 1e-9 * float(np.abs(now).sum() + np.abs(then).sum()):
        return []
    with np.errstate(divide="ignore", invalid="ignore"):
        each_now, each_then = now / calls_now, then / calls_then
    # a source that had no calls costs a call what it costs when it has some
    each_now = np.where(calls_now > 0, each_now, np.where(calls_then > 0, each_then, 0.0))
    each_then = np.where(calls_then > 0, each_then, each_now)
    by_calls = (calls_now - calls_then) * (each_now + each_then) / 2
    # one call less and a higher price are a higher price; more than all of it cannot be anything's part
    opposed = by_calls * (excess - by_calls) < 0
    by_calls = np.where(opposed, np.where(by_calls * excess > 0, excess, 0.0), by_calls)
    # units without any call (an estimate of 0 calls) are left to the price
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
    """Return by what to multiply what was expected of the sources, so that together they explain a finding.

    What is expected of sources rests on fewer calls than what is expected of their target, and knows of no
    planned event. Where they together hardly went the way of the target, or the other way, an excess
    would be left that is nothing but noise: their level is then taken from the target, which went to
    ``ratio`` times what was expected.

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
    asked = math.log(min(max(ratio, 1 / LARGEST_RATIO), LARGEST_RATIO))
    own = math.log(now) - math.log(then)
    return 1.0 if own / asked >= OWN_LEVEL else now / then * math.exp(-asked)


def suspects(shares: Sequence[Share], usual: Mapping[Scope, float], events: float) -> list[Share]:
    """Return the client versions and tenants that carry the excess and stand out by it.

    A large client carries a large part of everything; it is suspect only when its part of the excess is
    clearly larger than its usual part, and when its part of all that came is surely another than that.

    Parameters
    ----------
    shares
        All those of one kind.
    usual
        Which part of everything each of them usually is.
    events
        How many calls or errors ``shares`` were made of: with few of them, parts are chance.
    """
    whole = sum(share.observed for share in shares)
    found = []
    for share in shares:
        part = usual.get(share.scope, 0.0)
        if share.scope.kind not in (CLIENT, TENANT) or share.share < LEAST_SUSPECT_SHARE:
            continue
        apart = abs(share.observed / whole - part) if whole > 0 else 0.0
        chance = math.sqrt(max(events * part * (1 - part), 1.0))
        if share.share - part >= STANDS_OUT and events * apart >= SURE * chance:
            found.append(share)
    return found

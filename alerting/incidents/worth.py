"""Decides what is worth waking somebody for: by the size of findings, and by what a rise is due to.

However certain, what is smaller is in the digest and on the board.
"""

from typing import Final

from config.sections.messages import PageSettings
from detectors.model.finding import AccountTraffic, Concentration, Finding, RiseCause, Verdict
from detectors.model.measures import LATENCIES, RATIO_OF, Measure
from detectors.model.scope import ACCOUNT, FUNCTION, ROUTE, SERVICE

FAR_BEYOND: Final = 2.0
"""Relative excess, in times that of the account, from which on a part of it does not rise with it."""

LEAST_REST: Final = 0.1
"""Part of the account's requests that the rest must have to be compared with."""

LARGEST: Final = 1e6
"""Sizes from which on nothing is larger; that of what pages whatever its size."""

_LOADS: Final = (Measure.REQUESTS, Measure.RCU, Measure.WCU, Measure.BUSY, Measure.COST)
_PARTS: Final = (FUNCTION, ROUTE, SERVICE)
"""Kinds of source that tell what is called; clients and tenants share what one function alone is called."""


def size(finding: Finding, cause: RiseCause, sizes: PageSettings) -> float:
    """Return the size of a finding, in times of what pages. It never falls when the excess rises."""
    observed, expected = finding.figures
    is_missed_plan = finding.planned is not None and observed < expected
    if finding.verdict in (Verdict.FATAL, Verdict.ABSENCE, Verdict.LIMIT) or is_missed_plan:
        return LARGEST
    if finding.measure in RATIO_OF and finding.failures is not None:
        return _times(finding.failures.share, _share_that_pages(finding.measure, sizes))
    if observed < expected:
        return _times(expected - observed, expected * (1 - sizes.fall))
    is_demand = cause is RiseCause.DEMAND and finding.measure not in LATENCIES
    least = sizes.demand if is_demand else sizes.defect
    of_rise = _times(observed - expected, expected * (least - 1))
    of_limit = _times(observed, finding.limit * sizes.limit) if finding.limit else 0.0
    of_cost = _times(finding.costs or 0.0, sizes.cost)
    return max([of_rise, *(other for other in (of_limit, of_cost) if other >= 1)])


def _share_that_pages(measure: Measure, sizes: PageSettings) -> float:
    if measure is Measure.THROTTLES:
        return sizes.throttles
    return sizes.errors_user if measure is Measure.ERRORS_USER else sizes.errors


def concentration(finding: Finding) -> Concentration | None:
    """Return what a rise is due to; None as long as that is unknown, and for all else.

    Its own sources may say that few carry it, or that all functions share it. Where they do not tell, or
    those of one function share it, it is demand if the rest of the account rises as well, and a defect if
    the account does not rise.
    """
    observed, expected = finding.figures
    if observed <= expected or finding.measure not in _LOADS or finding.verdict is Verdict.LIMIT:
        return None
    own = finding.concentration
    if finding.about.kind == ACCOUNT:
        return own
    if own is not None and (own.cause is RiseCause.DEFECT or own.kind in _PARTS):
        return own
    mean, whole = finding.added_up, finding.account
    if mean is None or whole is None:
        return None
    rest = _rest(finding, whole)  # too few of others, or more calls than requests: all requests tell
    if _excess(mean.observed, mean.expected) >= FAR_BEYOND * _excess(*(rest or whole)):
        return Concentration(cause=RiseCause.DEFECT, share=1.0, kind=finding.about.kind)
    return None if rest is None else Concentration(cause=RiseCause.DEMAND, share=1.0, kind=ACCOUNT)


def _rest(finding: Finding, whole: AccountTraffic) -> AccountTraffic | None:
    """Return the requests of the account without those to the scope of a finding; None if few are left."""
    affected, mean = finding.affected, finding.added_up
    if affected is None or mean is None or not affected.seconds or mean.observed <= 0:
        return None
    own = affected.requests / affected.seconds
    expected = whole.expected - own * mean.expected / mean.observed
    if expected < LEAST_REST * whole.expected:
        return None
    return AccountTraffic(max(whole.observed - own, 0.0), expected)


def _excess(observed: float, expected: float) -> float:
    return _times(observed - expected, expected)


def _times(amount: float, of: float) -> float:
    return min(amount / of, LARGEST) if of > 0 else LARGEST

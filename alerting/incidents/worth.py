"""Decides what is worth waking somebody for: by the size of findings, and by what a rise is due to.

However certain, what is smaller is in the digest and on the board.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from config.sections.messages import PageSettings
from detectors.explain.concentration import CARRIED
from detectors.model.finding import AccountTraffic, Concentration, Finding, RiseCause, Verdict
from detectors.model.measures import LATENCIES, LOADS, RATIO_OF, Measure
from detectors.model.scope import ACCOUNT, FUNCTION, ROUTE, SERVICE

FAR_BEYOND: Final = 2.0
"""Relative excess, in times that of the account, from which on a part of it does not rise with it."""

LEAST_REST: Final = 0.1
"""Part of the account's requests that the rest must have to be compared with."""

LARGEST: Final = 1e6
"""Sizes from which on nothing is larger; that of what pages whatever its size."""

MANY: Final = 100
"""Times from which on no setting decides."""

_SHARES: Final = {Measure.THROTTLES: "throttles", Measure.ERRORS_USER: "errors_user"}
"""Settings of shares of the requests, where it is not that of errors."""

_PARTS: Final = (FUNCTION, ROUTE, SERVICE)
"""Kinds of source that tell what is called; clients and tenants share what one function alone is called."""


class Size(NamedTuple):
    """How large a finding or an incident is."""

    times: float  # of what pages
    setting: str = ""  # of ``incidents.page``, by which that is; empty of what pages whatever its size

    @property
    def reason(self) -> str:
        """The size and the setting, to go with the reason for a page or against one; empty far beyond it."""
        if not self.setting or self.times >= MANY:
            return ""
        return f"{self.times:.2g} times what pages by incidents.page.{self.setting}"


def size(finding: Finding, cause: RiseCause, sizes: PageSettings) -> Size:
    """Return the size of a finding. It never falls when the excess rises."""
    observed, expected = finding.figures
    is_missed_plan = finding.planned is not None and observed < expected
    if finding.verdict in (Verdict.FATAL, Verdict.ABSENCE, Verdict.LIMIT) or is_missed_plan:
        return Size(LARGEST)
    if finding.measure in RATIO_OF and finding.failures is not None:
        setting = _SHARES.get(finding.measure, "errors")
        return Size(_times(finding.failures.share, getattr(sizes, setting)), setting)
    if observed < expected:
        missing = _times(expected - observed, expected * (1 - sizes.fall))
        if (served := finding.served) is not None:  # callers may stop what they do wrong
            least = max(served.expected * (1 - sizes.fall), 1.0)
            missing = min(missing, max(served.expected - served.observed, 0.0) / least)
        return Size(missing, "fall")
    is_demand = cause is RiseCause.DEMAND and finding.measure not in LATENCIES
    least, setting = (sizes.demand, "demand") if is_demand else (sizes.defect, "defect")
    of_rise = Size(_times(observed - expected, expected * (least - 1)), setting)
    by = finding.affected if finding.measure in LOADS and not _uses_more(finding) else None
    if by is not None and by.seconds:
        of_rise = min(of_rise, Size(_times(by.requests, sizes.requests), "requests"))
    of_limit = Size(_times(observed, finding.limit * sizes.limit) if finding.limit else 0.0, "limit")
    of_cost = Size(_times(finding.costs or 0.0, sizes.cost), "cost")
    return max([of_rise, *(other for other in (of_limit, of_cost) if other.times >= 1)])


def deciding(sizes: Mapping[RiseCause, Size], cause: RiseCause | None) -> Size | None:
    """Return the size that decides about a page; while the cause is unknown, the smaller one."""
    if cause is not None and cause in sizes:
        return sizes[cause]
    return min(sizes.values(), default=None)


def concentration(finding: Finding) -> Concentration | None:
    """Return what a rise is due to; None as long as that is unknown, and for all else.

    Its own sources may say that few carry it, or that all functions share it. Where they do not tell, or
    those of one function share it, it is demand if the rest of the account rises as well, and a defect if
    the account does not rise.
    """
    observed, expected = finding.figures
    if observed <= expected or finding.measure not in LOADS or finding.verdict is Verdict.LIMIT:
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


def _uses_more(finding: Finding) -> bool:
    """Return whether calls use more: not many are needed to be sure of that."""
    shares = [share for share in finding.callers if share.scope.kind == finding.callers[0].scope.kind]
    return sum(share.more_per_call for share in shares) >= CARRIED


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

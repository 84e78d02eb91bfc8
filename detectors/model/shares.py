"""The parts of a finding as people read them: of one kind of caller they never exceed the whole."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from msgspec.structs import replace

from detectors.model.finding import Finding, Share

NOTABLE: Final = 0.05
"""A caller or suspect with a smaller part is noise."""


class Shares(NamedTuple):
    """The callers and the suspects of a finding."""

    callers: list[Share]
    suspects: list[Share]


def of_whole(finding: Finding) -> Shares:
    """Return the shares as parts of all that rose (of a fall: that fell), by kind of scope.

    Where one client fell while others rose, the shares of the others exceed the excess that is left: 60 % and
    55 % of it, less 15 %. As parts of what rose they add up to the whole.

    Examples
    --------
    >>> from detectors.model.finding import Verdict
    >>> from detectors.model.measures import Measure
    >>> from detectors.model.scope import Scope
    >>> ios, android, web = (Scope("client", "aws", "1", "", name) for name in ("ios", "android", "web"))
    >>> given = {"more_calls": 0.0, "more_per_call": 0.0, "observed": 1.0, "expected": 1.0}
    >>> parts = ((ios, 0.6), (android, 0.55), (web, -0.15))
    >>> shares = [Share(scope=of, share=part, **given) for of, part in parts]
    >>> finding = Finding(id="a", revision=0, state="open", verdict=Verdict.SPIKE, scope=ios,
    ...                   measure=Measure.REQUESTS, start=0, seen=60, observed=3.0, expected=1.0, lower=0.5,
    ...                   upper=1.5, score=0.9, callers=shares, suspects=shares[:2], sentence="")
    >>> [round(share.share, 2) for share in of_whole(finding).suspects]
    [0.52, 0.48]
    """
    parts: dict[str, dict[object, float]] = {}
    for each in (*finding.callers, *finding.suspects):
        of_kind = parts.setdefault(each.scope.kind, {})
        of_kind[each.scope] = max(each.share, of_kind.get(each.scope, 0.0))
    whole = {kind: max(sum(of_kind.values()), 1.0) for kind, of_kind in parts.items()}

    def scaled(shares: Sequence[Share]) -> list[Share]:
        return [_divided(share, whole[share.scope.kind]) for share in shares]

    return Shares(scaled(finding.callers), scaled(finding.suspects))


def notable(finding: Finding) -> Shares:
    """Return the shares of ``of_whole`` that are more than noise."""
    callers, suspects = of_whole(finding)
    return Shares(*([share for share in held if share.share >= NOTABLE] for held in (callers, suspects)))


def _divided(share: Share, by: float) -> Share:
    if by == 1.0:
        return share
    calls, price = share.more_calls / by, share.more_per_call / by
    return replace(share, share=share.share / by, more_calls=calls, more_per_call=price)

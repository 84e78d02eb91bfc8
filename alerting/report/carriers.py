"""The attribution of an incident as bars, by kind."""

from typing import Final, NamedTuple

from alerting.words import numbers
from alerting.words.mrkdwn import clean, cut
from alerting.words.phrases import Phrases
from detectors.model.finding import NOTABLE, Finding, Share, shares_of_whole
from detectors.model.scope import CLIENT, FUNCTION, ROUTE, SERVICE, TENANT, Scope

KINDS: Final = (FUNCTION, ROUTE, SERVICE, CLIENT, TENANT)
ROWS: Final = 4
"""Rows per kind; smaller shares are only counted."""

NAME: Final = 80


class Carrier(NamedTuple):
    """One scope and the part of the excess that it carries; widths in percent."""

    name: str
    part: str
    calls: float  # width for more calls, or for the whole share if it is not split
    per_call: float  # width for more per call
    detail: str
    stands_out: bool


class Carriers(NamedTuple):
    """The scopes of one kind, largest share first; negative shares are only counted."""

    kind: str
    rows: list[Carrier]
    more: int


def carriers(finding: Finding, words: Phrases) -> list[Carriers]:
    """Return the attribution of a finding."""
    suspects = {share.scope for share in finding.suspects}
    known = {share.scope for share in finding.callers}
    callers, suspected = shares_of_whole(finding)
    shares = [*callers, *(share for share in suspected if share.scope not in known)]
    groups = []
    for kind in KINDS:
        held = sorted((share for share in shares if share.scope.kind == kind), key=lambda share: -share.share)
        worth = [share for share in held if share.share >= NOTABLE]
        if worth:
            rows = [_carrier(share, finding, words, suspects) for share in worth[:ROWS]]
            groups.append(Carriers(words.figures.kind(kind), rows, len(held) - len(rows)))
    return groups


def is_split(finding: Finding, words: Phrases) -> bool:
    """Return whether shares are split into more calls and more per call; those of latency are not."""
    return any(share.more_per_call and words.incident.because(share, finding) for share in finding.callers)


def causes(finding: Finding, words: Phrases) -> list[str]:
    """Return the causes of a finding of latency or errors."""
    figures = words.figures
    return [
        clean(
            f"{figures.about(cause.scope)} ({figures.measure(cause.measure)}), {figures.percent(cause.score)}"
        )
        for cause in finding.causes
    ]


def _carrier(share: Share, finding: Finding, words: Phrases, suspects: set[Scope]) -> Carrier:
    whole = max(0.0, share.share)
    calls, per_call = whole, 0.0
    why = words.incident.because(share, finding)
    if why:
        per_call = min(whole, max(0.0, share.more_per_call))
        calls = whole - per_call if share.more_calls > 0 else 0.0
        per_call = whole - calls
    before, now = (numbers.number(value) for value in (share.expected, share.observed))
    detail = f"{before} → {now} {words.figures.unit(finding.measure, finding.about)}" + (
        f", {why}" if why else ""
    )
    return Carrier(
        name=cut(clean(share.scope.label), NAME) or "unnamed",
        part=words.figures.percent(share.share),
        calls=round(100 * calls, 2),
        per_call=round(100 * per_call, 2),
        detail=clean(detail),
        stands_out=share.scope in suspects,
    )

"""The part of a message that ranks callers and names the client or tenant that stands out."""

from typing import Final

from alerting.messages.console_links import ConsoleLinks
from alerting.messages.message import NAME
from alerting.words import numbers
from alerting.words.mrkdwn import clean, cut, escape
from alerting.words.phrases import Phrases
from detectors.model.finding import Finding, Share
from detectors.model.scope import CLIENT, FUNCTION, TENANT

CALLERS: Final = 3
STANDS_OUT: Final = 0.5  # a client or tenant with at least this share of the excess is named
LEAST: Final = 0.01  # a smaller share is not worth a line


def caller_lines(finding: Finding, console: ConsoleLinks, words: Phrases) -> list[str]:
    """Return the lines about callers, clients and reasons for throttling, largest share first."""
    lines = [
        f"•  {console.linked(each.scope)}   *{part(each.share, words)}*{_because(each, finding, words)}"
        for each in ranked(finding)[:CALLERS]
    ]
    if lines:
        of = escape(words.incident.share_of(finding), 3 * NAME)
        lines.insert(0, f"*{words.labels.callers}* · {of}")
    for share in standing_out(finding):
        kind, who = words.figures.kind(share.scope.kind), f"*{escape(share.scope.label, NAME)}*"
        lines.append(words.incident.stands_out(kind, who, part(share.share, words)))
    reasons = reason_counts(finding)[:CALLERS]
    if reasons:
        lines.append(words.incident.throttled([(escape(reason, NAME), count) for reason, count in reasons]))
    return lines


def ranked(finding: Finding) -> list[Share]:
    """Return the calling functions, or routes where no function calls it, largest share first."""
    calling = [share for share in finding.callers if share.scope.kind == FUNCTION]
    if not calling:  # functions are called by routes
        calling = [share for share in finding.callers if share.scope.kind not in (CLIENT, TENANT)]
    calling.sort(key=lambda share: -share.share)
    return [each for each in calling if each.share >= LEAST or each is calling[0]]


def standing_out(finding: Finding) -> list[Share]:
    """Return the clients and tenants that account for most of it."""
    suspects = sorted(finding.suspects, key=lambda share: -share.share)
    return [share for share in suspects if share.share >= STANDS_OUT][:CALLERS]


def reason_counts(finding: Finding) -> list[tuple[str, str]]:
    """Return the reasons for throttling with their counts, most frequent first."""
    ordered = sorted(finding.throttle_reasons.items(), key=lambda item: (-item[1], item[0]))
    return [(cut(clean(reason), NAME), numbers.number(count)) for reason, count in ordered]


def part(share: float, words: Phrases) -> str:
    """Return a share, at most 100 %: where other callers fell meanwhile, it can exceed the whole."""
    return words.figures.percent(min(share, 1.0))


def _because(share: Share, finding: Finding, words: Phrases) -> str:
    why = words.incident.because(share, finding)
    return f" · {why}" if why else ""

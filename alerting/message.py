"""The message of a page, in Slack's Block Kit: what happened, how much, why, who calls, where to look."""

from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from alerting import numbers
from alerting.incident import Incident
from alerting.links import LinkMaker
from alerting.mrkdwn import cut, escape, link, plain
from alerting.size import over, size, times
from detectors.finding import Finding, Share, Verdict
from detectors.measures import Measure
from detectors.scope import CLIENT, FUNCTION, TENANT, Edge, Scope, ScopeOrEdge

HEADER: Final = 150  # Slack's limit; the others are below Slack's (3,000 a section, about 13,200 in all)
SECTION: Final = 2800
TOTAL: Final = 12_000
TEXT: Final = 3000
NAME: Final = 60
SENTENCE: Final = 450
CALLERS: Final = 3
_STANDS_OUT: Final = 0.5  # a client or tenant with at least this share of the excess is named
_LEAST: Final = 0.01  # who carries less is not worth a line
_MOSTLY: Final = 2 / 3
_MARGIN: Final = 900  # seconds of quiet around an incident that its links show too

_AGAINST: Final = {
    Verdict.FATAL: "Compared with every error that was ever seen there",
    Verdict.LIMIT: "Compared with the configured limit",
}

Block = dict[str, Any]


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """What is posted: blocks, and the full sentence that notifications and screen readers get."""

    text: str
    blocks: list[Block]


def page(incident: Incident, links: LinkMaker, zone: ZoneInfo, *, at: int) -> Message:
    """Render an incident in its present state.

    Parameters
    ----------
    incident
        Open or resolved.
    links
        Makes the links to table, functions and logs; they carry the incident's time range.
    zone
        The channel's time zone, for where Slack cannot show the reader's own.
    at
        The watermark at which this is told, epoch seconds.
    """
    primary = incident.primary
    title = _title(incident)
    blocks: list[Block] = [
        {"type": "header", "text": _plain(title, HEADER)},
        {"type": "section", "fields": [_mrkdwn(field) for field in _fields(incident, zone)]},
        {"type": "section", "text": _mrkdwn(escape(primary.sentence, SENTENCE) or "No reason was given.")},
    ]
    window = (incident.start - _MARGIN, (incident.end if incident.end is not None else at) + _MARGIN)
    context = {"type": "context", "elements": [_mrkdwn(line) for line in _context(incident, at, zone)]}
    left = TOTAL - sum(map(_length, [*blocks, context]))
    below = [_callers(primary, links, window), *([line] for line in _where_to_look(primary, links, window))]
    for lines in below:
        text = _fit(lines, min(SECTION, left))
        if text:
            blocks.append({"type": "section", "text": _mrkdwn(text)})
            left -= len(text)
    blocks.append(context)
    return Message(text=cut(_sentence(incident, title), TEXT), blocks=blocks)


def about(scope: ScopeOrEdge) -> str:
    """Return what a person calls a scope or edge: ``table items``, ``function put → table items``."""
    if isinstance(scope, Edge):
        return f"{about(scope.source)} → {about(scope.target)}"
    return f"{scope.kind} {cut(scope.label, NAME)}"


def when(epoch: int, zone: ZoneInfo) -> str:
    """Return a time that Slack shows in the reader's zone, with the channel's as the fallback."""
    return f"<!date^{epoch}^{{date_short_pretty}} {{time}}|{clock(epoch, zone)}>"


def clock(epoch: int, zone: ZoneInfo) -> str:
    """Return a time in the channel's zone.

    Examples
    --------
    >>> clock(1760000000, ZoneInfo("Asia/Tokyo"))
    '2025-10-09 17:53 JST'
    """
    return f"{datetime.fromtimestamp(epoch, zone):%Y-%m-%d %H:%M %Z}"


def mostly(share: Share, finding: Finding) -> str:
    """Say whether a caller calls more often or asks for more with each call (less, where there is a fall)."""
    more, calls = ("less", "fewer") if _falls(finding) else ("more", "more")
    capacity = " capacity" if finding.measure in (Measure.RCU, Measure.WCU) else ""
    if finding.measure is Measure.REQUESTS or share.more_calls >= _MOSTLY * share.share:
        return f"{calls} calls"
    if share.more_per_call >= _MOSTLY * share.share:
        return f"{more}{capacity} per call"
    return f"{calls} calls and {more}{capacity} per call"


def _falls(finding: Finding) -> bool:
    return finding.observed < finding.expected


def _title(incident: Incident) -> str:
    primary = incident.primary
    what = f"{about(primary.about)} · {size(primary, incident.peak)}"
    if incident.state == "resolved" and incident.end is not None:
        return f"RESOLVED after {numbers.duration(incident.end - incident.start)} · {what}"
    return f"{incident.verdict.value.upper()} · {what}"


def _sentence(incident: Incident, title: str) -> str:
    primary = incident.primary
    where = escape(_where(primary.about), 2 * NAME)
    if incident.state == "resolved":
        return f"{escape(title, HEADER)}: {escape(over(primary, incident.peak), HEADER)}, {where}."
    told = f"{escape(title, HEADER)}: {_now(primary)}, {where}."
    first = next((share for share in primary.callers if share.scope.kind == FUNCTION), None)
    if first is not None:
        caller = escape(first.scope.label, NAME)
        told += f" {_part(first.share)} of {_whole(primary)} comes from function {caller}."
    return told


def _now(finding: Finding) -> str:
    """Say how it stands, for the sentence that notifications get."""
    now = numbers.quantity(finding.observed, finding.measure)
    match finding.verdict:
        case Verdict.FATAL:
            return "never seen there before"
        case Verdict.LIMIT:
            return f"{now} now, {headroom(finding.observed, finding)}"
        case Verdict.SILENCE:
            return f"{numbers.quantity(finding.expected, finding.measure)} expected"
        case _:
            return f"{now} now, {numbers.number(finding.expected)} expected"


def _whole(finding: Finding) -> str:
    """Say what the shares of callers are shares of."""
    if finding.verdict in (Verdict.FATAL, Verdict.LIMIT):
        return "it"
    return "the loss" if _falls(finding) else "the excess"


def _fields(incident: Incident, zone: ZoneInfo) -> list[str]:
    primary = incident.primary
    expected = numbers.quantity(primary.expected, primary.measure)
    interval = f"{numbers.number(primary.lower)} – {numbers.number(primary.upper)}"
    if incident.state == "resolved" and incident.end is not None:
        fields = [f"*Peak*\n{numbers.quantity(incident.peak, primary.measure)}"]
        since = f"*From – to*\n{when(incident.start, zone)} – {when(incident.end, zone)}"
    else:
        fields = [f"*Now*\n{numbers.quantity(primary.observed, primary.measure)}"]
        since = f"*Since*\n{when(incident.start, zone)}"
    if primary.verdict is Verdict.FATAL:
        fields = [f"*Error*\n{escape(primary.error_type, 2 * NAME)}", f"*Came*\n{times(primary)}"]
    elif primary.verdict is not Verdict.LIMIT:  # a limit is compared with the limit: the headroom
        fields.append(f"*Expected*\n{expected} ({interval})")
    fields += [
        since,
        f"*Where*\n{escape(_where(primary.about), 2 * NAME)}",
    ]
    if primary.limit is not None and primary.limit > 0:
        most = incident.peak if incident.state == "resolved" else primary.observed
        fields.append(f"*Headroom*\n{headroom(most, primary)}")
    fields.append(f"*Data*\n{numbers.percent(primary.completeness)} complete")
    return fields


def _part(share: float) -> str:
    """Return a share for people: where others fell meanwhile it is more than the whole, which confuses."""
    return numbers.percent(min(share, 1.0))


def headroom(value: float, finding: Finding) -> str:
    """Say how much of a known limit is left."""
    limit = finding.limit or 0.0
    of = f"of {numbers.quantity(limit, finding.measure)}"
    if limit <= value:
        return f"none left {of}"
    return f"{numbers.percent(1 - value / limit)} left {of}"


def _where(scope: ScopeOrEdge) -> str:
    target = scope.target if isinstance(scope, Edge) else scope
    account = f"{target.cloud} {target.account}".strip() or "unnamed account"
    return f"{account} · {target.region}" if target.region else account


def _callers(finding: Finding, links: LinkMaker, window: tuple[int, int]) -> list[str]:
    calling = sorted(
        (share for share in finding.callers if share.scope.kind == FUNCTION), key=lambda share: -share.share
    )
    if not calling:  # what a function is called by are routes
        calling = sorted(
            (s for s in finding.callers if s.scope.kind not in (CLIENT, TENANT)), key=lambda s: -s.share
        )
    lines = [
        f"•  {_linked(each.scope, links, window)}   *{_part(each.share)}*{_because(each, finding)}"
        for each in calling[:CALLERS]
        if each.share >= _LEAST or each is calling[0]
    ]
    if lines:
        lines.insert(
            0, f"*Called by*, with the share of the {_which(finding)}{numbers.name(finding.measure)}"
        )
    suspects = sorted(finding.suspects, key=lambda share: -share.share)
    out = [share for share in suspects if share.share >= _STANDS_OUT][:CALLERS]
    for share in out:
        named = f"{share.scope.kind.capitalize()} *{escape(share.scope.label, NAME)}*"
        lines.append(f"{named} carries {_part(share.share)} of it")
    if finding.throttle_reasons:
        ranked = sorted(finding.throttle_reasons.items(), key=lambda item: (-item[1], item[0]))[:CALLERS]
        lines.append(
            "Throttled for "
            + ", ".join(f"{escape(reason, NAME)} ({numbers.number(n)})" for reason, n in ranked)
        )
    return lines


def _because(share: Share, finding: Finding) -> str:
    """Say why a caller has its share of an excess; what is used, or what failed, has no such why."""
    return "" if finding.verdict in (Verdict.FATAL, Verdict.LIMIT) else f" · {mostly(share, finding)}"


def _which(finding: Finding) -> str:
    if finding.verdict in (Verdict.FATAL, Verdict.LIMIT):
        return ""
    return "missing " if _falls(finding) else "extra "


def _where_to_look(finding: Finding, links: LinkMaker, window: tuple[int, int]) -> list[str]:
    about_it = finding.about.target if isinstance(finding.about, Edge) else finding.about
    function = about_it if about_it.kind == FUNCTION else None
    if function is None:
        callers = [share for share in finding.callers if share.scope.kind == FUNCTION]
        function = max(callers, key=lambda share: share.share).scope if callers else None
    scopes = [about_it] if function in (None, about_it) else [about_it, function]
    return [line for scope in scopes if scope is not None for line in _doors(scope, links, window)]


def _doors(scope: Scope, links: LinkMaker, window: tuple[int, int]) -> list[str]:
    found = []
    for kind in links.kinds(scope.kind, cloud=scope.cloud):
        url = _url(kind, scope, links, window)
        if url is not None:
            found.append(link(url, kind.partition("_")[2] or scope.label, NAME))
    return [f"{scope.kind.capitalize()}:  {'  ·  '.join(found)}"] if found else []


def _linked(scope: Scope, links: LinkMaker, window: tuple[int, int]) -> str:
    return link(_url(scope.kind, scope, links, window), scope.label, NAME)


def _url(kind: str, scope: Scope, links: LinkMaker, window: tuple[int, int]) -> str | None:
    return links.url(
        kind,
        cloud=scope.cloud,
        account=scope.account,
        region=scope.region,
        name=scope.name,
        start=window[0],
        end=window[1],
    )


_COMPARED: Final = {
    "weeks": "No earlier week to compare with",
    "holidays": "A holiday, compared with the last holidays and Sundays",
    "yesterday": "No earlier week to compare with; compared with yesterday",
    "minutes": "No earlier day to compare with; compared with the last minutes",
}


def _context(incident: Incident, at: int, zone: ZoneInfo) -> list[str]:
    primary = incident.primary
    compared = (
        f"Compared with {_weeks(primary.weeks_used)}"
        if primary.weeks_used and primary.compared_with == "weeks"
        else _COMPARED[primary.compared_with]
    )
    base = _AGAINST.get(primary.verdict, compared)
    if primary.weeks_left_out and base is compared:
        base += f"; {_weeks(primary.weeks_left_out)} left out"
    lines = [base]
    if incident.members:
        named = dict.fromkeys(
            f"{about(member.about)} ({numbers.name(member.measure)})" for member in incident.members
        )
        shown = [escape(each, 2 * NAME) for each in list(named)[:CALLERS]]
        more = f" and {len(named) - CALLERS} more" if len(named) > CALLERS else ""
        lines.append(f"With it: {', '.join(shown)}{more}")
    again = f" · came back {incident.reopened}×" if incident.reopened else ""
    lines.append(f"As of {when(at, zone)} · incident {incident.id}{again}")
    return lines


def _weeks(weeks: list[int]) -> str:
    """Name weeks: ``last week``, ``weeks 1, 2 and 3 ago``."""
    if weeks == [1]:
        return "last week"
    *firsts, last = map(str, weeks)
    return f"weeks {', '.join(firsts)} and {last} ago" if firsts else f"week {last} ago"


def _fit(lines: list[str], budget: int) -> str:
    kept: list[str] = []
    for line in lines:  # whole lines only: half a link would break the block
        if sum(map(len, kept)) + len(kept) + len(line) > budget:
            break
        kept.append(line)
    return "\n".join(kept)


def _length(block: Block) -> int:
    shown = [block["text"]] if "text" in block else block.get("fields") or block.get("elements") or []
    return sum(len(text["text"]) for text in shown)


def _plain(text: str, limit: int) -> Block:
    return {"type": "plain_text", "text": plain(text, limit), "emoji": False}


def _mrkdwn(text: str) -> Block:
    # verbatim: Slack is not to look for links and mentions in what we did not mark as such.
    return {"type": "mrkdwn", "text": text, "verbatim": True}

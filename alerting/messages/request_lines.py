"""Lines about an incident: the requests that illustrate it, memos, and the changes before it."""

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from alerting.commands.memo import LONGEST, Memo
from alerting.incidents.incident import Incident, IncidentExample
from alerting.messages.blocks import NAME, SECTION, SENTENCE
from alerting.messages.console_links import MARGIN
from alerting.words import numbers
from alerting.words.mrkdwn import CUT, clean, cut, escape, link, person
from alerting.words.phrases import Phrases
from alerting.words.stated_texts import NAMED_CHANGES, safe_url, stated_texts, stated_url
from config.links import Links
from detectors.explain.examples import Why
from detectors.model.measures import Measure
from detectors.model.request_example import ExampleCall, RequestExample
from detectors.model.stated import StatedChange

LOGS: Final = "request"
TRACE: Final = "trace"

_ID: Final = re.compile(r"(?:[a-z_]{1,20}:)?([^/]{1,200})")
_TRACE: Final = re.compile(r"(?<![0-9a-f])(?:1-([0-9a-f]{8})-([0-9a-f]{24})|([0-9a-f]{32}))(?![0-9a-f])")
_SAMPLE: Final = 240  # characters of a sample in a line
_LINE: Final = SECTION - NAME
_CALLS: Final = 2  # tables in a line


class ExampleText(NamedTuple):
    """One request in words, plain text that may hold anything, with the URLs of its logs and trace."""

    why: str
    what: str
    identity: str
    sample: str
    logs: str | None
    trace: str | None


def request_links(request: RequestExample, links: Links) -> dict[str, str]:
    """Return the URLs of a request by kind: its logs, its trace. A trace that is a URL is its own link."""
    found: dict[str, str] = {}
    own = safe_url(request.trace or "")
    trace = _TRACE.search(request.trace or "")
    first, rest, whole = trace.groups() if trace is not None else ("", "", "")
    hexadecimal = whole or f"{first}{rest}"
    named = _ID.match(request.id or "")
    for kind in (LOGS, TRACE):
        for key in links.kinds(kind, cloud=request.cloud or ""):
            url = links.url(
                key,
                cloud=request.cloud or "",
                account=request.account or "",
                region=request.region or "",
                name=request.function or "",
                start=request.ts - MARGIN,
                end=request.ts + MARGIN,
                request="" if named is None else named.group(1),
                trace=hexadecimal,
            )
            if url is not None:
                found[key] = url
    return found | ({TRACE: own} if own else {})


def example_texts(incident: Incident, words: Phrases, links: Links | None) -> Iterator[ExampleText]:
    """Yield the requests of an incident in words, those that failed first."""
    whys = {
        Why.FAILED: words.labels.failed,
        Why.SLOWEST: words.labels.slowest,
        Why.COSTLIEST: words.labels.costliest,
    }
    for example in incident.examples:
        urls = {} if links is None else request_links(example.request, links)
        yield ExampleText(
            whys[example.why],
            " · ".join(_parts(example, words)),
            example.request.id or "",
            example.request.sample or "",
            urls.get(LOGS),
            urls.get(TRACE),
        )


def example_lines(incident: Incident, words: Phrases, zone: ZoneInfo, links: Links | None) -> list[str]:
    """Return the requests of an incident as lines of mrkdwn."""
    texts = example_texts(incident, words, links)
    return [_line(example, text, words, zone) for example, text in zip(incident.examples, texts, strict=True)]


def _line(example: IncidentExample, text: ExampleText, words: Phrases, zone: ZoneInfo) -> str:
    parts = [
        f"*{escape(text.why, NAME)}*",
        words.when(int(example.request.ts), zone),
        escape(text.what, 4 * NAME),
    ]
    if text.identity:
        parts.append(link(text.logs, text.identity, NAME))
    if text.trace is not None:
        parts.append(link(text.trace, words.labels.trace, NAME))
    line = " · ".join(parts)
    sample = escape(text.sample, _SAMPLE)
    return f"{line}\n{sample}" if sample and len(line) + len(sample) < _LINE else line


def _parts(example: IncidentExample, words: Phrases) -> Iterator[str]:
    request = example.request
    where = (request.route, request.function)
    yield " → ".join(name for name in where if name) or request.service or "–"
    if request.client is not None and request.client.name:
        yield " ".join(name for name in (request.client.name, request.client.version) if name)
    failed = (
        str(request.status or ""),
        request.error or "",
        request.error_type or "",
        request.throttled or "",
    )
    if any(failed):
        yield " ".join(part for part in failed if part)
    if request.ms_total is not None:
        yield words.figures.quantity(request.ms_total, Measure.LATENCY)
    calls = sorted(request.tables or (), key=lambda call: (-call.units, -call.calls))
    for call in calls[:_CALLS]:
        yield _call(call, words)


def _call(call: ExampleCall, words: Phrases) -> str:
    parts = [f"{call.op} {call.name}" if call.op else call.name]
    if call.calls > 1:
        parts.append(f"×{call.calls}")
    if call.rcu:
        parts.append(f"{numbers.number(call.rcu)} RCU")
    if call.wcu:
        parts.append(f"{numbers.number(call.wcu)} WCU")
    if call.ms is not None:
        parts.append(words.figures.quantity(call.ms, Measure.LATENCY))
    if call.throttled:
        parts.append(call.throttled)
    return " ".join(parts)


NAMED: Final = 3
"""Memos that a message shows of its incident, and of others: the newest."""

SHORT: Final = 300  # characters of a memo in a message
_AROUND: Final = 500  # characters of a line besides the memo
_ADDRESS: Final = re.compile(r"https://[^\s<>|\"'`]*[^\s<>|\"'`.,;:!?)\]」）、。]")


class MemoLines:
    """The memos of one incident and of others of its kind (oldest first), as lines of mrkdwn."""

    def __init__(self, memos: Sequence[Memo], incident: Incident, words: Phrases, zone: ZoneInfo) -> None:
        self._memos = memos
        self._words = words
        self._zone = zone
        self._others = [memo for memo in memos if memo.incident != incident.id]
        self._own = [memo for memo in memos if memo.incident == incident.id]

    def some(self) -> list[str]:
        """Return the memos of a message: those of the last times, newest first, then its own."""
        shown = [*self._others[: -NAMED - 1 : -1], *self._own[-NAMED:]]
        lines = [self._line(memo, SHORT) for memo in shown]
        more = len(self._memos) - len(shown)
        return [*lines, self._words.figures.and_more(count=more)] if more else lines

    def all(self) -> list[str]:
        """Return all memos at length, the newest first."""
        return [self._line(memo, LONGEST) for memo in reversed(self._memos)]

    def _line(self, memo: Memo, limit: int) -> str:
        when, text = self._words.when(memo.at, self._zone), memo_mrkdwn(memo.text, limit)
        return self._words.incident.memo(title=self.title(memo), when=when, who=person(memo.by), text=text)

    def title(self, memo: Memo) -> str:
        """Return the heading of a memo: of this incident, of the last other one, or of one before."""
        labels = self._words.labels
        if memo in self._own:
            return labels.noted
        return labels.last_time if memo.incident == self._others[-1].incident else labels.earlier_time


def memo_mrkdwn(text: str, limit: int = LONGEST) -> str:
    """Return the text of a memo as one line of mrkdwn that fits into a section with what stands before it.

    Its addresses are links, since memos lead to where more is written.

    Examples
    --------
    >>> memo_mrkdwn("*see* https://wiki.example.com/ios?a=1&b=2, and @here")
    '∗see∗ <https://wiki.example.com/ios?a=1&amp;b=2|wiki.example.com/ios?a=1&amp;b=2>, and ＠here'
    """
    whole = _linked(cut(clean(text), limit))
    return whole if len(whole) <= SECTION - _AROUND else escape(text, SENTENCE)


def addresses(line: str) -> Iterator[tuple[str, bool]]:
    """Yield the parts of a line, each with whether it is an address that may become a link."""
    done = 0
    for found in _ADDRESS.finditer(line):
        is_cut = line.endswith(CUT, found.start(), found.end() + 1)
        if safe_url(found.group()) is not None and not is_cut:
            yield line[done : found.start()], False
            yield found.group(), True
            done = found.end()
    yield line[done:], False


def _linked(line: str) -> str:
    return "".join(
        link(part, part.removeprefix("https://"), SHORT) if leads else _escaped(part)
        for part, leads in addresses(line)
    )


def _escaped(part: str) -> str:
    """Escape a part of a line, and keep the space at its ends."""
    before, after = " " * part.startswith(" "), " " * (part != " " and part.endswith(" "))
    return f"{before}{escape(part, LONGEST)}{after}"


def change_lines(incident: Incident, words: Phrases) -> list[str]:
    """Return the changes before an incident, the nearest first; none of a withdrawn one."""
    if incident.state == "withdrawn":  # nothing began
        return []
    lines = []
    for preceding in incident.changes[:NAMED_CHANGES]:
        change, of, by = _shown(preceding.change, words)
        lines.append(words.incident.after_change(preceding.after, change, of, by))
    more = len(incident.changes) - len(lines)
    return [*lines, words.incident.more_changes(count=more)] if more > 0 else lines


def change_line(change: StatedChange, words: Phrases, zone: ZoneInfo) -> str:
    """Return a change as a line: its time, name, scope and author."""
    shown, of, by = _shown(change, words)
    kind = escape(words.figures.kind(change.about.kind), NAME)
    when = words.when(int(change.ts), zone)
    return words.answers.deployed(when=when, change=shown, of=f"{kind} {of}", by=by)


def _shown(change: StatedChange, words: Phrases) -> tuple[str, str, str]:
    """Return the change as a link where it has a safe one, its scope, and by whom, as mrkdwn."""
    what, version, of, by = stated_texts(change)
    named = words.incident.change(what, version)
    # the author of the record chose this name: it mentions no person
    return link(stated_url(change), named, 2 * NAME), escape(of, NAME) or "–", escape(by, NAME)

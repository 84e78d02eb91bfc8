"""The requests that illustrate an incident, as lines: what a person needs to look one up."""

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from alerting.commands.memo import Memo
from alerting.incidents.incident import Incident
from alerting.incidents.incident_examples import IncidentExample
from alerting.messages.console_links import MARGIN, LinkMaker
from alerting.messages.message import NAME, SECTION
from alerting.words import numbers
from alerting.words.mrkdwn import escape, link
from alerting.words.phrases import Phrases
from alerting.words.stated_texts import safe_url
from detectors.explain.examples import Why
from detectors.model.measures import Measure
from detectors.model.request_example import ExampleCall, RequestExample

LOGS: Final = "request"
TRACE: Final = "trace"

_ID: Final = re.compile(r"(?:[a-z_]{1,20}:)?([^/]{1,200})")
_TRACE: Final = re.compile(r"(?<![0-9a-f])(?:1-([0-9a-f]{8})-([0-9a-f]{24})|([0-9a-f]{32}))(?![0-9a-f])")
_SAMPLE: Final = 240  # characters of a sample in a line
_LINE: Final = SECTION - NAME
_CALLS: Final = 2  # tables in a line


class ExampleText(NamedTuple):
    """One request in words, plain text that may hold anything, and where it can be looked up."""

    why: str
    what: str
    identity: str
    sample: str
    logs: str | None
    trace: str | None


def incident_to_json(incident: Incident, links: LinkMaker, memos: Sequence[Memo] = ()) -> dict[str, object]:
    """Return an incident as programs receive it: its examples with their links, and the memos of its kind."""
    examples = [
        {**example.to_json(), "links": request_links(example.request, links)} for example in incident.examples
    ]
    return {**incident.to_json(), "examples": examples, "memos": [memo.to_json() for memo in memos]}


def request_links(request: RequestExample, links: LinkMaker) -> dict[str, str]:
    """Return the URLs of a request by kind: its logs, its trace. One that is its trace leads there itself."""
    found: dict[str, str] = {}
    own = safe_url(request.trace or "")
    trace = _TRACE.search(request.trace or "")
    first, rest, whole = trace.groups() if trace is not None else ("", "", "")
    hexadecimal = whole or f"{first}{rest}"
    named = _ID.match(request.id or "")
    for kind in (LOGS, TRACE):
        for each in links.kinds(kind, cloud=request.cloud or ""):
            url = links.url(
                each,
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
                found[each] = url
    return found | ({TRACE: own} if own else {})


def example_texts(incident: Incident, words: Phrases, links: LinkMaker | None) -> Iterator[ExampleText]:
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


def example_lines(incident: Incident, words: Phrases, zone: ZoneInfo, links: LinkMaker | None) -> list[str]:
    """Return the requests of an incident as lines of mrkdwn."""
    texts = example_texts(incident, words, links)
    return [_line(one, text, words, zone) for one, text in zip(incident.examples, texts, strict=True)]


def _line(one: IncidentExample, text: ExampleText, words: Phrases, zone: ZoneInfo) -> str:
    parts = [
        f"*{escape(text.why, NAME)}*",
        words.when(int(one.request.ts), zone),
        escape(text.what, 4 * NAME),
    ]
    if text.identity:
        parts.append(link(text.logs, text.identity, NAME))
    if text.trace is not None:
        parts.append(link(text.trace, words.labels.trace, NAME))
    line = " · ".join(parts)
    sample = escape(text.sample, _SAMPLE)
    return f"{line}\n{sample}" if sample and len(line) + len(sample) < _LINE else line


def _parts(one: IncidentExample, words: Phrases) -> Iterator[str]:
    request = one.request
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
        yield " ".join(each for each in failed if each)
    if request.ms_total is not None:
        yield words.figures.quantity(request.ms_total, Measure.LATENCY)
    calls = sorted(request.tables or (), key=lambda call: -call.units)
    for call in calls[:_CALLS]:
        yield _call(call, words)


def _call(call: ExampleCall, words: Phrases) -> str:
    parts = [f"{call.op} {call.name}" if call.op else call.name]
    if call.rcu:
        parts.append(f"{numbers.number(call.rcu)} RCU")
    if call.wcu:
        parts.append(f"{numbers.number(call.wcu)} WCU")
    if call.ms is not None:
        parts.append(words.figures.quantity(call.ms, Measure.LATENCY))
    if call.throttled:
        parts.append(call.throttled)
    return " ".join(parts)

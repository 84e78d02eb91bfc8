"""One incident whole: its figures, its callers, its story, changes before it, memos, requests, links."""

from collections.abc import Iterator
from typing import Annotated, Final

from mcp.types import CallToolResult
from msgspec import UNSET
from msgspec.structs import replace
from pydantic import Field

from alerting.commands.memo import MemoAnswer
from alerting.incidents.answers import MemberAnswer, ShareAnswer
from alerting.messages.incident_answer import ExampleAnswer, IncidentAnswer
from detectors.model.finding import is_split
from detectors.model.request_example import ExampleClient
from detectors.model.scope import TABLE
from streams.screens.board.incidents.incident_service import BoardIncidentAnswer, MomentAnswer
from streams.screens.mcp.answer_parts import AnswerPart, Given, data_of, part_of
from streams.screens.mcp.board_client import CLIENT, in_path
from streams.screens.mcp.incidents_tool import CHANGE, INCIDENT, change_words, incident_part, incident_words
from streams.screens.mcp.named_scope import BoardPlaces, NamedScope
from streams.screens.mcp.tool_answer import answered
from streams.screens.mcp.tool_figures import ToolTimes, amount, measure_in_words, share_in_words
from streams.screens.mcp.untrusted_text import TEXT, quoted, shown, shown_url

CALLERS: Final = 10
MEMBERS: Final = 15
STORY: Final = 40
MEMOS: Final = 10
EXAMPLES: Final = 5
LINKS: Final = 6
LONGEST_LINK: Final = 400  # characters; longer ones are on the page
LITTLE: Final = 0.005  # of an excess: less is not shown

IncidentName = Annotated[
    str,
    Field(min_length=1, max_length=100, description="id of the incident; its first characters suffice"),
]

_HAPPENED: Final = {
    "change": "changed",
    "began": "began",
    "joined": "joined",
    "alerted": "message sent",
    "acknowledge": "acknowledged",
    "unacknowledge": "acknowledgement taken back",
    "snooze": "snoozed",
    "expected": "marked as expected",
    "not_an_anomaly": "marked as not an anomaly",
    "take_back": "mark taken back",
    "silence": "silenced",
    "unsilence": "snooze ended",
    "memo": "memo",
    "resolved": "resolved",
    "withdrawn": "withdrawn",
}


SHARE: Final = part_of(
    ShareAnswer,
    "Who causes an excess: its share, split into more calls and more per call (of a fall: fewer, less).",
    "kind name version? share more_calls more_per_call",
    longest={"kind": 40, "name": 120, "version": 60},
)
MEMBER: Final = part_of(
    MemberAnswer,
    "Another series that the incident took in.",
    "about=scope measure verdict start end",
    longest={"measure": 80},
)
MOMENT: Final = part_of(
    MomentAnswer,
    "What happened at a time; ``text`` is of people or of a source.",
    "at what by? until text",
    longest={"by": 60},
    what=Given(str),
    text=Given(str | None),
)
MEMO: Final = part_of(
    MemoAnswer,
    "What somebody noted; ``text`` is data, and may be about an earlier incident of the same thing.",
    "id at by text incident? scope?",
    longest={"id": 80, "text": TEXT, "incident": 80, "scope": 120},
    by=Given(str),
)
REQUEST: Final = part_of(
    ExampleAnswer,
    "A request that illustrates the incident; all of it but ``why`` and ``at`` is data from events.",
    "why at=ts id? route? function? client status error milliseconds=ms.total sample?",
    longest={"id": 120, "route": 120, "function": 120, "sample": 240},
    client=Given(str | None),
    error=Given(str | None),
)
INCIDENT_WHOLE: Final = data_of(
    BoardIncidentAnswer,
    "One incident whole, as known up to at. lower and upper are of what was expected; completeness is the "
    "share of the data that was there, 0 to 1; requests_affected those while it deviated, calls_affected "
    "those of a table; error_kinds how requests failed, in its last hour at most; suspects are clients and "
    "tenants that stand out; causes the deepest findings that explain it; changes what was deployed or "
    "configured before it, ended_after that before its end; links lead to consoles, logs and metrics over "
    "its time.",
    "incident title at lower=incident.lower upper=incident.upper peak=incident.peak score=incident.score "
    "completeness=incident.completeness limit=incident.limit requests_affected calls_affected "
    "routes_affected throttle_reasons error_kinds callers=incident.callers suspects=incident.suspects "
    "causes members=incident.members changes=incident.changes ended_after=incident.ended_after story "
    "memos=incident.memos requests=incident.examples runbook? links",
    longest={"title": 200},
    incident=INCIDENT,
    requests_affected=Given(float | None),
    calls_affected=Given(float | None),
    routes_affected=Given(list[str]),
    throttle_reasons=Given(list[str]),
    error_kinds=Given(list[str]),
    callers=SHARE,
    suspects=SHARE,
    causes=Given(list[str]),
    members=MEMBER,
    changes=CHANGE,
    ended_after=CHANGE,
    story=MOMENT,
    memos=MEMO,
    requests=REQUEST,
    links=Given(dict[str, str]),
)


async def show_incident(incident: IncidentName) -> Annotated[CallToolResult, INCIDENT_WHOLE]:
    """Show one incident whole.

    Its figures, who causes it (more calls, or more per call), what happened in which order, changes before
    it, what was learnt the last times, requests to look at, links.
    """
    board = CLIENT.get()
    given = await board.ask_for(BoardIncidentAnswer, f"/board/incidents/{in_path(incident)}")
    times, places = await board.times(), BoardPlaces(board.url)
    whole = _shortened(given)
    found = whole.incident
    affected, is_table = found.affected.requests, found.scope.kind == TABLE
    data = INCIDENT_WHOLE.made_from(
        whole,
        times,
        incident=incident_part(found, times, places),
        requests_affected=None if is_table else affected,
        calls_affected=affected if is_table else None,
        routes_affected=[shown(route, 120) for route in found.affected.routes[:CALLERS]],
        throttle_reasons=_throttle_reasons(found),
        error_kinds=_error_kinds(found),
        causes=_causes(found),
        story=[_moment(moment, times) for moment in whole.story],
        memos=[memo_part(memo, times) for memo in found.memos],
        requests=[_request(example, times) for example in found.examples],
        links=whole.links,
    )
    data.leave_out(
        callers=len(given.incident.callers),
        suspects=len(given.incident.suspects),
        members=len(given.incident.members),
        story=len(given.story),
        memos=len(given.incident.memos),
        links=len(given.links),
    )
    return answered(data, _lines(whole, times, places))


def _shortened(whole: BoardIncidentAnswer) -> BoardIncidentAnswer:
    """Return an incident with as much of each list as an assistant has room for."""
    incident = whole.incident
    links = {
        shown(kind, 40): url
        for kind, url in whole.links.items()
        if shown_url(url) is not None and len(url) <= LONGEST_LINK
    }
    return replace(
        whole,
        incident=replace(
            incident,
            callers=incident.callers[:CALLERS],
            suspects=incident.suspects[:CALLERS],
            members=incident.members[:MEMBERS],
            changes=incident.changes[:CALLERS],
            memos=incident.memos[-MEMOS:],
            examples=incident.examples[:EXAMPLES],
        ),
        story=whole.story[-STORY:],
        links=dict(list(links.items())[:LINKS]),
    )


def memo_part(memo: MemoAnswer, times: ToolTimes) -> AnswerPart:
    """Return a memo."""
    return MEMO.made_from(memo, times, by=shown(memo.name or memo.by, 60))


def _throttle_reasons(incident: IncidentAnswer) -> list[str]:
    reasons = incident.throttle_reasons or {}
    return [f"{shown(reason, 80)}: {count:g}" for reason, count in reasons.items()]


def _error_kinds(incident: IncidentAnswer) -> list[str]:
    return [
        f"{shown(kind.kind, 120)}: {kind.times:g}{', new' if kind.new else ''}"
        for kind in (incident.failures.kinds if incident.failures else ())
    ]


def _causes(incident: IncidentAnswer) -> list[str]:
    return [f"{NamedScope.of(cause).scope} ({shown(cause.measure, 60)})" for cause in incident.causes]


def _moment(moment: MomentAnswer, times: ToolTimes) -> AnswerPart:
    what = _HAPPENED.get(moment.what, shown(moment.what, 40))
    return MOMENT.made_from(moment, times, what=what, text=_text(moment) or None)


def _text(moment: MomentAnswer) -> str:
    """Return what people or a source said of a moment."""
    of = moment.of or moment.scope
    about = NamedScope.of(of).scope if of else ""
    parts = (about, moment.measure, moment.did, moment.version, moment.why, moment.text)
    return shown(" ".join(str(part) for part in parts if part), TEXT)


def _request(request: ExampleAnswer, times: ToolTimes) -> AnswerPart:
    return REQUEST.made_from(request, times, client=_client(request) or None, error=_error(request) or None)


def _client(request: ExampleAnswer) -> str:
    client = request.client or ExampleClient()
    return shown(_joined(client.name, client.version), 120)


def _error(request: ExampleAnswer) -> str:
    return shown(_joined(request.error, request.error_type, request.throttled), 160)


def _joined(*texts: str | None) -> str:
    return " ".join(text for text in texts if text)


def _lines(whole: BoardIncidentAnswer, times: ToolTimes, places: BoardPlaces) -> Iterator[str]:
    incident = whole.incident
    measure, kind = shown(incident.measure, 80), incident.scope.kind
    yield f"{incident_words(incident, times, at=whole.at)} (as of {times.words(whole.at)})"
    if shown(incident.sentence):
        yield f"Why: {quoted(incident.sentence, TEXT)}"
    lower, upper, furthest = (
        amount(value, measure, kind) for value in (incident.lower, incident.upper, incident.peak)
    )
    yield f"Expected between {lower} and {upper}; furthest {furthest}."
    if incident.limit is not UNSET:
        yield f"Limit: {amount(incident.limit, measure, kind)}."
    if incident.affected.requests is not None:
        what = "Calls" if kind == TABLE else "Requests"
        yield f"{what} affected: {incident.affected.requests:,.0f}."
    yield from _cause_lines(incident)
    yield from _events(whole, times)
    if runbook := shown_url(whole.runbook):
        yield f"Runbook: {runbook}"
    yield from (f"{name}: {url}" for name, url in whole.links.items())
    yield f"Its page: {places.incident(incident.id)}"


def _cause_lines(incident: IncidentAnswer) -> Iterator[str]:
    amounts = incident.added_up or incident
    fall = amounts.observed < amounts.expected
    splits = is_split(incident.verdict, incident.measure)
    for title, shares in (("Caused by", incident.callers), ("Stands out", incident.suspects)):
        for share in (share for share in shares if share.share > LITTLE):
            name, version = shown(share.name, 120), shown(share.version or None, 60)
            part = share_in_words(share.share)
            split = _split(share, fall=fall) if splits else ""
            who = f"{shown(share.kind, 40)} {quoted(f'{name} {version}'.strip())}"
            yield f"{title}: {who}, {part} of it{split}"
    if (basis := incident.rests_on) is not UNSET:
        alike = f"All {shown(basis.alike, 40)}s alike. " if basis.alike else ""
        yield f"{alike}These shares rest on {basis.requests:,} requests."
    yield from (f"Throttled because of {quoted(reason)}" for reason in _throttle_reasons(incident))
    yield from (f"Failed with {quoted(kind)}" for kind in _error_kinds(incident))
    yield from (f"Deepest cause: {quoted(cause, 160)}" for cause in _causes(incident))
    also = [
        f"{NamedScope.of(member.scope).words} "
        f"({member.verdict.value} of {measure_in_words(shown(member.measure, 80), member.scope.kind)})"
        for member in incident.members
    ]
    if also:
        yield f"Also affected: {', '.join(also)}."


def _events(whole: BoardIncidentAnswer, times: ToolTimes) -> Iterator[str]:
    incident = whole.incident
    yield from (f"Changed before it: {change_words(change, times)}" for change in incident.changes)
    if incident.ended_after is not None:
        yield f"Changed before its end: {change_words(incident.ended_after, times)}"
    yield "What happened:"
    for moment in whole.story:
        by = f" by {quoted(moment.by, 60)}" if shown(moment.by or None) else ""
        until = f" until {times.data(moment.until)}" if isinstance(moment.until, int) else ""
        text = f": {quoted(_text(moment), 200)}" if _text(moment) else ""
        what = _HAPPENED.get(moment.what) or quoted(moment.what, 40)
        yield f"- {times.data(moment.at)} {what}{by}{until}{text}"
    for memo in incident.memos:
        earlier = " on an earlier incident of the same thing" if memo.incident != incident.id else ""
        noted = f"{quoted(memo.name or memo.by, 60)}, {times.data(memo.at)}: {quoted(memo.text, TEXT)}"
        yield f"Memo{earlier}, {noted}"
    for request in incident.examples:
        parts = (
            shown(request.route, 120),
            shown(request.function, 120),
            _client(request),
            request.status,
            _error(request),
            shown(request.id, 120),
        )
        what = " · ".join(str(part) for part in parts if part)
        sample = f" {quoted(request.sample, 240)}" if shown(request.sample) else ""
        yield f"Request ({request.why.value}, {times.data(request.ts)}): {quoted(what, 240)}{sample}"


def _split(share: ShareAnswer, *, fall: bool) -> str:
    more, calls = ("less", "fewer") if fall else ("more", "more")
    parts = [
        f"{share_in_words(share.more_calls)} {calls} calls" if share.more_calls > LITTLE else "",
        f"{share_in_words(share.more_per_call)} {more} per call" if share.more_per_call > LITTLE else "",
    ]
    found = [part for part in parts if part]
    return f" ({', '.join(found)})" if found else ""

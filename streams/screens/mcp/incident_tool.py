"""One incident whole: its figures, its callers, its story, changes before it, memos, requests, links."""

from collections.abc import Iterator, Sequence
from typing import Final

from mcp.types import CallToolResult
from pydantic import Field

from alerting.commands.memo import MemoAnswer
from alerting.incidents.answers import MemberAnswer, ShareAnswer
from alerting.messages.incident_answer import ExampleAnswer
from detectors.model.finding import is_split
from detectors.model.request_example import ExampleClient
from detectors.model.scope import TABLE
from streams.screens.board.incidents.incident_service import BoardIncidentAnswer, MomentAnswer
from streams.screens.mcp.board_client import BoardClient, in_path
from streams.screens.mcp.incidents_tool import ChangeTold, IncidentLine, change_line, incident_line
from streams.screens.mcp.named_scope import BoardPlaces, NamedScope
from streams.screens.mcp.tool_answer import ToolData, ToolPart, answered, known
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

_HAPPENED: Final = {
    "change": "changed",
    "began": "began",
    "joined": "joined",
    "alerted": "message sent",
    "acknowledge": "acknowledged",
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


class ExcessShare(ToolPart):
    """Who causes an excess: its share, split into more calls and more per call (of a fall: fewer, less)."""

    kind: str
    name: str
    version: str | None = None
    share: float
    more_calls: float
    more_per_call: float


class MemberLine(ToolPart):
    """Another series that the incident took in."""

    about: NamedScope
    measure: str
    verdict: str
    start: str | None = None
    end: str | None = None


class StoryMoment(ToolPart):
    """What happened at a time; ``text`` is of people or of a source."""

    at: str
    what: str
    by: str | None = None
    until: str | None = None
    text: str | None = None


class MemoLine(ToolPart):
    """What somebody noted; ``text`` is data, and may be about an earlier incident of the same thing."""

    id: str
    at: str
    by: str
    text: str
    incident: str | None = None
    scope: str | None = None


class RequestTold(ToolPart):
    """A request that illustrates the incident; all of it but ``why`` and ``at`` is data from events."""

    why: str
    at: str
    id: str | None = None
    route: str | None = None
    function: str | None = None
    client: str | None = None
    status: int | None = None
    error: str | None = None
    milliseconds: float | None = None
    sample: str | None = None


class IncidentData(ToolData):
    """One incident whole."""

    incident: IncidentLine
    title: str
    at: str = Field(description="up to when this is known")
    lower: float | None = Field(None, description="of what was expected")
    upper: float | None = None
    peak: float | None = None
    score: float | None = None
    completeness: float | None = Field(None, description="share of the data that was there, 0 to 1")
    limit: float | None = None
    requests_affected: float | None = Field(None, description="while it deviated")
    calls_affected: float | None = Field(None, description="of a table, in place of requests")
    routes_affected: list[str] = Field([])
    throttle_reasons: list[str] = Field([])
    error_kinds: list[str] = Field([], description="how requests failed, in its last hour at most")
    callers: list[ExcessShare] = Field([])
    suspects: list[ExcessShare] = Field([], description="clients and tenants that stand out")
    causes: list[str] = Field([], description="the deepest findings that explain it")
    members: list[MemberLine] = Field([])
    changes: list[ChangeTold] = Field([], description="what was deployed or configured before it")
    ended_after: ChangeTold | None = Field(None, description="what was deployed or configured before its end")
    story: list[StoryMoment] = Field([])
    memos: list[MemoLine] = Field([])
    requests: list[RequestTold] = Field([])
    runbook: str | None = None
    links: dict[str, str] = Field({}, description="consoles, logs and metrics over its time")


async def incident_answer(board: BoardClient, name: str) -> CallToolResult:
    """Return one incident by its id, or the first characters of it.

    Raises
    ------
    BoardAnswerError
        When there is no such incident, or the daemon does not answer.
    """
    whole = await board.ask_for(BoardIncidentAnswer, f"/board/incidents/{in_path(name)}")
    times, places = await board.times(), BoardPlaces(board.url)
    incident = whole.incident
    links = {
        shown(kind, 40): url
        for kind, url in whole.links.items()
        if shown_url(url) is not None and len(url) <= LONGEST_LINK
    }
    callers, suspects = _shares(incident.callers), _shares(incident.suspects)
    reasons = known(incident.throttle_reasons) or {}
    is_table = incident.scope.kind == TABLE
    data = IncidentData(
        incident=incident_line(incident, times, places, at=whole.at),
        title=shown(whole.title, 200),
        at=times.data(whole.at),
        lower=incident.lower,
        upper=incident.upper,
        peak=incident.peak,
        score=incident.score,
        completeness=incident.completeness,
        limit=known(incident.limit),
        requests_affected=None if is_table else incident.affected.requests,
        calls_affected=incident.affected.requests if is_table else None,
        routes_affected=[shown(route, 120) for route in incident.affected.routes[:CALLERS]],
        throttle_reasons=[f"{shown(reason, 80)}: {count:g}" for reason, count in reasons.items()],
        error_kinds=[
            f"{shown(kind.kind, 120)}: {kind.times:g}{', new' if kind.new else ''}"
            for kind in (incident.failures.kinds if incident.failures else ())
        ],
        callers=callers[:CALLERS],
        suspects=suspects[:CALLERS],
        causes=[f"{NamedScope.of(cause).scope} ({shown(cause.measure, 60)})" for cause in incident.causes],
        members=[_member(member, times) for member in incident.members[:MEMBERS]],
        changes=[change_line(change, times) for change in incident.changes[:CALLERS]],
        ended_after=incident.ended_after and change_line(incident.ended_after, times),
        story=[_moment(moment, times) for moment in whole.story[-STORY:]],
        memos=[memo_line(memo, times) for memo in incident.memos[-MEMOS:]],
        requests=[_request(example, times) for example in incident.examples[:EXAMPLES]],
        runbook=shown_url(whole.runbook),
        links=dict(list(links.items())[:LINKS]),
    )
    data.leave_out(
        callers=len(callers),
        suspects=len(suspects),
        members=len(incident.members),
        story=len(whole.story),
        memos=len(incident.memos),
        links=len(whole.links),
    )
    return answered(data, _lines(data, times.words(whole.at)))


def memo_line(memo: MemoAnswer, times: ToolTimes) -> MemoLine:
    """Return a memo."""
    return MemoLine(
        id=shown(memo.id, 80),
        at=times.data(memo.at),
        by=shown(memo.name or memo.by, 60),
        text=shown(memo.text, TEXT),
        incident=shown(memo.incident or None, 80) or None,
        scope=shown(memo.scope or None, 120) or None,
    )


def _shares(given: Sequence[ShareAnswer]) -> list[ExcessShare]:
    return [
        ExcessShare.copied(
            share,
            kind=shown(share.kind, 40),
            name=shown(share.name, 120),
            version=shown(share.version or None, 60) or None,
        )
        for share in given
    ]


def _member(member: MemberAnswer, times: ToolTimes) -> MemberLine:
    return MemberLine(
        about=NamedScope.of(member.scope),
        measure=shown(member.measure, 80),
        verdict=member.verdict.value,
        start=times.data(member.start),
        end=None if member.end is None else times.data(member.end),
    )


def _moment(moment: MomentAnswer, times: ToolTimes) -> StoryMoment:
    of = moment.of or moment.scope
    about = NamedScope.of(of).scope if of else ""
    parts = (about, moment.measure, moment.did, moment.version, moment.why, moment.text)
    return StoryMoment(
        at=times.data(moment.at),
        what=_HAPPENED.get(moment.what, shown(moment.what, 40)),
        by=shown(moment.by or None, 60) or None,
        until=times.data(moment.until) if isinstance(moment.until, int) else None,
        text=shown(" ".join(str(part) for part in parts if part), TEXT) or None,
    )


def _request(request: ExampleAnswer, times: ToolTimes) -> RequestTold:
    client = request.client or ExampleClient()
    failed = _joined(request.error, request.error_type, request.throttled)
    return RequestTold(
        why=request.why.value,
        at=times.data(request.ts),
        id=shown(request.id, 120) or None,
        route=shown(request.route, 120) or None,
        function=shown(request.function, 120) or None,
        client=shown(_joined(client.name, client.version), 120) or None,
        status=request.status,
        error=shown(failed, 160) or None,
        milliseconds=request.ms.total if request.ms else None,
        sample=shown(request.sample, 240) or None,
    )


def _joined(*texts: str | None) -> str:
    return " ".join(text for text in texts if text)


def _lines(data: IncidentData, at: str) -> Iterator[str]:
    line, kind = data.incident, data.incident.about.kind
    yield f"{line.words} (as of {at})"
    if line.sentence:
        yield f"Why: {quoted(line.sentence, TEXT)}"
    lower, upper, furthest = (
        amount(value, line.measure, kind) for value in (data.lower, data.upper, data.peak)
    )
    yield f"Expected between {lower} and {upper}; furthest {furthest}."
    if data.limit is not None:
        yield f"Limit: {amount(data.limit, line.measure, kind)}."
    if data.requests_affected is not None:
        yield f"Requests affected: {data.requests_affected:,.0f}."
    if data.calls_affected is not None:
        yield f"Calls affected: {data.calls_affected:,.0f}."
    yield from _causes(data)
    yield from _events(data)
    if data.runbook:
        yield f"Runbook: {data.runbook}"
    yield from (f"{name}: {url}" for name, url in data.links.items())
    yield f"Its page: {line.link}"


def _causes(data: IncidentData) -> Iterator[str]:
    line = data.incident
    fall = (line.observed or 0.0) < (line.expected or 0.0)
    splits = is_split(line.verdict, line.measure)
    for title, shares in (("Caused by", data.callers), ("Stands out", data.suspects)):
        for share in (share for share in shares if share.share > LITTLE):
            name = quoted(f"{share.name} {share.version}" if share.version else share.name)
            part = share_in_words(share.share)
            yield f"{title}: {share.kind} {name}, {part} of it{_split(share, fall=fall) if splits else ''}"
    yield from (
        f"Throttled because of {quoted(throttle_reason)}" for throttle_reason in data.throttle_reasons
    )
    yield from (f"Failed with {quoted(kind)}" for kind in data.error_kinds)
    yield from (f"Deepest cause: {quoted(cause, 160)}" for cause in data.causes)
    also = [
        f"{member.about.words} ({member.verdict} of {measure_in_words(member.measure, member.about.kind)})"
        for member in data.members
    ]
    if also:
        yield f"Also affected: {', '.join(also)}."


def _events(data: IncidentData) -> Iterator[str]:
    yield from (f"Changed before it: {change.words}" for change in data.changes)
    if data.ended_after is not None:
        yield f"Changed before its end: {data.ended_after.words}"
    yield "What happened:"
    for moment in data.story:
        by = f" by {quoted(moment.by)}" if moment.by else ""
        text = f": {quoted(moment.text, 200)}" if moment.text else ""
        what = moment.what if moment.what in _HAPPENED.values() else quoted(moment.what)
        yield f"- {moment.at} {what}{by}{f' until {moment.until}' if moment.until else ''}{text}"
    for memo in data.memos:
        earlier = " on an earlier incident of the same thing" if memo.incident != data.incident.id else ""
        yield f"Memo{earlier}, {quoted(memo.by)}, {memo.at}: {quoted(memo.text, TEXT)}"
    for request in data.requests:
        parts = (request.route, request.function, request.client, request.status, request.error, request.id)
        what = " · ".join(str(part) for part in parts if part)
        sample = f" {quoted(request.sample, 240)}" if request.sample else ""
        yield f"Request ({request.why}, {request.at}): {quoted(what, 240)}{sample}"


def _split(share: ExcessShare, *, fall: bool) -> str:
    more, calls = ("less", "fewer") if fall else ("more", "more")
    parts = [
        f"{share_in_words(share.more_calls)} {calls} calls" if share.more_calls > LITTLE else "",
        f"{share_in_words(share.more_per_call)} {more} per call" if share.more_per_call > LITTLE else "",
    ]
    found = [part for part in parts if part]
    return f" ({', '.join(found)})" if found else ""

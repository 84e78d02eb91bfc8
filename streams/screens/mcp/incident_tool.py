"""One incident whole: its figures, its callers, its story, changes before it, memos, requests, links."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from mcp.types import CallToolResult
from pydantic import Field

from detectors.explain.examples import Why
from streams.screens.mcp.board_client import BoardClient, in_path
from streams.screens.mcp.incidents_tool import ChangeTold, IncidentLine, change_line, incident_line
from streams.screens.mcp.named_scope import BoardPlaces, NamedScope
from streams.screens.mcp.tool_answer import ToolData, ToolPart, answered
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


_WHY: Final = frozenset(why.value for why in Why)


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
    requests_affected: float | None = None
    routes_affected: list[str] = Field([])
    throttle_reasons: list[str] = Field([])
    callers: list[ExcessShare] = Field([])
    suspects: list[ExcessShare] = Field([], description="clients and tenants that stand out")
    causes: list[str] = Field([], description="the deepest findings that explain it")
    members: list[MemberLine] = Field([])
    changes: list[ChangeTold] = Field([], description="what was deployed or configured before it")
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
    whole = await board.ask(f"/board/incidents/{in_path(name)}")
    times, places = await board.times(), BoardPlaces(board.url)
    incident = whole["incident"]
    links = {
        shown(kind, 40): url
        for kind, url in whole.get("links", {}).items()
        if shown_url(url) is not None and len(url) <= LONGEST_LINK
    }
    callers, suspects = _shares(incident.get("callers", [])), _shares(incident.get("suspects", []))
    data = IncidentData(
        incident=incident_line(incident, times, places, at=whole["at"]),
        title=shown(whole.get("title"), 200),
        at=times.data(whole["at"]),
        **{name: incident.get(name) for name in ("lower", "upper", "peak", "score", "completeness", "limit")},
        requests_affected=(incident.get("affected") or {}).get("requests"),
        routes_affected=[
            shown(route, 120) for route in (incident.get("affected") or {}).get("routes", [])[:CALLERS]
        ],
        throttle_reasons=[
            f"{shown(reason, 80)}: {count:g}"
            for reason, count in (incident.get("throttle_reasons") or {}).items()
        ],
        callers=callers[:CALLERS],
        suspects=suspects[:CALLERS],
        causes=[
            f"{NamedScope.of(cause).scope} ({shown(cause.get('measure'), 60)})"
            for cause in incident.get("causes", [])
        ],
        members=[_member(member, times) for member in incident.get("members", [])[:MEMBERS]],
        changes=[change_line(change, times) for change in incident.get("changes", [])[:CALLERS]],
        story=[_moment(moment, times) for moment in whole.get("story", [])[-STORY:]],
        memos=[memo_line(memo, times) for memo in incident.get("memos", [])[-MEMOS:]],
        requests=[_request(example, times) for example in incident.get("examples", [])[:EXAMPLES]],
        runbook=shown_url(whole.get("runbook")),
        links=dict(list(links.items())[:LINKS]),
    )
    for field, given, kept in (
        ("callers", callers, data.callers),
        ("suspects", suspects, data.suspects),
        ("members", incident.get("members", []), data.members),
        ("story", whole.get("story", []), data.story),
        ("memos", incident.get("memos", []), data.memos),
        ("links", whole.get("links", {}), data.links),
    ):
        if len(given) > len(kept):
            data.left_out[field] = len(given) - len(kept)
    return answered(data, _lines(data, times.words(whole["at"])))


def memo_line(memo: Mapping[str, Any], times: ToolTimes) -> MemoLine:
    """Return a memo."""
    return MemoLine(
        id=shown(memo["id"], 80),
        at=times.data(memo["at"]),
        by=shown(memo.get("name") or memo.get("by"), 60),
        text=shown(memo["text"], TEXT),
        incident=shown(memo.get("incident"), 80) or None,
        scope=shown(memo.get("scope"), 120) or None,
    )


def _shares(given: Sequence[Mapping[str, Any]]) -> list[ExcessShare]:
    return [
        ExcessShare(
            kind=shown(share["kind"], 40),
            name=shown(share["name"], 120),
            version=shown(share.get("version"), 60) or None,
            share=share["share"],
            more_calls=share["more_calls"],
            more_per_call=share["more_per_call"],
        )
        for share in given
    ]


def _member(member: Mapping[str, Any], times: ToolTimes) -> MemberLine:
    start, end = member.get("start"), member.get("end")
    return MemberLine(
        about=NamedScope.of(member["scope"]),
        measure=shown(member["measure"], 80),
        verdict=str(member["verdict"]),
        start=None if start is None else times.data(start),
        end=None if end is None else times.data(end),
    )


def _moment(moment: Mapping[str, Any], times: ToolTimes) -> StoryMoment:
    what, until = str(moment["what"]), moment.get("until")
    about = NamedScope.of(moment["scope"]).scope if isinstance(moment.get("scope"), dict) else ""
    if isinstance(moment.get("of"), dict):
        about = NamedScope.of(moment["of"]).scope
    parts = (about, *(moment.get(name) for name in ("measure", "did", "version", "why", "text")))
    return StoryMoment(
        at=times.data(moment["at"]),
        what=_HAPPENED.get(what, shown(what, 40)),
        by=shown(moment.get("by"), 60) or None,
        until=None if until is None else times.data(until),
        text=shown(" ".join(str(part) for part in parts if part), TEXT) or None,
    )


def _request(request: Mapping[str, Any], times: ToolTimes) -> RequestTold:
    client, took = request.get("client") or {}, request.get("ms") or {}
    failed = _joined(request, "error", "error_type", "throttled")
    return RequestTold(
        why=shown(request["why"], 40),
        at=times.data(request["ts"]),
        id=shown(request.get("id"), 120) or None,
        route=shown(request.get("route"), 120) or None,
        function=shown(request.get("function"), 120) or None,
        client=shown(_joined(client, "name", "version"), 120) or None,
        status=request.get("status"),
        error=shown(failed, 160) or None,
        milliseconds=took.get("total"),
        sample=shown(request.get("sample"), 240) or None,
    )


def _joined(written: Mapping[str, Any], *names: str) -> str:
    return " ".join(str(written[name]) for name in names if written.get(name))


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
    yield from _causes(data)
    yield from _events(data)
    if data.runbook:
        yield f"Runbook: {data.runbook}"
    yield from (f"{name}: {url}" for name, url in data.links.items())
    yield f"Its page: {line.link}"


def _causes(data: IncidentData) -> Iterator[str]:
    fall = (data.incident.observed or 0.0) < (data.incident.expected or 0.0)
    for title, shares in (("Caused by", data.callers), ("Stands out", data.suspects)):
        for share in (share for share in shares if share.share > LITTLE):
            name = quoted(f"{share.name} {share.version}" if share.version else share.name)
            part = share_in_words(share.share)
            yield f"{title}: {share.kind} {name}, {part} of it{_split(share, fall=fall)}"
    yield from (
        f"Throttled because of {quoted(throttle_reason)}" for throttle_reason in data.throttle_reasons
    )
    yield from (f"Deepest cause: {quoted(cause, 160)}" for cause in data.causes)
    also = [
        f"{member.about.words} ({member.verdict} of {measure_in_words(member.measure, member.about.kind)})"
        for member in data.members
    ]
    if also:
        yield f"Also affected: {', '.join(also)}."


def _events(data: IncidentData) -> Iterator[str]:
    yield from (f"Changed before it: {change.words}" for change in data.changes)
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
        why = request.why if request.why in _WHY else quoted(request.why)
        sample = f" {quoted(request.sample, 240)}" if request.sample else ""
        yield f"Request ({why}, {request.at}): {quoted(what, 240)}{sample}"


def _split(share: ExcessShare, *, fall: bool) -> str:
    more, calls = ("less", "fewer") if fall else ("more", "more")
    parts = [
        f"{share_in_words(share.more_calls)} {calls} calls" if share.more_calls > LITTLE else "",
        f"{share_in_words(share.more_per_call)} {more} per call" if share.more_per_call > LITTLE else "",
    ]
    found = [part for part in parts if part]
    return f" ({', '.join(found)})" if found else ""

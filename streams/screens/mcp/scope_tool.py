"""One scope at a glance, and the names of scopes."""

from collections.abc import Iterator
from typing import Final

from mcp.types import CallToolResult
from pydantic import Field

from streams.screens.board.scope_pages.scope_page import FoundScopes, ScopeIncident
from streams.screens.mcp.board_client import BoardClient
from streams.screens.mcp.incident_tool import MemoLine, memo_line
from streams.screens.mcp.incidents_tool import ChangeTold, change_line
from streams.screens.mcp.named_scope import AskedPage, BoardPlaces, NamedScope, scope_page
from streams.screens.mcp.tool_answer import ToolData, ToolPart, answered
from streams.screens.mcp.tool_figures import (
    ToolTimes,
    amount,
    change_in_words,
    measure_in_words,
    reached_in,
    share_in_words,
)
from streams.screens.mcp.untrusted_text import TEXT, quoted, shown

INCIDENTS: Final = 10
EVENTS: Final = 8


class MeasureNow(ToolPart):
    """A measure in the newest step of the range: per second, milliseconds of a latency."""

    measure: str
    value: float | None = None
    expected: float | None = None
    lower: float | None = None
    upper: float | None = None
    week_before: float | None = None
    mean: float | None = None
    mean_before: float | None = None
    highest: float | None = None
    verdict: str | None = None
    threshold: str | None = None
    incident: str | None = None


class LimitNow(ToolPart):
    """What is used of a limit of the scope."""

    measure: str
    used: float | None = None
    limit: float
    share: float | None = None
    days_left: float | None = None
    days_left_early: float | None = None
    days_left_late: float | None = None
    verdict: str | None = None


class ScopeIncidentLine(ToolPart):
    """An incident that involves the scope."""

    id: str
    verdict: str
    state: str
    sent: str
    start: str
    end: str | None = None
    share: float | None = Field(None, description="of an excess elsewhere that is due to this scope")
    sentence: str


class ScopeData(ToolData):
    """One scope over a range."""

    about: NamedScope
    account_name: str
    at: str
    first: str
    end: str
    verdict: str | None = Field(None, description="the worst that is open about it")
    limits: list[LimitNow] = Field([])
    measures: list[MeasureNow] = Field([])
    incidents: list[ScopeIncidentLine] = Field([])
    changes: list[ChangeTold] = Field([])
    memos: list[MemoLine] = Field([])
    callers: list[str] = Field([], description="kinds that call it, for who_calls")
    link: str


class FoundNames(ToolData):
    """Scopes that have such a name, the nearest first."""

    scopes: list[NamedScope]
    more: int = Field(0, description="that are not listed; give more of the name")


async def scope_answer(board: BoardClient, asked: AskedPage) -> CallToolResult:
    """Return one scope at a glance.

    Raises
    ------
    BoardAnswerError
        When there is no such scope, or the daemon does not answer.
    """
    page = await scope_page(board, asked)
    times, about = await board.times(), NamedScope.of(page.scope)
    data = ScopeData(
        about=about,
        account_name=shown(page.account, 80),
        at=times.data(page.at),
        first=times.data(page.first),
        end=times.data(page.end),
        verdict=page.verdict,
        limits=[LimitNow.copied(limit) for limit in page.limits],
        measures=[MeasureNow.copied(measure, highest=measure.most) for measure in page.measures],
        incidents=[_incident(incident, times) for incident in page.incidents[:INCIDENTS]],
        changes=[change_line(change, times) for change in page.changes[:EVENTS]],
        memos=[memo_line(memo, times) for memo in page.memos[:EVENTS]],
        callers=[caller.kind for caller in page.callers],
        link=BoardPlaces(board.url).scope(about, **asked.times),
    )
    data.leave_out(incidents=len(page.incidents), changes=len(page.changes), memos=len(page.memos))
    return answered(data, _lines(data, times.span(page.first, page.end)))


async def names_answer(board: BoardClient, like: str) -> CallToolResult:
    """Return the scopes that have every word of a text in kind, name, version, account or region.

    Raises
    ------
    BoardAnswerError
        When the daemon does not answer.
    """
    found = await board.ask_for(FoundScopes, "/board/scopes", like=like)
    data = FoundNames(scopes=[NamedScope.of(scope.scope) for scope in found.scopes], more=found.more)
    return answered(data, _name_lines(data))


def _incident(incident: ScopeIncident, times: ToolTimes) -> ScopeIncidentLine:
    return ScopeIncidentLine.copied(
        incident,
        start=times.data(incident.start),
        end=None if incident.end is None else times.data(incident.end),
        sentence=shown(incident.sentence, TEXT),
    )


def _lines(data: ScopeData, span: str) -> Iterator[str]:
    kind = data.about.kind
    state = f"NOT WELL ({data.verdict})" if data.verdict else "no finding about it is open"
    yield f"{data.about.words} of account {quoted(data.account_name)}: {state}. {span}."
    for limit in data.limits:
        left = reached_in(limit.days_left, limit.days_left_early, limit.days_left_late)
        yield (
            f"Limit of {measure_in_words(limit.measure, kind)}: {share_in_words(limit.share)} used, "
            f"{amount(limit.used, limit.measure, kind)} of {amount(limit.limit, limit.measure, kind)}{left}"
        )
    for measure in data.measures:
        name = measure.measure
        expected = (
            "no baseline"
            if measure.expected is None
            else f"expected {amount(measure.expected, name, kind)} "
            f"({amount(measure.lower, name, kind)} to {amount(measure.upper, name, kind)})"
        )
        change = change_in_words(measure.mean, measure.mean_before)
        week = "" if measure.mean_before is None else f", its mean {change} on the week before"
        marks = ", ".join(mark for mark in (measure.verdict, measure.threshold) if mark)
        yield (
            f"{measure_in_words(name, kind)}: {amount(measure.value, name, kind)}, {expected}"
            f"{week}{f' [{marks}]' if marks else ''}"
        )
    for incident in data.incidents:
        part = (
            ""
            if incident.share is None
            else f", causes {share_in_words(incident.share)} of an excess elsewhere"
        )
        facts = f"{incident.verdict}, {incident.state}, since {incident.start}{part}"
        yield f"Incident {incident.id}, {facts}: {quoted(incident.sentence, 200)}"
    yield from (f"Changed: {change.words}" for change in data.changes)
    yield from (f"Memo, {quoted(memo.by)}, {memo.at}: {quoted(memo.text, 200)}" for memo in data.memos)
    if data.callers:
        yield f"Called by: {', '.join(data.callers)} (who_calls says which, and how much)"
    yield f"Its page: {data.link}"


def _name_lines(data: FoundNames) -> Iterator[str]:
    if not data.scopes:
        yield "No scope has such a name."
    for scope in data.scopes:
        yield f"- {scope.words}{f', {scope.where}' if scope.where else ''}"
    if data.more:
        yield f"{data.more} more are not listed; give more of the name."

"""One scope at a glance, and the names of scopes."""

from collections.abc import Iterator
from typing import Annotated, Final

from mcp.types import CallToolResult
from msgspec.structs import replace
from pydantic import Field

from streams.screens.board.scope_pages.scope_page import (
    FoundScopes,
    ScopeIncident,
    ScopeLimit,
    ScopeMeasure,
    ScopePage,
)
from streams.screens.mcp.answer_parts import Given, data_of, part_of
from streams.screens.mcp.board_client import CLIENT
from streams.screens.mcp.incident_tool import MEMO, memo_part
from streams.screens.mcp.incidents_tool import CHANGE, change_words
from streams.screens.mcp.named_scope import (
    AskedPage,
    BoardPlaces,
    NamedScope,
    PlaceArgument,
    RangeArgument,
    ScopeArgument,
    SinceArgument,
    UntilArgument,
    scope_page,
)
from streams.screens.mcp.tool_answer import ToolData, answered
from streams.screens.mcp.tool_figures import (
    ToolTimes,
    amount,
    change_in_words,
    measure_in_words,
    reached_in,
    share_in_words,
)
from streams.screens.mcp.untrusted_text import TEXT, quoted

INCIDENTS: Final = 10
EVENTS: Final = 8


_MEASURE: Final = part_of(
    ScopeMeasure,
    "A measure in the newest step of the range: per second, milliseconds of a latency.",
    "measure value expected lower upper week_before mean mean_before highest=most verdict threshold incident",
)
_LIMIT: Final = part_of(
    ScopeLimit,
    "What is used of a limit of the scope.",
    "measure used limit share days_left days_left_early days_left_late verdict",
)
_INCIDENT: Final = part_of(
    ScopeIncident,
    "An incident that involves the scope; share is that of an excess elsewhere that is due to this scope.",
    "id verdict state sent start end share sentence",
    longest={"sentence": TEXT},
)
SCOPE: Final = data_of(
    ScopePage,
    "One scope over a range. verdict is the worst that is open about it; callers are kinds that call it, for "
    "who_calls.",
    "about=scope account_name=account at first=start end verdict limits measures incidents changes memos "
    "callers link",
    longest={"account_name": 80},
    limits=_LIMIT,
    measures=_MEASURE,
    incidents=_INCIDENT,
    changes=CHANGE,
    memos=MEMO,
    callers=Given(list[str]),
    link=Given(str),
)


class FoundNames(ToolData):
    """Scopes that have such a name, the nearest first."""

    scopes: list[NamedScope]
    more: int = Field(0, description="that are not listed; give more of the name")


async def show_scope(
    *,
    scope: ScopeArgument,
    range: RangeArgument = "4h",  # noqa: A002
    since: SinceArgument = "",
    until: UntilArgument = "",
    account: PlaceArgument = "",
    region: PlaceArgument = "",
    version: PlaceArgument = "",
) -> Annotated[CallToolResult, SCOPE]:
    """Show one scope at a glance: is it well, its limits, all measures, incidents, changes, memos."""
    board = CLIENT.get()
    asked = AskedPage(scope, account, region, version, range, since, until)
    given = await scope_page(board, asked)
    times, link = await board.times(), BoardPlaces(board.url).scope(NamedScope.of(given.scope), **asked.times)
    page = replace(
        given,
        incidents=given.incidents[:INCIDENTS],
        changes=given.changes[:EVENTS],
        memos=given.memos[:EVENTS],
    )
    memos, callers = [memo_part(memo, times) for memo in page.memos], [kind.kind for kind in page.callers]
    data = SCOPE.made_from(page, times, memos=memos, callers=callers, link=link)
    data.leave_out(incidents=len(given.incidents), changes=len(given.changes), memos=len(given.memos))
    return answered(data, _lines(page, times, link))


async def find_names(
    like: Annotated[
        str, Field(max_length=300, description="parts of a name, a kind, a version, an account or a region")
    ],
) -> Annotated[CallToolResult, FoundNames]:
    """Find services, routes, functions, tables, clients, accounts and tenants by name."""
    board = CLIENT.get()
    found = await board.ask_for(FoundScopes, "/board/scopes", like=like)
    data = FoundNames(scopes=[NamedScope.of(scope.scope) for scope in found.scopes], more=found.more)
    return answered(data, _name_lines(data))


def _lines(page: ScopePage, times: ToolTimes, link: str) -> Iterator[str]:
    about, kind = NamedScope.of(page.scope), page.scope.kind
    state = f"NOT WELL ({page.verdict})" if page.verdict else "no finding about it is open"
    yield f"{about.words} of account {quoted(page.account)}: {state}. {times.span(page.start, page.end)}."
    for limit in page.limits:
        left = reached_in(limit.days_left, limit.days_left_early, limit.days_left_late)
        yield (
            f"Limit of {measure_in_words(limit.measure, kind)}: {share_in_words(limit.share)} used, "
            f"{amount(limit.used, limit.measure, kind)} of {amount(limit.limit, limit.measure, kind)}{left}"
        )
    for measure in page.measures:
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
    for incident in page.incidents:
        part = (
            ""
            if incident.share is None
            else f", causes {share_in_words(incident.share)} of an excess elsewhere"
        )
        facts = f"{incident.verdict}, {incident.state}, since {times.data(incident.start)}{part}"
        yield f"Incident {incident.id}, {facts}: {quoted(incident.sentence, 200)}"
    yield from (f"Changed: {change_words(change, times)}" for change in page.changes)
    for memo in page.memos:
        yield f"Memo, {quoted(memo.name or memo.by, 60)}, {times.data(memo.at)}: {quoted(memo.text, 200)}"
    if page.callers:
        kinds = ", ".join(callers.kind for callers in page.callers)
        yield f"Called by: {kinds} (who_calls says which, and how much)"
    yield f"Its page: {link}"


def _name_lines(data: FoundNames) -> Iterator[str]:
    if not data.scopes:
        yield "No scope has such a name."
    for scope in data.scopes:
        yield f"- {scope.words}{f', {scope.where}' if scope.where else ''}"
    if data.more:
        yield f"{data.more} more are not listed; give more of the name."

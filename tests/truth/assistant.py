"""What the tools of an assistant say in words of a world, as facts; and lists of incidents."""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

import aiohttp
import msgspec
from mcp.types import CallToolResult, TextContent

from alerting.incidents.notice import Notice
from alerting.pipeline.incident_registry import TrackedIncident
from streams.cli.incidents import incident_lines
from streams.record.query.query_service import QueryService
from streams.record.query.query_times import QueryTimes
from streams.screens.board.incidents.incident_routes import ListedIncidents, listed_incident
from streams.screens.board.live_board import LiveBoard
from streams.screens.board.scope_pages.scope_range import AskedRange, AskedScope
from streams.screens.mcp.board_client import CLIENT, BoardClient
from streams.screens.mcp.callers_tool import who_calls
from streams.screens.mcp.incidents_tool import incident_words
from streams.screens.mcp.ranking_tool import rank_scopes
from streams.screens.mcp.scope_tool import show_scope
from streams.screens.mcp.series_tool import show_series
from streams.screens.mcp.tool_figures import ToolTimes
from streams.screens.mcp.wall_tool import is_all_well
from tests.truth.facts import MINUTE, Fact, Place, rounding

WHOLE: Final = Place("account", "")
_AMOUNT: Final = r"(?P<n>[\d,]+(?:\.\d+)?) (?P<unit>[a-z ]+)/s"
_CALLER: Final = re.compile(rf"^- (?P<kind>\w+) «(?P<name>[^»]+)»: {_AMOUNT}(?:, (?P<part>\d+) %)?")
_RANKED: Final = re.compile(
    rf"^\d+\. (?P<kind>\w+) «(?P<name>[^»]+)»(?: \(account «(?P<account>\d+)»[^)]*\))?: {_AMOUNT}"
)
_MEASURE: Final = re.compile(rf"^(?P<name>[a-z ]+): {_AMOUNT}, (?:expected|no baseline)")
_NUMBER: Final = re.compile(r"^(?P<name>[a-z ]+): (?P<n>[\d,]+(?:\.\d+)?)(?P<unit>/s| %)")
_MEAN: Final = re.compile(rf"^Mean {_AMOUNT}")
_POINT: Final = re.compile(r"^(?P<at>\d{4}-\d\d-\d\dT\d\d:\d\d) (?P<n>[\d.]+)(?P<extremes> \()?")
_MEASURES: Final = {
    "requests": "requests",
    "calls": "requests",
    "backend errors": "errors_backend",
    "user errors": "errors_user",
    "wcu": "wcu",
}


class BoardBeside(BoardClient):
    """A daemon's board in this process."""

    def __init__(self, board: LiveBoard, queries: QueryService, session: aiohttp.ClientSession) -> None:
        super().__init__("http://127.0.0.1:1", session, {})
        self._board = board
        self._queries = queries

    async def ask(self, path: str, **query: str) -> Any:
        """Return the decoded JSON that the board answers."""
        if path == "/api/v1/query":
            times = QueryTimes(round(float(query["time"]) * 1000))
            return msgspec.json.decode(await self._queries.instant(query["query"], times))
        if path == "/board/wall":
            return msgspec.to_builtins(await self._board.wall())
        assert path == "/board/scope"
        asked = AskedRange(query.get("range", ""), query.get("from", ""), points=query.get("points", ""))
        place = (("account", query["account"]),)
        return msgspec.to_builtins(await self._board.scope(AskedScope(query["scope"], place, asked)))


async def said_by_tools(board: LiveBoard, queries: QueryService, places: tuple[Place, ...]) -> list[Fact]:
    """Return the figures that an assistant reads about some places now."""
    async with aiohttp.ClientSession() as session:
        CLIENT.set(BoardBeside(board, queries, session))
        at = (await board.wall()).at
        assert at is not None
        found = list(_of_wall(_words(await is_all_well()), at))
        for kind in ("table", "function", "client"):
            found += _of_ranking(_words(await rank_scopes(kind=kind, measure="requests")), at)
        for about in places:
            asked: dict[str, Any] = {"scope": f"{about.kind}:{about.name}", "account": about.account}
            found += _of_scope(_words(await show_scope(**asked)), about, at)
            found += _of_series(await show_series(**asked, measure="requests"), about)
            if about.kind in ("table", "function"):
                found += _of_callers(await who_calls(**asked, measure="requests"), about)
    return found


def listed(notice: Notice) -> str:
    """Return the lines of an incident in the lists of ``uneri incidents`` and of an assistant."""
    incident = notice.incident
    tracked = TrackedIncident(sequence=1, notice=notice, started=incident.start, ended_at=incident.end)
    line, at = listed_incident(tracked, 0), notice.at
    found = ListedIncidents(at=at, since=0, incidents=[line], left_out=0, memos=[], changes=[])
    return "\n".join([*incident_lines(found), incident_words(line, ToolTimes("UTC"), at=at)])


def _of_wall(words: list[str], at: int) -> Iterator[Fact]:
    for line in words:
        if (found := _NUMBER.match(line)) and found["name"] in _MEASURES:
            told = _fact(found, WHOLE, _MEASURES[found["name"]], at - MINUTE, at)
            if found["unit"] == " %":
                told = told._replace(figure="share", value=told.value / 100, within=0.0051)
            yield told


def _of_ranking(words: list[str], at: int) -> Iterator[Fact]:
    for line in words:
        if found := _RANKED.match(line):
            about = Place(found["kind"], found["name"], found["account"] or "")
            yield _fact(found, about, "requests", at - MINUTE, at)


def _of_scope(words: list[str], about: Place, at: int) -> Iterator[Fact]:
    for line in words:
        if (found := _MEASURE.match(line)) and found["name"] in _MEASURES:
            yield _fact(found, about, _MEASURES[found["name"]], at - MINUTE, at)


def _of_series(answer: CallToolResult, about: Place) -> Iterator[Fact]:
    first, end, data = *_range(answer), answer.structured_content
    assert data is not None
    step = int(data["step_seconds"])
    for line in _words(answer):
        if found := _MEAN.match(line):
            yield _fact(found, about, "requests", first, end)
        if found := _POINT.match(line):
            at = int(datetime.fromisoformat(f"{found['at']}+00:00").timestamp())
            read = _fact(found, about, "requests", at, min(at + step, end))
            yield read._replace(within=1e-4 * read.value)


def _of_callers(answer: CallToolResult, about: Place) -> Iterator[Fact]:
    first, end = _range(answer)
    for line in _words(answer):
        if found := _CALLER.match(line):
            source = Place(found["kind"], found["name"], about.account)
            told = _fact(found, about, "requests", first, end)._replace(source=source, known=about)
            yield told
            if found["part"] is not None:
                yield told._replace(figure="part", value=float(found["part"]) / 100, within=0.0051)


def _range(answer: CallToolResult) -> tuple[int, int]:
    data = answer.structured_content
    assert data is not None
    first, end = (int(datetime.fromisoformat(data[name]).timestamp()) for name in ("first", "end"))
    return first, end


def _fact(found: re.Match[str], about: Place, measure: str, since: int, until: int) -> Fact:
    value, within = float(found["n"].replace(",", "")), rounding(found["n"], "rate")
    return Fact(f"assistant: {found[0]}", "rate", about, measure, since, until, value, within)


def _words(answer: CallToolResult) -> list[str]:
    [content] = answer.content
    assert isinstance(content, TextContent)
    return content.text.splitlines()

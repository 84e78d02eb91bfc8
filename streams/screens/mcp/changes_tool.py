"""What changed: deployments and configuration, of a range."""

from collections.abc import Iterator, Mapping
from typing import Any

from mcp.types import CallToolResult
from pydantic import Field
from pydantic.json_schema import SkipJsonSchema

from streams.screens.board.incidents.incident_rows import MOST as NEWEST
from streams.screens.mcp.board_client import BoardClient
from streams.screens.mcp.named_scope import BoardPlaces, NamedScope
from streams.screens.mcp.tool_answer import ToolData, ToolPart, answered
from streams.screens.mcp.tool_times import ToolTimes
from streams.screens.mcp.untrusted_text import quoted, shown, shown_url


class ChangeTold(ToolPart):
    """Something that was deployed or configured; all of it but the time is data from a source."""

    at: str
    of: NamedScope
    what: str
    version: str | None = None
    by: str | None = None
    url: str | None = None
    words: SkipJsonSchema[str] = Field("", exclude=True)


class ChangesData(ToolData):
    """Changes of a range, the newest first. They are kept for a week."""

    since: str
    until: str
    changes: list[ChangeTold]
    newest_only: bool = Field(False, description="whether the daemon may know of older ones in this range")
    link: str


async def tell_changes(board: BoardClient, asked: Mapping[str, str], about: str, most: int) -> CallToolResult:
    """Return the changes of a range; the parameters are those of ``tell_incidents``.

    Raises
    ------
    BoardAnswerError
        When the daemon does not answer.
    """
    found = await board.ask("/board/incidents", **asked)
    times = await board.times()
    lines = [change_line(one, times) for one in found["changes"]]
    wanted = [line for line in lines if about.lower() in line.of.scope.lower()]
    data = ChangesData(
        since=times.data(found["since"]),
        until=times.data(found["at"]),
        changes=wanted[:most],
        newest_only=len(lines) >= NEWEST,
        link=BoardPlaces(board.url).incidents(**asked),
    )
    if len(wanted) > most:
        data.left_out["changes"] = len(wanted) - most
    return answered(data, _lines(data, len(wanted), times.span(found["since"], found["at"])))


def change_line(one: Mapping[str, Any], times: ToolTimes) -> ChangeTold:
    """Return a change, from what ``GET /board/incidents`` or an incident has of it."""
    made = ChangeTold(
        at=times.data(one["ts"]),
        of=NamedScope.of(one["of"]),
        what=shown(one.get("what"), 80),
        version=shown(one.get("version"), 80) or None,
        by=shown(one.get("by"), 80) or None,
        url=shown_url(one.get("url")),
    )
    version = f" {quoted(made.version)}" if made.version else ""
    by = f" by {quoted(made.by)}" if made.by else ""
    link = f" {made.url}" if made.url else ""
    made.words = f"{times.words(one['ts'])} {quoted(made.what)}{version} of {made.of.words}{by}{link}"
    return made


def _lines(data: ChangesData, count: int, span: str) -> Iterator[str]:
    if not count:
        yield f"Nothing is known to have been deployed or configured, {span}. (A source has to send changes.)"
    else:
        yield f"{count} change{'' if count == 1 else 's'}, {span}, the newest first:"
    yield from (f"- {change.words}" for change in data.changes)
    if count > len(data.changes):
        yield f"{count - len(data.changes)} older ones are left out: ask for more, or with a filter."
    if data.newest_only:
        yield f"The daemon tells of the newest {NEWEST} only: ask for a shorter range."
    yield f"On the timeline: {data.link}"

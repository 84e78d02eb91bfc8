"""Is all well now? The wall in words."""

from collections.abc import Iterator
from typing import Any, Final

from mcp.types import CallToolResult
from pydantic import Field

from alerting.words import numbers
from streams.screens.board.wall.wall import Wall
from streams.screens.mcp.board_client import BoardClient
from streams.screens.mcp.incidents_tool import IncidentLine, incident_line
from streams.screens.mcp.named_scope import BoardPlaces, NamedScope
from streams.screens.mcp.tool_answer import ToolData, ToolPart, answered
from streams.screens.mcp.tool_figures import (
    ToolTimes,
    amount,
    change_in_words,
    duration,
    measure_in_words,
    reached_in,
    share_in_words,
)
from streams.screens.mcp.untrusted_text import quoted, shown

MOST_ACCOUNTS: Final = 12
MOST_QUOTAS: Final = 10
_NUMBERS: Final = {
    "requests": "requests",
    "errors_user": "user errors",
    "errors_backend": "backend errors",
    "errors_fatal": "fatal errors",
    "throttles": "throttles",
}
_LAYERS: Final = {
    "api": "API",
    "function": "functions",
    "code": "code of functions",
    "auth": "authorizer",
    "table": "tables",
}


class WallFigure(ToolPart):
    """One of the big numbers over all accounts: per second, a share of requests, or a count in a step."""

    name: str
    unit: str = Field(description="1/s per second; share of requests, 0 to 1; 1 a count in the newest step")
    value: float | None = None
    expected: float | None = None
    lower: float | None = None
    upper: float | None = None
    week_before: float | None = Field(None, description="the same step a week before")
    hour: float | None = Field(None, description="of the last hour, not of one step")
    hour_week_before: float | None = Field(None, description="of the same hour a week before")
    verdict: str | None = None
    threshold: str | None = Field(
        None, description="warning or critical: the configured one that is exceeded"
    )


class LayerTold(ToolPart):
    """Times of one layer over five minutes, milliseconds."""

    name: str
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    expected_p95: float | None = None
    verdict: str | None = None
    threshold: str | None = None


class UsedLimit(ToolPart):
    """What is used of a limit: capacity units a second of a table, concurrent executions of an account."""

    of: str
    account: str | None = None
    measure: str
    used: float | None = None
    limit: float | None = None
    share: float | None = None
    days_left: float | None = Field(None, description="forecast of the days until the limit is reached")
    days_left_early: float | None = Field(None, description="four in five times not before")
    days_left_late: float | None = Field(None, description="nor after")
    verdict: str | None = None
    threshold: str | None = None


class WallData(ToolData):
    """The newest step of the wall."""

    state: str = Field(description="well, attention, learning or stale")
    at: str | None = Field(None, description="the end of the newest step that is judged")
    age_seconds: int | None = Field(None, description="how old that is")
    people_called: int = Field(0, description="open incidents for which people are called")
    acknowledged: int = 0
    quiet: int = Field(0, description="open incidents that are in the digest or held back")
    open: list[IncidentLine] = Field([])
    last_ended: IncidentLine | None = None
    numbers: list[WallFigure] = Field([])
    times: list[LayerTold] = Field([])
    limits: list[UsedLimit] = Field([])
    accounts: list[str] = Field([])
    link: str


async def wall_answer(board: BoardClient) -> CallToolResult:
    """Return the wall in words.

    Raises
    ------
    BoardAnswerError
        When the daemon does not answer.
    """
    wall = await board.ask_for(Wall, "/board/wall")
    times, places = ToolTimes(wall.zone), BoardPlaces(board.url)
    open_ = [incident_line(incident, times, places) for incident in wall.incidents]
    paged = [line for line in open_ if line.sent == "page"]
    data = WallData(
        state=wall.state,
        at=None if wall.at is None else times.data(wall.at),
        age_seconds=None if wall.at is None else max(0, wall.now - wall.at),
        people_called=len(paged),
        acknowledged=sum(line.acknowledged_by is not None for line in paged),
        quiet=len(open_) - len(paged),
        open=sorted(open_, key=lambda line: line.sent != "page")[:20],
        last_ended=None if wall.last is None else incident_line(wall.last, times, places),
        numbers=[
            WallFigure.copied(number, name=_NUMBERS.get(number.id, number.id)) for number in wall.numbers
        ],
        times=[
            LayerTold.copied(layer, name=_LAYERS.get(layer.id, layer.id), expected_p95=layer.expected)
            for layer in wall.layers
        ],
        limits=list(_limits(wall)),
        accounts=[shown(account.name, 80) for account in wall.accounts[:MOST_ACCOUNTS]],
        link=places.wall(),
    )
    data.leave_out(open=len(open_))
    return answered(data, _lines(wall, data, times))


def _limits(wall: Wall) -> Iterator[UsedLimit]:
    for table in wall.tables[:MOST_ACCOUNTS]:
        yield UsedLimit.copied(table, of=NamedScope.of(table.scope).scope, account=shown(table.account, 80))
    for concurrency in wall.concurrency[:MOST_ACCOUNTS]:
        account = shown(concurrency.account, 80)
        yield UsedLimit.copied(concurrency, of="concurrency", account=account, measure="busy")
    for quota in wall.quotas[:MOST_QUOTAS]:
        label, account = shown(quota.label, 120), shown(quota.account, 80)
        yield UsedLimit.copied(quota, of=label, account=account, measure="level")


def _lines(wall: Wall, data: WallData, times: ToolTimes) -> Iterator[str]:
    yield _headline(wall, data)
    if wall.at is not None:
        yield f"Newest data: {times.words(wall.at)}, {duration(wall.now - wall.at)} old."
    if (
        wall.incidents_until is not None
        and wall.at is not None
        and wall.at - wall.incidents_until > wall.stale_after
    ):
        yield "The incidents are older than the figures: does a process with the role notify run?"
    yield from (f"- {line.words}" for line in data.open)
    if data.last_ended is not None:
        yield f"The page that ended last: {data.last_ended.words}"
    yield from (f"{number.name}: {_number(number)}" for number in data.numbers if number.value is not None)
    for layer in data.times:
        if layer.p95 is not None:
            usual = (
                "" if layer.expected_p95 is None else f", expected {amount(layer.expected_p95, 'latency')}"
            )
            yield f"p95 of the {layer.name}: {amount(layer.p95, 'latency')}{usual}{_marks(layer)}"
    for limit in data.limits:
        if limit.share is not None:
            yield _limit(limit)
    yield f"The wall: {data.link}"


def _headline(wall: Wall, data: WallData) -> str:
    if wall.state == "learning":
        days = "" if wall.learning is None else f" ({wall.learning.days:g} of {wall.learning.of} days)"
        return f"Nothing can be judged yet: the baselines are being learnt{days}."
    if wall.state == "stale":
        open_ = f" Open incidents that call people: {data.people_called}." if data.people_called else ""
        return f"NOT KNOWN: no new data have been judged for a while. Look at the pipeline first.{open_}"
    quiet = f" {data.quiet} more are in the digest or held back." if data.quiet else ""
    if data.people_called:
        acknowledged = f", {data.acknowledged} of them acknowledged" if data.acknowledged else ""
        many = "incident is" if data.people_called == 1 else "incidents are"
        return f"NOT WELL: {data.people_called} {many} open for which people are called{acknowledged}.{quiet}"
    if wall.state == "attention":
        return f"ATTENTION: no incident calls people, but a configured threshold is exceeded.{quiet}"
    return f"All is well: no incident is open for which people are called.{quiet}"


def _number(figure: WallFigure) -> str:
    def written(value: float | None) -> str:
        if figure.unit == "share":
            return share_in_words(value)
        unit = "/s" if figure.unit == "1/s" else " in the newest step"
        return "unknown" if value is None else f"{numbers.number(value)}{unit}"

    parts = [written(figure.value)]
    if figure.expected is not None and figure.unit != "share":
        parts.append(f"expected {written(figure.expected)}")
    if figure.hour_week_before is not None:
        change = change_in_words(figure.hour, figure.hour_week_before)
        parts.append(f"the last hour: {change} on the week before")
    return ", ".join(parts) + _marks(figure)


def _limit(limit: UsedLimit) -> str:
    of = limit.of if limit.of == "concurrency" and limit.measure != "level" else quoted(limit.of)
    left = reached_in(limit.days_left, limit.days_left_early, limit.days_left_late)
    name = "" if limit.measure in ("level", "busy") else f" {measure_in_words(limit.measure)}"
    used = numbers.number(limit.used or 0.0)
    whole = "unknown" if limit.limit is None else numbers.number(limit.limit)
    return (
        f"{of}{name} of account {quoted(limit.account)}: {share_in_words(limit.share)} of the limit "
        f"({used} of {whole}){left}{_marks(limit)}"
    )


def _marks(figure: Any) -> str:
    found = [
        mark
        for mark in (figure.verdict, figure.threshold and f"{figure.threshold} threshold exceeded")
        if mark
    ]
    return f" [{', '.join(found)}]" if found else ""

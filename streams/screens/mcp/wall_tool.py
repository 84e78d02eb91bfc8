"""Is all well now? The wall in words."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Final

from mcp.types import CallToolResult

from alerting.messages.incident_answer import IncidentAnswer
from alerting.words import numbers
from streams.screens.board.wall.wall import (
    DaysLeft,
    Wall,
    WallConcurrency,
    WallLayer,
    WallNumber,
    WallQuota,
    WallTable,
)
from streams.screens.mcp.answer_parts import Given, data_of, part_of
from streams.screens.mcp.board_client import CLIENT
from streams.screens.mcp.incidents_tool import INCIDENT, incident_part, incident_words
from streams.screens.mcp.named_scope import BoardPlaces, NamedScope
from streams.screens.mcp.tool_answer import answered
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

MOST_OPEN: Final = 20
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


_NUMBER: Final = part_of(
    WallNumber,
    "One of the big numbers over all accounts. The unit is 1/s per second, share of requests, 0 to 1, or 1 "
    "for a count in the newest step; week_before is the same step a week before, hour the last hour and not "
    "one step, hour_week_before the same hour a week before; threshold is the configured one that is "
    "exceeded.",
    "name unit value expected lower upper week_before hour hour_week_before verdict threshold",
    name=Given(str),
)
_LAYER: Final = part_of(
    WallLayer,
    "Times of one layer over five minutes, milliseconds.",
    "name p50 p95 p99 expected_p95=expected verdict threshold",
    name=Given(str),
)
_LIMIT: Final = part_of(
    WallTable,
    "What is used of a limit: capacity units a second of a table, concurrent executions of an account. "
    "days_left is the forecast of the days until it is reached, four in five times between the early and "
    "the late one.",
    "of account measure used limit share days_left days_left_early days_left_late verdict threshold",
    longest={"account": 80},
    of=Given(str),
    measure=Given(str),
)
WALL: Final = data_of(
    Wall,
    "The newest step of the wall. at is its end, age_seconds how old that is; people_called counts the open "
    "incidents for which people are called, quiet those in the digest or held back.",
    "state at age_seconds people_called acknowledged quiet open=incidents last_ended=last numbers "
    "times=layers limits=tables accounts link",
    age_seconds=Given(int | None),
    people_called=Given(int),
    acknowledged=Given(int),
    quiet=Given(int),
    open=INCIDENT,
    last_ended=INCIDENT,
    numbers=_NUMBER,
    times=_LAYER,
    limits=_LIMIT,
    accounts=Given(list[str]),
    link=Given(str),
)

_Limit = WallTable | WallConcurrency | WallQuota


async def is_all_well() -> Annotated[CallToolResult, WALL]:
    """Is all well now? Open incidents, requests, errors, times, limits, and how old the data are.

    Begin with this one.
    """
    board = CLIENT.get()
    wall = await board.ask_for(Wall, "/board/wall")
    times, places = ToolTimes(wall.zone), BoardPlaces(board.url)
    open_ = sorted(wall.incidents, key=lambda incident: incident.sent != "page")
    paged = _paged(wall)
    data = WALL.made_from(
        wall,
        times,
        age_seconds=None if wall.at is None else max(0, wall.now - wall.at),
        people_called=len(paged),
        acknowledged=sum(bool(incident.acknowledged) for incident in paged),
        quiet=len(open_) - len(paged),
        open=[incident_part(incident, times, places) for incident in open_[:MOST_OPEN]],
        last_ended=wall.last and incident_part(wall.last, times, places),
        numbers=[_NUMBER.made_from(number, times, name=_NUMBERS[number.id]) for number in wall.numbers],
        times=[_LAYER.made_from(layer, times, name=_LAYERS[layer.id]) for layer in wall.layers],
        limits=[
            _LIMIT.made_from(limit, times, of=of, measure=measure) for of, measure, limit in _limits(wall)
        ],
        accounts=[shown(account.name, 80) for account in wall.accounts[:MOST_ACCOUNTS]],
        link=places.wall(),
    )
    data.leave_out(open=len(open_))
    return answered(data, _lines(wall, open_[:MOST_OPEN], times, places.wall()))


def _paged(wall: Wall) -> list[IncidentAnswer]:
    return [incident for incident in wall.incidents if incident.sent == "page"]


def _limits(wall: Wall) -> Iterator[tuple[str, str, _Limit]]:
    """Yield what has a limit, its measure, and what is used of it."""
    for table in wall.tables[:MOST_ACCOUNTS]:
        yield NamedScope.of(table.scope).scope, table.measure, table
    for concurrency in wall.concurrency[:MOST_ACCOUNTS]:
        yield "concurrency", "busy", concurrency
    for quota in wall.quotas[:MOST_QUOTAS]:
        yield shown(quota.label, 120), "level", quota


def _lines(wall: Wall, open_: Sequence[IncidentAnswer], times: ToolTimes, link: str) -> Iterator[str]:
    yield _headline(wall)
    if wall.at is not None:
        yield f"Newest data: {times.words(wall.at)}, {duration(wall.now - wall.at)} old."
    if (
        wall.incidents_until is not None
        and wall.at is not None
        and wall.at - wall.incidents_until > wall.stale_after
    ):
        yield "The incidents are older than the figures: does a process with the role notify run?"
    yield from (f"- {incident_words(incident, times)}" for incident in open_)
    if wall.last is not None:
        yield f"The page that ended last: {incident_words(wall.last, times)}"
    yield from (
        f"{_NUMBERS[number.id]}: {_number(number)}" for number in wall.numbers if number.value is not None
    )
    for layer in wall.layers:
        if layer.p95 is not None:
            usual = "" if layer.expected is None else f", expected {amount(layer.expected, 'latency')}"
            yield f"p95 of the {_LAYERS[layer.id]}: {amount(layer.p95, 'latency')}{usual}{_marks(layer)}"
    for of, measure, limit in _limits(wall):
        if limit.share is not None:
            yield _limit(of, measure, limit)
    yield f"The wall: {link}"


def _headline(wall: Wall) -> str:
    paged = _paged(wall)
    called, held = len(paged), len(wall.incidents) - len(paged)
    if wall.state == "learning":
        days = "" if wall.learning is None else f" ({wall.learning.days:g} of {wall.learning.of} days)"
        return f"Nothing can be judged yet: the baselines are being learnt{days}."
    if wall.state == "stale":
        open_ = f" Open incidents that call people: {called}." if called else ""
        return f"NOT KNOWN: no new data have been judged for a while. Look at the pipeline first.{open_}"
    quiet = f" {held} more are in the digest or held back." if held else ""
    if called:
        known = sum(bool(incident.acknowledged) for incident in paged)
        acknowledged = f", {known} of them acknowledged" if known else ""
        many = "incident is" if called == 1 else "incidents are"
        return f"NOT WELL: {called} {many} open for which people are called{acknowledged}.{quiet}"
    if wall.state == "attention":
        return f"ATTENTION: no incident calls people, but a configured threshold is exceeded.{quiet}"
    return f"All is well: no incident is open for which people are called.{quiet}"


def _number(figure: WallNumber) -> str:
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


def _limit(of: str, measure: str, limit: _Limit) -> str:
    of = of if measure == "busy" else quoted(of)
    left = ""
    if isinstance(limit, WallTable):
        of += f" {measure_in_words(measure)}"
    if isinstance(limit, DaysLeft):
        left = reached_in(limit.days_left, limit.days_left_early, limit.days_left_late)
    used = numbers.number(limit.used or 0.0)
    whole = "unknown" if limit.limit is None else numbers.number(limit.limit)
    return (
        f"{of} of account {quoted(limit.account)}: {share_in_words(limit.share)} of the limit "
        f"({used} of {whole}){left}{_marks(limit)}"
    )


def _marks(figure: WallNumber | WallLayer | _Limit) -> str:
    verdict = None if isinstance(figure, WallConcurrency | WallQuota) else figure.verdict
    found = [
        mark for mark in (verdict, figure.threshold and f"{figure.threshold} threshold exceeded") if mark
    ]
    return f" [{', '.join(found)}]" if found else ""

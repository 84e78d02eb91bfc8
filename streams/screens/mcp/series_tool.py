"""A series against its baseline: observed, expected, the band and the verdict, over a range."""

from collections.abc import Iterator
from typing import Final

from mcp.types import CallToolResult
from pydantic import Field

from streams.screens.board.scope_pages.scope_page import Points, ScopeMeasure, ScopePage
from streams.screens.mcp.board_client import BoardAnswerError, BoardClient
from streams.screens.mcp.named_scope import AskedPage, BoardPlaces, NamedScope, scope_page
from streams.screens.mcp.tool_answer import ToolData, ToolPart, answered
from streams.screens.mcp.tool_figures import (
    ToolTimes,
    amount,
    change_in_words,
    duration,
    in_words_unit,
    is_latency,
    measure_in_words,
    measures_in_words,
    unit_in_words,
    unit_of_data,
)
from streams.screens.mcp.untrusted_text import shown

MOST_POINTS: Final = 60


class SeriesPoint(ToolPart):
    """The mean of one point of a curve; ``lowest`` and ``highest`` are the extremes within it."""

    at: str
    observed: float | None = None
    lowest: float | None = None
    highest: float | None = None
    expected: float | None = None
    lower: float | None = None
    upper: float | None = None
    week_before: float | None = None


class VerdictSpan(ToolPart):
    """A verdict of the judge, from a time to a time."""

    verdict: str
    start: str
    end: str


class SeriesData(ToolData):
    """One measure of one scope over a range."""

    about: NamedScope
    measure: str
    unit: str = Field(description="of all values")
    first: str
    end: str
    step_seconds: int = Field(description="between two points")
    value: float | None = Field(None, description="of the newest step within the range")
    expected: float | None = None
    lower: float | None = None
    upper: float | None = None
    week_before: float | None = None
    mean: float | None = Field(None, description="over the range")
    mean_before: float | None = Field(None, description="over the same range a week before")
    highest: float | None = None
    highest_at: str | None = None
    p50: float | None = None
    p99: float | None = None
    verdict: str | None = Field(None, description="of the finding that is open now")
    incident: str | None = Field(None, description="id of the open incident about it")
    verdicts: list[VerdictSpan] = Field([])
    points: list[SeriesPoint] = Field([])
    link: str


async def series_answer(board: BoardClient, asked: AskedPage, measure: str, points: int) -> CallToolResult:
    """Return one measure of a scope over a range, in at most some points.

    Raises
    ------
    BoardAnswerError
        When there is no such scope or measure, or the daemon does not answer.
    """
    page = await scope_page(board, asked, points)
    times, about = await board.times(), NamedScope.of(page.scope)
    found = next((known for known in page.measures if known.measure == measure), None)
    if found is None:
        known = measures_in_words(other.measure for other in page.measures)
        raise BoardAnswerError(f"{shown(asked.scope)} has no measure {shown(measure)}; it has {known}")
    data = SeriesData.copied(
        found,
        about=about,
        unit=unit_of_data(found.measure, about.kind),
        first=times.data(page.first),
        end=times.data(page.end),
        step_seconds=page.step,
        highest=found.most,
        highest_at=None if found.most_at is None else times.data(found.most_at),
        verdicts=[
            VerdictSpan(verdict=verdict.verdict, start=times.data(verdict.start), end=times.data(verdict.end))
            for verdict in found.curve.verdicts
        ],
        points=list(_points(page, found, times)),
        link=BoardPlaces(board.url).scope(about, **asked.times),
    )
    return answered(data, _lines(page, data, times))


def _points(page: ScopePage, measure: ScopeMeasure, times: ToolTimes) -> Iterator[SeriesPoint]:
    curve = measure.curve

    def value(of: Points, place: int) -> float | None:
        return of[place] if place < len(of) else None

    for place in range(page.points):
        yield SeriesPoint(
            at=times.data(page.start + place * page.step),
            observed=value(curve.observed, place),
            lowest=value(curve.least, place),
            highest=value(curve.most, place),
            expected=value(curve.expected, place),
            lower=value(curve.lower, place),
            upper=value(curve.upper, place),
            week_before=value(curve.before, place),
        )


def _lines(page: ScopePage, data: SeriesData, times: ToolTimes) -> Iterator[str]:
    kind, measure = data.about.kind, data.measure

    def written(value: float | None) -> str:
        return amount(value, measure, kind)

    what = measure_in_words(measure, kind)
    span, unit = times.span(page.first, page.end), unit_in_words(measure, kind)
    yield f"{what} of {data.about.words}, {span}, in {unit}:"
    now = f"At its end {written(data.value)}"
    if data.expected is not None:
        now += f", expected {written(data.expected)} ({written(data.lower)} to {written(data.upper)})"
    yield f"{now}; a week before {written(data.week_before)}."
    if data.expected is None:
        yield "Nothing was expected: there is no baseline for it yet, or none at that step."
    change = change_in_words(data.mean, data.mean_before)
    week = "" if data.mean_before is None else f" ({change} on the same range a week before)"
    yield f"Mean {written(data.mean)}{week}; highest {written(data.highest)} at {data.highest_at}."
    if is_latency(measure):
        yield f"It is a p95; at the end p50 {written(data.p50)}, p99 {written(data.p99)}."
    yield (
        f"Open now: {data.verdict}, incident {data.incident}."
        if data.verdict
        else "No finding about it is open."
    )
    for verdict in data.verdicts:
        yield f"{verdict.verdict} from {verdict.start} to {verdict.end}"
    yield f"Points of {duration(data.step_seconds)}: observed (lowest to highest), expected (lower to upper)"
    for point in data.points:
        if point.observed is not None:
            yield _point(point, measure)
    yield f"Its page: {data.link}"


def _point(point: SeriesPoint, measure: str) -> str:
    def written(value: float | None) -> str:
        return "–" if value is None else in_words_unit(value, measure)

    extremes = "" if point.lowest is None else f" ({written(point.lowest)} to {written(point.highest)})"
    band = "" if point.lower is None else f" ({written(point.lower)} to {written(point.upper)})"
    expected = "" if point.expected is None else f", {written(point.expected)}{band}"
    return f"{point.at[:16]} {written(point.observed)}{extremes}{expected}"

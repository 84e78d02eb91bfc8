"""A series against its baseline: observed, expected, the band and the verdict, over a range."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Final

from mcp.types import CallToolResult
from pydantic import Field

from streams.screens.board.scope_pages.scope_page import Points, ScopeMeasure, ScopePage, ScopeVerdict
from streams.screens.board.scope_pages.scope_range import FEWEST_POINTS
from streams.screens.mcp.answer_parts import Given, data_of, part_of
from streams.screens.mcp.board_client import CLIENT, BoardAnswerError
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
from streams.screens.mcp.tool_answer import ToolPart, answered
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


SERIES: Final = data_of(
    ScopeMeasure,
    "One measure of one scope over a range. unit is that of all values; value is of the newest step within "
    "the range, mean over the range and mean_before over the same range a week before; step_seconds lie "
    "between two points; verdict is that of the finding that is open now, incident the id of the open one "
    "about it.",
    "about measure unit first end step_seconds value expected lower upper week_before mean mean_before "
    "highest=most highest_at=most_at p50 p99 verdict incident verdicts=curve.verdicts points link",
    about=Given(NamedScope),
    unit=Given(str),
    first=Given(str),
    end=Given(str),
    step_seconds=Given(int),
    verdicts=part_of(ScopeVerdict, "A verdict of the judge, from a time to a time.", "verdict start end"),
    points=Given(list[SeriesPoint]),
    link=Given(str),
)


async def show_series(
    *,
    scope: ScopeArgument,
    measure: Annotated[
        str,
        Field(
            min_length=1,
            max_length=300,
            description="requests, errors_user, errors_backend, errors_fatal, throttles, rcu, wcu, cost, "
            "latency (p95), latency_code, latency_auth, busy (concurrency), value:KEY, level:NAME; "
            "show_scope lists those that there are",
        ),
    ],
    range: RangeArgument = "4h",  # noqa: A002
    since: SinceArgument = "",
    until: UntilArgument = "",
    points: Annotated[int, Field(ge=FEWEST_POINTS, le=MOST_POINTS, description="of the curve, at most")] = 24,
    account: PlaceArgument = "",
    region: PlaceArgument = "",
    version: PlaceArgument = "",
) -> Annotated[CallToolResult, SERIES]:
    """Show a series against its baseline over a range: observed, expected, the band, the verdicts."""
    board = CLIENT.get()
    asked = AskedPage(scope, account, region, version, range, since, until)
    page = await scope_page(board, asked, points)
    times, about = await board.times(), NamedScope.of(page.scope)
    found = next((known for known in page.measures if known.measure == measure), None)
    if found is None:
        known = measures_in_words(other.measure for other in page.measures)
        raise BoardAnswerError(f"{shown(asked.scope)} has no measure {shown(measure)}; it has {known}")
    link = BoardPlaces(board.url).scope(about, **asked.times)
    curve = list(_points(page, found, times))
    data = SERIES.made_from(
        found,
        times,
        about=about,
        unit=unit_of_data(measure, about.kind),
        first=times.data(page.start),
        end=times.data(page.end),
        step_seconds=page.step,
        points=curve,
        link=link,
    )
    return answered(data, _lines(page, found, curve, times, link))


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


def _lines(
    page: ScopePage, found: ScopeMeasure, points: Sequence[SeriesPoint], times: ToolTimes, link: str
) -> Iterator[str]:
    about, kind, measure = NamedScope.of(page.scope), page.scope.kind, found.measure

    def written(value: float | None) -> str:
        return amount(value, measure, kind)

    what = measure_in_words(measure, kind)
    span, unit = times.span(page.start, page.end), unit_in_words(measure, kind)
    yield f"{what} of {about.words}, {span}, in {unit}:"
    now = f"At its end {written(found.value)}"
    if found.expected is not None:
        now += f", expected {written(found.expected)} ({written(found.lower)} to {written(found.upper)})"
    yield f"{now}; a week before {written(found.week_before)}."
    if found.expected is None:
        yield "Nothing was expected: there is no baseline for it yet, or none at that step."
    change = change_in_words(found.mean, found.mean_before)
    week = "" if found.mean_before is None else f" ({change} on the same range a week before)"
    at = None if found.most_at is None else times.data(found.most_at)
    yield f"Mean {written(found.mean)}{week}; highest {written(found.most)} at {at}."
    if is_latency(measure):
        yield f"It is a p95; at the end p50 {written(found.p50)}, p99 {written(found.p99)}."
    yield (
        f"Open now: {found.verdict}, incident {found.incident}."
        if found.verdict
        else "No finding about it is open."
    )
    for verdict in found.curve.verdicts:
        yield f"{verdict.verdict} from {times.data(verdict.start)} to {times.data(verdict.end)}"
    yield f"Points of {duration(page.step)}: observed (lowest to highest), expected (lower to upper)"
    for point in points:
        if point.observed is not None:
            yield _point(point, measure)
    yield f"Its page: {link}"


def _point(point: SeriesPoint, measure: str) -> str:
    def written(value: float | None) -> str:
        return "–" if value is None else in_words_unit(value, measure)

    extremes = "" if point.lowest is None else f" ({written(point.lowest)} to {written(point.highest)})"
    band = "" if point.lower is None else f" ({written(point.lower)} to {written(point.upper)})"
    expected = "" if point.expected is None else f", {written(point.expected)}{band}"
    return f"{point.at[:16]} {written(point.observed)}{extremes}{expected}"

"""The callers of a scope, or its callees: how much, and whether that is more calls or more per call."""

import math
from collections.abc import Iterator
from typing import Final, Literal

from mcp.types import CallToolResult
from pydantic import Field

from detectors.model.measures import Measure
from streams.screens.board.scope_pages.scope_page import ScopeAmount, ScopeNeighbour, ScopeNeighbours
from streams.screens.board.scope_pages.scope_range import WEEK
from streams.screens.mcp.board_client import BoardAnswerError, BoardClient
from streams.screens.mcp.named_scope import AskedPage, BoardPlaces, NamedScope, scope_page
from streams.screens.mcp.tool_answer import ToolData, ToolPart, answered
from streams.screens.mcp.tool_figures import (
    amount,
    change_in_words,
    measure_in_words,
    measures_in_words,
    share_in_words,
    unit_of_data,
)
from streams.screens.mcp.untrusted_text import shown

MOST: Final = 10
REQUESTS: Final = Measure.REQUESTS.value
_MOSTLY: Final = 2 / 3  # of a change: then the other part is not named
_NOTABLE: Final = 0.01  # of an amount: less is no change

Because = Literal[
    "more calls",
    "more per call",
    "more calls and more per call",
    "fewer calls",
    "less per call",
    "fewer calls and less per call",
    "no change",
    "new",
    "unknown",
]


_RISES: Final[tuple[Because, Because, Because]] = (
    "more calls and more per call",
    "more calls",
    "more per call",
)
_FALLS: Final[tuple[Because, Because, Because]] = (
    "fewer calls and less per call",
    "fewer calls",
    "less per call",
)


class CallerLine(ToolPart):
    """One neighbour by one measure, and the same range a week before. Amounts are per second."""

    about: NamedScope
    value: float
    before: float | None = None
    share: float | None = Field(None, description="of the whole, 0 to 1")
    calls: float
    calls_before: float | None = None
    per_call: float | None = None
    per_call_before: float | None = None
    because: Because = Field(description="what made the difference to the week before")


class CallersOfKind(ToolPart):
    """Neighbours of one kind, those with the most first."""

    kind: str
    measure: str
    unit: str
    neighbours: list[CallerLine]
    more: int = Field(0, description="that the daemon did not read: those with fewer calls")


class CallersData(ToolData):
    """Who calls a scope, or whom it calls."""

    about: NamedScope
    direction: str
    first: str
    end: str
    kinds: list[CallersOfKind]
    measures: list[str] = Field(description="that this can be asked by")
    link: str


async def callers_answer(
    board: BoardClient, asked: AskedPage, direction: Literal["callers", "callees"], measure: str, most: int
) -> CallToolResult:
    """Return the neighbours of a scope by a measure; without one, by what matters most.

    Raises
    ------
    BoardAnswerError
        When there is no such scope or measure, or the daemon does not answer.
    """
    page = await scope_page(board, asked)
    times, about = await board.times(), NamedScope.of(page.scope)
    given = page.callers if direction == "callers" else page.callees
    known = list(
        dict.fromkeys(known_measure for neighbours in given for known_measure in neighbours.measures)
    )
    if measure and measure not in known and given:
        raise BoardAnswerError(
            f"{shown(asked.scope)} has no {direction} by {shown(measure)}; "
            f"they have {measures_in_words(known)}"
        )
    kinds = [
        _kind(neighbours, measure or neighbours.measures[0], most)
        for neighbours in given
        if neighbours.measures and (not measure or measure in neighbours.measures)
    ]
    data = CallersData(
        about=about,
        direction=direction,
        first=times.data(page.first),
        end=times.data(page.end),
        kinds=kinds,
        measures=known,
        link=BoardPlaces(board.url).scope(about, by=measure, **asked.times),
    )
    for neighbours in given:
        if len(neighbours.neighbours) > most:
            data.left_out[f"kinds.{neighbours.kind}"] = len(neighbours.neighbours) - most
    compared = page.end - page.first <= WEEK
    return answered(data, _lines(data, times.span(page.first, page.end), compared=compared))


def because(of: ScopeAmount, *, counts: bool) -> Because:
    """Return whether the difference to the week before is one of calls, or of what each takes.

    ``counts`` is whether the amount is the calls themselves.

    Examples
    --------
    >>> because(ScopeAmount(20.0, 10.0, 1.0, 8.0, 4.0), counts=False)
    'more calls'
    >>> because(ScopeAmount(5.0, 10.0, 1.0, 4.0, 4.0), counts=False)
    'less per call'
    """
    if of.before is None:
        return "unknown"
    if of.before <= 0:
        return "new" if of.value > 0 else "no change"
    if abs(of.value - of.before) < _NOTABLE * of.before:
        return "no change"
    calls = 1.0
    if not counts and of.value > 0 and of.calls and of.calls_before:
        calls = math.log(of.calls / of.calls_before) / math.log(of.value / of.before)
    both, only_calls, only_each = _RISES if of.value > of.before else _FALLS
    return only_calls if calls >= _MOSTLY else only_each if calls <= 1 - _MOSTLY else both


def _kind(given: ScopeNeighbours, measure: str, most: int) -> CallersOfKind:
    ordered = sorted(given.neighbours, key=lambda neighbour: -neighbour.amounts[measure].value)
    return CallersOfKind(
        kind=given.kind,
        measure=measure,
        unit=unit_of_data(measure),
        neighbours=[_line(neighbour, measure) for neighbour in ordered[:most]],
        more=given.more,
    )


def _line(neighbour: ScopeNeighbour, measure: str) -> CallerLine:
    of = neighbour.amounts[measure]
    return CallerLine.copied(
        of,
        about=NamedScope.of(neighbour.scope),
        per_call=of.value / of.calls if of.calls else None,
        per_call_before=None if of.before is None or not of.calls_before else of.before / of.calls_before,
        because=because(of, counts=measure == REQUESTS),
    )


def _lines(data: CallersData, span: str, *, compared: bool) -> Iterator[str]:
    who = "Who calls" if data.direction == "callers" else "Called by"
    week = "; changes are on the same range a week before" if compared else ""
    yield f"{who} {data.about.words}, {span}{week}."
    if not data.kinds:
        yield (
            "Nobody did in this range." if data.direction == "callers" else "It called nothing in this range."
        )
    for kind in data.kinds:
        yield f"By {kind.kind}, {measure_in_words(kind.measure)}:"
        for neighbour in kind.neighbours:
            value, share = amount(neighbour.value, kind.measure), share_in_words(neighbour.share)
            change = f"; {_change(neighbour, counts=kind.measure == REQUESTS)}" if compared else ""
            yield f"- {neighbour.about.words}: {value}, {share}{change}"
        if kind.more:
            yield f"- {kind.more} more with fewer calls"
    yield f"Its page: {data.link}"


def _change(line: CallerLine, *, counts: bool) -> str:
    change = change_in_words(line.value, line.before)
    if not line.before:
        return "the week before is not known" if line.before is None else change
    if counts or line.because == "no change":
        return f"{change}: {line.because}"
    calls = change_in_words(line.calls, line.calls_before)
    per_call = change_in_words(line.per_call, line.per_call_before)
    return f"{change}: {line.because} (calls {calls}, per call {per_call})"

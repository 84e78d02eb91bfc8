"""The callers of a scope, or its callees: how much, and whether that is more calls or more per call."""

import math
from collections.abc import Iterator, Sequence
from typing import Annotated, Final, Literal

from mcp.types import CallToolResult
from msgspec.structs import replace
from pydantic import Field

from detectors.model.measures import Measure
from streams.screens.board.scope_pages.scope_page import (
    ScopeAmount,
    ScopeNeighbour,
    ScopeNeighbours,
    ScopePage,
)
from streams.screens.board.scope_pages.scope_range import WEEK
from streams.screens.mcp.answer_parts import AnswerPart, Given, data_of, part_of
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
from streams.screens.mcp.tool_answer import answered
from streams.screens.mcp.tool_figures import (
    ToolTimes,
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


_CALLER: Final = part_of(
    ScopeAmount,
    "One neighbour by one measure, and the same range a week before. Amounts are per second, share is that "
    "of the whole, 0 to 1; because says what made the difference to the week before.",
    "about value before share calls calls_before per_call per_call_before because",
    about=Given(NamedScope),
    per_call=Given(float | None),
    per_call_before=Given(float | None),
    because=Given(Because),
)
_KIND: Final = part_of(
    ScopeNeighbours,
    "Neighbours of one kind, those with the most first; the daemon did not read more with fewer calls.",
    "kind measure unit neighbours more",
    measure=Given(str),
    unit=Given(str),
    neighbours=_CALLER,
)
CALLERS: Final = data_of(
    ScopePage,
    "Who calls a scope, or whom it calls, by one of the measures.",
    "about=scope direction first=start end kinds=callers measures link",
    direction=Given(str),
    kinds=_KIND,
    measures=Given(list[str]),
    link=Given(str),
)


async def who_calls(
    *,
    scope: ScopeArgument,
    direction: Annotated[
        Literal["callers", "callees"], Field(description="callers: who calls it; callees: whom it calls")
    ] = "callers",
    measure: Annotated[
        str,
        Field(max_length=300, description="wcu, rcu, requests, cost, …; empty for the one that matters most"),
    ] = "",
    range: RangeArgument = "4h",  # noqa: A002
    since: SinceArgument = "",
    until: UntilArgument = "",
    account: PlaceArgument = "",
    region: PlaceArgument = "",
    version: PlaceArgument = "",
    most: Annotated[int, Field(ge=1, le=40, description="how many of each kind")] = MOST,
) -> Annotated[CallToolResult, CALLERS]:
    """Show who calls a table, function, route or service, or whom it calls.

    Each with its share, and whether it is more calls or more per call than in the same range a week before.
    """
    board = CLIENT.get()
    asked = AskedPage(scope, account, region, version, range, since, until)
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
        _by_measure(neighbours, measure or neighbours.measures[0], most)
        for neighbours in given
        if neighbours.measures and (not measure or measure in neighbours.measures)
    ]
    link = BoardPlaces(board.url).scope(about, by=measure, **asked.times)
    data = CALLERS.made_from(
        page,
        times,
        direction=direction,
        kinds=[_kind(kind, times) for kind in kinds],
        measures=known,
        link=link,
    )
    for neighbours in given:
        if len(neighbours.neighbours) > most:
            data.left_out[f"kinds.{neighbours.kind}"] = len(neighbours.neighbours) - most
    title = f"{'Who calls' if direction == 'callers' else 'Called by'} {about.words}"
    nothing = "Nobody did in this range." if direction == "callers" else "It called nothing in this range."
    span, compared = times.span(page.start, page.end), page.end - page.first <= WEEK
    lines = _lines(kinds, compared=compared) if kinds else [nothing]
    week = "; changes are on the same range a week before" if compared else ""
    return answered(data, [f"{title}, {span}{week}.", *lines, f"Its page: {link}"])


def _by_measure(given: ScopeNeighbours, measure: str, most: int) -> ScopeNeighbours:
    ordered = sorted(given.neighbours, key=lambda neighbour: -neighbour.amounts[measure].value)
    return replace(given, measures=[measure], neighbours=ordered[:most])


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


def _per_call(value: float | None, calls: float | None) -> float | None:
    return value / calls if value is not None and calls else None


def _kind(kind: ScopeNeighbours, times: ToolTimes) -> AnswerPart:
    [measure] = kind.measures
    return _KIND.made_from(
        kind,
        times,
        measure=measure,
        unit=unit_of_data(measure),
        neighbours=[_caller(neighbour, measure, times) for neighbour in kind.neighbours],
    )


def _caller(neighbour: ScopeNeighbour, measure: str, times: ToolTimes) -> AnswerPart:
    of = neighbour.amounts[measure]
    return _CALLER.made_from(
        of,
        times,
        about=NamedScope.of(neighbour.scope),
        per_call=_per_call(of.value, of.calls),
        per_call_before=_per_call(of.before, of.calls_before),
        because=because(of, counts=measure == REQUESTS),
    )


def _lines(kinds: Sequence[ScopeNeighbours], *, compared: bool) -> Iterator[str]:
    for kind in kinds:
        [measure] = kind.measures
        yield f"By {kind.kind}, {measure_in_words(measure)}:"
        for neighbour in kind.neighbours:
            of = neighbour.amounts[measure]
            value, share = amount(of.value, measure), share_in_words(of.share)
            change = f"; {_change(of, counts=measure == REQUESTS)}" if compared else ""
            yield f"- {NamedScope.of(neighbour.scope).words}: {value}, {share}{change}"
        if kind.more:
            yield f"- {kind.more} more with fewer calls"


def _change(of: ScopeAmount, *, counts: bool) -> str:
    change, why = change_in_words(of.value, of.before), because(of, counts=counts)
    if not of.before:
        return "the week before is not known" if of.before is None else change
    if counts or why == "no change":
        return f"{change}: {why}"
    calls = change_in_words(of.calls, of.calls_before)
    per_call = change_in_words(_per_call(of.value, of.calls), _per_call(of.before, of.calls_before))
    return f"{change}: {why} (calls {calls}, per call {per_call})"

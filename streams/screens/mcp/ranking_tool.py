"""The scopes with the most of a measure now: the hottest tables, the highest costs, the slowest functions."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, Literal

from mcp.types import CallToolResult
from pydantic import Field

from detectors.model.scope import Scope
from streams.screens.mcp.board_client import CLIENT, BoardAnswerError, BoardClient
from streams.screens.mcp.named_scope import AccountArgument, NamedScope
from streams.screens.mcp.tool_answer import ToolData, ToolPart, answered
from streams.screens.mcp.tool_figures import amount, change_in_words, measure_in_words, unit_of_data

MOST: Final = 25
_SAME: Final = ("cloud", "account", "region", "name", "version")
_ESCAPED: Final = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})

_Key = tuple[str, ...]


class RankedScope(ToolPart):
    """One place of a ranking, in the newest step."""

    about: NamedScope
    value: float
    expected: float | None = None
    upper: float | None = None
    week_before: float | None = None


class RankingData(ToolData):
    """Scopes of one kind by one measure, the one with the most first."""

    kind: str
    measure: str
    unit: str = Field(description="of all values")
    at: str
    ranked: list[RankedScope]


async def rank_scopes(
    *,
    kind: Annotated[
        Literal["account", "service", "route", "function", "table", "client"],
        Field(description="what to rank"),
    ],
    measure: Annotated[
        str,
        Field(
            min_length=1,
            max_length=300,
            description="cost, wcu, rcu, requests, throttles, errors_backend, latency (p95), busy, …",
        ),
    ],
    account: AccountArgument = "",
    most: Annotated[int, Field(ge=1, le=MOST, description="how many to list")] = 10,
) -> Annotated[CallToolResult, RankingData]:
    """Rank scopes by a measure now: what costs most, the hottest tables, the slowest functions."""
    board = CLIENT.get()
    at = (await board.ask("/board/wall")).get("at")
    if at is None:
        raise BoardAnswerError("there are no values yet: the first ones appear a minute after an event")
    series = _selected(
        kind=kind, measure=measure, source_kind="", **({"account": account} if account else {})
    )
    first = f"topk({most}, uneri_observed{series})"

    async def beside(query: str) -> dict[_Key, float]:
        found = await _asked(board, f"{query} and on ({','.join(_SAME)}) {first}", at)
        return {key: value for key, _, value in found}

    observed = await _asked(board, first, at)
    expected, upper = await beside(f"uneri_expected{series}"), await beside(f"uneri_upper{series}")
    before = await beside(f"uneri_observed{series} offset 1w")
    times = await board.times()
    data = RankingData(
        kind=kind,
        measure=measure,
        unit=unit_of_data(measure, kind),
        at=times.data(at),
        ranked=[
            RankedScope(
                about=NamedScope.of(Scope(*(labels.get(name, "") for name in Scope._fields)).as_answer()),
                value=value,
                expected=expected.get(key),
                upper=upper.get(key),
                week_before=before.get(key),
            )
            for key, labels, value in observed
        ],
    )
    return answered(data, _lines(data, times.words(at)))


def _selected(**labels: str) -> str:
    """Return a selector of series with these labels."""
    conditions = (f'{name}="{value.translate(_ESCAPED)}"' for name, value in labels.items())
    return f"{{{','.join(conditions)}}}"


async def _asked(board: BoardClient, query: str, at: int) -> list[tuple[_Key, Mapping[str, str], float]]:
    found: Any = await board.ask("/api/v1/query", query=query, time=str(at - 1))
    return [
        (tuple(sample["metric"].get(name, "") for name in _SAME), sample["metric"], float(sample["value"][1]))
        for sample in found["data"]["result"]
    ]


def _lines(data: RankingData, at: str) -> Iterator[str]:
    name = measure_in_words(data.measure, data.kind)
    if not data.ranked:
        yield f"No {data.kind} has a measure {name} in the newest step ({at})."
        return
    yield f"Those of kind {data.kind} with the most {name} in the newest step ({at}):"
    for place, scope in enumerate(data.ranked, 1):
        value, expected = (
            amount(number, data.measure, data.kind) for number in (scope.value, scope.expected)
        )
        usual = "no baseline" if scope.expected is None else f"expected {expected}"
        high = " [above its band]" if scope.upper is not None and scope.value > scope.upper else ""
        week = f"{change_in_words(scope.value, scope.week_before)} on the week before"
        where = f" ({scope.about.where})" if scope.about.where else ""
        yield f"{place}. {scope.about.words}{where}: {value}, {usual}, {week}{high}"

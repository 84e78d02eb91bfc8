"""The tools that only read."""

from typing import Annotated, Final, Literal

from mcp.server.mcpserver import MCPServer
from mcp.types import CallToolResult, ToolAnnotations
from pydantic import Field

from streams.screens.board.scope_pages.scope_range import FEWEST_POINTS
from streams.screens.mcp import callers_tool, incidents_tool, ranking_tool
from streams.screens.mcp.board_client import CLIENT
from streams.screens.mcp.callers_tool import CALLERS, callers_answer
from streams.screens.mcp.incident_tool import INCIDENT_WHOLE, incident_answer
from streams.screens.mcp.incidents_tool import CHANGES, INCIDENTS, changes_answer, incidents_answer
from streams.screens.mcp.named_scope import (
    AskedPage,
    PlaceArgument,
    RangeArgument,
    ScopeArgument,
    SinceArgument,
    UntilArgument,
)
from streams.screens.mcp.ranking_tool import RankingData, ranking_answer
from streams.screens.mcp.scope_tool import SCOPE, FoundNames, names_answer, scope_answer
from streams.screens.mcp.series_tool import MOST_POINTS, SERIES, series_answer
from streams.screens.mcp.tool_answer import or_refused
from streams.screens.mcp.wall_tool import WALL, wall_answer

READS: Final = ToolAnnotations(
    read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False
)

IncidentName = Annotated[
    str,
    Field(min_length=1, max_length=100, description="id of the incident; its first characters suffice"),
]
_Days = Annotated[Literal["1d", "1w", "5w"], Field(description="range that ends now")]
_Kind = Annotated[
    Literal["", "account", "service", "route", "function", "table", "client", "tenant"],
    Field(description="kind of what it is about; empty for all"),
]
_About = Annotated[
    str,
    Field(max_length=300, description="a part of the name that it is about, such as items; empty for all"),
]
_Account = Annotated[str, Field(max_length=300, description="id of an account; empty for all")]
_Most = Annotated[int, Field(ge=1, le=incidents_tool.MOST, description="how many to list")]


def add_reading_tools(server: MCPServer) -> None:
    """Give a server the tools that only read."""
    for tool in (
        is_all_well,
        list_incidents,
        show_incident,
        list_changes,
        who_calls,
        rank_scopes,
        show_series,
        show_scope,
        find_names,
    ):
        server.add_tool(tool, annotations=READS)


async def is_all_well() -> Annotated[CallToolResult, WALL]:
    """Is all well now? Open incidents, requests, errors, times, limits, and how old the data are.

    Begin with this one.
    """
    return await or_refused(wall_answer(CLIENT.get()))


async def list_incidents(
    *,
    state: Annotated[Literal["open", "ended", "any"], Field(description="open: those of now")] = "open",
    range: _Days = "1w",  # noqa: A002 - what it is
    verdict: Annotated[
        Literal["", "spike", "drop", "shift", "growth", "limit", "absence", "fatal"],
        Field(description="empty for all"),
    ] = "",
    kind: _Kind = "",
    about: _About = "",
    account: _Account = "",
    most: _Most = 20,
) -> Annotated[CallToolResult, INCIDENTS]:
    """List incidents, open or recent, the newest first. Ended ones are kept for 30 days."""
    asked = {"range": range, "verdict": verdict, "kind": kind, "account": account}
    if state != "any":
        asked["state"] = state
    return await or_refused(incidents_answer(CLIENT.get(), asked, about, most))


async def show_incident(incident: IncidentName) -> Annotated[CallToolResult, INCIDENT_WHOLE]:
    """Show one incident whole.

    Its figures, who causes it (more calls, or more per call), what happened in which order, changes before
    it, what was learnt the last times, requests to look at, links.
    """
    return await or_refused(incident_answer(CLIENT.get(), incident))


async def list_changes(
    *,
    range: _Days = "1d",  # noqa: A002
    kind: _Kind = "",
    about: _About = "",
    account: _Account = "",
    most: _Most = 20,
) -> Annotated[CallToolResult, CHANGES]:
    """List what changed: deployments and configuration, the newest first. They are known for a week."""
    asked = {"range": range, "kind": kind, "account": account}
    return await or_refused(changes_answer(CLIENT.get(), asked, about, most))


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
    most: Annotated[int, Field(ge=1, le=40, description="how many of each kind")] = callers_tool.MOST,
) -> Annotated[CallToolResult, CALLERS]:
    """Show who calls a table, function, route or service, or whom it calls.

    Each with its share, and whether it is more calls or more per call than in the same range a week before.
    """
    asked = AskedPage(scope, account, region, version, range, since, until)
    return await or_refused(callers_answer(CLIENT.get(), asked, direction, measure, most))


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
    account: _Account = "",
    most: Annotated[int, Field(ge=1, le=ranking_tool.MOST, description="how many to list")] = 10,
) -> Annotated[CallToolResult, RankingData]:
    """Rank scopes by a measure now: what costs most, the hottest tables, the slowest functions."""
    return await or_refused(ranking_answer(CLIENT.get(), kind, measure, account, most))


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
    asked = AskedPage(scope, account, region, version, range, since, until)
    return await or_refused(series_answer(CLIENT.get(), asked, measure, points))


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
    asked = AskedPage(scope, account, region, version, range, since, until)
    return await or_refused(scope_answer(CLIENT.get(), asked))


async def find_names(
    like: Annotated[
        str, Field(max_length=300, description="parts of a name, a kind, a version, an account or a region")
    ],
) -> Annotated[CallToolResult, FoundNames]:
    """Find services, routes, functions, tables, clients, accounts and tenants by name."""
    return await or_refused(names_answer(CLIENT.get(), like))

"""The MCP server, with the tools that the permission of a client allows."""

from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.mcpserver import MCPServer

from streams.screens.mcp.acting_tools import add_acting_tools
from streams.screens.mcp.board_client import CLIENT, BoardClient
from streams.screens.mcp.callers_tool import who_calls
from streams.screens.mcp.guides import INSTRUCTIONS, add_guides
from streams.screens.mcp.incident_tool import show_incident
from streams.screens.mcp.incidents_tool import list_changes, list_incidents
from streams.screens.mcp.ranking_tool import rank_scopes
from streams.screens.mcp.replay_tools import add_replay_tools
from streams.screens.mcp.scope_tool import find_names, show_scope
from streams.screens.mcp.series_tool import show_series
from streams.screens.mcp.tool_answer import READS, or_refusal
from streams.screens.mcp.wall_tool import is_all_well

CALLER = "uneri.caller"
"""The key of an HTTP request's scope under which its ``BoardClient`` is."""


READING: Final = (
    is_all_well,
    list_incidents,
    show_incident,
    list_changes,
    who_calls,
    rank_scopes,
    show_series,
    show_scope,
    find_names,
)


def assistant_server(board: BoardClient, *, may_act: bool, replays: Path | None) -> MCPServer:
    """Return a server.

    Parameters
    ----------
    board
        The client for requests without one of their own.
    may_act
        Whether the server has the tools that change something.
    replays
        The folder with results of replays; None: no tools for them.
    """

    async def with_client(ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        caller = None if ctx.request is None else ctx.request.scope.get(CALLER)
        token = CLIENT.set(caller or board)
        try:
            return await call_next(ctx)
        finally:
            CLIENT.reset(token)

    server = MCPServer(
        "uneri",
        title="Uneri",
        instructions=INSTRUCTIONS,
        version=version("uneri"),
        log_level="WARNING",
        subscriptions=False,
        middleware=[with_client],
    )
    for tool in READING:
        server.add_tool(or_refusal(tool), annotations=READS)
    if replays is not None:
        add_replay_tools(server, replays)
    if may_act:
        add_acting_tools(server)
    add_guides(server)
    return server

"""Common parts of the tests of the MCP server: boards on real web servers, the protocol's official client."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.types import CallToolResult, TextContent

from streams.process.web.access import Access
from streams.process.web.http_server import HttpServer
from streams.process.web.tokens import own_authorization
from streams.record.query.query_routes import QueryRoutes
from streams.record.query.query_service import QueryService
from streams.screens.board.board_routes import BoardRoutes
from streams.screens.board.live_board import LiveBoard
from streams.screens.mcp.board_client import BoardClient, connections
from streams.screens.mcp.mcp_server import assistant_server
from tests.streams.screens.board.board_server import KEY, GivenBoard
from tests.streams.screens.board.incidents.incidents_given import GivenIncidents, busy_incidents
from tests.streams.screens.board.wall_given import wall_given

NOW = 1_764_200_012
UNERI = Path(sys.executable).with_name("uneri")
READING = {
    "is_all_well",
    "list_incidents",
    "show_incident",
    "list_changes",
    "who_calls",
    "rank_scopes",
    "show_series",
    "show_scope",
    "find_names",
}
ACTING = {"acknowledge_incident", "snooze_incident", "label_incident", "write_memo"}


def busy_board() -> GivenBoard:
    """Return a board with what a bad week leaves behind."""
    return GivenBoard(wall_given("busy", NOW), service=busy_incidents(NOW))


@asynccontextmanager
async def board_over(
    data: LiveBoard,
    service: GivenIncidents,
    access: Access | None = None,
    port: int = 0,
    queries: QueryService | None = None,
) -> AsyncIterator[str]:
    """Serve a board; yield its address."""
    known = access or Access("127.0.0.1:0", session_key=KEY)
    routes = BoardRoutes(data, known, service, now=lambda: NOW).routes()
    if queries is not None:
        routes += QueryRoutes(queries).routes()
    server = HttpServer(f"127.0.0.1:{port}", routes, access=known)
    listening = await server.start()
    try:
        yield f"http://127.0.0.1:{listening}"
    finally:
        await server.stop()


class Asked:
    """Asks tools of a server by a client that stays connected."""

    def __init__(self, client: Client, url: str) -> None:
        self.client = client
        self.url = url

    async def answer(self, tool: str, /, **arguments: object) -> tuple[dict[str, Any], str]:
        """Return the data and the words of a tool's answer."""
        return await answer_of(self.client, tool, **arguments)

    async def refused(self, tool: str, /, **arguments: object) -> str:
        """Return why a tool has no answer."""
        return await refusal(self.client, tool, **arguments)


@asynccontextmanager
async def asked_of(url: str, token: str = "", replays: Path | None = None) -> AsyncIterator[Asked]:
    """Connect a client to a server in this process, as ``uneri mcp`` makes it."""
    async with connections() as session:
        board = BoardClient(url, session, own_authorization({"UNERI_TOKEN": token}))
        permission = await board.reading_permission()
        server = assistant_server(board, may_act=permission.may_act, replays=replays)
        connected, over = asyncio.get_running_loop().create_future(), asyncio.Event()

        async def stay() -> None:
            async with Client(server) as client:
                connected.set_result(client)
                await over.wait()

        staying = asyncio.create_task(stay())  # a connection belongs to one task, and a fixture has two
        try:
            yield Asked(await connected, url)
        finally:
            over.set()
            await staying


@asynccontextmanager
async def stdio_assistant(url: str, token: str = "", *arguments: str) -> AsyncIterator[Client]:
    """Connect the official client to ``uneri mcp``, a process of its own, over standard input and output."""
    started = StdioServerParameters(
        command=str(UNERI), args=["mcp", "--url", url, *arguments], env=environment(token)
    )
    async with Client(stdio_client(started)) as client:
        yield client


def environment(token: str = "") -> dict[str, str]:
    """Return the environment of a process with this token, or without one."""
    kept = {name: value for name, value in os.environ.items() if name != "UNERI_TOKEN"}
    return kept | ({"UNERI_TOKEN": token} if token else {})


async def run_uneri(*arguments: str, token: str = "", given: bytes = b"") -> tuple[int, str, str]:
    """Run ``uneri`` to its end; return exit code, standard output and standard error."""
    process = await asyncio.create_subprocess_exec(
        str(UNERI),
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment(token),
    )
    out, err = await asyncio.wait_for(process.communicate(given), 60)
    assert b"Traceback" not in err
    return process.returncode or 0, out.decode(), err.decode()


async def answer_of(client: Client, tool: str, /, **arguments: object) -> tuple[dict[str, Any], str]:
    """Return the data and the words of a tool's answer."""
    answer = await call(client, tool, arguments)
    assert not answer.is_error, words_of(answer)
    assert isinstance(answer.structured_content, dict)
    return answer.structured_content, words_of(answer)


async def refusal(client: Client, tool: str, /, **arguments: object) -> str:
    """Return why a tool has no answer."""
    answer = await call(client, tool, arguments)
    assert answer.is_error
    return words_of(answer)


async def call(client: Client, tool: str, arguments: Mapping[str, object]) -> CallToolResult:
    """Call a tool."""
    answer = await client.call_tool(tool, dict(arguments))
    assert isinstance(answer, CallToolResult)
    return answer


def words_of(answer: CallToolResult) -> str:
    """Return the words of an answer."""
    [only] = answer.content
    assert isinstance(only, TextContent)
    return only.text

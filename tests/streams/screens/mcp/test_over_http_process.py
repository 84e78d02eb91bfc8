"""``uneri mcp --http``: a process of its own, the official client, and requests that must not get in."""

import asyncio
import re
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import httpx2
import pytest
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client

from streams.screens.mcp.board_client import BoardAnswerError
from streams.screens.mcp.over_http import LARGEST_BODY, REQUESTS, serve_http
from tests.streams.screens.board.board_client import INTAKE, OPERATE, READ, locked
from tests.streams.screens.mcp.assistant_given import (
    ACTING,
    READING,
    UNERI,
    answer_of,
    board_over,
    busy_board,
    call,
    environment,
    words_of,
)

LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
ACCEPT = {"Accept": "application/json, text/event-stream"}


@asynccontextmanager
async def serving(
    url: str, *arguments: str, token: str = "", listen: str = "127.0.0.1:0"
) -> AsyncIterator[str]:
    """Run ``uneri mcp --http``; yield its address. It ends with 0 when it is asked to stop."""
    process = await asyncio.create_subprocess_exec(
        str(UNERI),
        "mcp",
        "--url",
        url,
        "--http",
        listen,
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        env=environment(token),
    )
    assert process.stdout is not None
    said = (await asyncio.wait_for(process.stdout.readline(), 60)).decode()
    port = re.fullmatch(r"answers at http://\S+:(\d+)/mcp\n", said)
    assert port is not None, said
    try:
        yield f"http://127.0.0.1:{port[1]}/mcp"
    finally:
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 60) == 0


@asynccontextmanager
async def http_client(url: str, token: str = "") -> AsyncIterator[Client]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=60) as http,
        Client(streamable_http_client(url, http_client=http)) as client,
    ):
        yield client


async def tools_of(client: Client) -> set[str]:
    return {tool.name for tool in (await client.list_tools()).tools}


async def post(url: str, body: object = LIST, **headers: str) -> tuple[int, str]:
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, json=body, headers={**ACCEPT, **headers}) as answer,
    ):
        return answer.status, await answer.text()


async def test_each_caller_may_do_what_the_token_allows() -> None:
    data = busy_board()
    async with board_over(data, data.service, locked()) as board, serving(board, listen="0.0.0.0:0") as url:
        async with http_client(url, READ) as client:
            assert await tools_of(client) == READING
            _, words = await answer_of(client, "is_all_well")
            assert words.startswith("NOT WELL: 3 incidents are open")
            answer = await call(client, "acknowledge_incident", {"incident": "spike", "by": "eve"})
            assert answer.is_error
            assert "Unknown tool" in words_of(answer)
        assert data.service.given == []
        async with http_client(url, OPERATE) as client:
            assert await tools_of(client) == READING | ACTING
            await answer_of(client, "acknowledge_incident", incident="spike", by="mika")
            assert (await client.read_resource("uneri://wall")).contents
        assert [(command.kind.value, command.by) for command in data.service.given] == [
            ("acknowledge", "mika")
        ]
        assert (await post(url))[0] == 401
        for shown in (f"Bearer {INTAKE}", "Bearer x", "Bearer ", READ, f"Basic {READ}"):
            status, said = await post(url, Authorization=shown)
            assert status == 401
            assert "\n" not in said
        port = url.rpartition(":")[2]
        for given, status in (
            ({"Host": f"attacker.example.com:{port}"}, 421),
            ({"Origin": "http://attacker.example.com"}, 403),
            ({"Origin": "http://localhost:3000"}, 403),
        ):
            assert (await post(url, Authorization=f"Bearer {OPERATE}", **given))[0] == status
        assert (await post(url.replace("/mcp", "/status"), Authorization=f"Bearer {READ}"))[0] == 404
        assert (await post(url, {"x": "y" * LARGEST_BODY}, Authorization=f"Bearer {READ}"))[0] == 413
        async with aiohttp.ClientSession() as session:
            for method in ("GET", "DELETE", "OPTIONS"):
                async with session.request(method, url) as asked:
                    assert (asked.status, asked.headers["Allow"]) == (405, "POST")


@pytest.mark.release
async def test_on_loopback_who_shows_no_token_reads_as_who_started_it_and_never_acts() -> None:
    data = busy_board()
    async with board_over(data, data.service, locked()) as board, serving(board, token=OPERATE) as url:
        async with http_client(url) as client:
            assert await tools_of(client) == READING
            await answer_of(client, "list_incidents")
        async with http_client(url, OPERATE) as client:
            assert await tools_of(client) == READING | ACTING


@pytest.mark.release
async def test_heads_without_an_end_keep_nobody_out_and_of_too_many_requests_one_is_asked_to_come_again() -> (
    None
):
    data = busy_board()
    async with board_over(data, data.service) as board, serving(board) as url, asyncio.timeout(120):
        head = "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAccept: */*\r\n"
        halves = await _hold(url, head.encode(), 200)
        assert (await post(url))[0] == 200
        stalled = await _hold(url, f"{head}Content-Length: 9\r\n\r\n".encode(), REQUESTS)
        while (await post(url))[0] != 503:
            await asyncio.sleep(0.05)
        for writer in stalled:
            writer.close()
        while (await post(url))[0] != 200:
            await asyncio.sleep(0.05)
        for writer in halves:
            writer.close()


async def _hold(url: str, sent: bytes, count: int) -> list[asyncio.StreamWriter]:
    """Open connections that begin a request and do not end it."""
    port = int(url.rpartition(":")[2].partition("/")[0])
    writers = [(await asyncio.open_connection("127.0.0.1", port))[1] for _ in range(count)]
    for writer in writers:
        writer.write(sent)
    return writers


async def test_a_network_is_not_let_in_where_the_daemon_has_no_tokens() -> None:
    data = busy_board()
    async with board_over(data, data.service) as board:
        with pytest.raises(BoardAnswerError) as refused:
            await serve_http(board, "0.0.0.0:0", (), None)
    said = str(refused.value)
    assert said.startswith("--http 0.0.0.0:0 lets a network in, and the daemon at ")
    assert "uneri token read" in said
    assert "\n" not in said

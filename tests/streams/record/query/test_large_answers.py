"""Large answers reach clients that read, and take bounded memory and time if they do not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import aiohttp
from aiohttp import web

from streams.process.web.http_server import HttpServer
from streams.record.query.query_routes import LARGE, LargeAnswers

BODY: Final = bytes(range(256)) * (64 * LARGE // 256)  # more than the sockets of a system take up


@asynccontextmanager
async def answering(
    large: LargeAnswers, body: bytes = BODY, over: asyncio.Event | None = None
) -> AsyncIterator[str]:
    async def handle(request: web.Request) -> web.StreamResponse:
        headers = {"Cache-Control": "no-store"}
        answer = web.Response(body=body, status=200, content_type="application/json", headers=headers)
        try:
            return await large.send(request, answer)
        finally:
            if over is not None:
                over.set()

    routes = [web.get("/large", handle)]
    server = HttpServer("127.0.0.1:0", routes)
    port = await server.start()
    try:
        yield f"http://127.0.0.1:{port}/large"
    finally:
        await server.stop()


async def ask_and_read_nothing(url: str) -> asyncio.StreamWriter:
    host, port = url.removeprefix("http://").removesuffix("/large").split(":")
    _, asking = await asyncio.open_connection(host, int(port), limit=1024)
    asking.write(f"GET /large HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    return asking


async def test_who_reads_has_all_of_an_answer_of_any_size() -> None:
    for body in (b"{}", BODY[:LARGE], BODY[: LARGE + 1], BODY):
        large = LargeAnswers()
        async with answering(large, body) as url, aiohttp.ClientSession() as session:
            async with session.get(url) as answer:
                assert (answer.content_type, answer.headers["Cache-Control"]) == (
                    "application/json",
                    "no-store",
                )
                assert answer.content_length == len(body)
                assert await answer.read() == body
            async with session.head(url) as answer:
                assert (answer.content_length, await answer.read()) == (len(body), b"")
        assert large.held == 0


async def test_who_reads_nothing_is_given_up() -> None:
    large, over = LargeAnswers(seconds=0.1), asyncio.Event()
    async with answering(large, over=over) as url, asyncio.timeout(60):
        asking = await ask_and_read_nothing(url)
        await over.wait()
        assert large.held == 0
        asking.close()


async def test_more_answers_than_are_held_end_the_oldest() -> None:
    large = LargeAnswers(most=2 * len(BODY), seconds=600)
    async with answering(large) as url, asyncio.timeout(60), aiohttp.ClientSession() as session:
        asking = []
        for count in (1, 2):
            asking.append(await ask_and_read_nothing(url))
            while large.held < count * len(BODY):
                await asyncio.sleep(0.01)
        first, second = list(large._sending)
        async with session.get(url) as answer:
            assert await answer.read() == BODY
        assert first.transport.is_closing()
        assert list(large._sending) == [second]
        for writer in asking:
            writer.close()
        while large.held:
            await asyncio.sleep(0.01)

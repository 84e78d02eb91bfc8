"""The stream of steps: every board gets the newest wall, and none costs the daemon anything to speak of."""

import asyncio
import time
from contextlib import AsyncExitStack

import aiohttp
import pytest
from msgspec.structs import replace

from streams.process.web.tokens import AccessScope, Tokens
from streams.screens.board.wall.wall_stream import StreamPatience
from tests.streams.screens.board.board_client import OPERATE, READ, browser, known, locked, sign_in, status
from tests.streams.screens.board.board_server import BoardThread, GivenBoard, served
from tests.streams.screens.board.wall_given import wall_given

WALL = wall_given()


def given() -> GivenBoard:
    return GivenBoard(WALL)


class Events:
    """The events of one board, as they arrive."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self._answer = answer

    async def next(self, name: str) -> str:
        """Return the data of the next event of this name."""
        async with asyncio.timeout(60):
            found = ""
            async for line in self._answer.content:
                text = line.decode().rstrip("\n")
                if text.startswith("event: "):
                    found = text.removeprefix("event: ")
                if text.startswith("data: ") and found == name:
                    return text.removeprefix("data: ")
        raise EOFError


async def test_a_board_gets_the_newest_wall_at_once_and_every_step_then() -> None:
    data = given()
    async with (
        served(data) as board,
        browser() as session,
        session.get(f"{board.url}/board/events") as answer,
    ):
        assert answer.headers["Content-Type"] == "text/event-stream"
        events = Events(answer)
        assert '"now":' in await events.next("beat")
        assert f'"at":{WALL.at}' in await events.next("step")
        for at in (60, 120):
            data.show(replace(WALL, at=at))
            assert f'"at":{at}' in await events.next("step")
    assert data.asked == 3


async def test_a_quiet_board_hears_a_beat_and_a_trouble_is_said() -> None:
    data = given()
    patience = StreamPatience(beat=0.05)
    async with (
        served(data, patience=patience) as board,
        browser() as session,
        session.get(f"{board.url}/board/events") as answer,
    ):
        events = Events(answer)
        await events.next("step")
        for _ in range(3):
            await events.next("beat")
        data.trouble = "the history cannot be read; look at the disk"
        data.judged.notify()
        assert "look at the disk" in await events.next("trouble")
        data.trouble = None
        data.judged.notify()
        await events.next("step")


async def test_fifty_boards_have_one_wall_made_and_encoded() -> None:
    data = given()
    async with served(data) as board, browser() as session:
        answers = [await session.get(f"{board.url}/board/events") for _ in range(50)]
        events = [Events(answer) for answer in answers]
        for event in events:
            await event.next("step")
        assert board.board.boards == 50
        assert data.asked == 1
        data.show(replace(WALL, at=60))
        for event in events:
            assert '"at":60' in await event.next("step")
        assert data.asked == 2
        for answer in answers:
            answer.close()


async def test_a_removed_token_signs_its_boards_out_at_the_next_step() -> None:
    data = given()
    async with served(data, access=locked()) as board, browser() as session:
        await sign_in(session, board, READ)
        async with session.get(f"{board.url}/board/events") as answer:
            events = Events(answer)
            await events.next("step")
            board.access.replace_tokens(Tokens([known(OPERATE, AccessScope.OPERATE)]))
            data.judged.notify()
            await events.next("signed-out")
            assert await answer.content.read() == b"\n"
        assert await status(session, f"{board.url}/board/events") == 401


async def test_a_board_that_does_not_read_is_dropped_and_holds_up_nobody() -> None:
    data = GivenBoard(replace(WALL, incidents=[{"sentence": "x" * 4_000_000}]))
    patience = StreamPatience(slow=0.3)
    async with served(data, patience=patience) as board, browser() as session:
        reader, writer = await asyncio.open_connection("127.0.0.1", board.port, limit=1024)
        writer.write(b"GET /board/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        await reader.readline()
        async with session.get(f"{board.url}/board/events", read_bufsize=1 << 24) as answer:
            await Events(answer).next("beat")
            async with asyncio.timeout(60):
                while board.board.boards > 1:
                    data.judged.notify()
                    async with session.get(f"{board.url}/board/wall") as other:
                        assert other.status == 200
                    await asyncio.sleep(0.02)
        writer.close()


async def test_one_board_too_many_is_asked_to_come_back() -> None:
    patience = StreamPatience(boards=1)
    async with (
        served(given(), patience=patience) as board,
        browser() as session,
        session.get(f"{board.url}/board/events"),
        session.get(f"{board.url}/board/events") as refused,
    ):
        assert refused.status == 503
        assert refused.headers["Retry-After"] == "30"


async def test_of_too_many_boards_the_oldest_of_who_has_the_most_makes_room_for_another_reader() -> None:
    tokens = Tokens([known(name, AccessScope.READ)._replace(name=name) for name in ("many", "few")])
    async with (
        served(given(), access=locked(tokens), patience=StreamPatience(boards=3)) as board,
        browser() as many,
        browser() as few,
        AsyncExitStack() as opened,
    ):
        url = f"{board.url}/board/events"
        await sign_in(many, board, "many")
        await sign_in(few, board, "few")
        first, second, third = [Events(await opened.enter_async_context(many.get(url))) for _ in range(3)]
        assert await status(many, url) == 503
        another = Events(await opened.enter_async_context(few.get(url)))
        with pytest.raises((EOFError, aiohttp.ClientError)):
            await first.next("never")
        for open_ in (second, third, another):
            await open_.next("step")


async def test_a_stop_waits_for_no_board() -> None:
    loop = asyncio.get_running_loop()
    async with browser() as session:
        async with served(given()) as board:
            answer = await session.get(f"{board.url}/board/events")
            await Events(answer).next("step")
            began = loop.time()
        assert loop.time() - began < 5
        answer.close()


async def cpu() -> float:
    return time.thread_time()


async def test_fifty_open_boards_cost_at_most_two_percent_of_a_core() -> None:
    """Counted is the time of the daemon's own thread: a step and four beats make a minute."""
    wall = wall_given("busy")
    minutes = range(1, 6)
    with BoardThread(wall, patience=StreamPatience(beat=0.05)) as board:
        streams = [await asyncio.open_connection("127.0.0.1", board.port, limit=1 << 20) for _ in range(50)]

        async def until(what: bytes) -> None:
            async with asyncio.timeout(60):
                for reader, _ in streams:
                    await reader.readuntil(what)

        for _, writer in streams:
            writer.write(b"GET /board/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        await until(b"event: step")
        began = await asyncio.to_thread(board.run, cpu())
        for minute in minutes:
            board.show(replace(wall, at=minute))
            await until(b'"at":%d,' % minute)
            for _ in range(4):
                await until(b"event: beat")
        spent = (await asyncio.to_thread(board.run, cpu()) - began) / len(minutes)
        for _, writer in streams:
            writer.close()
    assert spent / 60 <= 0.02, f"{spent * 1000:.0f} ms of a minute"

"""``GET /board/events``: the wall of every step as server-sent events, encoded once for all boards."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Callable
from typing import NamedTuple

import msgspec
from aiohttp import web

from streams.board.board_data import BoardData, BoardDataError
from streams.board.board_headers import UNKEPT
from streams.board.step_json import StepJson
from streams.process.access import Access
from streams.process.http_server import STOPPING


class StreamPatience(NamedTuple):
    """How often a board hears something, and how long it may take to read it, seconds."""

    beat: float = 15.0
    slow: float = 20.0  # then a reader is dropped: what it did not read is all that it costs
    longest: float = 6 * 3600.0  # then it connects again, and its cookie lives on
    boards: int = 200  # at the same time; the server has places for others


class WallStream:
    """Answers boards until they leave, their session ends or the server stops.

    Events: ``step`` has a wall, ``beat`` the wall clock and the version of the page, ``trouble`` says why
    there is no new wall, ``signed-out`` that the token of this session is gone.

    Parameters
    ----------
    data
        Tells of steps.
    walls
        Encodes them, once for all.
    access
        Says whose token is gone.
    build
        The version of the page: an older one loads itself again.
    patience, now
        As named; ``now`` returns wall time, epoch seconds.
    """

    def __init__(
        self,
        data: BoardData,
        walls: StepJson,
        access: Access,
        build: str,
        *,
        patience: StreamPatience | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._data = data
        self._walls = walls
        self._access = access
        self._build = build
        self._patience = patience or StreamPatience()
        self._now = now
        self._step = (-1, b"")  # number, and the event as sent: one object for all boards
        self.boards = 0
        """Boards that are open."""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Send events for as long as somebody reads them."""
        if self.boards >= self._patience.boards:
            said = f"{self.boards} boards are open, which is the most; close one"
            return web.json_response({"error": said}, status=503, headers=UNKEPT | {"Retry-After": "30"})
        answer = web.StreamResponse(headers=UNKEPT | {"X-Accel-Buffering": "no"})
        answer.content_type = "text/event-stream"
        if (session := self._access.sessions.of(request)) is not None:
            session.put(request, answer)
        self.boards += 1
        try:
            with contextlib.suppress(ConnectionError):  # it left
                await answer.prepare(request)
                async with contextlib.aclosing(self._events(request)) as events:
                    async for event in events:
                        await self._send(request, answer, event)
        finally:
            self.boards -= 1
        return answer

    async def _events(self, request: web.Request) -> AsyncGenerator[bytes]:
        clock = asyncio.get_running_loop().time
        until = clock() + self._patience.longest
        stopping = asyncio.create_task(request.app[STOPPING].wait())
        number = -1
        yield b"retry: 2000\n\n" + self._beat()
        try:
            while not stopping.done() and clock() < until:
                if not self._access.still_allows(request):
                    yield _event("signed-out", b"{}")
                    return
                if self._data.judged.number > number:
                    number, event = await self._newest()
                    yield event
                judged = asyncio.create_task(self._data.judged.after(number))
                try:
                    await asyncio.wait(
                        {judged, stopping}, timeout=self._patience.beat, return_when="FIRST_COMPLETED"
                    )
                    waited = not judged.done()
                finally:
                    judged.cancel()
                if waited:
                    yield self._beat()
        finally:
            stopping.cancel()

    async def _newest(self) -> tuple[int, bytes]:
        try:
            number, wall = await self._walls.newest()
        except BoardDataError as error:
            return self._data.judged.number, _event("trouble", msgspec.json.encode({"error": str(error)}))
        if self._step[0] != number:
            self._step = (number, _event("step", wall))
        return self._step

    def _beat(self) -> bytes:
        return _event("beat", msgspec.json.encode({"now": round(self._now(), 3), "build": self._build}))

    async def _send(self, request: web.Request, answer: web.StreamResponse, event: bytes) -> None:
        try:
            async with asyncio.timeout(self._patience.slow):
                await answer.write(event)
        except TimeoutError:
            if request.transport is not None:
                request.transport.abort()
            raise ConnectionAbortedError from None


def _event(name: str, line: bytes) -> bytes:
    """Return an event with one line of JSON, which has no line breaks of its own."""
    return b"event: %s\ndata: %s\n\n" % (name.encode(), line)

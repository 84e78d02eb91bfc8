"""``GET /board/events``: the wall of every step as server-sent events, encoded once for all boards."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Callable
from typing import Final, NamedTuple

import msgspec
from aiohttp import web

from streams.process.web.access import Access
from streams.process.web.http_server import STOPPING
from streams.screens.board.board_data import BoardData, BoardDataError
from streams.screens.board.board_headers import UNKEPT
from streams.screens.board.wall.wall_json import WallJson, WallTime

_TROUBLE: Final = b"event: trouble"


class StreamPatience(NamedTuple):
    """How often a board hears something, and how long it may take to read it, seconds."""

    beat: float = 15.0
    slow: float = 20.0  # then a reader is dropped: what it did not read is all that it costs
    longest: float = 6 * 3600.0  # then it connects again, and its cookie lives on
    boards: int = 200  # at the same time; the server has places for others


class WallStream:
    """Answers boards until they leave, their session ends or the server stops.

    Events: ``step`` has a wall, ``incidents`` those of the wall that changed since, ``beat`` the wall clock
    and the version of the page, ``trouble`` says why there is no new wall, ``signed-out`` that the token of
    this session is gone.

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
        walls: WallJson,
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
        self._sent: dict[str, tuple[WallTime, bytes]] = {}  # events as sent: one object for all boards
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
        seen, shown = WallTime(), -1  # what it was told of, and the step whose wall it has
        yield b"retry: 2000\n\n" + self._beat()
        try:
            while not stopping.done() and clock() < until:
                if not self._access.still_allows(request):
                    yield _event("signed-out", b"{}")
                    return
                if self._walls.time != seen:
                    seen, event = await self._newest(shown)
                    yield event
                    shown = shown if event.startswith(_TROUBLE) else seen.step
                news = {
                    asyncio.create_task(self._data.judged.after(seen.step)),
                    asyncio.create_task(self._data.renewed.after(seen.change)),
                }
                try:
                    await asyncio.wait(
                        {*news, stopping}, timeout=self._patience.beat, return_when="FIRST_COMPLETED"
                    )
                    waited = not any(each.done() for each in news)
                finally:
                    for task in news:
                        task.cancel()
                if waited:
                    yield self._beat()
        finally:
            stopping.cancel()

    async def _newest(self, shown: int) -> tuple[WallTime, bytes]:
        """Return the newest wall as an event; only its incidents for who has the wall of this step."""
        time = self._walls.time
        try:
            newest = await self._walls.newest()
        except BoardDataError as error:
            return time, _event("trouble", msgspec.json.encode({"error": str(error)}))
        name, said = ("incidents", newest.incidents) if newest.time.step == shown else ("step", newest.wall)
        if name not in self._sent or self._sent[name][0] != newest.time:
            self._sent[name] = newest.time, _event(name, said)
        return self._sent[name]

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

"""``GET /board/events``: the wall of every step as server-sent events, encoded once for all boards."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from typing import Final, NamedTuple

import msgspec
from aiohttp import web
from msgspec.structs import replace

from streams.notify.incidents_route import IncidentsAnswer
from streams.process.web.access import Access, sender_at
from streams.process.web.answer_forms import RefusalAnswer, refusal
from streams.process.web.http_server import STOPPING
from streams.screens.board.board_answers import UNKEPT
from streams.screens.board.board_data import BoardDataError
from streams.screens.board.live_board import LiveBoard
from streams.screens.board.wall.wall import Wall

_TROUBLE: Final = b"event: trouble"


class StreamPatience(NamedTuple):
    """The pace of events, and how long a board may take to read them; seconds."""

    beat: float = 15.0
    slow: float = 20.0  # then a reader is dropped: what it did not read is all that it costs
    longest: float = 6 * 3600.0  # then it connects again, and its cookie lives on
    boards: int = 200  # at the same time; the server has places for others


class WallTime(NamedTuple):
    """The age of a wall: the number of its step, and of the changes of incidents."""

    step: int = -1
    change: int = -1


class NewestWall(NamedTuple):
    """The newest wall and its incidents alone, encoded."""

    time: WallTime
    wall: bytes
    incidents: bytes


class WallJson:
    """Keeps the newest wall, encoded. Incidents that change between two steps renew their part of it."""

    def __init__(self, board: LiveBoard) -> None:
        self._board = board
        self._making = asyncio.Lock()
        self._wall: Wall | None = None
        self._newest = NewestWall(WallTime(), b"", b"")

    @property
    def time(self) -> WallTime:
        """The age of a wall that is made now."""
        return WallTime(self._board.judged.number, self._board.renewed.number)

    async def newest(self) -> NewestWall:
        """Return the newest wall.

        Raises
        ------
        streams.screens.board.board_data.BoardDataError
            When the history cannot be read.
        """
        async with self._making:
            time = self.time
            if time == self._newest.time:
                return self._newest
            if self._wall is None or time.step != self._newest.time.step:
                wall = await self._board.wall()
            else:
                wall = replace(self._wall, incidents=await self._board.incidents())
            self._wall = wall
            self._newest = NewestWall(
                time, msgspec.json.encode(wall), msgspec.json.encode(IncidentsAnswer(wall.incidents))
            )
            return self._newest


class WallStream:
    """Answers boards until they leave, their session ends or the server stops.

    Events: ``step`` has a wall, ``incidents`` those of the wall that changed since, ``beat`` the wall clock
    and the version of the page, ``trouble`` says why there is no new wall, ``signed-out`` that the token of
    this session is gone.

    Parameters
    ----------
    walls
        Encodes walls, once for all boards.
    build
        The version of the page: an older one loads itself again.
    now
        Wall time, epoch seconds.
    """

    def __init__(
        self,
        board: LiveBoard,
        walls: WallJson,
        access: Access,
        build: str,
        *,
        patience: StreamPatience | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._board = board
        self._walls = walls
        self._access = access
        self._build = build
        self._patience = patience or StreamPatience()
        self._now = now
        self._sent: dict[str, tuple[WallTime, bytes]] = {}  # events as sent: one object for all boards
        self._open: dict[web.StreamResponse, tuple[str, web.Request]] = {}  # with who reads; the oldest first

    @property
    def boards(self) -> int:
        """The number of boards that are open."""
        return len(self._open)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Send events for as long as somebody reads them."""
        reader = f"{self._access.name_of(request)} {sender_at(request.remote or '')}"
        if self.boards >= self._patience.boards and not self._make_room(reader):
            error = f"{self.boards} boards are open, which is the most; close one"
            return refusal(error, 503, UNKEPT | {"Retry-After": "30"})
        answer = web.StreamResponse(headers=UNKEPT | {"X-Accel-Buffering": "no"})
        answer.content_type = "text/event-stream"
        if (session := self._access.sessions.of(request)) is not None:
            session.put(request, answer)
        self._open[answer] = reader, request
        try:
            with contextlib.suppress(ConnectionError):  # it left
                await answer.prepare(request)
                async with contextlib.aclosing(self._events(request)) as events:
                    async for event in events:
                        await self._send(request, answer, event)
        finally:
            self._open.pop(answer, None)
        return answer

    def _make_room(self, reader: str) -> bool:
        """Close the oldest stream of who has the most, if that is more than this reader would have."""
        streams = Counter(reader for reader, _ in self._open.values())
        greediest, most = streams.most_common(1)[0]
        if streams[reader] + 1 >= most:
            return False
        oldest = next(answer for answer, (reader, _) in self._open.items() if reader == greediest)
        _, request = self._open.pop(oldest)
        if request.transport is not None:
            request.transport.abort()
        return True

    async def _events(self, request: web.Request) -> AsyncGenerator[bytes]:
        clock = asyncio.get_running_loop().time
        until = clock() + self._patience.longest
        stopping = asyncio.create_task(request.app[STOPPING].wait())
        seen, shown = WallTime(), -1  # the newest event, and the step whose wall the board has
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
                    asyncio.create_task(self._board.judged.after(seen.step)),
                    asyncio.create_task(self._board.renewed.after(seen.change)),
                }
                try:
                    await asyncio.wait(
                        {*news, stopping}, timeout=self._patience.beat, return_when="FIRST_COMPLETED"
                    )
                    waited = not any(task.done() for task in news)
                finally:
                    for task in news:
                        task.cancel()
                if waited:
                    yield self._beat()
        finally:
            stopping.cancel()

    async def _newest(self, shown: int) -> tuple[WallTime, bytes]:
        """Return the newest wall as an event: only the incidents, if the board already has this step."""
        time = self._walls.time
        try:
            newest = await self._walls.newest()
        except BoardDataError as error:
            return time, _event("trouble", msgspec.json.encode(RefusalAnswer(str(error), error.code)))
        name, body = ("incidents", newest.incidents) if newest.time.step == shown else ("step", newest.wall)
        if name not in self._sent or self._sent[name][0] != newest.time:
            self._sent[name] = newest.time, _event(name, body)
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

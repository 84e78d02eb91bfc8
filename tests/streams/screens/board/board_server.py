"""A board over given data: for tests, and to look at the page without a daemon.

``python -m tests.streams.screens.board.board_server [calm|busy|learning|stale] [ja]`` serves one at
127.0.0.1:8700, with a step every five seconds.
"""

import asyncio
import os
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Self, TypeVar

from msgspec.structs import replace

from alerting.messages.incident_answer import IncidentAnswer
from config.settings import Settings
from detectors.model.scope import Scope
from streams.process.web.access import Access
from streams.process.web.http_server import HttpServer
from streams.process.web.tokens import Tokens
from streams.screens.board.board_data import BoardDataError, BoardIncidents, StepSignal
from streams.screens.board.board_routes import BoardRoutes
from streams.screens.board.live_board import LiveBoard
from streams.screens.board.scope_pages.scope_page import FoundScopes, ScopePage
from streams.screens.board.scope_pages.scope_range import AskedScope
from streams.screens.board.service_map.service_map import ServiceMap
from streams.screens.board.wall.wall import Wall
from streams.screens.board.wall.wall_stream import StreamPatience
from tests.free_port import free_port
from tests.streams.screens.board.incidents.incidents_given import GivenIncidents, busy_incidents
from tests.streams.screens.board.scope_pages.scope_given import page_given, scopes_given
from tests.streams.screens.board.service_map.map_given import map_given
from tests.streams.screens.board.wall_given import KINDS, wall_given

_T = TypeVar("_T")
KEY = b"k" * 32
PORT = int(os.environ.get("UNERI_BOARD_PORT", "8700"))


class GivenBoard(LiveBoard):
    """Data that a test changes; ``asked`` counts how often the wall was made."""

    def __init__(
        self, wall: Wall, shown: ServiceMap | None = None, service: GivenIncidents | None = None
    ) -> None:
        super().__init__(StepSignal(), Settings, None, list, lambda: BoardIncidents((), []))
        self.service = service or GivenIncidents([], wall.at or wall.now)
        self.service.changed = self.renew
        self.given_map = shown or map_given("busy" if wall.incidents else "calm", wall.at or wall.now)
        self.given = wall if service is None else replace(wall, incidents=service.shown())
        self.more: list[Scope] = []  # scopes besides those of the invented backend
        self.trouble: str | None = None
        self.asked = 0

    async def wall(self) -> Wall:
        self.asked += 1
        if self.trouble:
            raise BoardDataError(self.trouble)
        return self.given

    async def map(self) -> ServiceMap:
        if self.trouble:
            raise BoardDataError(self.trouble)
        return replace(self.given_map, at=self.given.at)

    async def scope(self, asked: AskedScope) -> ScopePage | FoundScopes:
        if self.trouble:
            raise BoardDataError(self.trouble)
        return page_given(asked, self.given, *self.more)

    async def scopes(self, like: str) -> FoundScopes:
        return scopes_given(*self.more).like(like)

    async def incidents(self) -> list[IncidentAnswer]:
        if self.trouble:
            raise BoardDataError(self.trouble)
        return self.given.incidents

    def show(self, wall: Wall) -> None:
        self.given = wall
        self.judged.notify()

    def renew(self) -> None:
        """Show the incidents of the service on the wall, between two steps."""
        self.given = replace(self.given, incidents=self.service.shown())
        self.renewed.notify()


class ServedBoard:
    """A real web server with a board, in the event loop of the caller."""

    def __init__(
        self,
        data: GivenBoard,
        *,
        port: int = 0,
        access: Access | None = None,
        patience: StreamPatience | None = None,
        language: str = "en",
        extra: list[Any] | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.data = data
        self.access = access or Access("127.0.0.1:0", session_key=KEY)
        self.board = BoardRoutes(
            data, self.access, data.service, language=language, patience=patience, now=now
        )
        self.server = HttpServer(
            f"127.0.0.1:{port}",
            [*self.board.routes(), *(extra or [])],
            access=self.access,
        )
        self.port = port
        self.url = ""

    async def start(self) -> None:
        self.port = await self.server.start()
        self.url = f"http://127.0.0.1:{self.port}"


@asynccontextmanager
async def served(data: GivenBoard, **options: Any) -> AsyncIterator[ServedBoard]:
    board = ServedBoard(data, **options)
    await board.start()
    try:
        yield board
    finally:
        await board.server.stop()


class BoardThread:
    """The same in a thread, for a browser that is driven without an event loop; it can be restarted."""

    def __init__(
        self,
        wall: Wall,
        tokens: Tokens | None = None,
        shown: ServiceMap | None = None,
        service: GivenIncidents | None = None,
        **options: Any,
    ) -> None:
        self.data = GivenBoard(wall, shown, service)
        self._tokens = tokens
        self._options = options
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.port = free_port()

    def __enter__(self) -> Self:
        self._thread.start()
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        access = Access("127.0.0.1:0", tokens=self._tokens, session_key=KEY)

        async def begin() -> ServedBoard:
            board = ServedBoard(self.data, port=self.port, access=access, **self._options)
            await board.start()
            return board

        self.served = self.run(begin())
        self.port = self.served.port

    def stop(self) -> None:
        self.run(self.served.server.stop())

    def show(self, wall: Wall) -> None:
        self._loop.call_soon_threadsafe(self.data.show, wall)

    def replace_tokens(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._loop.call_soon_threadsafe(self.served.access.replace_tokens, tokens)

    def run(self, work: Coroutine[Any, Any, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(20)


async def _serve(kind: str, language: Any) -> None:
    now = int(time.time())
    data = GivenBoard(
        wall_given(kind, now, language=language), service=busy_incidents(now) if kind == "busy" else None
    )
    async with served(data, port=PORT, language=language) as board:
        print(board.url)  # noqa: T201 - a program
        while True:
            await asyncio.sleep(5)
            now = int(time.time())
            made = wall_given(kind, now, language=language)
            if kind == "busy":
                made = replace(made, incidents=data.service.shown())
            data.show(made if kind == "stale" else replace(made, at=now - 12))


if __name__ == "__main__":
    words = sys.argv[1:]
    asyncio.run(
        _serve(next((word for word in words if word in KINDS), "calm"), "ja" if "ja" in words else "en")
    )

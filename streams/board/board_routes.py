"""The routes of the board, for the web server of a daemon."""

import time
from collections.abc import Callable

import msgspec
from aiohttp import web

from streams.board.board_assets import BoardAssets
from streams.board.board_data import BoardData, BoardDataError
from streams.board.board_headers import UNKEPT
from streams.board.sign_in import SignIn
from streams.board.step_json import StepJson
from streams.board.wall_stream import StreamPatience, WallStream
from streams.process.access import Access


class BoardRoutes:
    """Serves the page, its data and its sessions.

    Parameters
    ----------
    data
        What the page shows.
    access
        That of the web server, which decides on each request before it comes here.
    language
        Of the page before it has data: ``en`` or ``ja``.
    patience, now
        As for ``WallStream``.
    """

    def __init__(
        self,
        data: BoardData,
        access: Access,
        language: str = "en",
        patience: StreamPatience | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._data = data
        self._access = access
        self._assets = BoardAssets(language)
        self._walls = StepJson(data.judged, data.wall)
        self._maps = StepJson(data.judged, data.map)
        self._sign_in = SignIn(access)
        self._stream = WallStream(data, self._walls, access, self._assets.build, patience=patience, now=now)

    @property
    def boards(self) -> int:
        """Return how many boards are open."""
        return self._stream.boards

    def routes(self) -> list[web.RouteDef]:
        """Return the routes for a web server."""
        return [
            web.get("/", self._assets.page),
            web.get("/board/assets/{digest}/{name}", self._assets.file),
            web.get("/board/wall", self._wall),
            web.get("/board/map", self._map),
            web.get("/board/incidents", self._incidents),
            web.get("/board/events", self._stream.answer, allow_head=False),
            web.post("/board/session", self._sign_in.begin),
            web.delete("/board/session", self._sign_in.end),
        ]

    async def _wall(self, request: web.Request) -> web.Response:
        try:
            _, wall = await self._walls.newest()
        except BoardDataError as error:
            return _json(msgspec.json.encode({"error": str(error)}), 503)
        answer = _json(wall)
        if (session := self._access.sessions.of(request)) is not None:
            session.put(request, answer)  # a wall never logs out
        return answer

    async def _map(self, _: web.Request) -> web.Response:
        try:
            _number, shown = await self._maps.newest()
        except BoardDataError as error:
            return _json(msgspec.json.encode({"error": str(error)}), 503)
        return _json(shown)

    async def _incidents(self, _: web.Request) -> web.Response:
        try:
            found = await self._data.incidents()
        except BoardDataError as error:
            return _json(msgspec.json.encode({"error": str(error)}), 503)
        return _json(msgspec.json.encode({"incidents": found}))


def _json(body: bytes, status: int = 200) -> web.Response:
    return web.Response(body=body, status=status, content_type="application/json", headers=UNKEPT)

"""The routes of the board, for the web server of a daemon; and the answers of the wall and the map."""

import asyncio
import gzip
import time
from collections.abc import Callable
from typing import Final

from aiohttp import web
from prometheus_client import Counter

from streams.process.web.access import Access
from streams.screens.board.board_answers import SharedAnswers, answering, in_json
from streams.screens.board.board_assets import BoardAssets
from streams.screens.board.incidents.incident_actions import IncidentActions
from streams.screens.board.incidents.incident_routes import IncidentRoutes
from streams.screens.board.incidents.incident_service import IncidentService
from streams.screens.board.live_board import LiveBoard
from streams.screens.board.scope_pages.scope_routes import ScopeRoutes
from streams.screens.board.sign_in import SignIn
from streams.screens.board.wall.wall_stream import StreamPatience, WallJson, WallStream

_LEVEL: Final = 5  # of gzip: a fifteenth of the size


class BoardRoutes:
    """Serves the page, its data and its sessions.

    Parameters
    ----------
    access
        That of the web server, which decides on each request before it comes here.
    language
        Of the page before it has data: ``en`` or ``ja``.
    now
        Wall time, epoch seconds.
    commands
        Counts what people do, with the labels ``ask`` and ``said``.
    """

    def __init__(
        self,
        board: LiveBoard,
        access: Access,
        incidents: IncidentService,
        *,
        language: str = "en",
        patience: StreamPatience | None = None,
        now: Callable[[], float] = time.time,
        commands: Counter | None = None,
    ) -> None:
        self._board = board
        self._access = access
        self._assets = BoardAssets(language)
        self._walls = WallJson(board)
        self._maps = SharedAnswers(lambda: board.judged.number)
        self._scopes = ScopeRoutes(board)
        self._sign_in = SignIn(access)
        self._incidents = IncidentRoutes(incidents, lambda: (board.judged.number, board.renewed.number))
        self._actions = IncidentActions(incidents, access, commands, now)
        self._stream = WallStream(board, self._walls, access, self._assets.build, patience=patience, now=now)

    @property
    def boards(self) -> int:
        """The number of open boards."""
        return self._stream.boards

    def routes(self) -> list[web.RouteDef]:
        """Return the routes for a web server."""
        return [
            web.get("/", self._assets.page),
            web.get("/board/assets/{digest}/{name}", self._assets.file),
            web.get("/board/wall", answering(self._wall)),
            web.get("/board/map", answering(self._map)),
            *self._scopes.routes(),
            web.get("/board/events", self._stream.answer, allow_head=False),
            web.get("/board/session", self._sign_in.show, allow_head=False),
            web.post("/board/session", self._sign_in.begin),
            web.delete("/board/session", self._sign_in.end),
            *self._incidents.routes(),
            *self._actions.routes(),
        ]

    async def _wall(self, request: web.Request) -> web.Response:
        answer = in_json((await self._walls.newest()).wall)
        if (session := self._access.sessions.of(request)) is not None:
            session.put(request, answer)  # a wall never logs out
        return answer

    async def _map(self, request: web.Request) -> web.Response:
        """Answer ``GET /board/map``, made once a step, and packed for browsers that accept it."""
        packs = "gzip" in request.headers.get("Accept-Encoding", "")
        return in_json(await (self._packed_map() if packs else self._plain_map()), packed=packs)

    async def _plain_map(self) -> bytes:
        return await self._maps.answer("plain", self._board.map)

    async def _packed_map(self) -> bytes:
        async def pack() -> bytes:
            return await asyncio.to_thread(gzip.compress, await self._plain_map(), _LEVEL, mtime=0)

        return await self._maps.answer("packed", pack)

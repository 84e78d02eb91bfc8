"""The routes of the board, for the web server of a daemon."""

import time
from collections.abc import Callable

from aiohttp import web
from prometheus_client import Counter

from streams.process.web.access import Access
from streams.screens.board.board_assets import BoardAssets
from streams.screens.board.board_data import BoardData, BoardDataError
from streams.screens.board.incidents.incident_actions import IncidentActions
from streams.screens.board.incidents.incident_routes import IncidentRoutes
from streams.screens.board.incidents.incident_service import IncidentService
from streams.screens.board.json_answer import in_json, refused
from streams.screens.board.scopes.scope_routes import ScopeRoutes
from streams.screens.board.service_map.map_json import MapJson
from streams.screens.board.sign_in import SignIn
from streams.screens.board.wall.wall_json import WallJson
from streams.screens.board.wall.wall_stream import StreamPatience, WallStream


class BoardRoutes:
    """Serves the page, its data and its sessions.

    Parameters
    ----------
    data
        What the page shows.
    access
        That of the web server, which decides on each request before it comes here.
    desk
        Has the incidents, and takes what people do about them.
    language
        Of the page before it has data: ``en`` or ``ja``.
    patience, now
        As for ``WallStream``.
    commands
        Counts what people do, with the labels ``ask`` and ``said``.
    """

    def __init__(
        self,
        data: BoardData,
        access: Access,
        desk: IncidentService,
        *,
        language: str = "en",
        patience: StreamPatience | None = None,
        now: Callable[[], float] = time.time,
        commands: Counter | None = None,
    ) -> None:
        self._access = access
        self._assets = BoardAssets(language)
        self._walls = WallJson(data)
        self._map = MapJson(data)
        self._scopes = ScopeRoutes(data)
        self._sign_in = SignIn(access)
        self._incidents = IncidentRoutes(desk, lambda: (data.judged.number, data.renewed.number))
        self._actions = IncidentActions(desk, access, commands, now)
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
            web.get("/board/map", self._map.answer),
            *self._scopes.routes(),
            web.get("/board/events", self._stream.answer, allow_head=False),
            web.get("/board/session", self._sign_in.show, allow_head=False),
            web.post("/board/session", self._sign_in.begin),
            web.delete("/board/session", self._sign_in.end),
            *self._incidents.routes(),
            *self._actions.routes(),
        ]

    async def _wall(self, request: web.Request) -> web.Response:
        try:
            newest = await self._walls.newest()
        except BoardDataError as error:
            return refused(str(error), 503)
        answer = in_json(newest.wall)
        if (session := self._access.sessions.of(request)) is not None:
            session.put(request, answer)  # a wall never logs out
        return answer

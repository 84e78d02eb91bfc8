"""``GET /board/incidents`` and ``/board/incidents/ID``: the list with its timeline; one incident whole."""

from collections.abc import Awaitable, Callable

from aiohttp import web

from streams.board.board_data import BoardDataError
from streams.board.incident_desk import IncidentDesk
from streams.board.incident_rows import FilterError, IncidentFilter, rows_of
from streams.board.json_answer import encoded, refused
from streams.notify.command_routes import UNKNOWN


class IncidentRoutes:
    """Shows the incidents of a desk."""

    def __init__(self, desk: IncidentDesk) -> None:
        self._desk = desk

    def routes(self) -> list[web.RouteDef]:
        """Return the routes for a web server."""
        return [
            web.get("/board/incidents", answering(self._list)),
            web.get("/board/incidents/{id}", answering(self._show)),
        ]

    async def _list(self, request: web.Request) -> web.Response:
        try:
            asked = IncidentFilter.of(dict(request.query))
        except FilterError as error:
            return refused(str(error), 400)
        return encoded(rows_of(await self._desk.known(), asked))

    async def _show(self, request: web.Request) -> web.Response:
        whole = await self._desk.whole(request.match_info["id"])
        return encoded(UNKNOWN, 404) if whole is None else encoded(whole)


Answering = Callable[[web.Request], Awaitable[web.Response]]


def answering(handler: Answering) -> Answering:
    """Return a handler that answers 503 with the reason when there are no data."""

    async def answered(request: web.Request) -> web.Response:
        try:
            return await handler(request)
        except BoardDataError as error:
            return refused(str(error), 503)

    return answered

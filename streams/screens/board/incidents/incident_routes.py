"""``GET /board/incidents`` and ``/board/incidents/ID``: the list with its timeline; one incident whole."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable

from aiohttp import web

from streams.notify.command_routes import UNKNOWN
from streams.screens.board.board_data import BoardDataError
from streams.screens.board.incidents.incident_rows import (
    FilterError,
    IncidentFilter,
    ListedIncidents,
    rows_of,
)
from streams.screens.board.incidents.incident_service import IncidentService
from streams.screens.board.json_answer import encoded, in_json, refused
from streams.screens.board.shared_answers import SharedAnswers


class IncidentRoutes:
    """Shows the incidents of a desk.

    Parameters
    ----------
    desk
        Has the incidents.
    seen
        As for ``SharedAnswers``.
    """

    def __init__(self, desk: IncidentService, seen: Callable[[], Hashable]) -> None:
        self._desk = desk
        self._shared = SharedAnswers(seen)

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
        return in_json(await self._shared.answer(asked, lambda: self._rows(asked)))

    async def _rows(self, asked: IncidentFilter) -> ListedIncidents:
        known = await self._desk.known()
        # Beside the event loop, which may change incidents meanwhile: then all are told, and ask again.
        return await asyncio.to_thread(rows_of, known, asked)

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

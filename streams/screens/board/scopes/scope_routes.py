"""``GET /board/scope`` and ``/board/scopes``: the page of a scope, and the names of scopes."""

from typing import Final

from aiohttp import web

from streams.screens.board.board_data import BoardData, BoardDataError
from streams.screens.board.json_answer import encoded, in_json, refused
from streams.screens.board.scopes.scope_finder import GIVEN, UnknownScopeError
from streams.screens.board.scopes.scope_range import BadRangeError
from streams.screens.board.scopes.scope_request import AskedRange, AskedScope
from streams.screens.board.shared_answers import SharedAnswers

_LONGEST: Final = 1000  # characters of what is asked for


class ScopeRoutes:
    """Answers what pages of scopes ask.

    Parameters
    ----------
    data
        Makes them.
    """

    def __init__(self, data: BoardData) -> None:
        self._data = data
        self._shared = SharedAnswers(lambda: (data.judged.number, data.renewed.number))

    def routes(self) -> list[web.RouteDef]:
        """Return the routes for a web server."""
        return [web.get("/board/scope", self._scope), web.get("/board/scopes", self._scopes)]

    async def _scope(self, request: web.Request) -> web.Response:
        query = {name: value[:_LONGEST] for name, value in request.query.items()}
        asked = AskedScope(
            query.get("scope", ""),
            tuple((name, query[name]) for name in GIVEN if query.get(name)),
            AskedRange(*(query.get(name, "") for name in ("range", "from", "to", "points"))),
        )
        try:
            return in_json(await self._shared.answer(asked, lambda: self._data.scope(asked)))
        except UnknownScopeError as error:
            return refused(str(error), 404)
        except BadRangeError as error:
            return refused(str(error), 400)
        except BoardDataError as error:
            return refused(str(error), 503)

    async def _scopes(self, request: web.Request) -> web.Response:
        try:
            return encoded(await self._data.scopes(request.query.get("like", "")[:_LONGEST]))
        except BoardDataError as error:
            return refused(str(error), 503)

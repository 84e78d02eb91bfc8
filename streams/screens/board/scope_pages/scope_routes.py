"""``GET /board/scope`` and ``/board/scopes``: the page of a scope, and the names of scopes."""

from typing import Final

from aiohttp import web

from streams.screens.board.board_answers import SharedAnswers, answering, encoded, in_json, refused
from streams.screens.board.live_board import LiveBoard
from streams.screens.board.scope_pages.scope_finder import GIVEN, UnknownScopeError
from streams.screens.board.scope_pages.scope_range import AskedRange, AskedScope, BadRangeError

_LONGEST: Final = 1000  # characters of what is asked for


class ScopeRoutes:
    """Serves the pages of scopes, and finds scopes by name."""

    def __init__(self, board: LiveBoard) -> None:
        self._board = board
        self._shared = SharedAnswers(lambda: (board.judged.number, board.renewed.number))

    def routes(self) -> list[web.RouteDef]:
        """Return the routes for a web server."""
        return [
            web.get("/board/scope", answering(self._scope)),
            web.get("/board/scopes", answering(self._scopes)),
        ]

    async def _scope(self, request: web.Request) -> web.Response:
        query = {name: value[:_LONGEST] for name, value in request.query.items()}
        asked = AskedScope(
            query.get("scope", ""),
            tuple((name, query[name]) for name in GIVEN if query.get(name)),
            AskedRange(*(query.get(name, "") for name in ("range", "from", "to", "points"))),
        )
        try:
            return in_json(await self._shared.answer(asked, lambda: self._board.scope(asked)))
        except UnknownScopeError as error:
            return refused(str(error), 404, "unknown-scope")
        except BadRangeError as error:
            return refused(str(error), 400, "bad-range")

    async def _scopes(self, request: web.Request) -> web.Response:
        return encoded(await self._board.scopes(request.query.get("like", "")[:_LONGEST]))

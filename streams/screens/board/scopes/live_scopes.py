"""The pages of scopes, from the history and from what is remembered of incidents."""

from collections.abc import Callable
from typing import TypeVar

from config.settings import Settings
from streams.record.history.history_queries import HistoryQueries, HistoryQueryError
from streams.record.history.history_view import HistoryView
from streams.screens.board.board_data import BoardDataError
from streams.screens.board.scopes.scope_events import BoardPast
from streams.screens.board.scopes.scope_page import FoundScopes, ScopePage
from streams.screens.board.scopes.scope_pages import ScopePages
from streams.screens.board.scopes.scope_request import AskedScope

_T = TypeVar("_T")


class LiveScopes:
    """Makes the page of a scope when somebody asks for it, in a worker thread.

    Parameters
    ----------
    queries
        Read the history.
    settings
        Returns the configuration in force.
    past
        Returns what is remembered besides what was measured.
    """

    def __init__(
        self,
        queries: HistoryQueries,
        settings: Callable[[], Settings],
        past: Callable[[], BoardPast],
    ) -> None:
        self._queries = queries
        self._pages = ScopePages(settings)
        self._past = past

    async def scope(self, asked: AskedScope) -> ScopePage | FoundScopes:
        """Return the page, or the scopes that the address may mean.

        Raises
        ------
        BoardDataError
            When the history cannot be read.
        UnknownScopeError
            When there is no such scope.
        BadRangeError
            When the range is invalid.
        """
        past = self._past()
        return await self._ask(lambda view: self._pages.page(view, asked, past))

    async def scopes(self, like: str) -> FoundScopes:
        """Return the scopes with a name like this.

        Raises
        ------
        BoardDataError
            When the history cannot be read.
        """
        return await self._ask(lambda view: self._pages.like(view, like))

    async def _ask(self, question: Callable[[HistoryView], _T]) -> _T:
        try:
            return await self._queries.ask(question)
        except HistoryQueryError as error:
            raise BoardDataError(str(error)) from error

"""Where the board has its data from: what a driver gives it."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from alerting.incidents.incident import Incident
from streams.record.history.history_queries import HistoryQueryError
from streams.screens.board.scopes.scope_page import FoundScopes, ScopePage
from streams.screens.board.scopes.scope_request import AskedScope
from streams.screens.board.service_map.service_map import ServiceMap
from streams.screens.board.step_signal import StepSignal
from streams.screens.board.wall.wall import Wall


class BoardDataError(HistoryQueryError):
    """The data cannot be had now; one line for the page, with the remedy."""


class BoardIncidents(NamedTuple):
    """The incidents that a board shows."""

    open: Sequence[Incident]
    shown: list[dict[str, object]]  # the same, as ``GET /incidents`` has them
    last: dict[str, object] | None = None  # the newest page that has ended, in the same form
    until: int | None = None  # event time up to which another process has told of them; 0 if of none yet


class BoardData(Protocol):
    """The data behind the page. Its methods are called in the event loop."""

    @property
    def judged(self) -> StepSignal:
        """What tells that a step was judged; ``wall`` is asked once for each, for all boards."""

    @property
    def renewed(self) -> StepSignal:
        """What tells that incidents changed between two steps, because of a person or of time."""

    async def wall(self) -> Wall:
        """Return what the wall shows now.

        Raises
        ------
        BoardDataError
            When the history cannot be read.
        """

    async def map(self) -> ServiceMap:
        """Return who calls whom now; asked once for each step, while somebody looks at it.

        Raises
        ------
        BoardDataError
            When the history cannot be read.
        """

    async def incidents(self) -> list[dict[str, object]]:
        """Return the incidents that have not ended, oldest first, as ``GET /incidents`` does.

        Raises
        ------
        BoardDataError
            When another process has them and does not answer.
        """

    async def scope(self, asked: AskedScope) -> ScopePage | FoundScopes:
        """Return the page of a scope, or the scopes that the address may mean.

        Raises
        ------
        BoardDataError
            When the history cannot be read, or takes too long.
        streams.screens.board.scopes.scope_finder.UnknownScopeError
            When there is no such scope.
        streams.screens.board.scopes.scope_range.BadRangeError
            When the range is none.
        """

    async def scopes(self, like: str) -> FoundScopes:
        """Return the scopes with a name like this.

        Raises
        ------
        BoardDataError
            When the history cannot be read.
        """

"""The board and the read API of a daemon, assembled from its history and its incidents."""

from collections.abc import Callable

from aiohttp import web
from prometheus_client import Counter

from config.settings import Settings
from streams.notify.notification_service import NotificationService
from streams.process.part import Part
from streams.process.web.access import Access
from streams.record.query.query_routes import QueryRoutes
from streams.record.query.query_service import QueryService
from streams.screens.board.board_data import BoardIncidents, StepSignal, incidents_of
from streams.screens.board.board_routes import BoardRoutes
from streams.screens.board.incidents.incident_service import IncidentService
from streams.screens.board.live_board import LiveBoard
from streams.screens.board.scope_pages.scope_events import BoardPast
from streams.screens.board.scrape_route import ScrapeRoute


class BoardService(Part):
    """Serves the board of one daemon.

    Parameters
    ----------
    current
        Returns the configuration in force.
    place, steps
        As for ``LiveBoard``.
    commands
        Counts what people do, as for ``BoardRoutes``.
    """

    def __init__(
        self,
        current: Callable[[], Settings],
        place: str | None,
        steps: Callable[[], list[bytes]],
        notifications: NotificationService,
        *,
        access: Access,
        commands: Counter,
    ) -> None:
        self.judged = StepSignal()
        self._notifications = notifications
        self._board = LiveBoard(self.judged, current, place, steps, self._incidents, past=self._past)
        self._scrape = ScrapeRoute(self._board.queries, current)
        self._queries = QueryRoutes(
            QueryService(place, steps, lambda: current().time.step, recent=self._board.recent)
        )
        incidents = IncidentService(
            lambda: notifications.pipeline,
            notifications.execute,
            lambda: notifications.documents,
            lambda: notifications.changes,
            current,
        )
        language = current().notify.locale
        self._routes = BoardRoutes(self._board, access, incidents, language=language, commands=commands)

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of the board and of the read API."""
        return [*self._routes.routes(), self._scrape.route(), *self._queries.routes()]

    def _incidents(self) -> BoardIncidents:
        return incidents_of(self._notifications.pipeline, self._notifications.links)

    def _past(self) -> BoardPast:
        known = self._notifications
        return BoardPast.of(known.pipeline, known.links, known.changes)

"""The history of the embedded daemon: the steps in memory, the writer of their files, the board."""

from collections.abc import Callable, Coroutine
from typing import Any

from aiohttp import web

from config.settings import Settings
from streams.notify.notification_service import NotificationService
from streams.process.files.state_folder import history_place
from streams.process.metrics import Metrics
from streams.process.web.access import Access
from streams.record.history.history_keeper import HistoryBounds
from streams.record.history.segments import Segments
from streams.screens.board.board_data import BoardIncidents, StepSignal, incidents_of
from streams.screens.board.board_routes import BoardRoutes
from streams.screens.board.incidents.incident_service import IncidentService
from streams.screens.board.scope_pages.scope_events import BoardPast
from streams.screens.board.scrape_route import ScrapeRoute


class HistoryService:
    """The history and the board of the embedded daemon.

    Parameters
    ----------
    changed
        Called when a checkpoint is due because a file was written.
    """

    def __init__(
        self,
        settings: Settings,
        current: Callable[[], Settings],
        delivery: NotificationService,
        metrics: Metrics,
        changed: Callable[[], None],
    ) -> None:
        from streams.record.history.history_writer import HistoryWriter
        from streams.record.query.query_routes import QueryRoutes
        from streams.record.query.query_service import QueryService
        from streams.screens.board.live_board import LiveBoard

        self.judged = StepSignal()
        self.segments: Segments | None = None
        self._delivery = delivery
        self._language = settings.notify.locale
        self._writer: HistoryWriter | None = None
        kept, place, recent = settings.history, None, list[bytes]
        if kept.keep:
            place = history_place(settings)
            self.segments = Segments(1)
            self._writer = HistoryWriter(self.segments, place, HistoryBounds.of(kept), metrics, changed)
        steps: Callable[[], list[bytes]] = self.segments.recent if self.segments else recent
        self._board = LiveBoard(self.judged, current, place, steps, self._incidents, past=self._past)
        self._queries = QueryRoutes(
            QueryService(place, steps, lambda: current().time.step, recent=self._board.recent)
        )
        self._commands = metrics.commands
        self._scrape = ScrapeRoute(self._board.queries, current)
        self._incident_service = IncidentService(
            lambda: delivery.pipeline,
            delivery.command,
            lambda: delivery.documents,
            lambda: delivery.changes,
            current,
        )
        delivery.when_changed(self._board.renewed.notify)

    def _incidents(self) -> BoardIncidents:
        return incidents_of(self._delivery.pipeline, self._delivery.links)

    def _past(self) -> BoardPast:
        delivery = self._delivery
        return BoardPast.of(delivery.pipeline, delivery.links, delivery.changes)

    def routes(self, access: Access) -> list[web.RouteDef]:
        """Return the routes of the board and of the read API."""
        board = BoardRoutes(
            self._board, access, self._incident_service, language=self._language, commands=self._commands
        )
        return [*board.routes(), self._scrape.route(), *self._queries.routes()]

    def work(self) -> list[Coroutine[Any, Any, None]]:
        """Return the coroutines that run as long as the daemon does."""
        return [self._writer.run()] if self._writer else []

    def stop(self) -> None:
        """Have the writer of files end soon."""
        if self._writer:
            self._writer.stop()

    def status(self) -> dict[str, object]:
        """Return its part of ``/status``."""
        return self._writer.status() if self._writer else {}

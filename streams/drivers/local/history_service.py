"""The history of the embedded daemon: the steps in memory, the writer of their files, the board."""

from collections.abc import Callable, Coroutine
from typing import Any

from config.settings import Settings
from streams.notify.notification_service import NotificationService
from streams.process.files.state_folder import history_place
from streams.process.metrics import Metrics
from streams.process.web.access import Access
from streams.record.history.history_keeper import HistoryBounds
from streams.record.history.history_writer import HistoryWriter
from streams.record.history.segments import Segments
from streams.screens.board.board_service import BoardService


class HistoryService(BoardService):
    """The history and the board of the embedded daemon.

    Parameters
    ----------
    changed
        Called when a checkpoint is due because a file was written.
    """

    def __init__(
        self,
        current: Callable[[], Settings],
        delivery: NotificationService,
        access: Access,
        metrics: Metrics,
        changed: Callable[[], None],
    ) -> None:
        settings = current()
        self.segments = Segments(1) if settings.history.keep else None
        self._writer: HistoryWriter | None = None
        place: str | None = None
        steps: Callable[[], list[bytes]] = list
        if self.segments is not None:
            place, steps = history_place(settings), self.segments.recent
            bounds = HistoryBounds.of(settings.history)
            self._writer = HistoryWriter(self.segments, place, bounds, metrics, changed)
        super().__init__(current, place, steps, delivery, access=access, commands=metrics.commands)
        delivery.when_changed(self._board.renewed.notify)

    def work(self) -> list[Coroutine[Any, Any, None]]:
        """Return the writer's work."""
        return [self._writer.run()] if self._writer else []

    def status(self) -> dict[str, object]:
        """Return its part of ``/status``."""
        return self._writer.status() if self._writer else {}

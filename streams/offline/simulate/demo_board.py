"""The board of the demo: its judgements on the page that a daemon serves."""

import asyncio
import tempfile
import threading
from collections.abc import Coroutine
from typing import Any, Final, Self

from alerting.commands.command import Command
from alerting.commands.dispatch import Answer
from alerting.incidents.digest_reporter import zone_of
from alerting.messages.incident_markdown import IncidentMarkdown
from alerting.pipeline.pipeline import Pipeline
from alerting.words.locales import phrases_of
from config.links import Links
from config.settings import Settings
from streams.engine.stages.detection_engine import Emitted
from streams.process.web.access import Access
from streams.process.web.http_server import HttpServer, ListenError
from streams.record.history.history_files import HistoryFolder
from streams.record.history.history_keeper import HistoryBounds, HistoryKeeper
from streams.record.history.segments import Segments
from streams.screens.board.board_data import StepSignal, incidents_of
from streams.screens.board.board_routes import BoardRoutes
from streams.screens.board.incidents.incident_service import IncidentService
from streams.screens.board.live_board import LiveBoard
from streams.screens.board.scope_pages.scope_events import BoardPast

HOST: Final = "127.0.0.1"
PORT: Final = 8765  # that of a daemon
ANY: Final = 0


class DemoBoard:
    """Serves the board in a thread of its own, with a history and a pipeline of its own.

    Its clock is that of the traffic, so that its data are never old.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._pipeline = Pipeline(settings, keep=True)
        self._segments = Segments(1)
        self._judged = StepSignal()
        self._at = 0
        self.url = ""
        """Where it is, once it is served."""

    def __enter__(self) -> Self:
        """Serve.

        Raises
        ------
        ListenError
            When this machine has no free port.
        """
        self._folder = tempfile.TemporaryDirectory(prefix="uneri-demo-")
        bounds = HistoryBounds.of(self._settings.history)
        self._keeper = HistoryKeeper(HistoryFolder(self._folder.name), bounds)
        self._board = LiveBoard(
            self._judged,
            lambda: self._settings,
            self._folder.name,
            self._segments.recent,
            lambda: incidents_of(self._pipeline, self._documents.links),
            past=lambda: BoardPast.of(self._pipeline, Links(self._settings.links)),
            clock=lambda: self._at,
        )
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        try:
            self._wait(self._serve())
        except ListenError:
            self._end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Stop, and delete all files."""
        self._wait(self._server.stop())
        self._end()

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._folder.cleanup()

    def _wait(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _serve(self) -> None:
        try:
            await self._listen(PORT)
        except ListenError:
            await self._listen(ANY)  # a daemon runs beside it

    async def _listen(self, port: int) -> None:
        listen = f"{HOST}:{port}"
        access = Access(listen)
        incidents = IncidentService(
            lambda: self._pipeline, self._execute, lambda: self._documents, tuple, lambda: self._settings
        )
        board = BoardRoutes(self._board, access, incidents, now=lambda: self._at)
        self._server = HttpServer(listen, board.routes(), access=access)
        self.url = f"http://{HOST}:{await self._server.start()}/"

    def show(self, emitted: Emitted) -> None:
        """Show judged steps; waits while the board is behind."""
        self._wait(self._show(emitted))

    async def _show(self, emitted: Emitted) -> None:
        if emitted.watermark is not None:
            self._pipeline.feed(emitted.notices, emitted.watermark)
            self._at = emitted.watermark
        self._segments.feed(emitted.records)
        if hours := self._segments.complete():
            for hour in hours:
                self._keeper.write(hour)
                self._segments.forget(hour)
            self._keeper.tidy(hours[-1].end)
        if emitted.records:
            self._judged.notify()

    async def _execute(self, command: Command) -> Answer:
        answer = self._pipeline.command(command)
        self._board.renewed.notify()
        return answer

    @property
    def _documents(self) -> IncidentMarkdown:
        settings = self._settings
        words = phrases_of(settings.notify.locale, settings.account_names)
        return IncidentMarkdown(Links(settings.links), words, zone_of(settings.digest))

"""Delivery of messages: runs in the process that owns the one partition of the notices topic."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

from aiohttp import web

from alerting.commands.command import Command
from alerting.commands.dispatch import Answer
from alerting.pipeline.pipeline import Pipeline
from config.links import Links
from config.settings import Settings
from detectors.model.stated import StatedChange
from detectors.state.state import NewerStateError, StateError, why
from detectors.watch.rankings import Hot
from streams.drivers.kafka.board.board_service import KafkaBoard
from streams.drivers.kafka.board.commands import CommandReceiver
from streams.drivers.kafka.checkpoints.fenced_store import FencedStore
from streams.drivers.kafka.notices import NoticesOfStep, NotifyStage
from streams.drivers.kafka.outbox import KafkaOutboxStorage
from streams.drivers.kafka.stage import REMEDY
from streams.drivers.kafka.stage_host import Send, vital_tasks
from streams.notify.command_routes import MemoRoutes, NoAnswerError, SilenceRoutes
from streams.notify.incidents_route import incident_route, incidents_route
from streams.notify.labels_command import labels_route
from streams.notify.notification_service import NotificationService
from streams.process.metrics import Metrics
from streams.screens.board.board_data import BoardDataError
from streams.screens.board.incidents.incident_service import IncidentService


class Delivery:
    """Delivers messages, while this process owns the partition.

    Otherwise its routes answer 503, unless the ``board`` of this process knows the pipeline of the owner.
    """

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._metrics = metrics
        self._service = NotificationService(settings, metrics)
        self._stage: NotifyStage | None = None
        self._commands: CommandReceiver | None = None
        self.board: KafkaBoard | None = None

    @property
    def pipeline(self) -> Pipeline | None:
        """The pipeline of this or another process; None while it is unknown."""
        here = self._service.pipeline
        return here if here is not None or self.board is None else self.board.pipeline

    @property
    def links(self) -> Links:
        """The links to consoles, as configured now."""
        return self._service.links

    def incident_service(self, settings: Callable[[], Settings]) -> IncidentService:
        """Return the incidents for a board; ``settings`` returns the configuration in force."""
        service = self._service

        def changes() -> Sequence[StatedChange]:
            board = self.board if service.pipeline is None else None
            return service.changes if board is None else board.changes

        return IncidentService(
            lambda: self.pipeline, self._board_command, lambda: service.documents, changes, settings
        )

    def receive_commands(self, topic: str, options: dict[str, Any]) -> None:
        """Execute the commands of boards, which come by a topic, while this process delivers."""
        self._commands = CommandReceiver(topic, options, self._service.command)

    def routes(self) -> list[web.RouteDef]:
        """Return the routes for a web server."""
        return [
            *self._service.interactions.routes(),
            incidents_route(lambda: self.pipeline, lambda: self.links),
            incident_route(lambda: self.pipeline, lambda: self._service.documents),
            labels_route(lambda: None if self.pipeline is None else self.pipeline.labels),
            *SilenceRoutes(lambda: self.pipeline, self._command).routes(),
            *MemoRoutes(lambda: self.pipeline, self._command).routes(),
        ]

    def new_stage(self) -> NotifyStage:
        """Return the stage of the partition that is being opened."""
        self._stage = NotifyStage()
        return self._stage

    def status(self) -> dict[str, object]:
        """Return its part of ``uneri status``; nothing while another process delivers."""
        return self._service.status()

    def not_ready(self) -> str | None:
        """Return why messages cannot be sent, None if they can."""
        return self._service.not_ready()

    async def reload(self, settings: Settings) -> None:
        """Deliver by other settings from now on."""
        await self._service.reload(settings)

    @contextlib.asynccontextmanager
    async def run(self, records: FencedStore) -> AsyncIterator[Send]:
        """Deliver while the block runs; a notice that was sent to it is durable in the outbox."""
        storage = KafkaOutboxStorage(records)
        try:
            await self._service.start(storage, self._leaders, self._changes)
        except NewerStateError:  # has its own remedy
            raise
        except (StateError, KeyError) as error:
            raise StateError(f"the state of messages cannot be read: {why(error)}; {REMEDY}") from error
        working = [self._service.until_failed()]
        if self._commands is not None:
            working.append(self._commands.run())

        async def send(step: NoticesOfStep) -> Awaitable[Any]:
            await self._service.put(step.notices, step.watermark)
            for notice in step.notices:
                self._metrics.notices.labels(notice.action.value).inc()
            durable = asyncio.get_running_loop().create_future()
            durable.set_result(None)
            return durable

        try:
            async with vital_tasks(*working):
                yield send
        finally:
            await self._service.stop()
            await storage.close()

    async def _board_command(self, command: Command) -> Answer:
        try:
            return await self._command(command)
        except NoAnswerError as error:
            raise BoardDataError(str(error)) from error

    async def _command(self, command: Command) -> Answer:
        """Execute a command from a terminal or a page, in this or the owning process."""
        answer = await self._service.command(command)
        if answer is not None:
            return answer
        if self.board is None:
            raise web.HTTPServiceUnavailable
        return await self.board.command(command)

    def _leaders(self) -> tuple[Hot, ...]:
        return () if self._stage is None else self._stage.leaders

    def _changes(self) -> tuple[StatedChange, ...]:
        return () if self._stage is None else self._stage.changes

"""Delivery of messages: runs in the process that owns the one partition of the notices topic."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, Protocol

from aiohttp import web

from alerting.commands.command import Command
from alerting.commands.dispatch import Answer
from alerting.pipeline.pipeline import Pipeline
from config.links import Links
from config.settings import Settings
from detectors.model.stated import StatedChange
from detectors.state.state import NewerStateError, StateError, why
from detectors.watch.hottest import Hot
from streams.drivers.kafka.board.commands import CommandReceiver
from streams.drivers.kafka.checkpoints.fenced_store import FencedStore
from streams.drivers.kafka.notices import NoticesOfStep, NotifyStage
from streams.drivers.kafka.outbox import KafkaOutboxStorage
from streams.drivers.kafka.stage import REMEDY
from streams.drivers.kafka.stage_host import Send, fatal_when_failed
from streams.notify.command_routes import MemoRoutes, NoAnswerError, SilenceRoutes
from streams.notify.incidents_route import incident_route, incidents_route
from streams.notify.labels_command import labels_route
from streams.notify.notification_service import NotificationService
from streams.process.metrics import Metrics
from streams.screens.board.board_data import BoardDataError
from streams.screens.board.incidents.incident_service import IncidentService
from streams.screens.board.incidents.pipeline_incidents import PipelineIncidents


class Elsewhere(Protocol):
    """The pipeline of another process."""

    @property
    def pipeline(self) -> Pipeline | None:
        """Its state, to read only; None while that is unknown."""

    @property
    def changes(self) -> Sequence[StatedChange]:
        """What was deployed or configured in the last days."""

    async def command(self, command: Command) -> Answer:
        """Have it execute a command.

        Raises
        ------
        streams.notify.command_routes.NoAnswerError
            When it does not answer.
        """


class Delivery:
    """What delivers, while this process owns the partition.

    Its routes answer 503 otherwise, unless they know the pipeline of the process that does: ``elsewhere``.
    """

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._metrics = metrics
        self._half = NotificationService(settings, metrics)
        self._stage: NotifyStage | None = None
        self._taker: CommandReceiver | None = None
        self.elsewhere: Elsewhere | None = None

    @property
    def pipeline(self) -> Pipeline | None:
        """The pipeline, wherever it is; None while that is unknown."""
        here = self._half.pipeline
        return here if here is not None or self.elsewhere is None else self.elsewhere.pipeline

    @property
    def links(self) -> Links:
        """The links to consoles, as configured now."""
        return self._half.links

    def desk(self, settings: Callable[[], Settings]) -> IncidentService:
        """Return the incidents for a board; ``settings`` returns the configuration in force."""
        half = self._half

        def changes() -> Sequence[StatedChange]:
            there = self.elsewhere if half.pipeline is None else None
            return half.changes if there is None else there.changes

        return PipelineIncidents(
            lambda: self.pipeline, self._passed, lambda: half.documents, changes, settings
        )

    def hear(self, topic: str, options: dict[str, Any]) -> None:
        """Execute the commands of boards, which come by a topic, while this process delivers."""
        self._taker = CommandReceiver(topic, options, self._half.command)

    def routes(self) -> list[web.RouteDef]:
        """Return what the web server adds."""
        return [
            *self._half.interactions.routes(),
            incidents_route(lambda: self.pipeline, lambda: self.links),
            incident_route(lambda: self.pipeline, lambda: self._half.documents),
            labels_route(lambda: None if self.pipeline is None else self.pipeline.labels),
            *SilenceRoutes(lambda: self.pipeline, self._command).routes(),
            *MemoRoutes(lambda: self.pipeline, self._command).routes(),
        ]

    def new_stage(self) -> NotifyStage:
        """Return the stage of the partition that is being opened."""
        self._stage = NotifyStage()
        return self._stage

    def status(self) -> dict[str, object]:
        """Return what ``uneri status`` shows of it; nothing while another process delivers."""
        return self._half.status()

    def not_ready(self) -> str | None:
        """Return why messages cannot be sent, None if they can."""
        return self._half.not_ready()

    async def reload(self, settings: Settings) -> None:
        """Deliver by other settings from now on."""
        await self._half.reload(settings)

    @contextlib.asynccontextmanager
    async def run(self, records: FencedStore) -> AsyncIterator[Send]:
        """Deliver while the block runs; a notice that was sent to it is durable in the outbox."""
        storage = KafkaOutboxStorage(records)
        try:
            await self._half.start(storage, self._leaders, self._changes)
        except NewerStateError:  # has its own remedy
            raise
        except (StateError, KeyError) as error:
            raise StateError(f"the state of messages cannot be read: {why(error)}; {REMEDY}") from error
        working = (
            [self._half.until_failed()]
            if self._taker is None
            else [self._half.until_failed(), self._taker.run()]
        )
        tasks = [asyncio.create_task(work) for work in working]
        for task in tasks:
            task.add_done_callback(fatal_when_failed)

        async def send(step: NoticesOfStep) -> Awaitable[Any]:
            await self._half.put(step.notices, step.watermark)
            for notice in step.notices:
                self._metrics.notices.labels(notice.action.value).inc()
            durable = asyncio.get_running_loop().create_future()
            durable.set_result(None)
            return durable

        try:
            yield send
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._half.stop()
            await storage.close()

    async def _passed(self, command: Command) -> Answer:
        """Execute a command of a board."""
        try:
            return await self._command(command)
        except NoAnswerError as error:
            raise BoardDataError(str(error)) from error

    async def _command(self, command: Command) -> Answer:
        """Execute a command from a terminal or a page, here or where the pipeline is."""
        answer = await self._half.command(command)
        if answer is not None:
            return answer
        if self.elsewhere is None:
            raise web.HTTPServiceUnavailable
        return await self.elsewhere.command(command)

    def _leaders(self) -> tuple[Hot, ...]:
        return () if self._stage is None else self._stage.leaders

    def _changes(self) -> tuple[StatedChange, ...]:
        return () if self._stage is None else self._stage.changes

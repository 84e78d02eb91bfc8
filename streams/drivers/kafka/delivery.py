"""Delivery of messages: runs in the process that owns the one partition of the notices topic."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Sequence
from typing import TYPE_CHECKING, Any

from alerting.commands.command import Command
from alerting.commands.dispatch import Answer
from alerting.pipeline.pipeline import Pipeline
from config.settings import Settings
from detectors.model.stated import StatedChange
from detectors.state.state import NewerStateError, StateError, why
from detectors.watch.rankings import Hot
from streams.drivers.kafka.board.commands import CommandReceiver
from streams.drivers.kafka.checkpoints.fenced_store import FencedStore
from streams.drivers.kafka.hosted_partition import Send
from streams.drivers.kafka.notices import NoticesOfStep, NotifyStage
from streams.drivers.kafka.outbox import KafkaOutboxStorage
from streams.drivers.kafka.stage import REMEDY
from streams.drivers.kafka.stage_host import vital_tasks
from streams.notify.command_routes import NoAnswerError
from streams.notify.notification_service import NotificationService
from streams.process.metrics import Metrics

if TYPE_CHECKING:
    from streams.drivers.kafka.board.board_service import KafkaBoard


class Delivery(NotificationService):
    """Delivers messages, while this process owns the partition.

    Otherwise its routes answer 503, unless the ``board`` of this process knows the pipeline of the owner.
    """

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        super().__init__(settings, metrics)
        self._stage: NotifyStage | None = None
        self._commands: CommandReceiver | None = None
        self.board: KafkaBoard | None = None

    @property
    def pipeline(self) -> Pipeline | None:
        """The pipeline of this or another process; None while it is unknown."""
        here = super().pipeline
        return here if here is not None or self.board is None else self.board.pipeline

    @property
    def changes(self) -> Sequence[StatedChange]:
        """The deployments and other changes of the last days."""
        elsewhere = self.board if super().pipeline is None else None
        return super().changes if elsewhere is None else elsewhere.changes

    async def execute(self, command: Command) -> Answer:
        """Execute a command from a terminal or a page, in this or the owning process."""
        try:
            return await super().execute(command)
        except NoAnswerError:
            if self.board is None:
                raise
        return await self.board.command(command)

    def receive_commands(self, topic: str, options: dict[str, Any]) -> None:
        """Execute the commands of boards, which come by a topic, while this process delivers."""
        self._commands = CommandReceiver(topic, options, self.command)

    def new_stage(self) -> NotifyStage:
        """Return the stage of the partition that is being opened."""
        self._stage = NotifyStage()
        return self._stage

    @contextlib.asynccontextmanager
    async def run(self, records: FencedStore) -> AsyncIterator[Send]:
        """Deliver while the block runs; a notice that was sent to it is durable in the outbox."""
        storage = KafkaOutboxStorage(records)
        try:
            await self.start(storage, self._new_leaders, self._new_changes)
        except NewerStateError:  # has its own remedy
            raise
        except (StateError, KeyError) as error:
            raise StateError(f"the state of messages cannot be read: {why(error)}; {REMEDY}") from error
        commands = [] if self._commands is None else [self._commands.run()]

        async def send(step: NoticesOfStep) -> Awaitable[Any]:
            await self.put(step.notices, step.watermark)
            for notice in step.notices:
                self._metrics.notices.labels(notice.action.value).inc()
            durable = asyncio.get_running_loop().create_future()
            durable.set_result(None)
            return durable

        try:
            async with vital_tasks(*commands):
                yield send
        finally:
            await self.stop()
            await storage.close()

    def _new_leaders(self) -> Sequence[Hot]:
        return () if self._stage is None else self._stage.leaders

    def _new_changes(self) -> tuple[StatedChange, ...]:
        return () if self._stage is None else self._stage.changes

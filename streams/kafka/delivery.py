"""Delivery of messages: runs in the process that owns the one partition of the notices topic."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable
from typing import Any

from aiohttp import web

from alerting.commands.answer import Answer
from alerting.commands.command import Command
from config.settings import Settings
from detectors.model.stated import StatedChange
from detectors.state.state import StateError, why
from detectors.state.state_format import NewerStateError
from detectors.watch.hottest import Hot
from streams.kafka.fenced_store import FencedStore
from streams.kafka.notices import NoticesOfStep, NotifyStage
from streams.kafka.outbox import KafkaOutboxStorage
from streams.kafka.stage import REMEDY
from streams.kafka.stage_host import Send, fatal_when_failed
from streams.notify.delivery_half import DeliveryHalf
from streams.notify.incidents_route import incident_route, incidents_route
from streams.notify.labels_command import labels_route
from streams.notify.memo_routes import MemoRoutes
from streams.notify.silence_routes import SilenceRoutes
from streams.process.metrics import Metrics


class Delivery:
    """What delivers, while this process owns the partition; its routes answer 503 otherwise."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._metrics = metrics
        self._half = DeliveryHalf(settings, metrics)
        self._stage: NotifyStage | None = None

    def routes(self) -> list[web.RouteDef]:
        """Return what the web server adds."""
        return [
            *self._half.interactions.routes(),
            incidents_route(lambda: self._half.pipeline, lambda: self._half.links),
            incident_route(lambda: self._half.pipeline, lambda: self._half.documents),
            labels_route(lambda: None if self._half.pipeline is None else self._half.pipeline.labels),
            *SilenceRoutes(lambda: self._half.pipeline, self._command).routes(),
            *MemoRoutes(lambda: self._half.pipeline, self._command).routes(),
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
        failing = asyncio.create_task(self._half.until_failed())
        failing.add_done_callback(fatal_when_failed)

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
            failing.cancel()
            await self._half.stop()
            await storage.close()

    async def _command(self, command: Command) -> Answer:
        """Execute a command from a terminal."""
        answer = await self._half.command(command)
        if answer is None:
            raise web.HTTPServiceUnavailable
        return answer

    def _leaders(self) -> tuple[Hot, ...]:
        return () if self._stage is None else self._stage.leaders

    def _changes(self) -> tuple[StatedChange, ...]:
        return () if self._stage is None else self._stage.changes

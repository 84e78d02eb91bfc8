"""Delivery of messages: runs in the process that owns the one partition of the notices topic."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable
from typing import Any, NamedTuple

from aiohttp import web

from alerting.commands.answer import Answer
from alerting.commands.command import Command
from alerting.outbox.courier import Courier
from alerting.outbox.outbox import Outbox
from alerting.pipeline.history import since_of
from alerting.pipeline.pipeline import Pipeline
from config.settings import Settings
from detectors.state.state import StateError, why
from detectors.state.state_format import NewerStateError
from detectors.watch.hottest import Hot
from streams.kafka.fenced_store import FencedStore
from streams.kafka.notices import NoticesOfStep, NotifyStage
from streams.kafka.outbox import KafkaOutboxStorage
from streams.kafka.stage import REMEDY
from streams.kafka.stage_host import Send, fatal_when_failed
from streams.notify.interactions import Interactions
from streams.notify.labels_command import labels_route
from streams.notify.messenger import messenger
from streams.notify.pipeline_status import PipelineStatus, delivery_status
from streams.notify.silence_routes import SilenceRoutes
from streams.notify.slack_probe import SlackProbe
from streams.process.metrics import Metrics


class _Running(NamedTuple):
    pipeline: Pipeline
    courier: Courier
    outbox: Outbox
    watch: PipelineStatus


class Delivery:
    """The pipeline of notices, its outbox and courier, and the commands of people.

    All of it runs only while this process owns the partition; the routes answer 503 otherwise.
    """

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._settings = settings
        self._metrics = metrics
        self._slack_probe = SlackProbe()
        self._interactions = Interactions(settings, metrics)
        self._stage: NotifyStage | None = None
        self._running: _Running | None = None

    def routes(self) -> list[web.RouteDef]:
        """Return what the web server adds."""
        return [
            *self._interactions.routes(),
            labels_route(lambda: None if self._running is None else self._running.pipeline.labels),
            *SilenceRoutes(
                lambda: None if self._running is None else self._running.pipeline, self._command
            ).routes(),
        ]

    def new_stage(self) -> NotifyStage:
        """Return the stage of the partition that is being opened."""
        self._stage = NotifyStage()
        return self._stage

    def status(self) -> dict[str, object]:
        """Return what ``uneri status`` shows of it; nothing while another process delivers."""
        if self._running is None:
            return {}
        return {
            **delivery_status(self._running.outbox),
            "heard_by": self._interactions.state(),
            **self._running.watch.status(),
        }

    def not_ready(self) -> str | None:
        """Return why messages cannot be sent, None if they can."""
        if self._running is None:
            return None
        reasons = (self._slack_probe.not_ready, self._running.courier.not_ready())
        return "; ".join(reason for reason in reasons if reason) or None

    @contextlib.asynccontextmanager
    async def run(self, records: FencedStore) -> AsyncIterator[Send]:
        """Deliver while the block runs; a notice that was sent to it is durable in the outbox."""
        storage = KafkaOutboxStorage(records)
        pipeline = Pipeline(self._settings, since=since_of(self._settings, time.time()))
        watch = PipelineStatus(pipeline, self._settings, self._metrics)
        async with messenger(self._settings, storage, pipeline, self._metrics, self._slack_probe) as (
            courier,
            outbox,
        ):
            try:
                await courier.start()
            except NewerStateError:  # has its own remedy
                raise
            except (StateError, KeyError) as error:
                raise StateError(f"the state of messages cannot be read: {why(error)}; {REMEDY}") from error
            carrying = asyncio.create_task(courier.run())
            carrying.add_done_callback(fatal_when_failed)
            handling = asyncio.create_task(
                self._interactions.handle(pipeline, courier.command, self._leaders)
            )
            handling.add_done_callback(fatal_when_failed)
            self._running = _Running(pipeline, courier, outbox, watch)

            async def send(step: NoticesOfStep) -> Awaitable[Any]:
                await courier.put(step.notices, step.watermark)
                watch.record(step.notices)
                for notice in step.notices:
                    self._metrics.notices.labels(notice.action.value).inc()
                durable = asyncio.get_running_loop().create_future()
                durable.set_result(None)
                return durable

            try:
                yield send
            finally:
                handling.cancel()
                await asyncio.gather(handling, return_exceptions=True)
                self._running = None
                courier.stop()
                await carrying
                await storage.close()

    async def _command(self, command: Command) -> Answer:
        """Execute a command from a terminal."""
        if self._running is None:
            raise web.HTTPServiceUnavailable
        return await self._running.courier.command(command)

    def _leaders(self) -> tuple[Hot, ...]:
        return () if self._stage is None else self._stage.leaders

"""Notifies, in both drivers: the pipeline of notices, the outbox, the courier, and people's commands."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from typing import Any, NamedTuple

from aiohttp import web

from alerting.commands.command import Command
from alerting.commands.dispatch import Answer, CommandResult
from alerting.incidents.digest_reporter import zone_of
from alerting.incidents.notice import Notice
from alerting.messages.incident_markdown import IncidentMarkdown
from alerting.outbox.courier import Courier
from alerting.outbox.outbox import Outbox
from alerting.outbox.ports import OutboxStorage
from alerting.pipeline.hold_stages import since_of
from alerting.pipeline.pipeline import Pipeline
from alerting.words.locales import phrases_of
from config.links import Links
from config.settings import Settings
from detectors.model.stated import StatedChange
from detectors.watch.rankings import Hot
from streams.notify.command_routes import ELSEWHERE, MemoRoutes, NoAnswerError, SilenceRoutes
from streams.notify.incidents_route import incident_route, incidents_route, labels_route
from streams.notify.interactions import Interactions
from streams.notify.messenger import SlackProbe, messenger
from streams.notify.on_call_route import OnCallRoute
from streams.notify.pipeline_status import PipelineStatus, delivery_status
from streams.process.metrics import Metrics
from streams.process.part import Part


class _Running(NamedTuple):
    pipeline: Pipeline
    courier: Courier
    outbox: Outbox
    watch: PipelineStatus
    opened: AsyncExitStack
    carrying: asyncio.Task[None]
    handling: asyncio.Task[None]


class NotificationService(Part):
    """Decides who is notified, keeps messages until they are sent, and receives buttons and commands.

    All of its state is in the storage of the outbox, so a reload restarts this service alone: messages
    that wait continue under the new settings, and ``put`` waits meanwhile. ``clock`` is wall time, seconds.
    """

    def __init__(self, settings: Settings, metrics: Metrics, clock: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._since = since_of(settings, clock())
        self._metrics = metrics
        self.probe = SlackProbe()
        self._storage: OutboxStorage | None = None
        self._leaders: Callable[[], Sequence[Hot]] = tuple
        self._changes: Callable[[], Sequence[StatedChange]] = tuple
        self._running: _Running | None = None
        self._changing = asyncio.Lock()
        self._failed: asyncio.Queue[BaseException] = asyncio.Queue()
        self._changed: Callable[[], None] = lambda: None
        self.interactions = Interactions(settings, metrics)

    @property
    def pipeline(self) -> Pipeline | None:
        """The pipeline, while it runs."""
        return None if self._running is None else self._running.pipeline

    @property
    def links(self) -> Links:
        """The links to consoles, as configured now."""
        return Links(self._settings.links)

    @property
    def documents(self) -> IncidentMarkdown:
        """The writer of documents about incidents, as configured now."""
        settings = self._settings
        words = phrases_of(settings.notify.locale, settings.account_names)
        return IncidentMarkdown(self.links, words, zone_of(settings.digest))

    @property
    def changes(self) -> Sequence[StatedChange]:
        """The deployments and other changes of the last days."""
        return self._changes()

    @property
    def unsent(self) -> int:
        """The number of messages that are not sent yet."""
        return 0 if self._running is None else self._running.outbox.unsent()

    async def start(
        self,
        storage: OutboxStorage,
        leaders: Callable[[], Sequence[Hot]] = tuple,
        changes: Callable[[], Sequence[StatedChange]] = tuple,
    ) -> None:
        """Continue from the storage.

        ``leaders`` are the tables that became the hottest, ``changes`` those of the last days.

        Raises
        ------
        detectors.state.state.StateError, KeyError
            When the storage cannot be read.
        """
        self._storage, self._leaders, self._changes = storage, leaders, changes
        async with self._changing:
            await self._enter()

    def when_changed(self, notify: Callable[[], None]) -> None:
        """Call ``notify`` whenever incidents, or the actions of people on them, have changed."""
        self._changed = notify

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of Slack, of incidents and labels, and of commands."""
        return [
            *self.interactions.routes(),
            incidents_route(lambda: self.pipeline, lambda: self.links),
            incident_route(lambda: self.pipeline, lambda: self.documents),
            labels_route(lambda: None if self.pipeline is None else self.pipeline.labels),
            *SilenceRoutes(lambda: self.pipeline, self.execute).routes(),
            *MemoRoutes(lambda: self.pipeline, self.execute).routes(),
            *OnCallRoute(lambda: self.pipeline, self.execute).routes(),
        ]

    def work(self) -> list[Coroutine[Any, Any, None]]:
        """Return what raises the error that ended a part of it."""
        return [self._raise_failure()]

    async def _raise_failure(self) -> None:
        raise await self._failed.get()

    async def put(self, notices: Sequence[Notice], watermark: int | None) -> None:
        """Decide on notices and advance time; messages to send are durable when this returns."""
        async with self._changing:
            if self._running is None:
                raise RuntimeError("the notification service does not run")
            await self._running.courier.put(notices, watermark)
            self._running.watch.record(notices)
        if notices:
            self._changed()

    async def command(self, command: Command) -> Answer | None:
        """Execute a person's command; None if it does not run here."""
        async with self._changing:
            if self._running is None:
                return None
            answer = await self._running.courier.command(command)
            self._running.watch.record()
        if answer.result is CommandResult.DONE:
            self._changed()
        return answer

    async def execute(self, command: Command) -> Answer:
        """Execute a command from a terminal or a page.

        Raises
        ------
        NoAnswerError
            When it does not run here.
        """
        if (answer := await self.command(command)) is None:
            raise NoAnswerError(ELSEWHERE)
        return answer

    async def reload(self, settings: Settings) -> None:
        """Continue with other settings, and with secrets that are read anew."""
        async with self._changing:
            self._settings = settings
            self.interactions.reload(settings)
            if self._running is not None:
                await self._leave()
                await self._enter()

    async def stop_commands(self) -> None:
        """Stop receiving commands."""
        if self._running is not None:
            self._running.handling.cancel()
            await asyncio.gather(self._running.handling, return_exceptions=True)

    async def wait_until_sent(self) -> None:
        """Wait until no message is left to send."""
        if self._running is not None:
            await self._running.courier.wait_until_idle()

    async def stop(self) -> None:
        """Stop after the running deliveries."""
        async with self._changing:
            if self._running is not None:
                await self._leave()

    def status(self) -> dict[str, object]:
        """Return the lines of ``uneri status``; none while it does not run."""
        if self._running is None:
            return {}
        return {
            **self._running.watch.status(),
            **delivery_status(self._running.outbox),
            "heard_by": self.interactions.state(),
        }

    def not_ready(self) -> str | None:
        """Return the reason why messages cannot be sent, None if they can."""
        if self._running is None:
            return None
        reasons = (self.probe.not_ready, self._running.courier.not_ready())
        return "; ".join(reason for reason in reasons if reason) or None

    async def _enter(self) -> None:
        assert self._storage is not None  # noqa: S101 - started
        settings = self._settings
        pipeline = Pipeline(settings, since=self._since)
        async with AsyncExitStack() as opening:
            courier, outbox = await opening.enter_async_context(
                messenger(
                    settings,
                    self._storage,
                    pipeline,
                    self._metrics,
                    self.probe,
                    secrets=self.interactions.secrets,
                )
            )
            await courier.start()
            opened = opening.pop_all()
        self._running = _Running(
            pipeline,
            courier,
            outbox,
            PipelineStatus(pipeline, settings, self._metrics),
            opened,
            self._watched(courier.run()),
            self._watched(self.interactions.handle(pipeline, self.execute, self._leaders, self._changes)),
        )

    async def _leave(self) -> None:
        assert self._running is not None  # noqa: S101 - running
        running, self._running = self._running, None
        running.handling.cancel()
        await asyncio.gather(running.handling, return_exceptions=True)
        running.courier.stop()
        await asyncio.gather(running.carrying, return_exceptions=True)
        await running.opened.aclose()

    def _watched(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        task.add_done_callback(self._on_end)
        return task

    def _on_end(self, task: asyncio.Task[None]) -> None:
        if task.cancelled():
            if not task.cancelling():  # nothing here cancelled it
                self._failed.put_nowait(RuntimeError("the notification service was cancelled"))
        elif (error := task.exception()) is not None:
            self._failed.put_nowait(error)

"""The Kafka driver: a Faust app that owns partitions and feeds the engine's stages whole chunks.

    requests ── rollup ── rollups ── detect ── findings ── incidents ── outbox ── Slack

One process runs all roles or some; each scales by partitions and processes, but for incidents, whose topic
has one partition.
"""

import asyncio
import contextlib
import functools
import logging
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from typing import Any, Final

import structlog
from aiohttp import web

from alerting.answer import Answer
from alerting.command import Command
from alerting.deliver import Courier
from alerting.outbox import Outbox
from alerting.pipeline import Pipeline
from config.settings import Kafka, Settings
from detectors.hottest import Hot
from streams.crash_points import At, nothing
from streams.delivery_status import delivery_status
from streams.hanging_transactions import HangingTransactions
from streams.kafka_app import aiokafka_options, chunk_app, wait_for_kafka
from streams.kafka_checkpoints import KafkaCheckpoints
from streams.kafka_client import CredentialsMissingError
from streams.kafka_stages import DetectStage, IncidentsStage, Passed, RollupStage
from streams.kafka_status import status_of
from streams.kafka_topics import Topic, TopicError, Topics, verified_topics
from streams.labels_command import labels_route
from streams.logs import configure_logs
from streams.membership import leave
from streams.messenger import messenger
from streams.metrics import Metrics
from streams.outbox_kafka import KafkaOutboxStorage
from streams.owned_records import OwnedRecords
from streams.pipeline_watch import PipelineWatch
from streams.reception import Reception
from streams.silence_routes import SilenceRoutes
from streams.stage_host import Hosted, Send, StageHost, fatal
from streams.topic_watch import TopicWatch
from streams.watchdog import Watchdog
from streams.web import Web, WebError

ROLES: Final = frozenset({"rollup", "detect", "incidents"})
CHECKPOINT_SECONDS: Final = 5.0

log = structlog.get_logger("uneri.kafka")


class KafkaDaemon:
    """All roles of one process in one event loop.

    Parameters
    ----------
    settings
        With a ``kafka`` section.
    roles
        Some of ``ROLES``.
    present
        The topics as they are.
    every
        Seconds between checkpoints.
    at
        Called at each crash point, for tests.
    """

    def __init__(
        self,
        settings: Settings,
        kafka: Kafka,
        roles: Collection[str],
        present: dict[str, Topic],
        *,
        every: float = CHECKPOINT_SECONDS,
        at: At = nothing,
    ) -> None:
        self._settings = settings
        topics = Topics.of(kafka)
        count = present[topics.requests].partitions
        self._roles = sorted(roles)
        self._outbox: Outbox | None = None  # where the incidents are
        self._watch: PipelineWatch | None = None  # where the incidents are
        self._refused: Callable[[], str | None] | None = None  # why nothing can be told there
        self.metrics = Metrics()
        options = aiokafka_options(kafka)
        self._records = OwnedRecords(
            topics.checkpoints,
            present[topics.checkpoints].partitions,
            options,
            at,
            hanging=HangingTransactions(kafka),
        )
        sources = [f"{topics.requests}/{number}" for number in range(count)]
        stages = [
            Hosted(
                topics.requests,
                "rollup",
                lambda number: RollupStage(_known(number, count, topics), settings, kafka.shards, topics),
                idle_after=float(settings.time.idle),
            ),
            Hosted(topics.rollups, "detect", lambda shard: DetectStage(shard, sources, settings, topics)),
            Hosted(
                topics.findings,
                "incidents",
                lambda _: self._incidents_stage(kafka.shards),
                around=lambda _: self._delivering(),
            ),
        ]
        hosted = [one for one in stages if one.role in roles]
        self._host = StageHost(
            chunk_app(kafka),
            hosted,
            KafkaCheckpoints(self._records),
            options,
            every,
            topic_ids={name: topic.id for name, topic in present.items()},
            at=at,
        )
        self._reception = Reception(settings, self.metrics)
        self._pipeline: Pipeline | None = None  # where the incidents are
        self._stage: IncidentsStage | None = None
        self._courier: Courier | None = None
        self._web = Web(
            settings.web.listen,
            self.status,
            self._not_ready,
            self.metrics.registry,
            [
                *self._reception.routes(),
                labels_route(lambda: None if self._pipeline is None else self._pipeline.labels),
                *SilenceRoutes(lambda: self._pipeline, self._command).routes(),
            ],
        )
        self._ready = False

    async def run(self, stopping: asyncio.Event, watchdog: Watchdog) -> None:
        """Run until ``stopping`` is set; write the last checkpoints and leave the group then."""
        port = await self._web.start()
        log.info("starting", roles=self._roles, status_port=port)
        starting = asyncio.create_task(self._host.start())
        waiting = asyncio.create_task(stopping.wait())
        await asyncio.wait({starting, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()
            self._ready = True
            log.info(
                "started", roles=sorted({one.key.partition("/")[0] for one in self._host.runners.values()})
            )
        while not stopping.is_set():
            watchdog.turned()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), 1)
            if self._host.app.should_stop:
                raise self._host.app.crash_reason or RuntimeError("Faust has stopped")
        watchdog.stop_within()
        self._ready = False
        if not starting.done():
            starting.cancel()
        await self._host.stop()
        await self._web.stop()
        log.info("stopped cleanly")

    def status(self) -> dict[str, object]:
        """Return what ``uneri status`` shows."""
        told = status_of(self._host)
        told |= delivery_status(self._outbox) if self._outbox is not None else {}
        told |= {"heard_by": self._reception.state()} if self._pipeline is not None else {}
        return told | (self._watch.status() if self._watch is not None else {})

    async def _command(self, command: Command) -> Answer:
        """Do what a terminal asks for; the routes see to it that the incidents are here."""
        if self._courier is None:
            raise web.HTTPServiceUnavailable
        return await self._courier.command(command)

    def _incidents_stage(self, shards: int) -> IncidentsStage:
        self._stage = IncidentsStage(shards, self._settings)
        return self._stage

    def _leaders(self) -> tuple[Hot, ...]:
        return () if self._stage is None else self._stage.incidents.took_the_lead

    def _not_ready(self) -> str | None:
        if not self._ready:
            return "no partitions yet"
        return None if self._refused is None else self._refused()

    @contextlib.asynccontextmanager
    async def _delivering(self) -> AsyncIterator[Send]:
        """Run the courier where the incidents are; a notice is durable in the outbox before a checkpoint."""
        storage = KafkaOutboxStorage(self._records)
        pipeline = Pipeline(self._settings)
        watch = PipelineWatch(pipeline, self._settings, self.metrics)
        async with messenger(self._settings, storage, pipeline, self.metrics) as (courier, outbox):
            await courier.start()
            self._outbox = outbox
            self._refused = courier.not_ready
            self._watch = watch
            running = asyncio.create_task(courier.run())
            running.add_done_callback(_fatal_when_failed)
            hearing = asyncio.create_task(self._reception.attend(pipeline, courier.command, self._leaders))
            hearing.add_done_callback(_fatal_when_failed)
            self._pipeline, self._courier = pipeline, courier

            async def send(passed: Passed) -> Awaitable[Any]:
                await courier.put(passed.notices, passed.watermark)
                watch.look()
                for notice in passed.notices:
                    self.metrics.notices.labels(notice.action.value).inc()
                durable = asyncio.get_running_loop().create_future()
                durable.set_result(None)
                return durable

            try:
                yield send
            finally:
                hearing.cancel()
                await asyncio.gather(hearing, return_exceptions=True)
                self._pipeline = self._courier = None
                courier.stop()
                await running
                self._outbox = None
                self._refused = self._watch = None
                await storage.close()


def _fatal_when_failed(task: asyncio.Task[None], stage: str = "courier") -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        fatal(error, stage=stage)


def _known(partition: int, count: int, topics: Topics) -> int:
    if partition >= count:
        raise TopicError(
            f"the topic {topics.requests} has more partitions now than {count}, as at the start: start again "
            "to read all of them"
        )
    return partition


def run_kafka(
    settings: Settings,
    roles: Collection[str] | None = None,
    *,
    every: float = CHECKPOINT_SECONDS,
    at: At = nothing,
) -> int:
    """Run the Kafka daemon until SIGINT or SIGTERM.

    Parameters
    ----------
    settings
        With a ``kafka`` section.
    roles
        Some of ``rollup``, ``detect``, ``incidents``; all when absent.
    every
        Seconds between checkpoints.
    at
        Called at each crash point, for tests.

    Returns
    -------
    The exit code: 0 after a clean stop, 1 when something failed, 2 when roles or settings are wrong.
    """
    configure_logs()
    logging.getLogger("streams.chunk_lane").setLevel(
        logging.WARNING
    )  # Faust names its loggers after subclasses
    unknown = set(roles or ()) - ROLES
    if unknown or settings.kafka is None:
        log.critical(
            f"unknown role {', '.join(sorted(unknown))}: the roles are {', '.join(sorted(ROLES))}"
            if unknown
            else "the configuration has no kafka section"
        )
        return 2
    try:
        return asyncio.run(_main(settings, settings.kafka, roles or ROLES, every, at))
    except (TopicError, CredentialsMissingError, WebError) as error:
        log.critical(str(error))
        return 1
    except Exception as error:  # noqa: BLE001 - the edge of the process: one line, then the restart
        fatal(error)


def _one_line(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Say in one line what asyncio would print with a traceback: aiokafka leaves failed futures behind."""
    log.warning(str(context.get("message")), error=repr(context.get("exception")))


async def _main(settings: Settings, kafka: Kafka, roles: Collection[str], every: float, at: At) -> int:
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    asyncio.get_running_loop().set_exception_handler(_one_line)
    if not await wait_for_kafka(kafka, stopping):
        return 0
    present = await asyncio.to_thread(verified_topics, kafka)
    await asyncio.to_thread(leave, kafka)
    watching = asyncio.create_task(TopicWatch(kafka, present).run())
    watching.add_done_callback(functools.partial(_fatal_when_failed, stage="topics"))
    watchdog = Watchdog()
    watchdog.start()
    try:
        await KafkaDaemon(settings, kafka, roles, present, every=every, at=at).run(stopping, watchdog)
    finally:
        watchdog.end()
        watching.cancel()
    await asyncio.to_thread(leave, kafka)
    return 0

"""The Kafka driver: a Faust app that owns partitions and feeds the engine's stages whole chunks.

    requests ── rollup ── rollups ── detect ── findings ── incidents ── notices ── notify ── outbox ── Slack

One process runs all roles or some; each scales by partitions and processes, but for incidents and notify,
whose topics have one partition.
"""

import asyncio
import contextlib
import logging
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from typing import Any, Final

import structlog
from aiohttp import web

from alerting.commands.answer import Answer
from alerting.commands.command import Command
from alerting.outbox.courier import Courier
from alerting.outbox.outbox import Outbox
from alerting.pipeline.pipeline import Pipeline
from config.settings import KafkaSettings, Settings
from detectors.state.state import StateError, why
from detectors.watch.hottest import Hot
from streams.engine.warm import warm
from streams.kafka.app import aiokafka_options, chunk_app, wait_for_kafka
from streams.kafka.checkpoints import KafkaCheckpoints
from streams.kafka.client import CredentialsMissingError
from streams.kafka.fenced_store import OwnedRecords
from streams.kafka.hanging_transactions import HangingTransactions
from streams.kafka.membership import leave
from streams.kafka.notices import NoticesOfStep, NotifyStage
from streams.kafka.outbox import KafkaOutboxStorage
from streams.kafka.stage import REMEDY
from streams.kafka.stage_host import Hosted, Send, StageHost, fatal, fatal_when_failed
from streams.kafka.stages import DetectStage, IncidentsStage, RollupStage
from streams.kafka.status import queues, readings, status_of
from streams.kafka.topic_watch import TopicWatch
from streams.kafka.topics import Topic, TopicError, Topics, verified_topics
from streams.kafka.watermark_alignment import WatermarkAlignment
from streams.notify.interactions import Interactions
from streams.notify.labels_command import labels_route
from streams.notify.messenger import messenger
from streams.notify.pipeline_status import PipelineStatus, delivery_status
from streams.notify.silence_routes import SilenceRoutes
from streams.notify.slack_probe import SlackProbe
from streams.process.crash_points import CrashHook, no_crash
from streams.process.http_server import HttpServer, ListenError
from streams.process.logs import configure_logs
from streams.process.metrics import Metrics
from streams.process.watchdog import Watchdog, guard

ROLES: Final = frozenset({"rollup", "detect", "incidents", "notify"})
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
    watchdog
        Told of turns of the loop and of stages that do not get on; it is started by who made it.
    every
        Seconds between checkpoints.
    at
        Called at each crash point, for tests.
    """

    def __init__(
        self,
        settings: Settings,
        kafka: KafkaSettings,
        roles: Collection[str],
        watchdog: Watchdog,
        *,
        every: float = CHECKPOINT_SECONDS,
        at: CrashHook = no_crash,
    ) -> None:
        self._every, self._at = every, at
        self._settings = settings
        self._kafka = kafka
        self._topics = Topics.of(kafka)
        self._roles = sorted(roles)
        self._watchdog = watchdog
        self._outbox: Outbox | None = None  # where messages are sent from
        self._watch: PipelineStatus | None = None  # there too
        self._refused: Callable[[], str | None] | None = None  # why nothing can be told there
        self.metrics = Metrics()
        self._slack_probe = SlackProbe()
        self._host: StageHost | None = None  # once Kafka has answered
        self._interactions = Interactions(settings, self.metrics)
        self._pipeline: Pipeline | None = None  # where messages are sent from
        self._stage: NotifyStage | None = None
        self._courier: Courier | None = None
        self._waits_for = f"Kafka at {', '.join(kafka.brokers)} has not answered yet"
        self._web = HttpServer(
            settings.web.listen,
            self.status,
            self._not_ready,
            self.metrics.registry,
            [
                *self._interactions.routes(),
                labels_route(lambda: None if self._pipeline is None else self._pipeline.labels),
                *SilenceRoutes(lambda: self._pipeline, self._command).routes(),
            ],
            unhealthy=watchdog.reason,
            refresh=self._refresh,
        )

    async def run(self, stopping: asyncio.Event) -> None:
        """Run until ``stopping`` is set; write the last checkpoints and leave the group then.

        Health is told from the start: a broker that does not answer is waited for, and no reason to end.
        """
        port = await self._web.start()
        guarding = asyncio.create_task(guard(self._watchdog, self._look, self.metrics.loop_delay.observe))
        guarding.add_done_callback(fatal_when_failed)
        try:
            if await wait_for_kafka(self._kafka, stopping):
                present = await asyncio.to_thread(verified_topics, self._kafka)
                await asyncio.to_thread(leave, self._kafka)
                watching = asyncio.create_task(TopicWatch(self._kafka, present).run())
                watching.add_done_callback(fatal_when_failed)
                log.info("starting", roles=self._roles, status_port=port)
                try:
                    await self._run(present, stopping)
                finally:
                    watching.cancel()
                await asyncio.to_thread(leave, self._kafka)
        finally:
            await self._web.stop()
            guarding.cancel()

    async def _run(self, present: dict[str, Topic], stopping: asyncio.Event) -> None:
        self._waits_for = "no partitions yet"
        self._host = host = self._hosting(present)
        starting = asyncio.create_task(host.start())
        waiting = asyncio.create_task(stopping.wait())
        await asyncio.wait({starting, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()
            self._waits_for = ""
            log.info("started", roles=sorted({one.key.partition("/")[0] for one in host.runners.values()}))
        while not stopping.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), 1)
            if host.app.should_stop:
                raise host.app.crash_reason or RuntimeError("Faust has stopped")
        self._watchdog.stop_within()
        self._waits_for = "it stops"
        if not starting.done():
            starting.cancel()
        await host.stop()
        log.info("stopped cleanly")

    def _hosting(self, present: dict[str, Topic]) -> StageHost:
        """Return the host of the stages of this process's roles."""
        settings, kafka, topics = self._settings, self._kafka, self._topics
        options = aiokafka_options(kafka)
        count = present[topics.requests].partitions
        records = OwnedRecords(
            topics.checkpoints,
            present[topics.checkpoints].partitions,
            options,
            self._at,
            hanging=HangingTransactions(kafka),
        )
        sources = [f"{topics.requests}/{number}" for number in range(count)]
        stages = [
            Hosted(
                topics.requests,
                "rollup",
                lambda number: RollupStage(
                    _known(number, count, topics), settings, kafka.shards, topics, self.metrics
                ),
                idle_after=float(settings.time.idle),
                alignment=WatermarkAlignment(
                    lambda stage: stage.rollup.watermark, self._elsewhere, settings.time.ahead
                ),
            ),
            Hosted(
                topics.rollups,
                "detect",
                lambda shard: DetectStage(shard, sources, settings, topics, self._stepped),
            ),
            Hosted(topics.findings, "incidents", lambda _: IncidentsStage(kafka.shards, settings, topics)),
            Hosted(
                topics.notices,
                "notify",
                lambda _: self._notify_stage(),
                around=lambda _: self._delivering(records),
            ),
        ]
        hosted = [one for one in stages if one.role in self._roles]
        return StageHost(
            chunk_app(kafka),
            hosted,
            KafkaCheckpoints(records),
            options,
            self._every,
            topic_ids={name: topic.id for name, topic in present.items()},
            metrics=self.metrics,
            at=self._at,
        )

    def _elsewhere(self, ours: Collection[str]) -> list[int]:
        """Return how far sources are that others read, as the shards of this process have seen."""
        newest: dict[str, int] = {}
        held: Counter[str] = Counter()
        shards = [
            runner.stage.detect.steps.levels
            for runner in (self._host.runners.values() if self._host else ())
            if isinstance(runner.stage, DetectStage)
        ]
        for levels in shards:
            for source, watermark in levels.items():
                held[source] += 1
                newest[source] = max(newest.get(source, 0), watermark)
        # idle at one shard, idle at all: that block may not have come everywhere yet
        return [at for source, at in newest.items() if source not in ours and held[source] == len(shards)]

    def _stepped(self, _: int) -> None:
        self._watchdog.heartbeat()  # a chunk of many steps holds the event loop, and gets on
        self.metrics.steps.inc()

    async def _look(self) -> str | None:
        return None if self._host is None else await self._host.stuck()

    def _refresh(self) -> None:
        if self._host is not None:
            self.metrics.update(readings(self._host), queues(self._host), time.time())
        self.metrics.ready.set(self._not_ready() is None)

    def status(self) -> dict[str, object]:
        """Return what ``uneri status`` shows."""
        told: dict[str, object] = {"driver": "kafka", "roles": ", ".join(self._roles)}
        if self._host is None:
            return told | {"waits_for": self._waits_for}
        told |= status_of(self._host)
        told |= delivery_status(self._outbox) if self._outbox is not None else {}
        told |= {"heard_by": self._interactions.state()} if self._pipeline is not None else {}
        return told | (self._watch.status() if self._watch is not None else {})

    async def _command(self, command: Command) -> Answer:
        """Do what a terminal asks for; the routes see to it that messages are sent from here."""
        if self._courier is None:
            raise web.HTTPServiceUnavailable
        return await self._courier.command(command)

    def _notify_stage(self) -> NotifyStage:
        self._stage = NotifyStage()
        return self._stage

    def _leaders(self) -> tuple[Hot, ...]:
        return () if self._stage is None else self._stage.leaders

    def _not_ready(self) -> str | None:
        if self._host is None or self._waits_for:
            return self._waits_for
        opening = self._host.opening
        reasons = (
            opening and f"the state of {', '.join(opening)} is being restored",
            self._slack_probe.not_ready if self._courier is not None else None,
            None if self._refused is None else self._refused(),
        )
        return "; ".join(reason for reason in reasons if reason) or None

    @contextlib.asynccontextmanager
    async def _delivering(self, records: OwnedRecords) -> AsyncIterator[Send]:
        """Run the courier where messages are sent; a notice is durable in the outbox before a checkpoint."""
        storage = KafkaOutboxStorage(records)
        pipeline = Pipeline(self._settings)
        watch = PipelineStatus(pipeline, self._settings, self.metrics)
        async with messenger(self._settings, storage, pipeline, self.metrics, self._slack_probe) as (
            courier,
            outbox,
        ):
            try:
                await courier.start()
            except (StateError, KeyError) as error:
                raise StateError(f"the state of messages cannot be read: {why(error)}; {REMEDY}") from error
            self._outbox = outbox
            self._refused = courier.not_ready
            self._watch = watch
            running = asyncio.create_task(courier.run())
            running.add_done_callback(fatal_when_failed)
            hearing = asyncio.create_task(self._interactions.handle(pipeline, courier.command, self._leaders))
            hearing.add_done_callback(fatal_when_failed)
            self._pipeline, self._courier = pipeline, courier

            async def send(passed: NoticesOfStep) -> Awaitable[Any]:
                await courier.put(passed.notices, passed.watermark)
                watch.record()
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
    at: CrashHook = no_crash,
) -> int:
    """Run the Kafka daemon until SIGINT or SIGTERM.

    Parameters
    ----------
    settings
        With a ``kafka`` section.
    roles
        Some of ``rollup``, ``detect``, ``incidents``, ``notify``; all when absent.
    every
        Seconds between checkpoints.
    at
        Called at each crash point, for tests.

    Returns
    -------
    The exit code: 0 after a clean stop, 1 when something failed, 2 when roles or settings are wrong.
    """
    configure_logs()
    logging.getLogger("streams.lane.chunk_lane").setLevel(
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
    warm()  # the event loop must not wait for a compiler
    try:
        return asyncio.run(_main(settings, settings.kafka, roles or ROLES, every, at))
    except (TopicError, CredentialsMissingError, ListenError) as error:
        log.critical(str(error))
        return 1
    except Exception as error:  # noqa: BLE001 - the edge of the process: one line, then the restart
        fatal(error)


def _one_line(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Say in one line what asyncio would print with a traceback: aiokafka leaves failed futures behind."""
    log.warning(str(context.get("message")), error=repr(context.get("exception")))


async def _main(
    settings: Settings, kafka: KafkaSettings, roles: Collection[str], every: float, at: CrashHook
) -> int:
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    asyncio.get_running_loop().set_exception_handler(_one_line)
    watchdog = Watchdog()
    watchdog.start()
    try:
        await KafkaDaemon(settings, kafka, roles, watchdog, every=every, at=at).run(stopping)
    finally:
        watchdog.end()
    return 0

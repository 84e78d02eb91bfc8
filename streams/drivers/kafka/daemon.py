"""The Kafka driver: a Faust app that owns partitions and feeds the engine's stages whole chunks.

    requests ── rollup ── rollups ── detect ── findings ── incidents ── notices ── notify ── outbox ── Slack

Topics of sources.inputs are rolled up beside that of the requests. A process runs all of these roles or some.
Roles scale by partitions and processes, except incidents and notify, whose topics have one partition. Two
roles are apart: intake receives records over HTTP and TCP and writes them to the requests, and board writes
the history, from the step records of detect, and serves the page that shows it.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

import structlog
from faust.types import TP

from config.capacity import Capacity
from config.load import ConfigError
from config.secret import SecretError, text_in
from config.settings import KafkaSettings, Settings
from streams.drivers.checkpointing import USUAL, RunOptions
from streams.drivers.compile_ahead import prepare_process
from streams.drivers.daemon import Daemon
from streams.drivers.kafka.app import (
    aiokafka_options,
    chunk_app,
    configured_alike,
    leave_group,
    wait_for_kafka,
)
from streams.drivers.kafka.board.history_keeping import HistoryKeeping
from streams.drivers.kafka.checkpoints.checkpoints import KafkaCheckpoints
from streams.drivers.kafka.checkpoints.fenced_store import FencedStore
from streams.drivers.kafka.checkpoints.hanging_transactions import HangingTransactions
from streams.drivers.kafka.checkpoints.takeovers import Takeovers
from streams.drivers.kafka.connections.connection import connection_options
from streams.drivers.kafka.delivery import Delivery
from streams.drivers.kafka.group_watch import GroupWatch
from streams.drivers.kafka.hosted_partition import Hosted, Send
from streams.drivers.kafka.intake import KafkaIntake
from streams.drivers.kafka.roles import BOARD, INTAKE, ROLES, mistake
from streams.drivers.kafka.stage import Emission
from streams.drivers.kafka.stage_host import (
    GIVEN_UP,
    GivenUpError,
    StageHost,
    fatal,
    fatal_when_failed,
    start_vital,
    vital_tasks,
)
from streams.drivers.kafka.stages import DetectStage, IncidentsStage, RollupStage
from streams.drivers.kafka.status import HostedStages
from streams.drivers.kafka.topics import (
    Topic,
    TopicError,
    Topics,
    TopicWatch,
    verified_requests,
    verified_topics,
)
from streams.drivers.kafka.watermark_alignment import WatermarkAlignment
from streams.ingest.formats.envelopes.confluent import SchemaId, SchemasAtHand
from streams.ingest.formats.inputs import Inputs
from streams.ingest.registry.registry_client import RegistryError
from streams.notify.interactions import slack_secrets
from streams.process.logs import configure_logs
from streams.process.stop_requests import stop_daemon_on_signals
from streams.process.watchdog import Watchdog
from streams.process.web.http_server import ListenError
from streams.process.web.listen_address import AddressError, listen_address_of

if TYPE_CHECKING:
    from streams.drivers.kafka.board.board_service import KafkaBoard

TURN_BYTES: Final = 256 * 1024
"""Bytes of payloads converted in one turn of the event loop: a tenth of a second to a second of work."""

log = structlog.get_logger("uneri.kafka")


class KafkaDaemon(Daemon):
    """All roles of one process in one event loop.

    Parameters
    ----------
    roles
        Some of ``KNOWN_ROLES``.
    watchdog, read
        As for ``Daemon``.
    """

    delivery: Delivery
    receivers: KafkaIntake | None = None

    def __init__(
        self,
        settings: Settings,
        kafka: KafkaSettings,
        roles: Collection[str],
        watchdog: Watchdog,
        *,
        options: RunOptions = USUAL,
        read: Callable[[], Settings] | None = None,
    ) -> None:
        decodes = bool({"rollup", INTAKE} & set(roles))
        super().__init__(settings, watchdog, receives=INTAKE in roles, decodes=decodes, read=read)
        self._options = options
        self._kafka = kafka
        self._topics = Topics.of(kafka, settings.sources)
        self._roles = sorted(roles)
        self._stages = HostedStages(lambda: self.settings, self._registry)
        self._group = GroupWatch(kafka, self._topics, configured_alike(settings))
        self._takeovers: Takeovers | None = None
        self.delivery = Delivery(settings, self.metrics)
        self._keeping: HistoryKeeping | None = None
        self._board: KafkaBoard | None = None
        if BOARD in roles:
            self._board, self._keeping = self._board_role()
        self._credentials = _credentials(kafka)
        if INTAKE in roles:
            self.receivers = KafkaIntake(settings, kafka, self.metrics, self._address, schemas=self._registry)
        self._waits_for = f"Kafka at {', '.join(kafka.brokers)} has not answered yet"
        self._serve(
            self.reloading,
            self._limits if "detect" in roles else None,
            self._registry,
            self.receivers,
            self._keeping,
            self._board,
            self._stages,
            self._group,
            self.delivery,
        )

    async def run(self, stopping: asyncio.Event) -> None:
        """Run until ``stopping`` is set; then write the last checkpoints and leave the group.

        Health is served from the start: the daemon waits for a broker that does not answer.
        """
        port = await self._web.start()
        if self.receivers is not None:
            await self.receivers.start(port)
        if note := self._address.warning():
            log.warning(note)
        working = [start_vital(work) for work in self._work()]
        try:
            if await wait_for_kafka(self._kafka, stopping):
                present = await asyncio.to_thread(self._verified)
                if self._has_stages:
                    await asyncio.to_thread(leave_group, self._kafka)
                log.info("starting", roles=self._roles, status_port=port)
                async with (
                    vital_tasks(TopicWatch(self._kafka, present).run(), self._group.run(present)),
                    self._showing(present),
                ):
                    await self._run(present, stopping)
                if self._has_stages:
                    await asyncio.to_thread(leave_group, self._kafka)
        except BaseException:
            self._watchdog.stop_within()  # cleaning up may wait for the part that failed
            raise
        finally:
            if self.receivers is not None:
                await self.receivers.stop_accepting()
            await self._web.stop()
            if self.receivers is not None:
                await self.receivers.stop()
            for task in working:
                task.cancel()

    @property
    def _has_stages(self) -> bool:
        return self._roles != [INTAKE]

    def _verified(self) -> dict[str, Topic]:
        if self._has_stages:
            history = self.settings.history.shared
            commands = history or self._board is not None
            return verified_topics(self._kafka, self._topics.inputs, history=history, commands=commands)
        return verified_requests(self._kafka)

    def _prepare(self, settings: Settings) -> tuple[str, ...]:
        others = super()._prepare(settings)
        return others if _credentials(self._kafka) == self._credentials else ("the credentials for Kafka",)

    async def _switch_judge(self) -> None:
        if self._stages.host is not None:
            await self._stages.host.replace_stages(("detect", "incidents"))

    def _limit(self, capacity: Capacity) -> None:
        self._stages.limit(capacity)

    def _board_role(self) -> tuple["KafkaBoard", HistoryKeeping]:
        from streams.drivers.kafka.board.board_service import KafkaBoard

        board = KafkaBoard(
            self._kafka, lambda: self.settings, self.delivery, self._access, self.metrics.commands
        )
        self.delivery.board = board
        steps = TP(self._topics.steps, 0)
        keeping = HistoryKeeping(
            self.settings.history, self._kafka.shards, self.metrics, lambda: self._stages.runner(steps)
        )
        return board, keeping

    @asynccontextmanager
    async def _showing(self, present: dict[str, Topic]) -> AsyncIterator[None]:
        """Serve the board while the block runs, if that is a role of this process."""
        commands = self._topics.commands in present
        options = aiokafka_options(self._kafka)
        if commands:
            self.delivery.receive_commands(self._topics.commands, options)
        if self._board is None:
            yield
            return
        partitions = present[self._topics.checkpoints].partitions
        records = FencedStore(
            self._topics.checkpoints, partitions, options, hanging=HangingTransactions(self._kafka)
        )
        async with self._board.run(records, options, commands=commands):
            yield

    async def _run(self, present: dict[str, Topic], stopping: asyncio.Event) -> None:
        if self.receivers is not None:
            self.receivers.start_producing().add_done_callback(fatal_when_failed)
        if self._has_stages:
            await self._run_stages(present, stopping)
        else:
            self._waits_for = ""
            log.info("started", roles=self._roles)
            await stopping.wait()
            self._waits_for = "the daemon is stopping"
        log.info("stopped cleanly")

    async def _run_stages(self, present: dict[str, Topic], stopping: asyncio.Event) -> None:
        self._waits_for = "no partitions yet"
        self._stages.host = host = self._hosting(present)
        starting = asyncio.create_task(host.start())
        waiting = asyncio.create_task(stopping.wait())
        await asyncio.wait({starting, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()
            self._waits_for = ""
            log.info(
                "started", roles=sorted({runner.key.partition("/")[0] for runner in host.runners.values()})
            )
        while not stopping.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), 1)
            if host.clients.app.should_stop:
                raise host.clients.app.crash_reason or RuntimeError("Faust has stopped")
        self._waits_for = "the daemon is stopping"
        if not starting.done():
            starting.cancel()
        refusing = [] if self.receivers is None else [self.receivers.stop_accepting()]
        await asyncio.gather(host.stop(), *refusing)

    def _hosting(self, present: dict[str, Topic]) -> StageHost:
        settings, kafka, topics = self.settings, self._kafka, self._topics
        options = aiokafka_options(kafka)
        counts = {topic: present[topic].partitions for topic in topics.sources}
        at_hand = None if self._registry is None else SchemasAtHand(self._registry.get)
        inputs = Inputs(settings.sources, at_hand).topics
        records = FencedStore(
            topics.checkpoints,
            present[topics.checkpoints].partitions,
            options,
            self._options.at,
            hanging=HangingTransactions(kafka),
        )
        partitions = [TP(topic, number) for topic, count in counts.items() for number in range(count)]
        sources = [f"{topic}/{number}" for topic, number in partitions]

        def judging(shard: int, on_step: Callable[[int], None] | None = None) -> DetectStage:
            limits = self._limits.capacity
            kept = settings.history.shared
            return DetectStage(shard, sources, self.settings, topics, on_step, capacity=limits, records=kept)

        checkpoints = KafkaCheckpoints(records)
        self._takeovers = Takeovers(topics.rollups, checkpoints, options, self._stages.runner, judging)
        self._parts.append(self._takeovers)
        alignment = WatermarkAlignment(settings.time.ahead)

        def rolling_up(topic: str) -> Hosted:
            return Hosted(
                topic,
                "rollup",
                lambda number: RollupStage(
                    _known(number, counts[topic], topic),
                    settings,
                    kafka.shards,
                    topics,
                    self.metrics,
                    source=inputs.get(topic),
                    topic=topic,
                    on_run=self._watchdog.heartbeat,
                    now=time.time,
                ),
                idle_after=float(settings.time.idle),
                alignment=alignment,
                name=topic if topic in inputs else "",
                turn_bytes=TURN_BYTES if topic in inputs else None,
                fetch=self._fetch,
                beside=partitions,
            )

        stages = [
            *(rolling_up(topic) for topic in topics.sources),
            Hosted(
                topics.rollups,
                "detect",
                lambda shard: judging(shard, self._stepped),
                around=self._watch_takeovers,
            ),
            Hosted(
                topics.findings, "incidents", lambda _: IncidentsStage(kafka.shards, self.settings, topics)
            ),
            Hosted(
                topics.notices,
                "notify",
                lambda _: self.delivery.new_stage(),
                around=lambda _: self.delivery.run(records),
            ),
        ]
        if (keeping := self._keeping) is not None:
            stages.append(
                Hosted(
                    topics.steps,
                    BOARD,
                    lambda _: keeping.new_stage(),
                    around=lambda _: keeping.run(self._send),
                    fetch=lambda _: keeping.has_room(),
                )
            )
        hosted = [stage for stage in stages if stage.role in self._roles]
        return StageHost(
            chunk_app(kafka, configured_alike(self.settings)),
            hosted,
            checkpoints,
            options,
            self._options,
            topic_ids={name: topic.id for name, topic in present.items()},
            metrics=self.metrics,
        )

    def _fetch(self, schemas: Collection[SchemaId]) -> bool:
        assert self._registry is not None  # noqa: S101 - without one, no schema is needed
        try:
            self._registry.fetch(schemas)
        except RegistryError:  # it logs that itself
            return False
        return True

    async def _send(self, emission: Emission) -> asyncio.Future[Any]:
        assert self._stages.host is not None  # noqa: S101 - it opens stages
        return await self._stages.host.clients.send(emission)

    @asynccontextmanager
    async def _watch_takeovers(self, shard: int) -> AsyncIterator[Send]:
        assert self._takeovers is not None  # noqa: S101 - see ``_hosting``
        async with vital_tasks(self._takeovers.watch(shard)):
            yield self._send

    def _stepped(self, _: int) -> None:
        self._watchdog.heartbeat()  # a chunk of many steps holds the event loop but progresses
        self.metrics.steps.inc()

    async def _stuck(self) -> str | None:
        return None if self._stages.host is None else await self._stages.host.stuck()

    def _refresh(self) -> None:
        super()._refresh()
        waiting = {} if self.receivers is None else self.receivers.queues()
        self.metrics.update(self._stages.readings(), self._stages.queues() | waiting, time.time())

    def _ahead(self) -> str | None:
        return (self.receivers and self.receivers.sink.clocks.behind()) or self._stages.ahead()

    def status(self) -> dict[str, object]:
        """Return the fields of ``uneri status``."""
        shown = {"driver": "kafka", "roles": ", ".join(self._roles)} | super().status()
        waits = self._waits_for and self._stages.host is None
        return shown | ({"waits_for": self._waits_for} if waits else {})

    def not_ready(self) -> str | None:
        """Return what it waits for, or why some part is not ready."""
        return self._waits_for or super().not_ready()


def _credentials(kafka: KafkaSettings) -> tuple[str, str]:
    return text_in(kafka.username), text_in(kafka.password)


def _known(partition: int, count: int, topic: str) -> int:
    if partition >= count:
        raise TopicError(
            f"the topic {topic} has more than the {count} partitions it had at the start: "
            "restart to read all of them"
        )
    return partition


def run_kafka(
    settings: Settings,
    roles: Collection[str] | None = None,
    *,
    options: RunOptions = USUAL,
    read: Callable[[], Settings] | None = None,
) -> int:
    """Run the Kafka daemon until SIGINT or SIGTERM; ``settings`` has a ``kafka`` section.

    ``roles`` are all but ``intake`` and ``board`` when absent. The others are those of ``KafkaDaemon``.

    Returns
    -------
    The exit code: 0 after a clean stop, 1 when something failed, 2 when roles or settings are wrong,
    or a newer version wrote the state.
    """
    configure_logs(settings.log)
    logging.getLogger("streams.ingest.batch_consumer.batch_consumer").setLevel(
        logging.WARNING
    )  # Faust names its loggers after subclasses
    if settings.kafka is None:
        log.critical("the configuration has no kafka section")
        return 2
    if (wrong := mistake(roles or (), settings.kafka, settings.history)) is not None:
        log.critical(wrong)
        return 2
    try:
        listen_address_of(
            settings, intake=INTAKE in (roles or ())
        )  # reports a mistake at once: a first start compiles
        connection_options(settings.kafka)
        slack_secrets(settings.slack)
        prepare_process(log.info)  # before the event loop starts, which must not wait for a compiler
        with Watchdog() as watchdog:  # to the end of the event loop's threads: a client of Kafka may hang
            daemon = KafkaDaemon(
                settings, settings.kafka, roles or ROLES, watchdog, options=options, read=read
            )
            asyncio.run(_main(daemon, watchdog))
    except (ConfigError, AddressError, SecretError) as error:
        log.critical(str(error))
        return 2
    except (TopicError, ListenError) as error:
        log.critical(str(error))
        return 1
    except asyncio.CancelledError:
        fatal(GivenUpError(GIVEN_UP))
    except Exception as error:  # noqa: BLE001 - the edge of the process: one line, then a restart
        fatal(error)
    return 0


def _one_line(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log one line, where asyncio would print a traceback: aiokafka abandons failed futures."""
    log.warning(str(context.get("message")), error=repr(context.get("exception")))


async def _main(daemon: KafkaDaemon, watchdog: Watchdog) -> None:
    stopping = asyncio.Event()

    def stop() -> None:
        watchdog.stop_within()  # in any state: a start may hang
        stopping.set()

    watchdog.start()
    asyncio.get_running_loop().set_exception_handler(_one_line)
    stop_daemon_on_signals(stop, daemon.reloading.ask)
    await daemon.run(stopping)

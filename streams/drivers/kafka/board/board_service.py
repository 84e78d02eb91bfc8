"""The board in a process with the role board: the page, with the steps and incidents that Kafka has."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import msgspec
import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from prometheus_client import Counter

from alerting.commands.command import Command
from alerting.commands.dispatch import Answer
from alerting.incidents.preceding import KEPT_SECONDS, RecentChanges
from alerting.pipeline.pipeline import Pipeline
from config.settings import KafkaSettings, Settings
from detectors.model.stated import StatedChange
from detectors.state.state import StateError
from streams.drivers.kafka.board.commands import CommandSender
from streams.drivers.kafka.board.pipeline_copy import PipelineCopy
from streams.drivers.kafka.board.steps_reader import StepsReader
from streams.drivers.kafka.checkpoints.fenced_store import FencedError, FencedStore
from streams.drivers.kafka.notices import NoticesPart
from streams.drivers.kafka.partition_consumer import next_records, open_partition
from streams.drivers.kafka.stage_host import vital_tasks
from streams.drivers.kafka.topics import Topics
from streams.notify.command_routes import NoAnswerError
from streams.notify.notification_service import NotificationService
from streams.process.web.access import Access
from streams.process.web.sessions import KEY_BYTES, new_session_key
from streams.screens.board.board_data import BoardDataError, BoardIncidents
from streams.screens.board.board_service import BoardService

BEHIND_STEPS: Final = 3
"""Steps by which incidents may be older than the wall before the board shows it."""

RETRY_SECONDS: Final = 5.0
SESSIONS_KEY: Final = "sessions"
KEY_RETRY_SECONDS: Final = 2.0

log = structlog.get_logger("uneri.board")


class KafkaBoard(BoardService):
    """Serves the board, in every process with the role, whether it writes the history or not.

    Parameters
    ----------
    current
        Returns the configuration in force, with ``history.place``.
    """

    def __init__(
        self,
        kafka: KafkaSettings,
        current: Callable[[], Settings],
        notifications: NotificationService,
        access: Access,
        commands: Counter,
    ) -> None:
        self._kafka = kafka
        self._topics = Topics.of(kafka, current().sources)
        self._current = current
        self._access = access
        access.sessions.await_key()
        self._steps: StepsReader | None = None
        self._copy: PipelineCopy | None = None
        self._commands: CommandSender | None = None
        self._changes: ChangesReader | None = None
        self._place = str(current().history.place)
        super().__init__(current, self._place, self._recent, notifications, access=access, commands=commands)

    @property
    def pipeline(self) -> Pipeline | None:
        """The pipeline of the process that notifies, read-only; None before it is known."""
        return None if self._copy is None else self._copy.pipeline

    @property
    def changes(self) -> Sequence[StatedChange]:
        """The deployments and changes of configuration of the last days."""
        return () if self._changes is None else self._changes.changes

    async def command(self, command: Command) -> Answer:
        """Have the process that notifies execute a command.

        Raises
        ------
        NoAnswerError
            When it does not answer.
        """
        if self._commands is None:
            raise NoAnswerError("Kafka has not answered yet; try again")
        return await self._commands.submit(command)

    @asynccontextmanager
    async def run(
        self,
        records: FencedStore,
        options: dict[str, Any],
        *,
        commands: bool,
    ) -> AsyncIterator[None]:
        """Keep the board new while the block runs.

        Parameters
        ----------
        records
            The checkpoints topic.
        """
        topics, notify = self._topics, self.judged.notify
        place, step, shards = self._place, self._current().time.step, self._kafka.shards
        self._steps = StepsReader(topics.steps, options, place, shards=shards, step=step, on_steps=notify)
        self._copy = PipelineCopy(records, options, settings=self._current, on_change=notify)
        self._commands = CommandSender(topics.commands if commands else None, options)

        async def know_sessions() -> None:
            self._access.sessions.use(await shared_session_key(records))

        self._changes = ChangesReader(topics.notices, options)
        readers = (self._steps, self._copy, self._commands, self._changes)
        work = (*(reader.run() for reader in readers), know_sessions())
        async with vital_tasks(*work):
            yield

    def _recent(self) -> list[bytes]:
        if self._steps is None or not self._steps.ready:  # a wall of some of them would be wrong
            why = None if self._steps is None else self._steps.trouble
            raise BoardDataError(why or "Kafka has not answered yet; the board tries again", "no-kafka")
        return self._steps.recent()

    def _incidents(self) -> BoardIncidents:
        pipeline = self.pipeline
        until = 0 if pipeline is None else pipeline.watermark
        return super()._incidents()._replace(until=until)

    def _behind(self) -> str | None:
        """Return a note if incidents are older than the steps, None if they are not."""
        if self._copy is None or self._steps is None or not (until := self._steps.until):
            return None
        if self._copy.pipeline is None:
            return "no process with the role notify has said anything yet: is one running?"
        late = until - self._copy.pipeline.watermark
        if late <= BEHIND_STEPS * self._current().time.step:
            return None
        return f"incidents are {late} s behind: is a process with the roles incidents and notify running?"

    def status(self) -> dict[str, object]:
        """Return its part of ``uneri status``."""
        if self._steps is None or self._copy is None:
            return {}
        pipeline = self._copy.pipeline
        trouble = "; ".join(filter(None, (self._steps.trouble, self._copy.trouble, self._behind())))
        return {
            "boards": self._routes.boards,
            "board_until": self._steps.until or None,
            "board_lag": self._steps.lag,
            "incidents_until": None if pipeline is None else pipeline.watermark,
            **({"board_trouble": trouble} if trouble else {}),
        }

    def not_ready(self) -> str | None:
        """Return why there is nothing to show yet."""
        if self._steps is None or self._copy is None:
            return None
        trouble = self._steps.trouble or self._copy.trouble
        return f"the board: {trouble}" if trouble else None


class ChangesReader:
    """Reads the changes that came with the notices of the last days."""

    def __init__(self, topic: str, options: dict[str, Any]) -> None:
        self._place = TopicPartition(topic, 0)
        self._options = options
        self._recent = RecentChanges()
        self._decode = msgspec.msgpack.Decoder(NoticesPart).decode

    @property
    def changes(self) -> Sequence[StatedChange]:
        """The changes of the last days, oldest first."""
        return self._recent.all

    async def run(self) -> None:
        """Read until cancelled; while Kafka is away, go on trying."""
        while True:
            try:
                async with open_partition(self._place, self._options) as consumer:
                    consumer.seek(self._place, await self._begin(consumer))
                    while True:
                        for record in await next_records(consumer, self._place):
                            part = self._decode(record.value)
                            self._recent.add(part.changes, part.watermark)
            except KafkaError as error:
                log.debug("changes cannot be read", reason=repr(error))
            await asyncio.sleep(RETRY_SECONDS)

    async def _begin(self, consumer: AIOKafkaConsumer) -> int:
        """Return the offset of the first record of the last days, by the clock of the brokers."""
        since = int((time.time() - KEPT_SECONDS) * 1000)
        found = (await consumer.offsets_for_times({self._place: since})).get(self._place)
        if found is not None:
            return int(found.offset)
        return int((await consumer.end_offsets([self._place]))[self._place])


async def shared_session_key(records: FencedStore) -> bytes:
    """Return the key that seals the sessions of browsers, shared by all processes of the app.

    The first process to ask makes it, in the checkpoints topic. Tries until Kafka answers.
    """
    logged = False
    while True:
        try:
            key = (await records.peek(SESSIONS_KEY)).get(SESSIONS_KEY) or await _make_key(records)
        except FencedError:
            continue  # another process makes it at this moment
        except (KafkaError, StateError) as error:
            if not logged:
                log.warning("sessions of browsers must wait for Kafka", reason=str(error))
                logged = True
            await asyncio.sleep(KEY_RETRY_SECONDS)
            continue
        if len(key) == KEY_BYTES:
            return key
        raise StateError("the key of sessions in the checkpoints topic is damaged")


async def _make_key(records: FencedStore) -> bytes:
    try:
        found = await records.take_over(SESSIONS_KEY)
        if SESSIONS_KEY in found:  # it was made meanwhile
            return found[SESSIONS_KEY]
        key = new_session_key()
        await records.write(SESSIONS_KEY, [(SESSIONS_KEY, key)])
        return key
    finally:
        await records.give_up(SESSIONS_KEY)

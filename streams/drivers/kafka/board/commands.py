"""Commands on their way from the board to the process that notifies, and its answers on their way back.

Both are records of one topic. A command is carried out once: a process that takes over from one that died
before it answered executes it again, and the pipeline knows it by its id. A command that nobody could execute
for ``FRESH_SECONDS`` is left out, because its sender got an error.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec
import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError
from msgspec import structs

from alerting.commands.command import Command
from alerting.commands.dispatch import Answer
from streams.drivers.kafka.partition_consumer import next_records, open_partition
from streams.drivers.kafka.topics import LARGE_BYTES
from streams.notify.command_routes import NoAnswerError
from streams.process.logs import Recurring

ANSWER_SECONDS: Final = 15.0  # until the sender of a command gets an error
FRESH_SECONDS: Final = 60.0
RETRY_SECONDS: Final = 5.0

log = structlog.get_logger("uneri.board")


class GivenCommand(msgspec.Struct, frozen=True, tag="given"):
    """A command that a process with the board passes on."""

    command: Command


class GivenAnswer(msgspec.Struct, frozen=True, tag="answer"):
    """The answer of the pipeline."""

    command: str  # its id
    answer: Answer


_decode: Final = msgspec.msgpack.Decoder(GivenCommand | GivenAnswer).decode


def decode_command(value: bytes | None) -> GivenCommand | GivenAnswer | None:
    """Decode a record of the topic; None, with a warning, if it is none."""
    try:
        return None if value is None else _decode(value)
    except msgspec.DecodeError as error:
        log.warning("a record of the commands topic cannot be read, and is left out", reason=str(error))
        return None


class CommandSender:
    """Passes commands on, and waits for their answers."""

    def __init__(self, topic: str | None, options: dict[str, Any]) -> None:
        self._topic = topic  # None if the app has none
        self._options = options
        self._producer: AIOKafkaProducer | None = None
        self._waiting: dict[str, asyncio.Future[Answer]] = {}

    async def submit(self, command: Command) -> Answer:
        """Have the process with the pipeline execute a command.

        Raises
        ------
        NoAnswerError
            When nobody answers in time.
        """
        if self._topic is None:
            raise NoAnswerError(
                "this app has no topic for commands, which an earlier version did not need: run `uneri "
                "setup`, then restart the processes with the roles notify and board"
            )
        if self._producer is None:
            raise NoAnswerError("Kafka does not answer; try again")
        waiting = self._waiting.setdefault(command.id, asyncio.get_running_loop().create_future())
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                body = msgspec.msgpack.encode(GivenCommand(command))
                await self._producer.send_and_wait(self._topic, body, key=command.id.encode(), partition=0)
                return await asyncio.shield(waiting)
        except TimeoutError:
            raise NoAnswerError(
                f"the process with the role notify has not answered for {ANSWER_SECONDS:.0f} s: is one "
                "running? Look whether it was done before you repeat it"
            ) from None
        except KafkaError as error:
            raise NoAnswerError(f"Kafka does not answer ({type(error).__name__}); try again") from error
        finally:
            self._waiting.pop(command.id, None)

    async def run(self) -> None:
        """Receive answers until cancelled."""
        if self._topic is None:
            return
        place = TopicPartition(self._topic, 0)
        while True:
            try:
                async with (
                    open_partition(place, self._options) as consumer,
                    _producer(self._options) as self._producer,
                ):
                    await consumer.seek_to_end(place)
                    await consumer.position(place)  # commands from now on are answered behind it
                    while True:
                        for record in await next_records(consumer, place):
                            self._receive(decode_command(record.value))
            except KafkaError as error:
                log.debug("answers to commands cannot be read", reason=repr(error))
            finally:
                self._producer = None
            await asyncio.sleep(RETRY_SECONDS)

    def _receive(self, message: GivenCommand | GivenAnswer | None) -> None:
        if isinstance(message, GivenAnswer):
            waiting = self._waiting.get(message.command)
            if waiting is not None and not waiting.done():
                waiting.set_result(message.answer)


class CommandReceiver:
    """Executes the commands of boards, in the process that has the pipeline."""

    def __init__(
        self,
        topic: str,
        options: dict[str, Any],
        execute: Callable[[Command], Awaitable[Answer | None]],  # None: another process has the pipeline
    ) -> None:
        self._place = TopicPartition(topic, 0)
        self._options = options
        self._execute = execute
        self._recurring = Recurring()

    async def run(self) -> None:
        """Execute until cancelled; while Kafka is away, go on trying."""
        while True:
            try:
                async with (
                    open_partition(self._place, self._options) as consumer,
                    _producer(self._options) as producer,
                ):
                    await self._serve(consumer, producer)
            except KafkaError as error:
                if self._recurring.happened() is not None:
                    log.warning("commands from the board wait for Kafka", reason=repr(error))
            await asyncio.sleep(RETRY_SECONDS)

    async def _serve(self, consumer: AIOKafkaConsumer, producer: AIOKafkaProducer) -> None:
        for command in await self._unanswered(consumer):
            await self._answer(command, producer)
        while True:
            for record in await next_records(consumer, self._place):
                message = decode_command(record.value)
                if isinstance(message, GivenCommand):
                    await self._answer(message.command, producer)

    async def _unanswered(self, consumer: AIOKafkaConsumer) -> list[Command]:
        since = int((time.time() - FRESH_SECONDS) * 1000)
        end = (await consumer.end_offsets([self._place]))[self._place]
        found = (await consumer.offsets_for_times({self._place: since})).get(self._place)
        consumer.seek(self._place, end if found is None else found.offset)
        open_: dict[str, Command] = {}
        while await consumer.position(self._place) < end:
            for record in await next_records(consumer, self._place):
                message = decode_command(record.value)
                if isinstance(message, GivenCommand):
                    open_[message.command.id] = message.command
                elif message is not None:
                    open_.pop(message.command, None)
        return list(open_.values())

    async def _answer(self, command: Command, producer: AIOKafkaProducer) -> None:
        answer = await self._execute(command)
        if answer is None:
            return
        message = GivenAnswer(command.id, structs.replace(answer, dispatches=[]))
        body, key = msgspec.msgpack.encode(message), command.id.encode()
        await producer.send_and_wait(self._place.topic, body, key=key, partition=0)


def _producer(options: dict[str, Any]) -> AIOKafkaProducer:
    return AIOKafkaProducer(acks="all", enable_idempotence=True, max_request_size=LARGE_BYTES, **options)

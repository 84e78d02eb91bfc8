"""The topic of requests takes what the doors have read: a sender is told of what the brokers acknowledged.

What was not acknowledged in time is given up: its producer is closed, so that it is not written later, when
its sender has sent it again. Some of it may be in the topic all the same: records with an id are recognised
as repeats then, because their key brings them to the same partition.
"""

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import Any, Final, NamedTuple, Protocol

import msgspec
import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    KafkaError,
    MessageSizeTooLargeError,
    TopicAuthorizationFailedError,
)

from config.settings import DeadLetterSettings
from streams.drivers.kafka.topics import GRANT, LARGE_RECORD
from streams.engine.decode.event import MAX_BYTES
from streams.engine.decode.rejected import SAMPLE_BYTES, Rejected, RejectReason
from streams.engine.stages.dead_letter_limit import DeadLetterLimit, counted
from streams.ingest.formats.format import Refused, refused_record
from streams.ingest.formats.trace_ids import trace_of
from streams.ingest.receivers.checked_lines import (
    Checked,
    TooManyBadError,
    UnreadableError,
    checked,
    not_taken,
)
from streams.ingest.receivers.record_sink import AppendResult, NotTakenError
from streams.process.logs import Recurring

ACK_SECONDS: Final = 8.0  # below those that a stop waits for requests
SLOWEST: Final = 512 * 1024  # bytes a second, for what is large
OPEN_SECONDS: Final = 10.0
CLOSE_SECONDS: Final = 1.0
RETRY_SECONDS: Final = 1.0
AGAIN_SECONDS: Final = 5  # when a sender should send again
MOST_HELD: Final = 64 * 1024 * 1024
"""Bytes that wait for the brokers."""

BATCH_BYTES: Final = 64 * 1024
_LINGER_MS: Final = 2
_TURN: Final = 500  # records given to the producer in one turn of the event loop
_LONGEST_KEY: Final = 256

log = structlog.get_logger("uneri.intake")


class Producer(Protocol):
    """What the taker needs of a producer."""

    async def start(self) -> None:
        """Connect."""
        ...

    async def send(self, topic: str, value: bytes, key: bytes | None) -> asyncio.Future[Any]:
        """Buffer a record; return what is done when it is acknowledged."""
        ...

    async def drop(self) -> None:
        """Close at once, and write nothing any more."""
        ...


class DroppedProducer(AIOKafkaProducer):  # type: ignore[misc]
    """An idempotent producer that can be closed although brokers do not answer.

    aiokafka's own ``stop`` waits until everything is written, and an idempotent producer never gives up.

    Parameters
    ----------
    options
        Keyword arguments of every aiokafka client (brokers, security).
    """

    def __init__(self, options: dict[str, Any]) -> None:
        super().__init__(
            acks="all",
            enable_idempotence=True,
            linger_ms=_LINGER_MS,
            max_batch_size=BATCH_BYTES,
            max_request_size=int(LARGE_RECORD),
            **options | {"request_timeout_ms": int(ACK_SECONDS * 1000)},
        )

    async def drop(self) -> None:
        """Close at once, and write nothing any more; acknowledgements that are missing never come."""
        self._closed = True
        if (sending := self._sender.sender_task) is None:
            await self.client.close()
            return
        sending.cancel()
        await self.client.close()  # which ends the requests that are under way
        await asyncio.wait([sending], timeout=CLOSE_SECONDS)
        sending.cancel()  # if one waits for metadata, which nobody fetches any more
        await asyncio.wait([sending], timeout=CLOSE_SECONDS)
        await self.client.close()  # what was opened meanwhile


class _Keyed(msgspec.Struct):
    id: str | None = None
    joins: str | None = None


_KEYED: Final = msgspec.json.Decoder(_Keyed)


def key_of(line: bytes) -> bytes | None:
    """Return the key of a record in the topic: what repeats of it, and others of its request, have too.

    Records are joined, and repeats are recognised, within a partition only. Of several keys of a request it
    is that of the trace, which most of its sources know.

    Examples
    --------
    >>> key_of(b'{"ts": 1, "id": "span:1/2", "joins": "c6af9ac6 5759e988bd862e3fe1be46a994272793"}')
    b'5759e988bd862e3fe1be46a994272793'
    >>> key_of(b'{"ts": 1, "id": "lambda:1"}'), key_of(b'{"ts": 1}'), key_of(b"nonsense")
    (b'lambda:1', None, None)
    """
    try:
        found = _KEYED.decode(line)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return None
    joins = (found.joins or "").split()[:2]
    first = next((join for join in joins if trace_of(join)), joins[0] if joins else found.id or "")
    key = first.encode(errors="replace")
    return (key if len(key) <= _LONGEST_KEY else hashlib.sha256(key).hexdigest().encode()) or None


class _Record(NamedTuple):
    key: bytes | None
    value: bytes


class _Open(NamedTuple):
    producer: Producer
    lost: asyncio.Future[None]  # done when it is given up


class TopicSink:
    """Writes lines to a topic; ``run`` keeps a producer open.

    Parameters
    ----------
    topic
        That of the requests.
    open_producer
        Makes one, not started.
    unusable
        Returns why no broker can be used now, None if one can: a producer that is to connect to one that does
        not answer leaves its sockets.
    settings
        When too many records are bad.
    clock
        Epoch seconds, at which records arrive.
    patience
        Seconds without which a record is not acknowledged in time; large requests have more.
    retry
        Seconds between two tries to connect.
    """

    def __init__(
        self,
        topic: str,
        open_producer: Callable[[], Producer],
        unusable: Callable[[], Awaitable[str | None]],
        settings: DeadLetterSettings,
        clock: Callable[[], float] = time.time,
        *,
        patience: float = ACK_SECONDS,
        retry: float = RETRY_SECONDS,
    ) -> None:
        self._topic = topic
        self._open = open_producer
        self._unusable = unusable
        self._check = settings.stop
        self._limit = DeadLetterLimit(settings)
        self._clock = clock
        self._patience, self._retry = patience, retry
        self._most = MAX_BYTES  # of a record; what the topic takes, once it has refused a larger one
        self._opened: _Open | None = None
        self._why = "Kafka has not answered yet"  # there is no producer
        self._trouble = Recurring()
        self._closed = False
        self.held = 0
        """Bytes that wait for the brokers."""

    async def run(self) -> None:
        """Keep a producer open until cancelled."""
        while True:
            producer = self._open()
            try:
                if await self._started(producer):
                    self._opened = _Open(producer, asyncio.get_running_loop().create_future())
                    await self._opened.lost
                else:
                    await asyncio.sleep(self._retry)
            finally:
                self._opened = None
                await producer.drop()

    async def _started(self, producer: Producer) -> bool:
        if (why := await self._unusable()) is not None:
            self._away(why)
            return False
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                await producer.start()
        except (KafkaError, OSError, TimeoutError) as error:
            self._away(self._said(error))
            return False
        if refused := self._trouble.ended():
            log.info("Kafka takes records again", refusals=refused)
        return True

    def close(self) -> None:
        """Take no request any more; those that were received are completed."""
        self._closed = True

    def not_ready(self) -> str | None:
        """Return why there is no producer, None if there is one."""
        return None if self._opened is not None else self._why

    def full(self) -> str | None:
        """Return why nothing is taken now, None if it is."""
        if self._closed:
            return "the daemon is stopping"
        if self.held >= MOST_HELD:
            return f"{self.held >> 20} MiB wait for Kafka to take them"
        return self.not_ready()

    async def take(self, lines: Sequence[bytes], *, sent: bool = True) -> AppendResult:
        """Write lines, which the brokers have acknowledged when this returns.

        Raises
        ------
        NotTakenError
            Not all of them are; those that are, repeats of them are recognised by their ids.
        """
        found, records = await asyncio.to_thread(self._checked, lines, sent)
        if sent and len(found.rejected) == len(lines):
            raise not_taken(UnreadableError(found.rejected))
        if passed := self._limit.would_exceed(len(lines), counted(found.rejected)):
            raise not_taken(TooManyBadError(passed, found.rejected))
        size = sum(len(record.value) for record in records)
        if self.held and self.held + size > MOST_HELD:
            raise _again(f"{self.held >> 20} MiB wait for Kafka to take them", "backlog")
        if (opened := self._opened) is None:
            raise _again(self._why, "not_stored")
        self._limit.feed(len(lines), counted(found.rejected))
        self.held += size
        writing = asyncio.create_task(self._write(opened.producer, records, self._patience + size / SLOWEST))
        try:
            await asyncio.wait((writing, opened.lost), return_when=asyncio.FIRST_COMPLETED)
            if not writing.done():
                raise _again(self._why, "not_stored")
            writing.result()
        except (KafkaError, TimeoutError) as error:
            if not opened.lost.done():  # what it has not written is sent again
                self._opened = None
                opened.lost.set_result(None)
                self._away(self._said(error))
            raise _again(self._why, "not_stored") from None
        finally:
            writing.cancel()
            self.held -= size
        return AppendResult(found.rejected)

    def _checked(self, lines: Sequence[bytes], sent: bool) -> tuple[Checked, list[_Record]]:
        """Return what becomes of lines, and what is written of them."""
        found = Checked([])
        if self._check or sent:
            try:
                found = checked(lines, self._limit.copy(), self._clock())
            except TooManyBadError as error:
                raise not_taken(error) from None
        known = {one.index for one in found.rejected}
        records = []
        for index, line in enumerate(lines):
            if len(line) <= self._most:
                records.append(_Record(key_of(line), line))
                continue
            detail = f"{len(line):,} bytes; the topic {self._topic} takes at most {self._most:,}"
            refused = Refused(RejectReason.TOO_LARGE, detail, line[:SAMPLE_BYTES])
            records.append(_Record(None, refused_record(refused)))
            if index not in known:
                found.rejected.append(Rejected(refused.reason, index, detail, refused.sample))
        return found, records

    async def _write(self, producer: Producer, records: Sequence[_Record], seconds: float) -> None:
        waiting: list[asyncio.Future[Any]] = []
        try:
            async with asyncio.timeout(seconds):
                for number, (key, value) in enumerate(records):
                    try:
                        waiting.append(await producer.send(self._topic, value=value, key=key))
                    except MessageSizeTooLargeError:
                        self._learn(value)
                        raise
                    if number % _TURN == _TURN - 1:
                        await asyncio.sleep(0)
                await asyncio.wait(waiting, return_when=asyncio.FIRST_EXCEPTION)
            for one, record in zip(waiting, records, strict=True):
                if one.done() and isinstance(one.exception(), MessageSizeTooLargeError):
                    self._learn(record.value)
            for one in waiting:
                if one.done():
                    one.result()
        finally:
            for one in waiting:
                if not one.cancel() and not one.cancelled():
                    one.exception()  # as seen

    def _learn(self, value: bytes) -> None:
        """Refuse by name from now on what the topic has refused; a batch of small ones says nothing."""
        if len(value) > BATCH_BYTES:
            self._most = min(self._most, len(value) - 1)

    def _away(self, why: str) -> None:
        self._why = why
        if (count := self._trouble.happened()) is not None:
            log.error("records are refused until Kafka takes them", reason=self._why, times=count)

    def _said(self, error: Exception) -> str:
        if isinstance(error, MessageSizeTooLargeError):
            return f"the topic {self._topic} refuses records as too large; raise its max.message.bytes"
        if isinstance(error, TopicAuthorizationFailedError):
            return f"this user may not write to the topic {self._topic}; {GRANT}"
        if isinstance(error, TimeoutError):
            return "Kafka does not answer in time"
        return f"Kafka does not take records ({type(error).__name__})"


def _again(why: str, reason: str) -> NotTakenError:
    said = f"not all of it is stored, send it again later: {why}"
    return NotTakenError(said, HTTPStatus.SERVICE_UNAVAILABLE, reason, seconds=AGAIN_SECONDS)

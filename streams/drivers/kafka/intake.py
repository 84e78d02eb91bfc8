"""The role ``intake``: the receivers of the embedded driver, in front of the topic of requests.

A sender is answered when the brokers have acknowledged its records. Records that are not acknowledged in time
are given up: their producer is closed, so that they are not written later, when their sender has sent them
again. Some may be in the topic all the same: records with an id are recognised as repeats then, because their
key brings them to the same partition.
"""

import asyncio
import contextlib
import hashlib
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import Any, Final, NamedTuple, Protocol

import msgspec
import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, TopicAuthorizationFailedError
from aiokafka.structs import RecordMetadata
from prometheus_client import Counter

from config.settings import KafkaSettings, Settings
from streams.drivers.kafka.connections.connection import connection_options
from streams.drivers.kafka.connections.probe import reason_unusable
from streams.drivers.kafka.topics import GRANT, LARGE_RECORD
from streams.engine.decode.event import MAX_BYTES
from streams.engine.decode.parse import decoded
from streams.engine.decode.rejected import SAMPLE_BYTES, Rejected, RejectReason
from streams.ingest.formats.envelopes.confluent import Schemas
from streams.ingest.formats.format import Refused, refused_record
from streams.ingest.formats.inputs import Inputs
from streams.ingest.formats.trace_ids import trace_of
from streams.ingest.receivers.checked_lines import CheckedLines, check_lines, within_limits
from streams.ingest.receivers.receivers import Receivers
from streams.ingest.receivers.record_sink import AppendResult
from streams.ingest.receivers.sender_clocks import SenderClocks
from streams.ingest.receivers.sender_limits import SenderLimits
from streams.ingest.receivers.sender_shares import SenderShares
from streams.process.guarded_clock import GuardedClock
from streams.process.logs import Recurring
from streams.process.metrics import Metrics
from streams.process.web.listen_address import ListenAddress
from streams.process.web.request_body import BodyError

ACK_SECONDS: Final = 8.0  # less than a stop waits for requests
SLOWEST: Final = 512 * 1024  # bytes a second, for large requests
OPEN_SECONDS: Final = 10.0
CLOSE_SECONDS: Final = 1.0
RETRY_SECONDS: Final = 1.0
RESEND_SECONDS: Final = 5  # when a sender should send again
MOST_HELD: Final = 64 * 1024 * 1024
"""Bytes that wait for the brokers."""

BATCH_BYTES: Final = 64 * 1024
_LINGER_MS: Final = 2
_APPENDED: Final = 1  # a type of time stamp: that of the broker
_TURN: Final = 500  # records given to the producer in one turn of the event loop
_LONGEST_KEY: Final = 256
SMALL_BODIES: Final = 16
"""Small bodies that are worked on at the same time: most of them wait for a broker."""

log = structlog.get_logger("uneri.intake")


class KafkaIntake(Receivers):
    """The receivers of one process; ``kafka`` has a topic of requests. Senders wait until Kafka answers."""

    def __init__(
        self,
        settings: Settings,
        kafka: KafkaSettings,
        metrics: Metrics,
        address: ListenAddress,
        *,
        schemas: Schemas | None = None,
    ) -> None:
        options = connection_options(kafka)
        self.sink = TopicSink(
            kafka.requests,
            lambda: DroppedProducer(options),
            lambda: reason_unusable(kafka),
            settings,
            GuardedClock(),
            dropped=metrics.dropped_letters,
        )
        inputs = Inputs(settings.sources, schemas)
        super().__init__(self.sink, settings, inputs, address, metrics, small_bodies=SMALL_BODIES)
        self._producing: asyncio.Task[None] | None = None
        self._topic = kafka.requests

    def start_producing(self) -> asyncio.Task[None]:
        """Begin to write: the topic is there."""
        self._producing = asyncio.create_task(self.sink.run())
        return self._producing

    async def stop_accepting(self) -> None:
        """Accept no more requests, and close the connections when their records are written."""
        self.sink.close()
        await super().stop_accepting()

    async def stop(self) -> None:
        """Close the producer; all requests have been answered."""
        if self._producing is not None:
            self._producing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._producing

    def status(self) -> dict[str, object]:
        """Return its part of ``uneri status``."""
        return {"intake": self.sink.why_full() or f"takes records, for the topic {self._topic}"}

    def not_ready(self) -> str | None:
        """Return why no records are accepted now, or that a clock is wrong."""
        return "; ".join(filter(None, (self.sink.why_full(), self.sink.clocks.behind()))) or None

    def queues(self) -> dict[str, int]:
        """Return the waiting bytes."""
        return {"request_bytes": self.handler.held, "unacknowledged_bytes": self.sink.held}


class Producer(Protocol):
    """A producer as ``TopicSink`` needs it."""

    async def start(self) -> None:
        """Connect."""
        ...

    async def send(self, topic: str, value: bytes, key: bytes | None) -> asyncio.Future[Any]:
        """Buffer a record; return a future of its acknowledgement."""
        ...

    async def drop(self) -> None:
        """Close at once, and write nothing any more."""
        ...


class DroppedProducer(AIOKafkaProducer):  # type: ignore[misc]
    """An idempotent producer that can be closed although brokers do not answer.

    aiokafka's own ``stop`` waits until everything is written, and an idempotent producer never gives up.
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
        await self.client.close()  # connections that were opened meanwhile


def _refusal(bad: Rejected) -> bytes:
    """Return a bad line as a refused record: it is a dead letter, and ends no worker that reads it."""
    return refused_record(Refused(bad.reason, bad.detail, bad.sample))


class _Keyed(msgspec.Struct):
    id: str | None = None
    joins: str | None = None


_KEYED: Final = msgspec.json.Decoder(_Keyed)


def key_of(line: bytes) -> bytes | None:
    r"""Return the key of a record in the topic, which its repeats and others of its request share.

    Records are joined, and repeats are recognised, within a partition only. Of several keys of a request it
    is that of the trace, which most of its sources know.

    Examples
    --------
    >>> key_of(b'{"ts": 1, "id": "span:1/2", "joins": "c6af9ac6 5759e988bd862e3fe1be46a994272793"}')
    b'5759e988bd862e3fe1be46a994272793'
    >>> key_of(b'{"ts": 1, "id": "lambda:1"}'), key_of(b'{"ts": 1}'), key_of(b"nonsense")
    (b'lambda:1', None, None)
    >>> key_of(b'{"id": "a", "sample": "\xff"}')
    b'a'
    """
    try:
        found = decoded(_KEYED.decode, line)
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
    open_producer
        Makes one, not started.
    unusable
        Returns why no broker can be used now, None if one can: a producer that connects to a broker that does
        not answer leaks its sockets.
    clock
        Epoch seconds, at which records arrive.
    patience
        Seconds until a record must be acknowledged; large requests have more.
    retry
        Seconds between two tries to connect.
    dropped
        Counts bad records beyond the limit of their sender.
    """

    def __init__(
        self,
        topic: str,
        open_producer: Callable[[], Producer],
        unusable: Callable[[], Awaitable[str | None]],
        settings: Settings,
        clock: Callable[[], float] = time.time,
        *,
        patience: float = ACK_SECONDS,
        retry: float = RETRY_SECONDS,
        dropped: Counter | None = None,
    ) -> None:
        self._topic = topic
        self._open = open_producer
        self._unusable = unusable
        self._check, self._future = settings.dead_letters.stop, settings.time.future
        self._limits = SenderLimits(settings.dead_letters, dropped)
        self._clock = clock
        self.clocks = SenderClocks(clock)
        self._patience, self._retry = patience, retry
        self._most = MAX_BYTES  # of a record; less once the topic has refused a larger one
        self._opened: _Open | None = None
        self._why = "Kafka has not answered yet"  # there is no producer
        self._trouble, self._clock_trouble = Recurring(), Recurring()
        self._closed = False
        self.held = 0
        """Bytes that wait for the brokers."""
        self._given = 0  # bytes that ever did
        self._shares = SenderShares()

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
            self._note_trouble(why)
            return False
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                await producer.start()
        except (KafkaError, OSError, TimeoutError) as error:
            self._note_trouble(self._explain(error))
            return False
        if refused := self._trouble.ended():
            log.info("Kafka takes records again", refusals=refused)
        return True

    def close(self) -> None:
        """Accept no more requests; those that were received are completed."""
        self._closed = True

    def not_ready(self) -> str | None:
        """Return why there is no producer, None if there is one."""
        return None if self._opened is not None else self._why

    def why_full(self, sender: str | None = None) -> str | None:
        """Return why no records of a sender, or of any, are accepted now; None if they are."""
        if self._closed:
            return "the daemon is stopping"
        if self.held >= MOST_HELD or (sender is not None and self._must_wait(sender)):
            return self._why_full()
        return self.not_ready()

    def _must_wait(self, sender: str, size: int = 0) -> bool:
        self._shares.forget_left(self._given - self.held, self._given)
        return self._shares.must_wait(sender, self.held, MOST_HELD, size)

    def _why_full(self) -> str:
        return f"{self.held >> 20} MiB wait for Kafka to take them"

    async def append(self, lines: Sequence[bytes], *, sender: str = "", waits: bool = True) -> AppendResult:
        """Write lines, which the brokers have acknowledged when this returns.

        Raises
        ------
        BodyError
            Some may not be written; repeats of the others are recognised by their ids.
        """
        if self._opened is None:  # before the check counts
            raise _retry_error(self._why, "not_stored")
        found, records = await asyncio.to_thread(self._checked, lines, sender, waits=waits)
        if not records:
            return AppendResult(found.rejected)
        size = sum(len(record.value) for record in records)
        if self.held and (self.held + size > MOST_HELD or self._must_wait(sender, size)):
            raise _retry_error(self._why_full(), "backlog")
        if (opened := self._opened) is None:
            raise _retry_error(self._why, "not_stored")
        self.held, self._given = self.held + size, self._given + size
        self._shares.add(sender, size)
        writing = asyncio.create_task(self._write(opened.producer, records, self._patience + size / SLOWEST))
        try:
            await asyncio.wait((writing, opened.lost), return_when=asyncio.FIRST_COMPLETED)
            if not writing.done():
                raise _retry_error(self._why, "not_stored")
            appended = writing.result()
        except (KafkaError, TimeoutError) as error:
            if not opened.lost.done():  # unwritten records are sent again
                self._opened = None
                opened.lost.set_result(None)
                self._note_trouble(self._explain(error))
            raise _retry_error(self._why, "not_stored") from None
        finally:
            writing.cancel()
            self.held -= size
        if found.newest - appended > self._future:
            raise self._behind(found.newest - appended)
        return AppendResult(found.rejected)

    def _behind(self, seconds: float) -> BodyError:
        """Return what a sender reads: the stages refuse these records, as of the future."""
        why = (
            f"Kafka's clock is {seconds:,.0f} s behind these records; set it (chronyc tracking, timedatectl)"
        )
        if (count := self._clock_trouble.happened()) is not None:
            log.error("records are refused until Kafka's clock is right", reason=why, times=count)
        return _retry_error(why, "clock")

    def _checked(
        self, lines: Sequence[bytes], sender: str, *, waits: bool
    ) -> tuple[CheckedLines, list[_Record]]:
        found = CheckedLines([])
        if self._check or waits:
            found = check_lines(lines, self._clock(), self._future)
            self.clocks.check(sender, len(lines), found)
        bad = {record.index: record for record in found.rejected}
        for index, line in enumerate(lines):
            if len(line) > self._most and index not in bad:
                detail = f"{len(line):,} bytes; the topic {self._topic} takes at most {self._most:,}"
                bad[index] = Rejected(RejectReason.TOO_LARGE, index, detail, line[:SAMPLE_BYTES])
        found = within_limits(
            found._replace(rejected=[bad[index] for index in sorted(bad)]),
            len(lines),
            self._limits,
            sender,
            waits=waits,
        )
        return found, [
            _Record(None, _refusal(bad[index])) if index in bad else _Record(key_of(line), line)
            for index, line in enumerate(lines)
            if index not in found.beyond
        ]

    async def _write(self, producer: Producer, records: Sequence[_Record], seconds: float) -> float:
        """Return the earliest time of appending, by the brokers' clock; infinity if they do not stamp."""
        waiting: list[asyncio.Future[Any]] = []
        try:
            async with asyncio.timeout(seconds):
                for number, (key, value) in enumerate(records):
                    try:
                        waiting.append(await producer.send(self._topic, value=value, key=key))
                    except MessageSizeTooLargeError:
                        self._note_too_large(value)
                        raise
                    if number % _TURN == _TURN - 1:
                        await asyncio.sleep(0)
                await asyncio.wait(waiting, return_when=asyncio.FIRST_EXCEPTION)
            for future, record in zip(waiting, records, strict=True):
                if future.done() and isinstance(future.exception(), MessageSizeTooLargeError):
                    self._note_too_large(record.value)
            written: list[RecordMetadata] = [future.result() for future in waiting if future.done()]
            stamps = [found.timestamp for found in written if found.timestamp_type == _APPENDED]
            return min(stamps, default=math.inf) / 1000
        finally:
            for future in waiting:
                if not future.cancel() and not future.cancelled():
                    future.exception()  # retrieved

    def _note_too_large(self, value: bytes) -> None:
        """Refuse records of this size from now on; for a batch of small ones, its size proves nothing."""
        if len(value) > BATCH_BYTES:
            self._most = min(self._most, len(value) - 1)

    def _note_trouble(self, why: str) -> None:
        self._why = why
        if (count := self._trouble.happened()) is not None:
            log.error("records are refused until Kafka takes them", reason=self._why, times=count)

    def _explain(self, error: Exception) -> str:
        if isinstance(error, MessageSizeTooLargeError):
            return f"the topic {self._topic} refuses records as too large; raise its max.message.bytes"
        if isinstance(error, TopicAuthorizationFailedError):
            return f"this user may not write to the topic {self._topic}; {GRANT}"
        if isinstance(error, TimeoutError):
            return "Kafka does not answer in time"
        return f"Kafka does not take records ({type(error).__name__})"


def _retry_error(why: str, reason: str) -> BodyError:
    text = f"not all of it is stored, send it again later: {why}"
    return BodyError(text, HTTPStatus.SERVICE_UNAVAILABLE, reason, seconds=RESEND_SECONDS)

"""Records in a compacted topic that one process at a time may write.

Everything that lives under one key is in one partition and written in transactions, so a reader sees all of
a write or none of it, and compaction keeps the last committed value of each record.

The transaction has a second use. Taking a key over starts a producer with the transactional id of that key,
and with that Kafka fences whoever held it before: a process that lost a partition in its sleep can never
write its old state over the new one (docs/adr/0006). So: fence, read, own, until given up or fenced.

A transaction that Kafka has forgotten (streams/kafka/hanging_transactions.py) hides all that follows it. To a
partition it is one with the next of the same producer, so that one more write ends it, as its writer was told
that it had ended.
"""

import asyncio
import contextlib
import time
import zlib
from collections.abc import Coroutine, Iterable
from typing import Any, Final

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import InvalidProducerEpoch, KafkaError, ProducerFenced

from detectors.state.state import StateError
from streams.kafka.hanging_transactions import HangingTransactions, OpenTransaction, Seen
from streams.process.crash_points import CrashHook, CrashPoint, no_crash

TRANSACTION_MS: Final = 20_000  # a dead writer's open transaction hides what follows it for this long
READ_SECONDS: Final = 120.0
LOOK_SECONDS: Final = 2.0
FORGOTTEN_SECONDS: Final = 10.0  # until somebody else's is ended: its owner's next checkpoint does it as well
HANGS_SECONDS: Final = 45.0  # Kafka ends one that ran out of time, and looks for such every 10 s
ENDED: Final = "ended"  # the key of a record without a value, in what only ends what hangs

log = structlog.get_logger("uneri.kafka")


class FencedError(RuntimeError):
    """Another process owns this key now: nothing may be written here any more."""


class OwnedRecords:
    """Reads and writes the records of owned keys.

    Parameters
    ----------
    topic
        A topic with ``cleanup.policy=compact``.
    partitions
        How many partitions it has.
    options
        Keyword arguments of every aiokafka client (brokers, security).
    at
        Called at each crash point, for tests.
    hanging
        Tells which transactions hang; without it they are waited for in vain.
    forgotten
        Seconds after which one of another process that Kafka has forgotten is ended, and its owner with it.
    hangs
        Seconds after which any transaction that is open all the time is aborted.
    """

    def __init__(
        self,
        topic: str,
        partitions: int,
        options: dict[str, Any],
        at: CrashHook = no_crash,
        *,
        hanging: HangingTransactions | None = None,
        forgotten: float = FORGOTTEN_SECONDS,
        hangs: float = HANGS_SECONDS,
    ) -> None:
        self._topic = topic
        self._partitions = partitions
        self._options = options
        self._at = at
        self._hanging = hanging
        self._forgotten = forgotten
        self._hangs = hangs
        self._producers: dict[str, tuple[AIOKafkaProducer, asyncio.Lock]] = {}
        self._owned: set[str] = set()  # and read
        self._seen: dict[str, list[Seen]] = {}  # what hid the records of a key at the last look

    async def take_over(self, key: str) -> dict[str, bytes]:
        """Own ``key``; return the newest value of each of its records: ``key`` itself and ``key|…``.

        Raises
        ------
        detectors.state.state.StateError
            When the topic cannot be read to its end.
        """
        await self.give_up(key)
        # Before it is fenced: after that, nobody can say how its last transaction ended.
        seen = await self._look(key) or []
        forgotten = next((one for one in seen if self._key_of(one) == key), None)
        producer = self._producer(key)
        self._producers[key] = producer, asyncio.Lock()
        await producer.start()
        self._at(CrashPoint.FENCED, key)
        if forgotten is not None:
            await self._end(producer, key, forgotten)
        found = await self._read(key)
        self._owned.add(key)
        return found

    async def write(self, key: str, records: Iterable[tuple[str, bytes | None]]) -> None:
        """Write records of an owned key, all or none; None removes one. Durable when this returns.

        Raises
        ------
        FencedError
            When another process has taken ``key`` over since.
        """
        producer, lock = self._producers[key]
        partition = self._partition(key)
        try:
            async with lock, producer.transaction():
                sent = [
                    await producer.send(self._topic, value, key=name.encode(), partition=partition)
                    for name, value in records
                ]
                await asyncio.gather(*sent)
                self._at(CrashPoint.WRITING, key)
        except (ProducerFenced, InvalidProducerEpoch) as error:
            raise FencedError(f"another process has taken over {key}: nothing was written") from error

    async def give_up(self, key: str) -> None:
        """Stop owning ``key``."""
        self._owned.discard(key)
        producer, _ = self._producers.pop(key, (None, None))
        if producer is not None:
            await producer.stop()

    def _partition(self, key: str) -> int:
        return zlib.crc32(key.encode()) % self._partitions

    def _producer(self, key: str) -> AIOKafkaProducer:
        return AIOKafkaProducer(
            transactional_id=f"{self._topic}-{key}",
            transaction_timeout_ms=TRANSACTION_MS,
            acks="all",
            linger_ms=2,
            **self._options,
        )

    async def _read(self, key: str) -> dict[str, bytes]:
        place = TopicPartition(self._topic, self._partition(key))
        # The last stable offset is no end to read to: while another key's transaction is open below our
        # newest records, it hides them. The high watermark is above them, and is reached as soon as that
        # transaction ends.
        plain = AIOKafkaConsumer(enable_auto_commit=False, **self._options)
        consumer = AIOKafkaConsumer(
            isolation_level="read_committed",
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            **self._options,
        )
        try:
            await plain.start()
            end = (await plain.end_offsets([place]))[place]
            await consumer.start()
            consumer.assign([place])
            await consumer.seek_to_beginning(place)
            async with asyncio.timeout(READ_SECONDS):
                freeing = asyncio.create_task(self._free(key))
                try:
                    return await _newest(consumer, place, end, key)
                finally:
                    freeing.cancel()
                    await asyncio.gather(freeing, return_exceptions=True)
        except TimeoutError as error:
            stuck = "; ".join(map(str, self._seen.get(key, ()))) or "no transaction was seen that hides them"
            raise StateError(
                f"the records of {key} on the topic {self._topic} could not be read to their end in "
                f"{READ_SECONDS:.0f} s: {stuck}"
            ) from error
        finally:
            await plain.stop()
            await consumer.stop()

    # -- what hides records -----------------------------------------------------------------------

    async def _look(self, key: str) -> list[Seen] | None:
        """Return the open transactions that hide records of ``key``; None when brokers cannot say."""
        if self._hanging is None:
            return []
        return await asyncio.to_thread(self._hanging.open, self._topic, self._partition(key))

    def _key_of(self, seen: Seen) -> str | None:
        """Return whose a forgotten transaction is; None when it is not forgotten, or of a stranger."""
        known = seen.forgotten and seen.name.startswith(f"{self._topic}-")
        return seen.name.removeprefix(f"{self._topic}-") if known else None

    async def _free(self, key: str) -> None:
        """End what hides records of ``key`` and does not end by itself, for as long as there is such."""
        self._seen.pop(key, None)
        since: dict[OpenTransaction, float] = {}
        while self._hanging is not None:
            await asyncio.sleep(LOOK_SECONDS)  # most partitions are read by then
            if (seen := await self._look(key)) is None:
                continue
            self._seen[key] = seen
            now = time.monotonic()
            since = {one.transaction: since.get(one.transaction, now) for one in seen}
            for one in seen:
                age, whose = now - since[one.transaction], self._key_of(one)
                if whose is not None and (whose == key or age >= self._forgotten):
                    await _whole(self._end_of(whose, key, one))
                elif age >= self._hangs:
                    place = self._topic, self._partition(key)
                    await asyncio.to_thread(self._hanging.abort, *place, one.transaction)

    async def _end_of(self, whose: str, key: str, seen: Seen) -> None:
        """End a forgotten transaction while ``key`` is read. Whoever owns it elsewhere is fenced by that."""
        try:
            if whose in self._owned:  # its next checkpoint would do it
                await self.write(whose, [(ENDED, None)])
            elif whose == key:
                await self._end(self._producers[key][0], key, seen)
            elif whose not in self._producers:  # what is just being taken over ends its own
                async with self._producer(whose) as producer:
                    await self._end(producer, whose, seen)
        except (KafkaError, FencedError) as error:
            log.warning(
                "a transaction hangs and could not be ended", reason=repr(error), transaction=str(seen)
            )

    async def _end(self, producer: AIOKafkaProducer, key: str, seen: Seen) -> None:
        await producer.begin_transaction()
        await producer.send_and_wait(self._topic, None, key=ENDED.encode(), partition=self._partition(key))
        await (producer.commit_transaction() if seen.committed else producer.abort_transaction())
        log.warning(
            "ended a transaction that Kafka had forgotten", key=key, committed=seen.committed, which=str(seen)
        )


async def _whole(work: Coroutine[Any, Any, None]) -> None:
    """Await work that must not be left half done, also when we are cancelled."""
    task = asyncio.create_task(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        with contextlib.suppress(Exception):
            await task
        raise


async def _newest(consumer: AIOKafkaConsumer, place: TopicPartition, end: int, key: str) -> dict[str, bytes]:
    own, below = key.encode(), f"{key}|".encode()
    newest: dict[str, bytes] = {}
    while await consumer.position(place) < end:
        for record in (await consumer.getmany(place, timeout_ms=500)).get(place, []):
            if record.key != own and not record.key.startswith(below):
                continue
            if record.value is None:
                newest.pop(record.key.decode(), None)
            else:
                newest[record.key.decode()] = record.value
    return newest

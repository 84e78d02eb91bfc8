"""Records in a compacted topic that only one process at a time may write.

All records of one key are in one partition and written in transactions: a reader sees all of a write or none
of it, and compaction keeps the last committed value of each record. Which one follows from the number of
partitions at the first write: those that are added later stay empty (``used_partitions``).

Transactions also fence. Taking a key over starts a producer with the transactional id of that key, and Kafka
then refuses the previous owner: a process that lost a partition while suspended can never overwrite the new
state with its old one (docs/adr/0006). The order is: fence, read, own, until given up or fenced.

A transaction that Kafka has forgotten (``hanging_transactions``) hides all records after it. The partition
counts it as part of the next transaction of the same producer, so one more write ends it, with the outcome
that its writer received.
"""

import asyncio
import contextlib
import time
import zlib
from collections.abc import Coroutine, Iterable
from typing import Any, Final

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import InvalidProducerEpoch, KafkaError, MessageSizeTooLargeError, ProducerFenced

from detectors.state.state import StateError
from streams.drivers.kafka.checkpoints.hanging_transactions import (
    HangingTransactions,
    OpenTransaction,
    TransactionStatus,
)
from streams.drivers.kafka.partition_consumer import open_consumer, open_partition
from streams.drivers.kafka.stage import Emission
from streams.drivers.kafka.topics import TopicError, too_large_for
from streams.process.crash_points import CrashHook, CrashPoint, no_crash

TRANSACTION_MS: Final = 20_000  # for which the open transaction of a dead writer hides the records behind it
READ_SECONDS: Final = 120.0
CHECK_SECONDS: Final = 2.0
FORGOTTEN_SECONDS: Final = 10.0  # before another owner's is ended: its next checkpoint would end it too
HANGS_SECONDS: Final = 45.0  # Kafka ends transactions that time out, and checks for them every 10 s
ENDED: Final = "ended"  # the key of the empty record in a transaction that only ends a hanging one

log = structlog.get_logger("uneri.kafka")


def partition_of(key: str, partitions: int) -> int:
    """Return the partition that has all records of a key."""
    return zlib.crc32(key.encode()) % partitions


async def used_partitions(topic: str, partitions: int, options: dict[str, Any]) -> int:
    """Return the number of partitions by which the keys of a topic are divided: the others were added later.

    A topic is read for that only while its last partition has never been written to.

    Raises
    ------
    detectors.state.state.StateError
        When the topic cannot be read to its end.
    streams.drivers.kafka.topics.TopicError
        When no number explains where the keys are: what was saved would not be found.
    """
    places = [TopicPartition(topic, number) for number in range(partitions)]
    homes: dict[str, set[int]] = {}
    try:
        async with open_consumer(options) as consumer:
            ends = await consumer.end_offsets(places)
            if ends[places[-1]] or not any(ends.values()):
                return partitions
            consumer.assign(places)
            await consumer.seek_to_beginning(*places)
            async with asyncio.timeout(READ_SECONDS):
                for place in places:
                    while await consumer.position(place) < ends[place]:
                        for found in (await consumer.getmany(timeout_ms=500)).values():
                            for record in found:
                                key = record.key.decode().partition("|")[0]
                                homes.setdefault(key, set()).add(record.partition)
    except TimeoutError as error:
        raise StateError(f"the topic {topic} could not be read to its end in {READ_SECONDS:.0f} s") from error
    homes.pop(ENDED, None)  # is wherever a transaction hung
    for used in range(partitions, 0, -1):
        if all(where == {partition_of(key, used)} for key, where in homes.items()):
            return used
    raise TopicError(
        f"the topic {topic} got more partitions while its keys were written, and no number of partitions "
        "explains where they are: run `uneri state export`, and import that into another kafka.app"
    )


class FencedError(RuntimeError):
    """Another process owns this key now: this one may not write it any more."""


class FencedStore:
    """Reads and writes the records of owned keys.

    Parameters
    ----------
    hanging
        Finds hanging transactions; without it they are not ended.
    forgotten
        Seconds after which a forgotten transaction of another process is ended; this fences its owner.
    hangs
        Seconds after which any transaction that stays open is aborted.
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
        self._topic = topic  # with ``cleanup.policy=compact``
        self._partitions = partitions
        self._used: int | None = None  # of them; None before it is known
        self._finding = asyncio.Lock()
        self._options = options
        self._at = at
        self._hanging = hanging
        self._forgotten = forgotten
        self._hangs = hangs
        self._producers: dict[str, tuple[AIOKafkaProducer, asyncio.Lock]] = {}
        self._owned: set[str] = set()  # and read
        self._hiding: dict[str, list[TransactionStatus]] = {}  # that hide the records of a key

    async def take_over(self, key: str) -> dict[str, bytes]:
        """Own ``key``; return the newest value of each of its records: of ``key`` itself and of its parts.

        Raises
        ------
        detectors.state.state.StateError
            When the topic cannot be read to its end.
        """
        await self.give_up(key)
        await self.place(key)
        # Before it is fenced: after that, the outcome of its last transaction is unknown.
        seen = await self._check(key) or []
        forgotten = next((status for status in seen if self._key_of(status) == key), None)
        producer = self._producer(key)
        self._producers[key] = producer, asyncio.Lock()
        await producer.start()
        self._at(CrashPoint.FENCED, key)
        if forgotten is not None:
            await self._end(producer, key, forgotten)
        found = await self._read(key)
        self._owned.add(key)
        return found

    async def peek(self, key: str) -> dict[str, bytes]:
        """Return the newest value of each record, and leave ``key`` to its owner.

        Records behind the newest one named ``key`` are left out: they may be the begin of an unfinished
        write.
        """
        await self.place(key)
        return await self._read(key, whole=True)

    async def place(self, key: str) -> TopicPartition:
        """Return the partition that has all records of a key.

        Raises
        ------
        detectors.state.state.StateError, streams.drivers.kafka.topics.TopicError
            As ``used_partitions``.
        """
        async with self._finding:
            if self._used is None:
                self._used = await used_partitions(self._topic, self._partitions, self._options)
        return TopicPartition(self._topic, self._partition(key))

    async def write(
        self, key: str, records: Iterable[tuple[str, bytes | None]], others: Iterable[Emission] = ()
    ) -> None:
        """Write records of an owned key atomically; None removes one. Durable when this returns.

        Records for other topics go into the same transaction: a reader of committed records finds them if and
        only if the others were written. A cancelled caller waits for the end of the transaction: while it is
        being committed, its producer can begin no other.

        Raises
        ------
        FencedError
            When another process has taken over ``key``, or the broker has ended a transaction that took too
            long: it reports both alike.
        """
        writing = asyncio.create_task(self._write(key, records, others))
        try:
            await asyncio.shield(writing)
        except asyncio.CancelledError:
            await asyncio.wait({writing})
            if not writing.cancelled():
                writing.exception()  # retrieved: nobody awaits it any more
            raise

    async def _write(
        self, key: str, records: Iterable[tuple[str, bytes | None]], others: Iterable[Emission]
    ) -> None:
        producer, lock = self._producers[key]
        partition = self._partition(key)
        try:
            async with lock, producer.transaction():
                sent = [
                    await producer.send(self._topic, value, key=name.encode(), partition=partition)
                    for name, value in records
                ]
                sent += [
                    await producer.send(
                        emission.topic, emission.value, key=emission.key, partition=emission.partition
                    )
                    for emission in others
                ]
                await asyncio.gather(*sent)
                self._at(CrashPoint.WRITING, key)
        except MessageSizeTooLargeError as error:
            raise too_large_for(self._topic, *(emission.topic for emission in others)) from error
        except (ProducerFenced, InvalidProducerEpoch) as error:
            raise FencedError(
                f"{key}: nothing was written, because another process has taken over, or the broker stood "
                "still for longer than a transaction may; the next start goes on from the last checkpoint. "
                "If that goes on, two processes have one name: give each its own (kafka.worker_env)"
            ) from error

    async def give_up(self, key: str) -> None:
        """Stop owning ``key``."""
        self._owned.discard(key)
        producer, _ = self._producers.pop(key, (None, None))
        if producer is not None:
            await producer.stop()

    def _partition(self, key: str) -> int:
        return partition_of(key, self._used or self._partitions)

    def _producer(self, key: str) -> AIOKafkaProducer:
        return AIOKafkaProducer(
            transactional_id=f"{self._topic}-{key}",
            transaction_timeout_ms=TRANSACTION_MS,
            acks="all",
            linger_ms=2,
            **self._options,
        )

    async def _read(self, key: str, *, whole: bool = False) -> dict[str, bytes]:
        place = TopicPartition(self._topic, self._partition(key))
        # Not to the last stable offset: an open transaction of another key may hide our newest records. The
        # high watermark is above them and is reached as soon as that transaction ends.
        try:
            async with open_consumer(self._options) as plain:
                end = (await plain.end_offsets([place]))[place]
            async with open_partition(place, self._options, committed=True) as consumer:
                await consumer.seek_to_beginning(place)
                async with asyncio.timeout(READ_SECONDS):
                    freeing = asyncio.create_task(self._unblock(key))
                    try:
                        return await _newest(consumer, place, end, key, whole=whole)
                    finally:
                        freeing.cancel()
                        await asyncio.gather(freeing, return_exceptions=True)
        except TimeoutError as error:
            hiding = "; ".join(map(str, self._hiding.get(key, ())))
            raise StateError(
                f"the records of {key} on the topic {self._topic} could not be read to their end in "
                f"{READ_SECONDS:.0f} s: {hiding or 'no open transaction hides them'}"
            ) from error

    # -- transactions that hide records ----------------------------------------------------------

    async def _check(self, key: str) -> list[TransactionStatus] | None:
        """Return the open transactions that hide records of ``key``; None if the brokers cannot list them."""
        if self._hanging is None:
            return []
        return await asyncio.to_thread(self._hanging.open, self._topic, self._partition(key))

    def _key_of(self, seen: TransactionStatus) -> str | None:
        """Return the key of a forgotten transaction; None if it is not forgotten or not of this topic."""
        known = seen.forgotten and seen.name.startswith(f"{self._topic}-")
        return seen.name.removeprefix(f"{self._topic}-") if known else None

    async def _unblock(self, key: str) -> None:
        """Keep ending transactions that hide records of ``key`` and do not end by themselves."""
        self._hiding.pop(key, None)
        since: dict[OpenTransaction, float] = {}
        while self._hanging is not None:
            await asyncio.sleep(CHECK_SECONDS)  # most partitions have been read by then
            if (seen := await self._check(key)) is None:
                continue
            self._hiding[key] = seen
            now = time.monotonic()
            since = {status.transaction: since.get(status.transaction, now) for status in seen}
            for status in seen:
                age, owner = now - since[status.transaction], self._key_of(status)
                if owner is not None and (owner == key or age >= self._forgotten):
                    await _completed(self._end_of(owner, key, status))
                elif age >= self._hangs:
                    place = self._topic, self._partition(key)
                    await asyncio.to_thread(self._hanging.abort, *place, status.transaction)

    async def _end_of(self, owner: str, key: str, seen: TransactionStatus) -> None:
        """End a forgotten transaction while ``key`` is read. This fences an owner elsewhere."""
        try:
            if owner in self._owned:  # its next checkpoint would end it too
                await self.write(owner, [(ENDED, None)])
            elif owner == key:
                await self._end(self._producers[key][0], key, seen)
            elif owner not in self._producers:  # a key that is being taken over ends its own
                async with self._producer(owner) as producer:
                    await self._end(producer, owner, seen)
        except (KafkaError, FencedError) as error:
            log.warning("a hanging transaction could not be ended", reason=repr(error), transaction=str(seen))

    async def _end(self, producer: AIOKafkaProducer, key: str, seen: TransactionStatus) -> None:
        await producer.begin_transaction()
        await producer.send_and_wait(self._topic, None, key=ENDED.encode(), partition=self._partition(key))
        await (producer.commit_transaction() if seen.committed else producer.abort_transaction())
        log.warning(
            "ended a transaction that Kafka had forgotten", key=key, committed=seen.committed, which=str(seen)
        )


async def _completed(work: Coroutine[Any, Any, None]) -> None:
    """Await work that must be completed even if the caller is cancelled."""
    task = asyncio.create_task(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        with contextlib.suppress(Exception):
            await task
        raise


async def _newest(
    consumer: AIOKafkaConsumer, place: TopicPartition, end: int, key: str, *, whole: bool
) -> dict[str, bytes]:
    own, below = key.encode(), f"{key}|".encode()
    newest: dict[str, bytes] = {}
    waiting: list[tuple[str, bytes | None]] = []  # for the record named ``key``
    while await consumer.position(place) < end:
        for record in (await consumer.getmany(place, timeout_ms=500)).get(place, []):
            if record.key != own and not record.key.startswith(below):
                continue
            waiting.append((record.key.decode(), record.value))
            if whole and record.key != own:
                continue
            for name, value in waiting:
                if value is None:
                    newest.pop(name, None)
                else:
                    newest[name] = value
            waiting.clear()
    return newest

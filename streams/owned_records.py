"""Records in a compacted topic that one process at a time may write.

Everything that lives under one key is in one partition and written in transactions, so a reader sees all of
a write or none of it, and compaction keeps the last committed value of each record.

The transaction has a second use. Taking a key over starts a producer with the transactional id of that key,
and with that Kafka fences whoever held it before: a process that lost a partition in its sleep can never
write its old state over the new one (docs/adr/0006). So: fence, read, own, until given up or fenced.
"""

import asyncio
import zlib
from collections.abc import Iterable
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import InvalidProducerEpoch, ProducerFenced

from detectors.state import StateError
from streams.crash_points import At, CrashPoint, nothing
from streams.hanging_transactions import HangingTransactions

TRANSACTION_MS: Final = 20_000  # a dead writer's open transaction hides what follows it for this long
READ_SECONDS: Final = 120.0
LOOK_SECONDS: Final = 2.0
HANGS_SECONDS: Final = 45.0  # Kafka ends one that ran out of time, and looks for such every 10 s


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
        Ends transactions that hang; without it they are waited for in vain.
    hangs
        Seconds after which a transaction that is open all the time hangs.
    """

    def __init__(
        self,
        topic: str,
        partitions: int,
        options: dict[str, Any],
        at: At = nothing,
        *,
        hanging: HangingTransactions | None = None,
        hangs: float = HANGS_SECONDS,
    ) -> None:
        self._topic = topic
        self._partitions = partitions
        self._options = options
        self._at = at
        self._hanging = hanging
        self._hangs = hangs
        self._producers: dict[str, tuple[AIOKafkaProducer, asyncio.Lock]] = {}

    async def take_over(self, key: str) -> dict[str, bytes]:
        """Own ``key``; return the newest value of each of its records: ``key`` itself and ``key|…``.

        Raises
        ------
        detectors.state.StateError
            When the topic cannot be read to its end.
        """
        await self.give_up(key)
        producer = AIOKafkaProducer(
            transactional_id=f"{self._topic}-{key}",
            transaction_timeout_ms=TRANSACTION_MS,
            acks="all",
            linger_ms=2,
            **self._options,
        )
        self._producers[key] = producer, asyncio.Lock()
        await producer.start()
        self._at(CrashPoint.OWNED, key)
        return await self._read(key)

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
        producer, _ = self._producers.pop(key, (None, None))
        if producer is not None:
            await producer.stop()

    def _partition(self, key: str) -> int:
        return zlib.crc32(key.encode()) % self._partitions

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
                freeing = asyncio.create_task(self._free(place.partition))
                try:
                    return await _newest(consumer, place, end, key)
                finally:
                    freeing.cancel()
        except TimeoutError as error:
            raise StateError(
                f"the records of {key} could not be read to their end in {READ_SECONDS:.0f} s: "
                f"is a transaction on the topic {self._topic} stuck?"
            ) from error
        finally:
            await plain.stop()
            await consumer.stop()

    async def _free(self, partition: int) -> None:
        """End what hangs: a transaction that is open now and still is when every other must have ended."""
        if self._hanging is None:
            return
        await asyncio.sleep(LOOK_SECONDS)  # most partitions are read by then
        before = await asyncio.to_thread(self._hanging.open, self._topic, partition)
        if not before:
            return
        await asyncio.sleep(self._hangs)
        for one in before & await asyncio.to_thread(self._hanging.open, self._topic, partition):
            await asyncio.to_thread(self._hanging.abort, self._topic, partition, one)


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

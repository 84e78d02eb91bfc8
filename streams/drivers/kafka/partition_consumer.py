"""Reads partitions without a group: any number of processes may do so, and nothing is committed."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

WAIT_MS: Final = 500  # for records


@asynccontextmanager
async def open_consumer(
    options: dict[str, Any], *, committed: bool = False
) -> AsyncIterator[AIOKafkaConsumer]:
    """Yield a consumer of no partition yet.

    With ``committed``, it reads only records of committed transactions.
    """
    consumer = AIOKafkaConsumer(
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed" if committed else "read_uncommitted",
        **options,
    )
    try:
        await consumer.start()
        yield consumer
    finally:
        await consumer.stop()


@asynccontextmanager
async def open_partition(
    place: TopicPartition, options: dict[str, Any], *, committed: bool = False
) -> AsyncIterator[AIOKafkaConsumer]:
    """Yield a consumer of a partition, whose position is still to be set; as ``open_consumer``."""
    async with open_consumer(options, committed=committed) as consumer:
        consumer.assign([place])
        yield consumer


async def next_records(
    consumer: AIOKafkaConsumer, place: TopicPartition, most: int = 500
) -> Sequence[ConsumerRecord[Any, Any]]:
    """Return the next records, at most ``most``; none if none come within ``WAIT_MS``."""
    found: dict[TopicPartition, list[ConsumerRecord[Any, Any]]] = await consumer.getmany(
        place, timeout_ms=WAIT_MS, max_records=most
    )
    return found.get(place, ())

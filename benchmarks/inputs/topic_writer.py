"""Fills a topic with millions of records as fast as one process can."""

import asyncio
from collections.abc import Iterable
from typing import Any, Final

from aiokafka import AIOKafkaProducer
from kafka.admin import NewTopic

from benchmarks.harness.meter import PARTITIONS
from tests.kafka.topic import create

BATCH: Final = 500_000  # bytes
UNDER_WAY: Final = 16  # batches


def write(broker: str, name: str, records: Iterable[tuple[bytes, int]]) -> None:
    """Make a topic of values with the milliseconds of their arrival, dealt to the partitions in turn."""
    create(broker, NewTopic(name, PARTITIONS, 1))
    asyncio.run(_write(broker, name, records))


async def _write(broker: str, name: str, records: Iterable[tuple[bytes, int]]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=broker, max_batch_size=BATCH)
    await producer.start()
    try:
        batches = [producer.create_batch() for _ in range(PARTITIONS)]
        sent: list[asyncio.Future[Any]] = []
        for number, (value, stamp) in enumerate(records):
            partition = number % PARTITIONS
            if batches[partition].append(key=None, value=value, timestamp=stamp) is None:
                sent.append(await producer.send_batch(batches[partition], name, partition=partition))
                batches[partition] = producer.create_batch()
                batches[partition].append(key=None, value=value, timestamp=stamp)
            if len(sent) > UNDER_WAY:
                await sent.pop(0)
        for partition, batch in enumerate(batches):
            sent.append(await producer.send_batch(batch, name, partition=partition))
        await asyncio.gather(*sent)
    finally:
        await producer.stop()

"""Makes and fills topics for the tests."""

import asyncio
import uuid
from collections.abc import Iterable, Sequence

from aiokafka import AIOKafkaProducer
from kafka import KafkaConsumer, TopicPartition
from kafka.admin import KafkaAdminClient, NewTopic

from streams.kafka.client import open_client

BATCH_BYTES = 500_000


def unique(name: str) -> str:
    """Return a name that no other test uses."""
    return f"{name}-{uuid.uuid4().hex[:8]}"


def create(broker: str, *topics: NewTopic) -> None:
    """Create topics and wait until they are known."""
    with open_client(KafkaAdminClient, bootstrap_servers=broker) as admin:
        admin.create_topics(list(topics))


def fill(
    broker: str,
    topic: str,
    partitions: Sequence[Iterable[bytes]],
    timestamp: int = 1_760_000_000_000,
    batch_bytes: int = BATCH_BYTES,
) -> None:
    """Write records to partition 0, 1 … in batches of half a megabyte; ``timestamp`` in milliseconds."""

    async def write() -> None:
        producer = AIOKafkaProducer(
            bootstrap_servers=broker.split(","),
            max_batch_size=batch_bytes,
            max_request_size=2 * BATCH_BYTES,
            enable_idempotence=True,  # a broker in trouble is asked again, and must not take a batch twice
        )
        await producer.start()
        try:
            for partition, values in enumerate(partitions):
                sent = []
                batch = producer.create_batch()
                for value in values:
                    if batch.append(key=None, value=value, timestamp=timestamp) is None:
                        sent.append(await producer.send_batch(batch, topic, partition=partition))
                        batch = producer.create_batch()
                        batch.append(key=None, value=value, timestamp=timestamp)
                sent.append(await producer.send_batch(batch, topic, partition=partition))
                await asyncio.gather(*sent)
        finally:
            await producer.stop()

    asyncio.run(write())


def committed(broker: str, group: str, topic: str, partitions: int) -> list[int]:
    """Return the committed offset of each partition, 0 where there is none."""
    options = {"bootstrap_servers": broker, "group_id": group, "enable_auto_commit": False}
    with open_client(KafkaConsumer, **options) as consumer:
        return [consumer.committed(TopicPartition(topic, number)) or 0 for number in range(partitions)]

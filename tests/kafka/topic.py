"""Makes, fills and reads topics for the tests."""

import asyncio
import uuid
from collections.abc import Iterable, Sequence

import numpy as np
from aiokafka import AIOKafkaProducer
from kafka import KafkaConsumer, TopicPartition
from kafka.admin import KafkaAdminClient, NewTopic
from kafka.consumer.fetcher import ConsumerRecord

from detectors.model.array_types import Floats
from streams.drivers.kafka.connections.client import open_client
from streams.drivers.kafka.topics import await_shown
from tests.laws.arrivals import prompt

BATCH_BYTES = 500_000


def unique(name: str) -> str:
    """Return a name that no other test uses."""
    return f"{name}-{uuid.uuid4().hex[:8]}"


def create(broker: str, *topics: NewTopic) -> None:
    """Create topics and wait until they are known."""
    with open_client(KafkaAdminClient, bootstrap_servers=broker) as admin:
        admin.create_topics(list(topics))
        await_shown(admin, [topic.name for topic in topics])


def fill(  # noqa: PLR0917
    broker: str,
    topic: str,
    partitions: Sequence[Iterable[bytes | None]],
    timestamp: int | None = None,
    batch_bytes: int = BATCH_BYTES,
    arrived: Sequence[Floats] | None = None,
    *,
    keyed: bool = False,
) -> None:
    """Write records to partition 0, 1 … in batches of half a megabyte.

    They have this ``timestamp`` in milliseconds, or that of their arrival in seconds, by default prompt. None
    is a tombstone. Those that are ``keyed`` have their number as key, as a compacted topic wants it.
    """

    async def write() -> None:
        producer = AIOKafkaProducer(
            bootstrap_servers=broker.split(","),
            max_batch_size=batch_bytes,
            max_request_size=2 * BATCH_BYTES,
            enable_idempotence=True,  # a broker in trouble is asked again, and must not take a batch twice
        )
        await producer.start()
        try:
            for partition, values in enumerate(map(list, partitions)):
                sent = []
                batch = producer.create_batch()
                stamps = [timestamp] * len(values)
                if timestamp is None:
                    seconds = prompt(list(filter(None, values))) if arrived is None else arrived[partition]
                    stamps = np.rint(seconds * 1000).astype(np.int64).tolist()
                for number, (value, stamp) in enumerate(zip(values, stamps, strict=True)):
                    key = b"%d" % number if keyed else None
                    if batch.append(key=key, value=value, timestamp=stamp) is None:
                        sent.append(await producer.send_batch(batch, topic, partition=partition))
                        batch = producer.create_batch()
                        batch.append(key=key, value=value, timestamp=stamp)
                sent.append(await producer.send_batch(batch, topic, partition=partition))
                await asyncio.gather(*sent)
        finally:
            await producer.stop()

    asyncio.run(write())


def read(broker: str, topic: str, start: int = 0) -> list[ConsumerRecord]:
    """Return all records of a topic from an offset on, as who reads committed ones only gets them."""
    found: list[ConsumerRecord] = []
    with open_client(
        KafkaConsumer,
        bootstrap_servers=broker.split(","),
        group_id=None,
        isolation_level="read_committed",
    ) as consumer:
        places = [TopicPartition(topic, number) for number in sorted(consumer.partitions_for_topic(topic))]
        consumer.assign(places)
        for place in places:
            consumer.seek(place, start)
        ends = consumer.end_offsets(places)
        while any(consumer.position(place) < ends[place] for place in places):
            for records in consumer.poll(500).values():
                found += records
    return found


def has_committed(consumer: KafkaConsumer, *topics: str) -> bool:
    """Return whether the group of a consumer has committed everything of these topics."""
    places = [
        TopicPartition(topic, part) for topic in topics for part in consumer.partitions_for_topic(topic)
    ]
    ends = consumer.end_offsets(places)
    return all((consumer.committed(place) or 0) == ends[place] for place in places)


def committed(broker: str, group: str, topic: str, partitions: int) -> list[int]:
    """Return the committed offset of each partition, 0 where there is none."""
    options = {"bootstrap_servers": broker, "group_id": group, "enable_auto_commit": False}
    with open_client(KafkaConsumer, **options) as consumer:
        return [consumer.committed(TopicPartition(topic, number)) or 0 for number in range(partitions)]

"""Writes batches that are ready as Kafka keeps them: gigabytes in seconds."""

import asyncio
from collections.abc import Callable
from typing import Final

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import NotLeaderForPartitionError, UnknownTopicOrPartitionError, for_code
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from kafka.admin import NewTopic

from benchmarks.meter import PARTITIONS
from tests.kafka import topic as topics

Batch = Callable[[int, int], bytes]
"""Returns a batch of a partition by its number."""

_MOST: Final = 1 << 20  # bytes of a batch


def built(values: list[bytes], stamps: list[int]) -> bytes:
    """Return a batch of these records; stamps are epoch milliseconds."""
    builder = DefaultRecordBatchBuilder(
        magic=2, compression_type=0, is_transactional=False, producer_id=-1, producer_epoch=-1,
        base_sequence=-1, batch_size=_MOST,
    )  # fmt: skip
    for offset, (value, stamp) in enumerate(zip(values, stamps, strict=True)):
        if builder.append(offset, stamp, None, value, []) is None:
            raise ValueError("a batch has no room for its records")
    return bytes(builder.build())


def write(broker: str, name: str, batch: Batch, count: int) -> None:
    """Make a topic with so many batches in each partition, on the one broker that there is."""
    topics.create(broker, NewTopic(name, PARTITIONS, 1))
    asyncio.run(_write(broker, name, batch, count))


async def _write(broker: str, name: str, batch: Batch, count: int) -> None:
    client = AIOKafkaClient(bootstrap_servers=broker)
    await client.bootstrap()
    try:
        (node,) = [member.nodeId for member in client.cluster.brokers()]
        left = list(range(PARTITIONS))
        while left:  # a new topic has no leaders yet
            left = await _produce(
                client, node, name, [(partition, batch(partition, 0)) for partition in left], early=True
            )
            await asyncio.sleep(0.1)
        under_way: asyncio.Task[list[int]] | None = None
        for number in range(1, count):
            batches = [(partition, batch(partition, number)) for partition in range(PARTITIONS)]
            if under_way is not None:
                await under_way
            under_way = asyncio.create_task(_produce(client, node, name, batches))
            await asyncio.sleep(0)  # it leaves while the next is made
        if under_way is not None:
            await under_way
    finally:
        await client.close()


async def _produce(
    client: AIOKafkaClient, node: int, name: str, batches: list[tuple[int, bytes]], *, early: bool = False
) -> list[int]:
    """Send batches by partition; return the partitions that have no leader yet, where it is early."""
    request = ProduceRequest(transactional_id=None, required_acks=1, timeout=60_000, topics=[(name, batches)])
    response = await client.send(node, request)
    leaderless = []
    for _, partitions in response.topics:
        for partition, code, *_ in partitions:
            error = for_code(code)
            if early and error in {NotLeaderForPartitionError, UnknownTopicOrPartitionError}:
                leaderless.append(partition)
            elif code:
                raise error
    return leaderless

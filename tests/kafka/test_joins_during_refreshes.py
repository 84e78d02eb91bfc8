"""A group whose leader refreshes its metadata at the moment when another member joins or leaves."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from kafka.admin import NewTopic

from streams.ingest.batch_consumer import aiokafka_patches
from tests.kafka import topic as topics

OFTEN, NEVER = 200, 3_600_000  # milliseconds between two refreshes


@asynccontextmanager
async def member(kafka: str, group: str, topic: str) -> AsyncIterator[Any]:
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=kafka, group_id=group, metadata_max_age_ms=OFTEN, heartbeat_interval_ms=200
    )
    await consumer.start()
    try:
        yield consumer
    finally:
        async with asyncio.timeout(20):
            await consumer.stop()


async def owns(consumer: Any, topic: str, seconds: float = 40) -> None:
    async with asyncio.timeout(seconds):
        while consumer.assignment() != {TopicPartition(topic, 0)}:
            await asyncio.sleep(0.05)


class Slow:
    """Holds up the refreshes of a member; what follows the first of them has no refresh of its own."""

    def __init__(self, consumer: Any) -> None:
        self._client = consumer._client
        self._update = self._client._metadata_update
        self.under_way, self.go_on = asyncio.Event(), asyncio.Event()
        self._client._metadata_update = self.update

    def let_go(self) -> None:
        """Have a refresh that has to begin anew do so: a member that waits for it could not be stopped."""
        if not self._client._md_update_waiter.done():
            self._client._md_update_waiter.set_result(None)

    async def update(self, *given: Any) -> bool:
        self._client._metadata_max_age_ms = NEVER
        self.under_way.set()
        await self.go_on.wait()
        done: bool = await self._update(*given)
        return done


async def test_who_joins_and_who_leads_get_their_partitions(kafka: str) -> None:
    aiokafka_patches.install()
    group, one, two = (topics.unique(name) for name in ("group", "one", "two"))
    await asyncio.to_thread(topics.create, kafka, NewTopic(one, 1, 1), NewTopic(two, 1, 1))
    async with member(kafka, group, one) as leader:
        await owns(leader, one)
        slow = Slow(leader)
        await slow.under_way.wait()
        generation = leader._coordinator.generation
        try:
            async with asyncio.timeout(60), member(kafka, group, two) as other:
                while two not in leader._client._topics:  # it assigns, and waits for metadata
                    await asyncio.sleep(0.02)
                slow.go_on.set()
                await owns(other, two)
                await owns(leader, one)
            async with asyncio.timeout(60):
                while leader._coordinator.generation < generation + 2:  # alone again
                    await asyncio.sleep(0.05)
            await owns(leader, one)
        finally:
            slow.let_go()

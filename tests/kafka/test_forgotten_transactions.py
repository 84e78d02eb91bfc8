"""Transactions whose coordinator says that they are over, and which a partition holds open for ever."""

import asyncio
from collections.abc import Iterator

import pytest
from aiokafka import AIOKafkaProducer
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient

from config.settings import KafkaSettings
from streams.drivers.kafka.checkpoints.checkpoints import KafkaCheckpoints
from streams.drivers.kafka.checkpoints.fenced_store import FencedStore
from streams.drivers.kafka.checkpoints.hanging_transactions import HangingTransactions
from streams.drivers.kafka.connections.client import open_client
from streams.engine.stages.checkpoint import Checkpoint

FIRST, SECOND = Checkpoint({"s/0": 1}, {"p": b"first"}), Checkpoint({"s/0": 2}, {"p": b"second"})


@pytest.fixture
def credulous(kafka: str) -> Iterator[str]:
    """A broker that takes records of a transaction that its coordinator does not know."""
    name = "transaction.partition.verification.enable"
    with open_client(KafkaAdminClient, bootstrap_servers=kafka) as admin:
        brokers = [str(broker["broker_id"]) for broker in admin.describe_cluster()["brokers"]]
        for value in ("false", "true"):
            given = [
                ConfigResource(ConfigResourceType.BROKER, broker, configs={name: value}) for broker in brokers
            ]
            admin.alter_configs(given)
            if value == "false":
                yield kafka


class Process:
    """The expected results, as one process would have them."""

    def __init__(self, kafka: str, topic: str) -> None:
        self.hanging = HangingTransactions(KafkaSettings(brokers=[kafka]))
        self.records = FencedStore(
            topic, 1, {"bootstrap_servers": kafka}, hanging=self.hanging, forgotten=0.5, hangs=600
        )
        self.checkpoints = KafkaCheckpoints(self.records)

    async def load(self, key: str) -> Checkpoint | None:
        async with asyncio.timeout(30):
            return await self.checkpoints.load(key)

    async def save_and_be_forgotten(self, key: str) -> None:
        """Write two checkpoints; of the second the partition never gets the marker that commits it."""
        await self.load(key)
        await self.checkpoints.save(key, FIRST)
        async with asyncio.timeout(30):  # its marker would commit the second too
            while await asyncio.to_thread(self.hanging.open, self.records._topic, 0) != []:
                await asyncio.sleep(0.05)
        manager = self.records._producers[key][0]._txn_manager
        original, manager.maybe_add_partition_to_txn = manager.maybe_add_partition_to_txn, lambda _: None
        await self.checkpoints.save(key, SECOND)
        manager.maybe_add_partition_to_txn = original


async def test_a_checkpoint_that_was_said_to_be_durable_is_there_though_kafka_forgot_to_commit_it(
    credulous: str, topic: str
) -> None:
    first, second = Process(credulous, topic), Process(credulous, topic)
    await first.save_and_be_forgotten("k")
    found = first.hanging.open(topic, 0)
    assert found is not None
    (seen,) = found
    assert (seen.name, seen.state, seen.forgotten) == (f"{topic}-k", "CompleteCommit", True)
    assert await second.load("k") == SECOND
    assert second.hanging.open(topic, 0) == []
    for process in (first, second):
        await process.checkpoints.close()


async def test_what_nobody_can_say_any_more_how_it_ended_leaves_the_checkpoint_before(
    credulous: str, topic: str
) -> None:
    first, second = Process(credulous, topic), Process(credulous, topic)
    await first.save_and_be_forgotten("k")
    async with AIOKafkaProducer(bootstrap_servers=credulous, transactional_id=f"{topic}-k"):
        pass  # somebody took it over, and died
    assert await second.load("k") == FIRST
    await second.checkpoints.save("k", SECOND)
    for process in (first, second):
        await process.checkpoints.close()


async def test_a_forgotten_transaction_of_a_dead_process_hides_nothing_from_other_stages(
    credulous: str, topic: str
) -> None:
    dead, other = Process(credulous, topic), Process(credulous, topic)
    await dead.save_and_be_forgotten("dead")
    assert await other.load("k") is None
    await other.checkpoints.save("k", FIRST)
    assert await other.load("dead") == SECOND
    assert await other.load("k") == FIRST
    for process in (dead, other):
        await process.checkpoints.close()


async def test_a_forgotten_transaction_of_a_stage_of_the_same_process_costs_it_nothing(
    credulous: str, topic: str
) -> None:
    one = Process(credulous, topic)
    await one.save_and_be_forgotten("k")
    assert await one.load("other") is None
    await one.checkpoints.save("k", FIRST)  # it still owns it
    await one.save_and_be_forgotten("k")
    assert await one.load("k") == SECOND
    await one.checkpoints.close()

"""Clients of a broker that answers leave neither a thread nor a socket."""

import asyncio
import logging
import socket

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka import TopicPartition as Place
from aiokafka.conn import CloseReason
from kafka import KafkaConsumer, TopicPartition
from kafka.admin import KafkaAdminClient, NewTopic

from config.settings import KafkaSettings
from streams.drivers.kafka.checkpoints.state_transfer import Tail, open_reader
from streams.drivers.kafka.connections.client import open_client
from streams.ingest.batch_consumer import aiokafka_patches
from tests.kafka.topic import create, fill, unique
from tests.streams.drivers.kafka.connections.nothing_left import nothing_left


def test_a_client_with_requests_unsent_leaves_nothing(kafka: str) -> None:
    with nothing_left(), open_client(KafkaAdminClient, bootstrap_servers=kafka) as admin:
        admin.list_topics()
        (connection, *_) = admin._manager._conns.values()
        connection.transport._sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        admin._manager.call_soon(lambda: connection.transport.write(bytes(64 * 1024 * 1024)))


def test_clients_of_a_broker_leave_nothing(kafka: str) -> None:
    with nothing_left():
        with open_client(KafkaAdminClient, bootstrap_servers=kafka) as admin:
            assert isinstance(admin.list_topics(), list)
        with open_client(KafkaConsumer, bootstrap_servers=kafka, group_id=unique("group")) as consumer:
            assert consumer.committed(TopicPartition("nothing", 0)) is None
        with pytest.raises(ZeroDivisionError), open_client(KafkaConsumer, bootstrap_servers=kafka):
            raise ZeroDivisionError


async def test_a_consumer_whose_connection_is_lost_stops_while_it_waits_to_fetch_again(
    kafka: str, caplog: pytest.LogCaptureFixture
) -> None:
    topic = unique("lost")
    create(kafka, NewTopic(topic, 1, 1))
    aiokafka_patches.install()
    caplog.set_level(logging.ERROR, "aiokafka")
    with nothing_left():
        consumer = AIOKafkaConsumer(bootstrap_servers=kafka)
        await consumer.start()
        try:
            consumer.assign([Place(topic, 0)])
            await consumer.seek_to_beginning()
            async with asyncio.timeout(60):
                await consumer.position(Place(topic, 0))  # which a broker that is busy answers at a later try
                consumer._fetcher._retry_backoff = 3600.0  # of fetches alone
                while "Failed fetch messages" not in caplog.text:
                    for connection in list(consumer._client._conns.values()):
                        asked = [type(request).__name__ for _, request, _ in connection._requests]
                        if asked and all(name.startswith("FetchRequest") for name in asked):
                            connection.close(CloseReason.CONNECTION_BROKEN)
                    await asyncio.sleep(0.01)
        finally:
            async with asyncio.timeout(60):
                await consumer.stop()


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
def test_a_backup_reads_a_topic_whichever_way_the_brokers_compress_it(kafka: str, codec: str) -> None:
    name = unique("compressed")
    create(kafka, NewTopic(name, 2, 1, topic_configs={"compression.type": codec}))
    values = [b"%d" % number * 100 for number in range(100)]
    fill(kafka, name, [values, values], timestamp=1)
    with open_reader(KafkaSettings(brokers=[kafka])) as reader:
        tail = Tail(reader, name, 2, {1: 60})
        assert sorted(record.value for record in tail.read_committed()) == sorted(values + values[60:])
        assert list(tail.read_committed()) == []

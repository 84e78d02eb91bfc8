"""Clients of a broker that answers leave neither a thread nor a socket."""

import socket

import pytest
from kafka import KafkaConsumer, TopicPartition
from kafka.admin import KafkaAdminClient

from streams.kafka.connections.client import open_client
from tests.kafka.topic import unique
from tests.streams.kafka.connections.nothing_left import nothing_left


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

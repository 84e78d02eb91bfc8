"""A Kafka that does not answer costs a caller nothing but the time."""

import socket
import threading
from collections.abc import Iterator

import pytest

from config.settings import KafkaSettings, Settings
from streams.kafka import client as kafka_client
from streams.kafka.topics import TopicError, topics_there
from streams.replay import ReplayError, open_history


@pytest.fixture
def mute(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """``host:port`` that takes connections and never says a word; nobody waits long for it."""
    options = kafka_client.client_options
    soon = {"bootstrap_timeout_ms": 200, "request_timeout_ms": 200}
    monkeypatch.setattr(kafka_client, "client_options", lambda kafka: options(kafka) | soon)
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield "127.0.0.1:{1}".format(*server.getsockname())


def test_no_thread_is_left_where_kafka_does_not_answer(mute: str) -> None:
    before = set(threading.enumerate())
    with pytest.raises(ReplayError, match="does not answer"):
        open_history([f"kafka://{mute}/requests"], Settings())
    with pytest.raises(TopicError, match="does not answer"):
        topics_there(KafkaSettings(brokers=[mute]))
    assert set(threading.enumerate()) == before

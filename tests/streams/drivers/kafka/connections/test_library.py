"""kafka-python is the version that was read: its ``kafka.net`` is subclassed, and no documented interface."""

import hashlib
import inspect
from collections.abc import Callable
from typing import Any

import pytest
from kafka.admin import KafkaAdminClient
from kafka.net.compat import KafkaNetClient
from kafka.net.inet import KafkaNetSocket
from kafka.net.selector import NetworkSelector

from streams.drivers.kafka.connections.client import GUARD, open_client
from streams.process.library_guard import UnknownVersionError

# When one of these differs, read the new source and run tests/kafka before the new sum is written here.
READ = {
    KafkaNetClient.__init__: "9d5a78ad19c39989",
    KafkaNetSocket.__new__: "ad0f52b7e767d273",
    KafkaNetSocket.sock_connect: "36c15b0ce9196d15",
    NetworkSelector.wait_read: "942f52fe61c4880b",
    NetworkSelector._wait_io: "2a3dc05bd4f11db7",
    NetworkSelector.register_event: "1c21f7a3ab379779",
    NetworkSelector.close: "73662f6ca48e867b",
}


@pytest.mark.parametrize("function", READ, ids=lambda function: function.__qualname__)
def test_the_source_that_clients_rely_on_has_not_changed(function: Callable[..., Any]) -> None:
    assert hashlib.sha256(inspect.getsource(function).encode()).hexdigest()[:16] == READ[function]


@pytest.mark.parametrize(
    ("part", "other", "said"),
    [
        (
            "versions",
            {"kafka-python": "3.9.9"},
            r"kafka-python 3\.0\.12 is installed, but Uneri requires 3\.9",
        ),
        ("shapes", {NetworkSelector.wait_read: "self fileobj"}, r"wait_read\(.*timeout_at\) has changed"),
        ("attributes", {KafkaNetSocket: "no_such"}, "KafkaNetSocket has no no_such any more"),
    ],
)
def test_another_kafka_python_is_refused_in_one_line(
    part: str, other: dict[Any, str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(GUARD, part, other)
    with pytest.raises(UnknownVersionError, match=said), open_client(KafkaAdminClient):
        pass

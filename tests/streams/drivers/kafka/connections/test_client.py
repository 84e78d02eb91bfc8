"""A client of kafka-python leaves neither a thread nor a socket, whatever the broker does."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from kafka import KafkaConsumer
from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError

from config.settings import KafkaSettings, Settings
from streams.drivers.kafka.connections import client as kafka_client
from streams.drivers.kafka.connections import probe
from streams.drivers.kafka.connections.client import _OwningLoop, client_options, open_client
from streams.drivers.kafka.connections.probe import why_unusable
from streams.drivers.kafka.topics import TopicError, existing_topics
from streams.offline.replay import ReplayError, open_history
from tests.streams.drivers.kafka.connections.nothing_left import nothing_left

SHORT_MS = 300

KINDS = pytest.mark.parametrize("kind", [KafkaAdminClient, KafkaConsumer], ids=lambda kind: kind.__name__)


@pytest.fixture
def refusing() -> Iterator[str]:
    """``host:port`` that refuses connections: bound, but nobody listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield "127.0.0.1:{1}".format(*bound.getsockname())


@pytest.fixture
def hanging() -> Iterator[str]:
    """``host:port`` that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield "127.0.0.1:{1}".format(*server.getsockname())


@pytest.fixture
def closing() -> Iterator[str]:
    """``host:port`` that answers every connection with bytes that are neither Kafka nor TLS, and ends it."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    accepted, _ = server.accept()
                    with accepted:
                        accepted.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=serve)
        thread.start()
        yield "127.0.0.1:{1}".format(*server.getsockname())
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.fixture
def mute(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """``host:port`` that speaks TLS and then says nothing more, and the file of its authority."""
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0)))

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    accepted, _ = server.accept()
                    stack.enter_context(context.wrap_socket(accepted, server_side=True))

        thread = threading.Thread(target=serve)
        thread.start()
        yield "127.0.0.1:{1}".format(*server.getsockname()), tmp_path / "ca.pem"
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.fixture(autouse=True)
def _short_timeouts(monkeypatch: pytest.MonkeyPatch) -> None:
    for timeout in ("BOOTSTRAP_TIMEOUT_MS", "REQUEST_TIMEOUT_MS"):
        monkeypatch.setattr(kafka_client, timeout, SHORT_MS)
    monkeypatch.setattr(probe, "TIMEOUT_MS", SHORT_MS)


def failed(kind: Callable[..., Any], *brokers: str, security: str = "plaintext") -> None:
    kafka = KafkaSettings(brokers=list(brokers), security=security)
    with pytest.raises(KafkaError), open_client(kind, **client_options(kafka)):
        pass


@KINDS
@pytest.mark.parametrize("security", ["plaintext", "ssl"])
@pytest.mark.parametrize("broker", ["refusing", "hanging", "closing"])
def test_a_client_that_reaches_no_broker_leaves_nothing(
    kind: Callable[..., Any], security: str, broker: str, request: pytest.FixtureRequest
) -> None:
    address: str = request.getfixturevalue(broker)
    with nothing_left():
        failed(kind, address, security=security)


@KINDS
def test_a_client_of_several_brokers_that_fail_in_different_ways_leaves_nothing(
    kind: Callable[..., Any], refusing: str, hanging: str, closing: str
) -> None:
    with nothing_left():
        failed(kind, refusing, hanging, closing)


def test_a_refused_connection_is_closed_before_the_next_attempt(
    refusing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    left: list[socket.socket] = []
    close = _OwningLoop.close

    def noted(loop: _OwningLoop) -> None:
        left.extend(known for known in loop._sockets if known.fileno() >= 0)
        close(loop)

    monkeypatch.setattr(_OwningLoop, "close", noted)
    failed(KafkaAdminClient, refusing)
    assert left == []


@pytest.mark.parametrize("options", [{"client_dns_lookup": "unknown"}, {"ssl_cafile": "/none"}], ids=repr)
def test_a_client_that_cannot_be_built_leaves_nothing(options: dict[str, str], hanging: str) -> None:
    with (
        nothing_left(),
        pytest.raises((ValueError, KafkaError)),
        open_client(
            KafkaAdminClient,
            bootstrap_servers=hanging,
            bootstrap_timeout_ms=SHORT_MS,
            security_protocol="SSL",
            **options,
        ),
    ):
        pass


def test_commands_leave_nothing_where_kafka_does_not_answer(
    hanging: str,
) -> None:
    with nothing_left():
        with pytest.raises(ReplayError, match="does not answer"):
            open_history([f"kafka://{hanging}/requests"], Settings())
        with pytest.raises(TopicError, match="does not answer"):
            existing_topics(KafkaSettings(brokers=[hanging]))


def test_a_broker_that_answers_neither_a_request_nor_the_end_of_tls_leaves_nothing(
    mute: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe, "CLOSE_SECONDS", SHORT_MS / 1000)
    address, ca = mute
    kafka = KafkaSettings(brokers=[address], security="ssl", tls={"ca": str(ca)})
    with nothing_left():
        assert "does not answer" in why_unusable(kafka, KafkaError())

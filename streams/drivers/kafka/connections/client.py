"""Clients of kafka-python (for administration, replay and checks): their options and their sockets."""

import contextlib
import ssl
import time
from collections.abc import Callable, Iterator
from socket import socket
from typing import Any, Final, TypeVar

from kafka import KafkaAdminClient, KafkaConsumer
from kafka.errors import KafkaError
from kafka.net.compat import KafkaNetClient
from kafka.net.inet import KafkaNetSocket
from kafka.net.sasl.oauth import AbstractTokenProvider
from kafka.net.selector import NetworkSelector

from config.settings import KafkaSettings
from streams.drivers.kafka.connections.connection import BlockingTokenProvider, connection_options
from streams.process.library_guard import LibraryGuard

Client = TypeVar("Client")
Answer = TypeVar("Answer")

GUARD: Final = LibraryGuard(
    {"kafka-python": "3.0.12"},
    {
        KafkaNetClient.__init__: "self net manager configs",
        NetworkSelector.__init__: "self configs",
        NetworkSelector.wait_read: "self fileobj timeout_at",
        NetworkSelector.register_event: "self fileobj event task",
        NetworkSelector.close: "self",
        KafkaNetSocket.sock_connect: "self net sock sockaddr timeout_at",
        AbstractTokenProvider.token: "self",
        AbstractTokenProvider.extensions: "self",
    },
    {KafkaNetSocket: "register_class", KafkaAdminClient: "close", KafkaConsumer: "close"},
)
"""The members of ``kafka.net`` when it was read; it is no part of kafka-python's documented interface."""

REQUEST_TIMEOUT_MS: Final = 15_000
BOOTSTRAP_TIMEOUT_MS: Final = 5_000
READY_SECONDS: Final = 30.0


def client_options(kafka: KafkaSettings) -> dict[str, Any]:
    """Return the keyword arguments that every kafka-python client takes.

    Raises
    ------
    SecretError
        As ``connection_options``.
    """
    return connection_options(kafka, BlockingTokenProvider) | {
        "request_timeout_ms": REQUEST_TIMEOUT_MS,
        "bootstrap_timeout_ms": BOOTSTRAP_TIMEOUT_MS,
    }


def patiently(ask: Callable[[], Answer]) -> Answer:
    """Return what a cluster answers, asked for up to 30 s: for its first group, it creates a topic.

    Raises
    ------
    kafka.errors.KafkaError
        When it goes on refusing, at once if that is not to pass.
    """
    deadline = time.monotonic() + READY_SECONDS
    while True:
        try:
            return ask()
        except KafkaError as error:
            if not error.retriable or time.monotonic() > deadline:
                raise
        time.sleep(0.5)


@contextlib.contextmanager
def open_client(kind: Callable[..., Client], **options: Any) -> Iterator[Client]:
    """Give a connected consumer or admin client; on leaving, close it with its thread and all its sockets.

    kafka-python leaves the thread of a client whose constructor raises, and drops unclosed the sockets of
    connections that failed.

    Raises
    ------
    kafka.errors.KafkaError
        When no broker answers.
    UnknownVersionError
        When kafka-python is not the version that was read.
    """
    GUARD.check()
    with contextlib.ExitStack() as stack:

        def network(**configs: Any) -> KafkaNetClient:
            loop = _OwningLoop(**configs)
            stack.callback(loop.close)
            client = KafkaNetClient(net=loop, **configs)
            stack.callback(client.close)
            return client

        client: Any = kind(**options, proxy_url=f"{_ClosedOnFailure.SCHEMES[0]}://", kafka_client=network)
        yield stack.enter_context(contextlib.closing(client))


class _OwningLoop(NetworkSelector):  # type: ignore[misc]
    """An event loop that closes the sockets it has waited for and that are still open when it closes.

    These are the sockets that were closed while requests waited to be sent. It also ends a TLS handshake that
    the other side does not answer: kafka-python would wait for it for ever.
    """

    def __init__(self, **configs: Any) -> None:
        super().__init__(**configs)
        self._handshake_seconds = configs["bootstrap_timeout_ms"] / 1000
        self._sockets: set[socket] = set()

    def wait_read(self, fileobj: socket, timeout_at: float | None = None) -> Any:
        if timeout_at is None and isinstance(fileobj, ssl.SSLSocket) and fileobj.version() is None:
            timeout_at = time.monotonic() + self._handshake_seconds
        return super().wait_read(fileobj, timeout_at)

    def register_event(self, fileobj: socket, event: int, task: Any) -> None:
        if fileobj not in self._sockets:
            self._sockets = {fileobj, *(known for known in self._sockets if known.fileno() >= 0)}
        super().register_event(fileobj, event, task)

    def close(self) -> None:
        super().close()
        for known in self._sockets:
            known.close()


class _ClosedOnFailure(KafkaNetSocket):  # type: ignore[misc]
    """Connects directly, and closes a socket that does not connect. Chosen by the scheme of ``proxy_url``."""

    SCHEMES: Final = ("close-on-failure",)

    async def sock_connect(
        self, net: Any, sock: socket, sockaddr: Any, timeout_at: float | None = None
    ) -> socket:
        try:
            connected: socket = await super().sock_connect(net, sock, sockaddr, timeout_at=timeout_at)
        except BaseException:
            sock.close()
            raise
        return connected

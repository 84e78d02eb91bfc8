"""Clients of kafka-python (for administration, replay and checks): their options and their sockets."""

import contextlib
import ssl
import time
from collections.abc import Callable, Iterator
from socket import socket
from typing import Any, Final, TypeVar

from kafka.net.compat import KafkaNetClient
from kafka.net.inet import KafkaNetSocket
from kafka.net.selector import NetworkSelector

from config.secret import SecretError, SecretPlace, passphrase_in
from config.settings import KafkaSettings

Client = TypeVar("Client")

REQUEST_TIMEOUT_MS: Final = 15_000
BOOTSTRAP_TIMEOUT_MS: Final = 5_000


def client_options(kafka: KafkaSettings) -> dict[str, Any]:
    """Return the keyword arguments that every kafka-python client takes.

    Raises
    ------
    SecretError
        As ``connection_options``.
    """
    return connection_options(kafka) | {
        "request_timeout_ms": REQUEST_TIMEOUT_MS,
        "bootstrap_timeout_ms": BOOTSTRAP_TIMEOUT_MS,
    }


def connection_options(kafka: KafkaSettings) -> dict[str, Any]:
    """Return the keyword arguments that clients of kafka-python and of aiokafka share.

    Raises
    ------
    SecretError
        When the user name or the password is not given, or is no usable text.
    """
    options: dict[str, Any] = {
        "bootstrap_servers": list(kafka.brokers),
        "client_id": kafka.app,
        "security_protocol": kafka.security.upper(),
    }
    if kafka.security.endswith("ssl"):
        options["ssl_context"] = tls_context()
    if kafka.sasl_mechanism:
        options |= {
            "sasl_mechanism": kafka.sasl_mechanism,
            "sasl_plain_username": secret(kafka.username, "kafka.username"),
            "sasl_plain_password": secret(kafka.password, "kafka.password"),
        }
    return options


def secret(place: SecretPlace, setting: str) -> str:
    """Read a credential; an error names the setting, which has ``_env`` or ``_file`` behind ``setting``."""
    stated = f"{setting}_env" if place.file is None else f"{setting}_file"
    try:
        value = passphrase_in(place)
    except SecretError as error:
        raise SecretError(f"{stated}: {error}") from None
    if not value:
        raise SecretError(f"{stated}: the environment variable {place.variable or '(none named)'} is not set")
    return value


def tls_context() -> ssl.SSLContext:
    """Return a context whose sockets close themselves when their handshake fails."""
    context = ssl.create_default_context()
    context.sslsocket_class = _TlsSocket
    return context


@contextlib.contextmanager
def open_client(kind: Callable[..., Client], **options: Any) -> Iterator[Client]:
    """Give a connected client; on leaving, close it with its thread and all its sockets.

    kafka-python leaves the thread of a client whose constructor raises, and drops unclosed the sockets of
    connections that failed.

    Parameters
    ----------
    kind
        ``KafkaConsumer`` or ``KafkaAdminClient``.
    options
        Its keyword arguments; for TLS, those of ``client_options``.

    Raises
    ------
    kafka.errors.KafkaError
        When no broker answers.
    """
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
            self._sockets = {fileobj, *(each for each in self._sockets if each.fileno() >= 0)}
        super().register_event(fileobj, event, task)

    def close(self) -> None:
        super().close()
        for each in self._sockets:
            each.close()


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


class _TlsSocket(ssl.SSLSocket):
    """Closes itself when its handshake fails."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except OSError:
            self.close()
            raise

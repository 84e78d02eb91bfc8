"""Connects to a broker step by step, to report in words which step fails: address, TLS or credentials.

The clients report only that no broker answers.
"""

import asyncio
import contextlib
import logging
import re
import ssl
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from threading import Lock
from typing import Any, Final

from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import KafkaConnectionError, KafkaError, SaslAuthenticationFailed
from aiokafka.protocol.admin import SaslHandShakeRequest
from aiokafka.protocol.metadata import MetadataRequest

from alerting.sinks.http_sink import no_answer
from alerting.words.mrkdwn import clean
from config.settings import KafkaSettings
from streams.drivers.kafka.connections.connection import connection_options
from streams.drivers.kafka.connections.tokens import OauthTokenError

LONGEST: Final = 200  # characters of a broker's message
TIMEOUT_MS: Final = 5_000
CLOSE_SECONDS: Final = 1.0


_NAME: Final = frozenset({62, 64})  # X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH
_EARLY, _LATE = 9, 10  # X509_V_ERR_CERT_NOT_YET_VALID, X509_V_ERR_CERT_HAS_EXPIRED


class FaultyPart(StrEnum):
    """The part of a connection that fails."""

    ADDRESS = "address"
    TLS = "TLS"
    CREDENTIALS = "credentials"


class ConnectionFault(Exception):  # noqa: N818 - a finding, not an error of this program
    """A connection that fails; as text, one line with the symptom and the remedy.

    ``address`` is ``host:port`` of the broker; empty if it plays no part.
    """

    def __init__(self, part: FaultyPart, address: str, text: str) -> None:
        super().__init__(f"{part}: {address} {text}" if address else f"{part}: {text}")
        self.part, self.text = part, text


def why_unusable(kafka: KafkaSettings, error: Exception) -> str:
    """Return in one line why no broker can be used, after a client has failed with ``error``; blocks."""
    with ThreadPoolExecutor(1) as thread:  # in this one may be an event loop
        message = thread.submit(lambda: asyncio.run(reason_unusable(kafka))).result()
    where = ", ".join(kafka.brokers)
    return message or f"Kafka at {where} does not answer ({type(error).__name__}): is it running?"


async def reason_unusable(kafka: KafkaSettings) -> str | None:
    """Return in one line why no broker can be used, None if one can.

    Raises
    ------
    SecretError
        When a credential or a certificate is missing.
    """
    found = await asyncio.gather(*(reach(kafka, broker) for broker in kafka.brokers), return_exceptions=True)
    if any(isinstance(result, list) for result in found):
        return None
    for result in found:
        if not isinstance(result, ConnectionFault):
            raise result  # type: ignore[misc] # an exception: the lists are dealt with
    faults = [result for result in found if isinstance(result, ConnectionFault)]
    precise = [fault for fault in faults if fault.part != FaultyPart.ADDRESS]
    if precise:
        return f"Kafka cannot be used: {precise[0]}"
    return f"Kafka at {', '.join(kafka.brokers)} {faults[0].text}"


async def reach(kafka: KafkaSettings, address: str) -> list[str]:
    """Connect to a broker as all clients do; return the addresses that it advertises for the cluster.

    Raises
    ------
    ConnectionFault
        With the step that failed, and the remedy.
    SecretError
        When a credential or a certificate is missing.
    """
    options = connection_options(kafka) | {"request_timeout_ms": TIMEOUT_MS}
    del options["bootstrap_servers"]
    host, _, port = address.rpartition(":")
    unnamed = options | {"security_protocol": "SSL" if kafka.security.endswith("ssl") else "PLAINTEXT"}
    with silent_client():
        async with _connected(kafka, address, _Connection(host.strip("[]"), int(port), **unnamed)) as plain:
            if not kafka.sasl_mechanism:
                return _advertised(await plain.send(MetadataRequest([])))
            message = await plain.send(SaslHandShakeRequest(options["sasl_mechanism"]))
        if message.error_code:
            raise mechanism_fault(kafka, address, message.enabled_mechanisms)
        async with _connected(kafka, address, _Connection(host.strip("[]"), int(port), **options)) as named:
            return _advertised(await named.send(MetadataRequest([])))


@contextlib.asynccontextmanager
async def _connected(
    kafka: KafkaSettings, address: str, connection: "_Connection"
) -> AsyncIterator["_Connection"]:
    """Connect, then close; every error becomes a fault."""
    try:
        try:
            await connection.connect()
        except OauthTokenError as error:
            raise ConnectionFault(FaultyPart.CREDENTIALS, "", str(error)) from error
        except SaslAuthenticationFailed as error:
            raise credentials_fault(kafka, address, str(error.args[0] if error.args else "")) from error
        except (OSError, KafkaError) as error:
            raise _not_connected(kafka, address, error) from error
        try:
            yield connection
        except (OSError, KafkaError) as error:
            raise closed_fault(kafka, address) from error
    finally:
        await connection.end()


def _not_connected(kafka: KafkaSettings, address: str, error: Exception) -> ConnectionFault:
    cause = error.__cause__ if isinstance(error, KafkaConnectionError) else error
    reset = isinstance(error, ConnectionResetError | ConnectionAbortedError)  # in the midst of a handshake
    if isinstance(cause, ssl.SSLError) or (reset and kafka.security.endswith("ssl")):
        return tls_fault(kafka, address, cause)
    return address_fault(address, error) if isinstance(error, OSError) else silent_fault(kafka, address)


def _advertised(metadata: Any) -> list[str]:
    return [f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for _, host, port, *_ in metadata.brokers]


class _Connection(AIOKafkaConnection):  # type: ignore[misc]
    """Notices that its token is refused, and ends with its socket closed.

    aiokafka mistakes the broker's first answer to a token for acceptance. It closes a failing connection
    without waiting, and TLS ends only when the broker answers: by then the event loop may be gone.
    """

    _transport: asyncio.Transport | None = None

    def close(self, reason: Any = None, exc: Exception | None = None) -> Any:
        if self._writer is not None:
            self._transport = self._writer.transport
        return super().close(reason, exc)

    async def end(self) -> None:
        """Close, and cut off a broker that does not answer in time."""
        closed = self.close()
        if self._transport is None:  # it never connected
            return
        await asyncio.wait([closed], timeout=CLOSE_SECONDS)
        self._transport.abort()
        await closed

    def authenticator_oauth(self) -> Any:
        return _OauthExchange(super().authenticator_oauth())


class _OauthExchange:
    """Answers a refusal as in RFC 7628, section 3.2.3; the broker then ends the exchange with its error."""

    def __init__(self, usual: Any) -> None:
        self._usual = usual

    async def step(self, payload: bytes | None) -> tuple[bytes, bool] | None:
        if not payload:
            result: tuple[bytes, bool] | None = await self._usual.step(payload)
            return result
        return b"\x01", True


def address_fault(address: str, error: BaseException) -> ConnectionFault:
    """Describe an address where nobody answers."""
    text = f"does not answer ({no_answer(error)}); check kafka.brokers, and that this machine may reach it"
    return ConnectionFault(FaultyPart.ADDRESS, address, text)


def tls_fault(kafka: KafkaSettings, address: str, error: BaseException) -> ConnectionFault:
    """Describe a handshake that fails: on either certificate, or because one side does not speak TLS."""
    if isinstance(error, ssl.SSLCertVerificationError):
        text = _distrusted(kafka, error)
    elif isinstance(error, ssl.SSLError) and "ALERT" in (error.reason or ""):
        words = (error.reason or "").rpartition("ALERT_")[2].lower().replace("_", " ")
        text = (
            f"refuses the client certificate in kafka.tls.cert ({words}); it must be in date and signed by "
            "an authority that the broker trusts"
            if kafka.tls and kafka.tls.cert
            else f"wants a client certificate ({words}); set kafka.tls.cert and kafka.tls.key"
        )
    else:
        plain = "sasl_plaintext" if kafka.sasl_mechanism else "plaintext"
        text = (
            "does not speak TLS at this port; correct the port in kafka.brokers, or set kafka.security to "
            f"{plain}"
        )
    return ConnectionFault(FaultyPart.TLS, address, text)


def _distrusted(kafka: KafkaSettings, error: ssl.SSLCertVerificationError) -> str:
    words = error.verify_message.rstrip(".")
    if error.verify_code in _NAME:
        return (
            f"has a certificate for another name ({words}); write the name of the certificate in "
            "kafka.brokers, or set kafka.tls.verify_name to false"
        )
    if error.verify_code == _LATE:
        return "has a certificate that has expired; it must be renewed"
    if error.verify_code == _EARLY:
        return "has a certificate that is not valid yet; check the clocks of this machine and the broker"
    if kafka.tls and kafka.tls.ca:
        return f"has a certificate of an authority that is not in kafka.tls.ca ({words}); add that authority"
    return (
        f"has a certificate of an authority that this system does not trust ({words}); set kafka.tls.ca to "
        "the file of your company's authority"
    )


def silent_fault(kafka: KafkaSettings, address: str) -> ConnectionFault:
    """Describe a broker that ends a connection before the first answer, as when it expects TLS."""
    text = "ends the connection; it may want TLS (set kafka.security to ssl or sasl_ssl) or not be a broker"
    if kafka.security.endswith("ssl"):
        text = "ends the connection; it may not be a Kafka broker: check kafka.brokers"
    return ConnectionFault(FaultyPart.TLS, address, text)


def closed_fault(kafka: KafkaSettings, address: str) -> ConnectionFault:
    """Describe a broker that answers and then ends the connection, as when it expects credentials."""
    better = "sasl_ssl" if kafka.security == "ssl" else "sasl_plaintext"
    text = (
        "ends the connection after the credentials; see the log of the broker"
        if kafka.sasl_mechanism
        else f"wants credentials; set kafka.security to {better}, and kafka.sasl_mechanism"
    )
    return ConnectionFault(FaultyPart.CREDENTIALS, address, text)


def mechanism_fault(kafka: KafkaSettings, address: str, enabled: Sequence[str]) -> ConnectionFault:
    """Describe a broker that does not accept the mechanism, or no credentials at all."""
    if not enabled:
        plain = "ssl" if kafka.security == "sasl_ssl" else "plaintext"
        text = f"takes no credentials at this port; correct the port, or set kafka.security to {plain}"
    else:
        text = (
            f"does not take {kafka.sasl_mechanism}; set kafka.sasl_mechanism to "
            f"{' or '.join(map(clean, sorted(enabled)))}"
        )
    return ConnectionFault(FaultyPart.CREDENTIALS, address, text)


def credentials_fault(kafka: KafkaSettings, address: str, words: str) -> ConnectionFault:
    """Describe a broker that refuses the identity."""
    status = re.search('"status": *"([a-z_]+)"', words)
    reason = status[1] if status else clean(words)[:LONGEST]
    if kafka.sasl_mechanism == "OAUTHBEARER":
        text = (
            f"refuses the token ({reason}); check its audience, issuer and scope with the broker's settings"
        )
    elif kafka.sasl_mechanism == "AWS_MSK_IAM":
        text = (
            f"refuses the AWS identity ({reason}); it needs kafka-cluster:Connect on the cluster, and the "
            "clock of this machine must be right"
        )
    else:
        text = (
            f"refuses the user in {kafka.username.name()} with the password in {kafka.password.name()} "
            f"({kafka.sasl_mechanism}); correct them"
        )
    return ConnectionFault(FaultyPart.CREDENTIALS, address, text)


class _Silence:
    """How many want the log of the client silent, which the whole process shares, and its level before."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._wanted = 0
        self._before = logging.NOTSET

    @contextlib.contextmanager
    def __call__(self) -> Iterator[None]:
        """Silence the log of the client: its errors are raised in one line."""
        library = logging.getLogger("aiokafka")
        with self._lock:
            if not self._wanted:
                self._before = library.level
                library.setLevel(logging.CRITICAL)
            self._wanted += 1
        try:
            yield
        finally:
            with self._lock:
                self._wanted -= 1
                if not self._wanted:
                    library.setLevel(self._before)


silent_client: Final = _Silence()

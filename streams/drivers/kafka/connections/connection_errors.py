"""The words for a failing connection to a broker: which part fails, why, and the remedy."""

import re
import ssl
from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from alerting.sinks.http_sink import no_answer
from alerting.words.mrkdwn import clean
from config.settings import KafkaSettings

LONGEST: Final = 200  # characters of a broker's message

_NAME: Final = frozenset({62, 64})  # X509_V_ERR_HOSTNAME_MISMATCH, …_IP_ADDRESS_MISMATCH
_EARLY, _LATE = 9, 10  # X509_V_ERR_CERT_NOT_YET_VALID, …_HAS_EXPIRED


class Part(StrEnum):
    """The part of a connection that fails."""

    ADDRESS = "address"
    TLS = "TLS"
    CREDENTIALS = "credentials"


class ConnectionFault(Exception):  # noqa: N818 - a finding, not an error of this program
    """A connection that fails; as text, one line with the remedy.

    Parameters
    ----------
    address
        ``host:port`` of the broker; empty if it has no part in it.
    text
        The symptom, and the remedy.
    """

    def __init__(self, part: Part, address: str, text: str) -> None:
        super().__init__(f"{part}: {address} {text}" if address else f"{part}: {text}")
        self.part, self.text = part, text


def address_fault(address: str, error: BaseException) -> ConnectionFault:
    """Describe an address where nobody answers."""
    text = f"does not answer ({no_answer(error)}); check kafka.brokers, and that this machine may reach it"
    return ConnectionFault(Part.ADDRESS, address, text)


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
    return ConnectionFault(Part.TLS, address, text)


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
    return ConnectionFault(Part.TLS, address, text)


def closed_fault(kafka: KafkaSettings, address: str) -> ConnectionFault:
    """Describe a broker that answers and then ends the connection, as when it expects credentials."""
    better = "sasl_ssl" if kafka.security == "ssl" else "sasl_plaintext"
    text = (
        "ends the connection after the credentials; see the log of the broker"
        if kafka.sasl_mechanism
        else f"wants credentials; set kafka.security to {better}, and kafka.sasl_mechanism"
    )
    return ConnectionFault(Part.CREDENTIALS, address, text)


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
    return ConnectionFault(Part.CREDENTIALS, address, text)


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
    return ConnectionFault(Part.CREDENTIALS, address, text)

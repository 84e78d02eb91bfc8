"""The keyword arguments with which every client of Kafka connects."""

import asyncio
from collections.abc import Callable
from typing import Any

from aiokafka import abc as aiokafka_abc
from kafka.net.sasl import oauth as kafka_python_oauth

from config.settings import KafkaSettings
from streams.drivers.kafka.connections.tls import secret, tls_context
from streams.drivers.kafka.connections.tokens import OauthTokens, tokens_of


class BlockingTokenProvider(kafka_python_oauth.AbstractTokenProvider):  # type: ignore[misc]
    """Gives tokens to kafka-python, in the thread of its client."""

    def __init__(self, tokens: OauthTokens, extensions: dict[str, str]) -> None:
        super().__init__()
        self._tokens, self._extensions = tokens, extensions

    def token(self) -> str:
        """Return a token."""
        return self._tokens.token()

    def extensions(self) -> dict[str, str]:
        """Return the SASL extensions."""
        return self._extensions


class AsyncTokenProvider(aiokafka_abc.AbstractTokenProvider):  # type: ignore[misc]
    """Gives tokens to aiokafka, without holding the event loop."""

    def __init__(self, tokens: OauthTokens, extensions: dict[str, str]) -> None:
        self._tokens, self._extensions = tokens, extensions

    async def token(self) -> str:
        """Return a token."""
        return await asyncio.to_thread(self._tokens.token)

    def extensions(self) -> dict[str, str]:
        """Return the SASL extensions."""
        return self._extensions


def connection_options(
    kafka: KafkaSettings, provider: Callable[[OauthTokens, dict[str, str]], object] = AsyncTokenProvider
) -> dict[str, Any]:
    """Return the keyword arguments that clients of kafka-python and of aiokafka share.

    Parameters
    ----------
    provider
        Gives tokens to the client: ``AsyncTokenProvider`` for aiokafka, ``BlockingTokenProvider`` for
        kafka-python.

    Raises
    ------
    SecretError
        When a certificate, or an environment variable that the configuration names, cannot be used.
    """
    options: dict[str, Any] = {
        "bootstrap_servers": list(kafka.brokers),
        "client_id": kafka.app,
        "security_protocol": kafka.security.upper(),
    }
    if kafka.security.endswith("ssl"):
        options["ssl_context"] = tls_context(kafka)
    tokens = tokens_of(kafka)
    if tokens is not None:
        extensions = kafka.oauth.extensions if kafka.oauth else {}
        options |= {
            "sasl_mechanism": "OAUTHBEARER",  # the one that AWS_MSK_IAM uses
            "sasl_oauth_token_provider": provider(tokens, extensions),
        }
    elif kafka.sasl_mechanism:
        options |= {
            "sasl_mechanism": kafka.sasl_mechanism,
            "sasl_plain_username": secret(kafka.username, "kafka.username"),
            "sasl_plain_password": secret(kafka.password, "kafka.password"),
        }
    return options

"""How kafka-python clients (replay, setup, check) reach the brokers."""

import os
from collections.abc import Callable
from typing import Any, TypeVar

from kafka.net.compat import KafkaNetClient

from config.settings import KafkaSettings


class CredentialsMissingError(Exception):
    """An environment variable that the configuration names is not set."""


def client_options(kafka: KafkaSettings) -> dict[str, Any]:
    """Return the keyword arguments that every kafka-python client takes.

    Raises
    ------
    CredentialsMissingError
        When ``username_env`` or ``password_env`` names a variable that is not set.
    """
    options: dict[str, Any] = {
        "bootstrap_servers": kafka.brokers,
        "client_id": kafka.app,
        "security_protocol": kafka.security.upper(),
        "request_timeout_ms": 15_000,
        "bootstrap_timeout_ms": 5_000,
    }
    if kafka.sasl_mechanism:
        options |= {
            "sasl_mechanism": kafka.sasl_mechanism,
            "sasl_plain_username": secret(kafka.username_env, "kafka.username_env"),
            "sasl_plain_password": secret(kafka.password_env, "kafka.password_env"),
        }
    return options


Client = TypeVar("Client")


def connected(client: Callable[..., Client], kafka: KafkaSettings, **more: Any) -> Client:
    """Return a client of kafka-python that has reached the brokers; where it cannot, nothing of it is left.

    A constructor that raises leaves its thread running: nobody has anything to close.

    Parameters
    ----------
    client
        ``KafkaConsumer`` or ``KafkaAdminClient``.
    more
        Its further keyword arguments.

    Raises
    ------
    CredentialsMissingError
        As ``client_options``.
    kafka.errors.KafkaError
        When no broker answers.
    """
    made: list[KafkaNetClient] = []

    def kept(**options: Any) -> KafkaNetClient:
        made.append(KafkaNetClient(**options))
        return made[-1]

    try:
        return client(**client_options(kafka), **more, kafka_client=kept)
    except BaseException:
        for each in made:
            each.close()
        raise


def secret(variable: str | None, setting: str) -> str:
    """Read a credential from the environment, naming the setting when it is not there."""
    value = os.environ.get(variable or "")
    if not value:
        raise CredentialsMissingError(
            f"{setting}: the environment variable {variable or '(none named)'} is not set"
        )
    return value

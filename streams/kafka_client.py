"""How kafka-python clients (replay, setup, check) reach the brokers."""

import os
from typing import Any

from config.settings import Kafka


class CredentialsMissingError(Exception):
    """An environment variable that the configuration names is not set."""


def client_options(kafka: Kafka) -> dict[str, Any]:
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


def secret(variable: str | None, setting: str) -> str:
    """Read a credential from the environment, naming the setting when it is not there."""
    value = os.environ.get(variable or "")
    if not value:
        raise CredentialsMissingError(
            f"{setting}: the environment variable {variable or '(none named)'} is not set"
        )
    return value

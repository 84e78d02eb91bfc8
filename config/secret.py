"""Secrets from environment variables, checked before anything sends or shows them."""

import os
from collections.abc import Mapping


class SecretError(Exception):
    """A secret is missing or cannot be used; the message names its variable, never its value."""


def token_in(variable: str, environment: Mapping[str, str] = os.environ) -> str:
    r"""Return the token in a variable without white space around it; empty if there is none.

    Raises
    ------
    SecretError
        When it cannot be sent in a header.

    Examples
    --------
    >>> token_in("TOKEN", {"TOKEN": "xoxb-1\n"}), token_in("TOKEN", {})
    ('xoxb-1', '')
    """
    token = environment.get(variable, "").strip()
    if not token.isascii() or not token.isprintable() or " " in token:
        raise SecretError(
            f"{variable}: the token contains a space, a line break or a character that is not ASCII; "
            "set it to the token alone"
        )
    return token


def passphrase_in(variable: str, environment: Mapping[str, str] = os.environ) -> str:
    """Return the passphrase in a variable as it is, since spaces may belong to it; empty if there is none.

    Raises
    ------
    SecretError
        When it contains what nobody types.
    """
    passphrase = environment.get(variable, "")
    if not passphrase.isprintable():
        raise SecretError(
            f"{variable}: the secret contains a line break or a control character; set it to the secret alone"
        )
    return passphrase

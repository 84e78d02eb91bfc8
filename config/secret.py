"""Secrets from files and environment variables, checked before anything sends or shows them."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from config.bounded_read import read_bounded

LARGEST_FILE: Final = 64 * 1024  # bytes
OF_FILE: Final = "_FILE"
"""``NAME_FILE`` names a file with the secret that ``NAME`` would hold: so Docker's own images have it."""


class SettingsError(Exception):
    """What is configured cannot be used; the text names where that is, and the remedy, one a line."""


class SecretError(SettingsError):
    """A secret is missing or cannot be used; the message names where it is kept, never its value."""


class SecretPlace(NamedTuple):
    """Where a secret is kept.

    ``variable`` is an environment variable with the secret, empty if the settings name none; with ``_FILE``
    behind its name, one that names a file with the secret instead. ``file`` is a file that precedes both.
    """

    variable: str
    file: str | None = None

    def name(self, environment: Mapping[str, str] = os.environ) -> str:
        """Return its name in messages: the file, or the variable."""
        return self.path(environment) or self.variable

    def path(self, environment: Mapping[str, str] = os.environ) -> str | None:
        """Return the file, None if the variable itself holds the secret.

        Examples
        --------
        >>> SecretPlace("TOKEN").path({"TOKEN_FILE": "/run/secrets/token"})
        '/run/secrets/token'
        """
        if self.file is not None or not self.variable:
            return self.file
        return environment.get(f"{self.variable}{OF_FILE}") or None


def text_in(place: SecretPlace, environment: Mapping[str, str] = os.environ) -> str:
    """Return the contents of a place, without the line break at the end; empty if the variable is not set.

    A file is read anew at every call.

    Raises
    ------
    SecretError
        When the file cannot be read or is empty, or when there are two places.
    """
    given = environment.get(place.variable, "")
    path = place.path(environment)
    if path is None:
        return given
    if given and place.file is None:
        both = f"{place.variable} and {place.variable}{OF_FILE}"
        raise SecretError(f"{both} are both set; unset one of them")
    try:
        contents = read_bounded(Path(path), LARGEST_FILE)
        if len(contents) > LARGEST_FILE:
            raise SecretError(f"{path}: larger than {LARGEST_FILE >> 10} KiB; name the file with the secret")
        text = contents.decode().removesuffix("\n").removesuffix("\r")
    except (OSError, UnicodeDecodeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a text file"
        raise SecretError(
            f"{path}: the secret cannot be read ({reason}); correct the path or its permissions"
        ) from None
    if not text.strip():
        raise SecretError(f"{path}: the file of the secret is empty; write the secret into it")
    return text


def token_in(place: SecretPlace, environment: Mapping[str, str] = os.environ) -> str:
    r"""Return the token in a place without white space around it; empty if there is none.

    Raises
    ------
    SecretError
        When it cannot be read, or sent in a header.

    Examples
    --------
    >>> place = SecretPlace("TOKEN")
    >>> token_in(place, {"TOKEN": "xoxb-1\n"}), token_in(place, {})
    ('xoxb-1', '')
    """
    token = text_in(place, environment).strip()
    if not token.isascii() or not token.isprintable() or " " in token:
        raise SecretError(
            f"{place.name(environment)}: the token contains a space, a line break or a character that is not "
            "ASCII; set it to the token alone"
        )
    return token


def passphrase_in(place: SecretPlace, environment: Mapping[str, str] = os.environ) -> str:
    """Return the passphrase in a place as it is, since spaces may belong to it; empty if there is none.

    Raises
    ------
    SecretError
        When it cannot be read, or contains characters that nobody types.
    """
    passphrase = text_in(place, environment)
    if not passphrase.isprintable():
        raise SecretError(
            f"{place.name(environment)}: the secret contains a line break or a control character; set it to "
            "the secret alone"
        )
    return passphrase

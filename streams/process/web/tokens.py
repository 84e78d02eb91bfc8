"""Bearer tokens by scope: kept as SHA-256 hashes, compared in constant time.

The tokens are random and long (``new_token``), so that a plain hash cannot be reversed by guessing.
"""

import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Final, NamedTuple

from config.bounded_read import read_bounded
from config.secret import SecretError, SecretPlace, text_in, token_in
from config.settings import TokensSettings

LARGEST_FILE: Final = 1 << 20  # bytes
SHORTEST: Final = 20  # characters
NAME: Final = 40  # characters of a comment that name a token
LABEL: Final = 12  # digits
OWN_VARIABLE: Final = "UNERI_TOKEN"
"""Holds the token that Uneri's own commands send (or UNERI_TOKEN_FILE names its file)."""

_HASH: Final = re.compile(r"sha256:([0-9a-fA-F]{64})")
_REMEDY: Final = "make one with `uneri token`"


class AccessScope(StrEnum):
    """A scope of requests that a token allows."""

    INTAKE = "intake"  # sending events
    READ = "read"  # status, metrics, labels, memos, the list of silences
    OPERATE = "operate"  # reading, and changing silences and memos


class AccessTokenError(Exception):
    """A token or the file of tokens cannot be used; the message never holds a token."""


class KnownToken(NamedTuple):
    """The hash of a token, its scopes, and its name: the comment beside it in ``tokens.file``."""

    digest: bytes
    scopes: frozenset[AccessScope]
    name: str = ""


class Tokens:
    """The accepted tokens; without any, no token is needed."""

    def __init__(self, known: Iterable[KnownToken] = ()) -> None:
        self._known = tuple(known)

    def __repr__(self) -> str:
        return f"Tokens({len(self._known)})"

    @property
    def count(self) -> int:
        """The number of tokens."""
        return len(self._known)

    @property
    def known(self) -> tuple[KnownToken, ...]:
        """All tokens."""
        return self._known

    @property
    def scopes(self) -> list[AccessScope]:
        """The scopes that some token has."""
        return [scope for scope in AccessScope if any(scope in token.scopes for token in self._known)]

    def allowed(self, token: str) -> frozenset[AccessScope]:
        """Return the scopes of a token; none for an unknown one."""
        return scopes_of(self._same(token))

    def name(self, token: str) -> str:
        """Return the name of a token; empty without one."""
        return name_of(self._same(token))

    def label(self, token: str) -> str:
        """Return what a token is called in logs: its name, else the first digits of its hash."""
        return self.name(token) or f"sha256:{digest_of(token).hex()[:LABEL]}…"

    def _same(self, token: str) -> list[KnownToken]:
        digest = digest_of(token)  # compared with all: the time must not reveal a near match
        return [known for known in self._known if hmac.compare_digest(known.digest, digest)]


def scopes_of(tokens: Iterable[KnownToken]) -> frozenset[AccessScope]:
    """Return the scopes that any of some tokens allows."""
    return frozenset(scope for token in tokens for scope in token.scopes)


def name_of(tokens: Iterable[KnownToken]) -> str:
    """Return the first name that some tokens have; empty if none has one."""
    return next((token.name for token in tokens if token.name), "")


def digest_of(token: str) -> bytes:
    """Return the hash by which a token is known."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def new_token() -> str:
    """Return a new token of 256 random bits."""
    return f"uneri_{secrets.token_urlsafe(32)}"


def hash_of(token: str) -> str:
    """Return a token as it is written in the file of tokens."""
    return f"sha256:{digest_of(token).hex()}"


def load_tokens(settings: TokensSettings, environment: Mapping[str, str] = os.environ) -> Tokens:
    """Read the tokens from the environment and from files.

    Raises
    ------
    AccessTokenError
        When one of them cannot be used.
    """
    by_scope = {
        AccessScope.INTAKE: SecretPlace(settings.intake_env, settings.intake_file),
        AccessScope.READ: SecretPlace(settings.read_env, settings.read_file),
        AccessScope.OPERATE: SecretPlace(settings.operate_env, settings.operate_file),
    }
    try:
        known = [
            KnownToken(_given(text, place.name(environment)), _with_implied([scope]))
            for scope, place in by_scope.items()
            for text in text_in(place, environment).replace("\n", ",").split(",")
            if text.strip()
        ]
    except SecretError as error:
        raise AccessTokenError(str(error)) from None
    if settings.file is not None:
        known += _read(settings.file)
    return Tokens(known)


def own_authorization(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the header that Uneri's own commands send; empty without a token.

    Raises
    ------
    config.secret.SecretError
        When the token cannot be sent.
    """
    token = token_in(SecretPlace(OWN_VARIABLE), environment)
    return {"Authorization": f"Bearer {token}"} if token else {}


def _given(text: str, variable: str) -> bytes:
    token = text.strip()
    if found := _HASH.fullmatch(token):
        return bytes.fromhex(found[1])
    if len(token) < SHORTEST or not token.isascii() or not token.isprintable() or " " in token:
        raise AccessTokenError(
            f"{variable}: a token needs at least {SHORTEST} printable characters without a space; {_REMEDY}"
        )
    return digest_of(token)


def _read(path: str) -> list[KnownToken]:
    try:
        contents = read_bounded(Path(path), LARGEST_FILE)
        if len(contents) > LARGEST_FILE:
            raise AccessTokenError(
                f"tokens.file {path}: larger than {LARGEST_FILE >> 20} MiB; name another file"
            )
        lines = contents.decode().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not a text file"
        raise AccessTokenError(f"tokens.file {path}: cannot be read ({reason}); correct the path") from None
    known = [
        _line(words, comment, f"tokens.file {path}, line {number}")
        for number, line in enumerate(lines, 1)
        for given, _, comment in (line.partition("#"),)
        if (words := given.split())
    ]
    if not known:  # else everybody would be let in
        raise AccessTokenError(f"tokens.file {path}: holds no token; {_REMEDY}, or remove the setting")
    return known


def _line(words: Sequence[str], comment: str, where: str) -> KnownToken:
    names = words[0].split(",")
    if not set(names) <= {scope.value for scope in AccessScope}:
        raise AccessTokenError(
            f"{where}: the first word must be {', '.join(AccessScope)}, or some with commas"
        )
    found = _HASH.fullmatch(words[1]) if len(words) == 2 else None  # noqa: PLR2004 - scopes and hash
    if found is None:
        raise AccessTokenError(f"{where}: write scopes and sha256:… only, as `uneri token` prints them")
    scopes = _with_implied([AccessScope(name) for name in names])
    return KnownToken(bytes.fromhex(found[1]), scopes, " ".join(comment.split())[:NAME])


def _with_implied(scopes: Iterable[AccessScope]) -> frozenset[AccessScope]:
    given = frozenset(scopes)
    return given | {AccessScope.READ} if AccessScope.OPERATE in given else given

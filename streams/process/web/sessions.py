"""Sessions of browsers: a cookie in place of a token, which a page cannot keep.

A cookie proves that its browser once had a token, and contains neither the token nor its hash. It is valid as
long as that token is in the configuration. Nothing is stored, so a restart of the daemon ends no session.
"""

import contextlib
import hashlib
import hmac
import os
import secrets
from pathlib import Path
from typing import Final, NamedTuple

from aiohttp import web

from config.bounded_read import read_bounded
from streams.process.web.tokens import AccessScope, KnownToken, Tokens, digest_of, name_of, scopes_of

SESSION_PATH: Final = "/board"
"""Browsers send the cookie to this path and below; no other path accepts it."""

LONGEST: Final = 400 * 86_400  # seconds: browsers keep no cookie longer, so it is renewed while it is used
KEY_BYTES: Final = 32
_FORMAT: Final = "1"  # of the cookie
_PARTS: Final = 4
_PROOF: Final = "proof"
_SECURE, _PLAIN = "s", "p"


class SessionKeyError(Exception):
    """The file of the key cannot be used; the message has the remedy."""


class SessionCookie(NamedTuple):
    """The cookie of one browser."""

    value: str
    secure: bool  # only over TLS

    def put(self, request: web.Request, answer: web.StreamResponse) -> None:
        """Set the cookie in an answer."""
        answer.set_cookie(
            _name(request),
            self.value,
            max_age=LONGEST,
            path=SESSION_PATH,
            secure=self.secure,
            httponly=True,
            samesite="Strict",
        )


class Sessions:
    """Makes and verifies the cookies of sessions.

    ``key`` signs cookies; the default ends with the process, and all sessions with it.
    """

    def __init__(self, tokens: Tokens, key: bytes | None = None) -> None:
        self._tokens = tokens
        self._key: bytes | None = key or new_session_key()

    def __repr__(self) -> str:
        return f"Sessions({self._tokens!r})"

    @property
    def needed(self) -> bool:
        """True if a browser needs a session at all: there is a token."""
        return bool(self._tokens.count)

    @property
    def waiting(self) -> bool:
        """True until the key arrives that several daemons share: no session can be verified."""
        return self._key is None

    def await_key(self) -> None:
        """Accept no session until ``use``."""
        self._key = None

    def use(self, key: bytes) -> None:
        """Sign with this key from now on."""
        self._key = key

    def replace_tokens(self, tokens: Tokens) -> None:
        """Accept only these tokens from now on; sessions of others end."""
        self._tokens = tokens

    def begin(self, token: str, *, secure: bool) -> SessionCookie | None:
        """Return a session for a token that allows reading; None for any other."""
        if self._key is None or AccessScope.READ not in self._tokens.allowed(token):
            return None
        head = f"{_FORMAT}.{_SECURE if secure else _PLAIN}.{secrets.token_urlsafe(12)}"
        return SessionCookie(f"{head}.{_seal(self._key, head, digest_of(token))}", secure)

    def allowed(self, request: web.Request) -> frozenset[AccessScope]:
        """Return the scopes of the session of a request; none without a valid one."""
        found = self.of(request)
        return frozenset() if found is None else self._scopes(found.value)

    def of(self, request: web.Request) -> SessionCookie | None:
        """Return the session of a request, None without a valid one."""
        value = request.cookies.get(_name(request), "")
        parts = value.split(".")
        if len(parts) != _PARTS or not value.isascii() or not self._scopes(value):
            return None
        return SessionCookie(value, parts[1] == _SECURE)

    def name(self, request: web.Request) -> str:
        """Return the name of the token that began the session of a request; empty without one."""
        found = self.of(request)
        return "" if found is None else name_of(self._tokens_of(found.value))

    def proof(self, request: web.Request) -> str:
        """Return the proof that a page of the board sends with a change.

        It belongs to the session, and only a reader of answers to this browser knows it. Where no token is
        needed, there is one for all.
        """
        found = self.of(request)
        sealed = f"{_PROOF}.{'' if found is None else found.value}"
        key = self._key or new_session_key()  # which proves nothing
        return hmac.new(key, sealed.encode(), hashlib.sha256).hexdigest()

    def end(self, request: web.Request, answer: web.StreamResponse) -> None:
        """Delete the cookie in an answer."""
        answer.del_cookie(_name(request), path=SESSION_PATH)

    def _scopes(self, value: str) -> frozenset[AccessScope]:
        return scopes_of(self._tokens_of(value))

    def _tokens_of(self, value: str) -> list[KnownToken]:
        key = self._key
        if key is None:
            return []
        head, _, seal = value.rpartition(".")  # compared with all: the time must not tell which one it is
        return [
            known for known in self._tokens.known if hmac.compare_digest(_seal(key, head, known.digest), seal)
        ]


def _seal(key: bytes, head: str, digest: bytes) -> str:
    return hmac.new(key, head.encode() + digest, hashlib.sha256).hexdigest()


def new_session_key() -> bytes:
    """Return a random key."""
    return secrets.token_bytes(KEY_BYTES)


def session_key(path: Path) -> bytes:
    """Return the key in a file, created if missing, which only its owner can read.

    Raises
    ------
    SessionKeyError
        When it cannot be read or made, or holds no key.
    """
    try:
        with contextlib.suppress(FileExistsError):
            _make(path)
        key = read_bounded(path, KEY_BYTES)
    except OSError as error:
        raise SessionKeyError(
            f"the key of sessions {path} cannot be used ({error.strerror}); correct its rights"
        ) from error
    if len(key) != KEY_BYTES:
        raise SessionKeyError(
            f"{path} holds no key of sessions; delete it, and the next start makes one (boards sign in again)"
        )
    return key


def _make(path: Path) -> None:
    """Write a new key to a temporary file and link it: readers see a complete one."""
    if path.exists():
        return
    beside = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    with open(os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:  # noqa: PTH123
        file.write(new_session_key())
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(beside, path)
    finally:
        beside.unlink()


def _name(request: web.Request) -> str:
    """Return the name of the cookie: browsers send those of all ports of a host to each of them."""
    port = request.host.rpartition("]")[2].partition(":")[2]
    return f"uneri_board_{port}" if port.isdigit() else "uneri_board"

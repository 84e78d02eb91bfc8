"""Asks a daemon's board over HTTP, with the token of the client that asks."""

import os
import ssl
import time
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any, Final, TypeVar
from urllib.parse import quote

import aiohttp
import msgspec

from streams.process.web.tokens import OWN_VARIABLE, AccessScope
from streams.screens.board.sign_in import SessionAnswer
from streams.screens.mcp.tool_figures import ToolTimes
from streams.screens.mcp.untrusted_text import shown

SECONDS: Final = 30.0  # a page may wait ten for its turn, a command fifteen for Kafka
MOST_BYTES: Final = 16 << 20
CONNECTIONS: Final = 8
ZONE_SECONDS: Final = 600.0
_NO_BOARD: Final = "has no board there; check --url (with Kafka, name a process with the role board)"

_REMEDIES: Final = (
    ("/board/scopes?like= finds names", "find_names finds names"),
    ("/incidents lists those that have not ended", "list_incidents lists them"),
    ("to needs from, ", "until needs since, "),
    ("from is no time: ", "since is no time: "),
    ("to is no time: ", "until is no time: "),
)


_Answer = TypeVar("_Answer")


class BoardAnswerError(Exception):
    """The daemon does not answer, or refuses; the message has the remedy, in one line."""


class Permission(SessionAnswer, frozen=True, kw_only=True):
    """The permission of a token."""

    def allows(self, scope: AccessScope) -> bool:
        """Return whether it allows a scope."""
        return scope in self.may

    @property
    def may_act(self) -> bool:
        """Whether a token allows to change something, and not just that nobody needs one."""
        return self.needed and self.allows(AccessScope.OPERATE)


class _KeptTimes:
    """The times of a daemon, shared by its clients, and until when they hold (monotonic seconds)."""

    def __init__(self) -> None:
        self.times: ToolTimes | None = None
        self.until = 0.0


class BoardClient:
    """Asks one daemon.

    Its methods raise ``BoardAnswerError``, with the remedy, when it does not answer or refuses.

    Parameters
    ----------
    url
        Address of the daemon, without a slash at its end.
    session
        Its connections (``connections``), which clients share.
    authorization
        The header with a token; empty without one.
    """

    def __init__(self, url: str, session: aiohttp.ClientSession, authorization: Mapping[str, str]) -> None:
        self.url = url
        self._session = session
        self._authorization = dict(authorization)
        self._kept = _KeptTimes()

    @property
    def has_token(self) -> bool:
        """Whether the client sends a token."""
        return bool(self._authorization)

    def with_token(self, authorization: Mapping[str, str]) -> "BoardClient":
        """Return a client with another token."""
        other = BoardClient(self.url, self._session, authorization)
        other._kept = self._kept
        return other

    async def times(self) -> ToolTimes:
        """Return times in the zone of the daemon, which is asked for it once in ten minutes."""
        kept = self._kept
        if kept.times is None or time.monotonic() > kept.until:
            kept.times = ToolTimes(str((await self.ask("/board/wall")).get("zone", "UTC")))
            kept.until = time.monotonic() + ZONE_SECONDS
        return kept.times

    async def permission(self) -> Permission:
        """Return the permission of the token."""
        try:
            return await self.ask_for(Permission, "/board/session")
        except msgspec.ValidationError:
            raise BoardAnswerError(f"{self.url} {_NO_BOARD}") from None

    async def reading_permission(self) -> Permission:
        """Return the permission of the token, if it allows reading at least."""
        found = await self.permission()
        if found.allows(AccessScope.READ):
            return found
        if self.has_token:
            raise BoardAnswerError(
                f"{self.url}: the token in {OWN_VARIABLE} does not allow read; use one that does"
            )
        raise BoardAnswerError(f"{self.url} asks for a token that allows read: put it into {OWN_VARIABLE}")

    async def ask(self, path: str, **query: str) -> Any:
        """Return the decoded JSON of ``GET``; parts of the query that are empty are left out."""
        return await self._send("GET", path, {name: value for name, value in query.items() if value}, None)

    async def ask_for(self, answer: type[_Answer], path: str, /, **query: str) -> _Answer:
        """Return the answer of ``GET``, whose type is known; the parameters are those of ``ask``.

        Raises
        ------
        BoardAnswerError
            When there is none, with the remedy.
        msgspec.ValidationError
            When a daemon of another version answers something else.
        """
        return msgspec.convert(await self.ask(path, **query), answer)

    async def act(self, path: str, body: Mapping[str, object]) -> Any:
        """Return the decoded JSON of ``POST`` with a body of JSON."""
        return await self._send("POST", path, {}, msgspec.json.encode(body))

    async def _send(self, method: str, path: str, query: Mapping[str, str], body: bytes | None) -> Any:
        headers = {**self._authorization, "Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            async with self._session.request(
                method, f"{self.url}{path}", params=query, data=body, headers=headers, allow_redirects=False
            ) as response:
                return self._decoded(response.status, await _read(response))
        except (aiohttp.InvalidURL, ValueError) as error:
            raise BoardAnswerError(f"{self.url}: not a valid address ({error}); check --url") from error
        except (aiohttp.ClientError, OSError) as error:
            reason = "no answer in time" if isinstance(error, TimeoutError) else shown(_reason(error), 200)
            raise BoardAnswerError(
                f"no daemon answers at {self.url} ({reason}); is it running? Check --url"
            ) from error

    def _decoded(self, status: int, body: bytes) -> Any:
        try:
            found = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise BoardAnswerError(f"{self.url} answers HTTP {status} and {_NO_BOARD}") from None
        if status < 300:  # noqa: PLR2004 - success
            return found
        reason = found.get("error") if isinstance(found, dict) else None
        if not reason or str(reason).startswith("there is no such path"):
            raise BoardAnswerError(f"{self.url} answers HTTP {status} and {_NO_BOARD}")
        raise BoardAnswerError(in_tool_words(shown(reason)))


def connections() -> aiohttp.ClientSession:
    """Open connections for clients, with authorities of ``SSL_CERT_FILE`` and proxies of the environment."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=CONNECTIONS, ssl=ssl.create_default_context()),
        timeout=aiohttp.ClientTimeout(total=SECONDS),
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=True,
    )


def in_path(name: str) -> str:
    """Return a name as one part of a path.

    Examples
    --------
    >>> in_path("3f2a"), in_path("../status")
    ('3f2a', '..%2Fstatus')
    """
    return quote(name, safe="")


async def _read(response: aiohttp.ClientResponse) -> bytes:
    parts, size = [], 0
    async for part in response.content.iter_chunked(1 << 16):
        parts.append(part)
        size += len(part)
        if size > MOST_BYTES:
            raise BoardAnswerError(
                f"{response.url.path} answers with more than {MOST_BYTES >> 20} MiB; ask for less"
            )
    return b"".join(parts)


def _reason(error: BaseException) -> str:
    inner = getattr(error, "os_error", None) or error
    number = getattr(inner, "errno", None)
    return os.strerror(number) if number and number > 0 else str(inner) or type(error).__name__


def in_tool_words(refusal: str) -> str:
    """Return a refusal of the board with the remedy in words of tools: an assistant opens no addresses.

    Examples
    --------
    >>> in_tool_words("no table nope is known here: /board/scopes?like= finds names")
    'no table nope is known here: find_names finds names'
    """
    for board, tool in _REMEDIES:
        refusal = refusal.replace(board, tool)
    return refusal


CLIENT: Final[ContextVar[BoardClient]] = ContextVar("asking")
"""The client of the request that is answered: over HTTP, each request may have a token of its own."""

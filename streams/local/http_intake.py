"""NDJSON over HTTP: ``POST /events`` answers when the records are durable."""

import asyncio
import sqlite3
import zlib
from collections.abc import Sequence
from typing import Final

import msgspec
import structlog
from aiohttp import web
from prometheus_client import Counter

from streams.decode.event import MAX_BYTES
from streams.decode.rejected import Rejected
from streams.local.log_intake import RETRY_SECONDS, LogFullError, LogIntake, TooManyBadError

log = structlog.get_logger("uneri.intake")

MAX_BODY: Final = 32 * 1024 * 1024
ROOM: Final = 2 * MAX_BODY  # bytes of bodies that are read at the same time
UNPACKING: Final = 2  # bodies that are unpacked at the same time
EXPLAINED: Final = 1000  # bad lines of a body that are answered with their reason


def split_lines(body: bytes) -> list[bytes]:
    r"""Split NDJSON into records; blank lines and the ``\r`` of line ends are dropped.

    Examples
    --------
    >>> split_lines(b'{"ts":1}\r\n\n{"ts":2}')
    [b'{"ts":1}', b'{"ts":2}']
    """
    return [line for line in (raw.rstrip(b"\r") for raw in body.split(b"\n")) if line]


def records_of(body: bytes) -> list[bytes]:
    r"""Return the records of a request body: NDJSON, or one object on several lines.

    Examples
    --------
    >>> records_of(b'{"ts": 1,\n "service": "a"}')
    [b'{"ts":1,"service":"a"}']
    >>> records_of(b'{"ts": 1}\nnope')
    [b'{"ts": 1}', b'nope']
    """
    lines = split_lines(body)
    if len(lines) > 1 and len(body) <= MAX_BYTES and not _is_json(lines[0]):
        try:
            return [msgspec.json.encode(msgspec.json.decode(body, type=dict))]
        except msgspec.MsgspecError:
            return lines
    return lines


def _is_json(line: bytes) -> bool:
    try:
        msgspec.json.decode(line)
    except msgspec.MsgspecError:
        return False
    return True


class BodyError(Exception):
    """A body that cannot be decoded, with the HTTP status to return."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


def unpacked(body: bytes, encoding: str) -> bytes:
    """Undo the content encoding.

    Raises
    ------
    BodyError
        When the body is damaged, truncated, larger than ``MAX_BODY``, or of an unknown encoding.
    """
    if encoding == "identity":
        return body
    if encoding != "gzip":
        raise BodyError(f"Content-Encoding {encoding!r} is not supported; send gzip, or no encoding", 415)
    reader = zlib.decompressobj(wbits=31)
    try:
        plain = reader.decompress(body, MAX_BODY + 1)
    except zlib.error as error:
        raise BodyError(
            f"the gzip body is damaged ({error}); nothing was stored, send it again", 400
        ) from None
    if len(plain) > MAX_BODY:
        raise BodyError(f"the body is larger than {MAX_BODY >> 20} MiB unpacked; send it in parts", 413)
    if not reader.eof:
        raise BodyError("the gzip body is truncated; nothing was stored, send it again", 400)
    return plain


class HttpIntake:
    """The route that accepts events.

    A record that cannot be read is accepted too: the engine dead-letters it with its reason, and the response
    lists such lines for the sender. A request that would exceed the limit of bad records is refused as a
    whole (422): its sender keeps it, and other senders are not affected. While the engine is too far
    behind, every request is refused (503) with the time to wait.
    """

    def __init__(self, intake: LogIntake, refused: Counter | None = None) -> None:
        self._intake = intake
        self._refused = refused
        self._room = ROOM
        self._unpacking = asyncio.Semaphore(UNPACKING)

    def routes(self) -> list[web.RouteDef]:
        """Return what the web server adds."""
        return [web.post("/events", self.post)]

    async def post(self, request: web.Request) -> web.Response:
        """Append the body's lines to the log: 202 when they are durable, else nothing was stored."""
        size = MAX_BODY if request.content_length is None else min(request.content_length, MAX_BODY)
        if why := self._intake.full():
            return self._later("backlog", f"too far behind, send again later: {why}", RETRY_SECONDS)
        if size > self._room:
            return self._later("busy", "too many requests at the same time, send again", 1)
        self._room -= size
        try:
            body = await request.read()
            async with self._unpacking:
                return await self._take(body, request.headers.get("Content-Encoding", "identity"))
        finally:
            self._room += size

    async def _take(self, body: bytes, encoding: str) -> web.Response:
        try:
            lines = await asyncio.to_thread(lambda: records_of(unpacked(body, encoding)))
        except BodyError as error:
            return web.json_response({"error": str(error)}, status=error.status)
        if not lines:
            return web.json_response(
                {"error": "no events in the body; send one JSON object per line"}, status=400
            )
        try:
            rejected = await self._intake.append(lines, explain=len(lines) <= EXPLAINED)
        except TooManyBadError as error:
            self._count("dead_letters")
            said = f"nothing was stored: with this request there are {error}; correct it and send it again"
            return web.json_response({"error": said, "refused": explained(error.rejected)}, status=422)
        except LogFullError as error:
            return self._later("backlog", f"too far behind, send again later: {error}", RETRY_SECONDS)
        except sqlite3.Error as error:
            log.error(  # noqa: TRY400 - one line is what the operator needs
                "the event log cannot be written; events are refused until it can be", reason=str(error)
            )
            return self._later("not_stored", f"not stored, send again: {error}")
        answer: dict[str, object] = {"accepted": len(lines) - len(rejected)}
        return web.json_response(answer | ({"refused": explained(rejected)} if rejected else {}), status=202)

    def _later(self, reason: str, said: str, seconds: int | None = None) -> web.Response:
        self._count(reason)
        headers = {} if seconds is None else {"Retry-After": str(seconds)}
        return web.json_response({"error": said}, status=503, headers=headers)

    def _count(self, reason: str) -> None:
        if self._refused is not None:
            self._refused.labels(reason).inc()


def explained(rejected: Sequence[Rejected]) -> list[dict[str, object]]:
    """Return the first lines that cannot be read as events, with the reason."""
    return [
        {"line": bad.index + 1, "reason": bad.reason.value, "detail": bad.detail}
        for bad in rejected[:EXPLAINED]
    ]

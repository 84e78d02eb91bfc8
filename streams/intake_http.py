"""NDJSON over HTTP: ``POST /events`` answers when the records are durable."""

import asyncio
import sqlite3
import zlib
from collections.abc import Callable, Sequence

import msgspec
import structlog
from aiohttp import web

from streams.decode import Decoder
from streams.event import MAX_BYTES
from streams.sqlite_store import SqliteStore

log = structlog.get_logger("uneri.intake")

MAX_BODY = 32 * 1024 * 1024
EXPLAINED = 1000  # bodies up to so many lines are answered with the reason of every line that will be refused


def split_lines(body: bytes) -> list[bytes]:
    r"""Split NDJSON into records; blank lines and the ``\r`` of line ends are no records.

    Examples
    --------
    >>> split_lines(b'{"ts":1}\r\n\n{"ts":2}')
    [b'{"ts":1}', b'{"ts":2}']
    """
    return [line for line in (raw.rstrip(b"\r") for raw in body.split(b"\n")) if line]


def records_of(body: bytes) -> list[bytes]:
    r"""Return the records of a request's body: NDJSON, or one object written over several lines.

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
    """A body that cannot be unpacked, with the HTTP status to answer."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


def unpacked(body: bytes, encoding: str) -> bytes:
    """Undo the content encoding.

    Raises
    ------
    BodyError
        When the body is damaged, cut off, larger than ``MAX_BODY``, or encoded as nobody here reads.
    """
    if encoding == "identity":
        return body
    if encoding != "gzip":
        raise BodyError(f"Content-Encoding {encoding!r} is not understood; send gzip, or no encoding", 415)
    reader = zlib.decompressobj(wbits=31)
    try:
        plain = reader.decompress(body, MAX_BODY + 1)
    except zlib.error as error:
        raise BodyError(
            f"the gzip body is damaged ({error}); nothing was taken, send it again", 400
        ) from None
    if len(plain) > MAX_BODY:
        raise BodyError(f"the body is larger than {MAX_BODY >> 20} MiB unpacked; send it in parts", 413)
    if not reader.eof:
        raise BodyError("the gzip body is cut off; nothing was taken, send it again", 400)
    return plain


class IntakeHttp:
    """The route that takes events in.

    A record that cannot be read is taken too: the engine dead-letters it with its reason. For small
    bodies the answer already says which lines that will be, because the sender of a first event wants to
    know.
    """

    def __init__(self, store: SqliteStore, arrived: Callable[[], None]) -> None:
        self._store = store
        self._arrived = arrived

    def routes(self) -> list[web.RouteDef]:
        """Return what the web server adds."""
        return [web.post("/events", self.post)]

    async def post(self, request: web.Request) -> web.Response:
        """Append the body's lines to the log: 202 when they are durable, 503 when they are not."""
        try:
            body = unpacked(await request.read(), request.headers.get("Content-Encoding", "identity"))
        except BodyError as error:
            return web.json_response({"error": str(error)}, status=error.status)
        lines = records_of(body)
        if not lines:
            return web.json_response(
                {"error": "no events in the body; send one JSON object a line"}, status=400
            )
        try:
            await asyncio.to_thread(self._store.append, lines)
        except sqlite3.Error as error:
            log.error(  # noqa: TRY400 - one line is what the operator needs
                "the event log cannot be written; events are refused until it can", reason=str(error)
            )
            return web.json_response({"error": f"not stored, send again: {error}"}, status=503)
        self._arrived()
        answer: dict[str, object] = {"accepted": len(lines)}
        if len(lines) <= EXPLAINED:
            refused = explain(lines)
            answer = {"accepted": len(lines) - len(refused)} | ({"refused": refused} if refused else {})
        return web.json_response(answer, status=202)


def explain(lines: Sequence[bytes]) -> list[dict[str, object]]:
    """Say which of the lines cannot be read as events, and why."""
    _, rejected = Decoder().decode(lines)
    return [{"line": bad.index + 1, "reason": bad.reason.value, "detail": bad.detail} for bad in rejected]

"""NDJSON over HTTP: ``POST /events`` answers when the records are durable."""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence

import structlog
from aiohttp import web

from streams.decode import Decoder
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
        body = await request.read()
        lines = split_lines(body)
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

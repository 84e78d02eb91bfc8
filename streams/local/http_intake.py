"""NDJSON over HTTP: ``POST /events`` answers when the records are durable."""

import asyncio
import sqlite3
from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

import structlog
from aiohttp import web
from prometheus_client import Counter

from streams.decode.rejected import Rejected
from streams.local.log_intake import (
    RETRY_SECONDS,
    Appended,
    LogFullError,
    LogIntake,
    TooManyBadError,
    UnreadableError,
)
from streams.local.request_lines import MAX_BODY, LargerError, records_of, unpacked
from streams.process.recurring import Recurring
from streams.process.request_body import SMALL, BodyError, Patience, Room, Stay

log = structlog.get_logger("uneri.intake")

SMALL_ROOM: Final = 32 * 1024 * 1024
LARGE_ROOM: Final = 2 * MAX_BODY
AT_ONCE: Final = 2  # small bodies that are worked on at the same time; of large ones, one
EXPLAINED: Final = 1000  # bad lines of a body that are answered with their reason
_BUSY_SECONDS: Final = 1


class HttpIntake:
    """The route that accepts events.

    ====== ==========================================================================================
    answer what became of the request
    ====== ==========================================================================================
    202    all records that can be read are durable; ``refused`` lists the others, which the engine
           dead-letters with their reason
    400    nothing can be read
    408    the body was too slow
    413    it was too large
    422    too many records are bad (``dead_letters``); other senders are not affected
    503    the engine is too far behind, too many requests are under way, or the log cannot be written
    ====== ==========================================================================================

    Except with 202, nothing was stored. A sender should send again what was answered with 408 or 503.

    Memory and work are bounded: bodies that arrive share ``Room``, and a few at a time are unpacked, judged
    and stored, small ones apart from large ones.

    Parameters
    ----------
    intake
        The log.
    refused
        Counts the requests that are refused, by reason.
    patience
        When a slow sender is cut off.
    room
        Memory for the bodies.
    unwritable
        When to log that the log cannot be written.
    """

    def __init__(
        self,
        intake: LogIntake,
        refused: Counter | None = None,
        *,
        patience: Patience | None = None,
        room: Room | None = None,
        unwritable: Recurring | None = None,
    ) -> None:
        self._unwritable = unwritable or Recurring()
        self._intake = intake
        self._refused = refused
        self._patience = patience or Patience()
        self._room = room or Room(SMALL_ROOM, LARGE_ROOM)
        self._small = asyncio.Semaphore(AT_ONCE)
        self._large = asyncio.Semaphore(1)

    @property
    def held(self) -> int:
        """Return the bytes of bodies that are arriving or wait for their turn."""
        return self._room.held(large=False) + self._room.held(large=True)

    def routes(self) -> list[web.RouteDef]:
        """Return what the web server adds."""
        return [web.post("/events", self.post)]

    async def post(self, request: web.Request) -> web.Response:
        """Append the body's lines to the log: 202 when they are durable, else nothing was stored."""
        if why := self._intake.full():
            return self._later("backlog", f"too far behind, send again later: {why}", RETRY_SECONDS)
        encoding = request.headers.get("Content-Encoding", "identity").lower()
        try:
            with self._room.enter() as stay:
                await stay.receive(request, MAX_BODY, self._patience)
                return await self._take(stay, encoding)
        except BodyError as error:
            if error.status == HTTPStatus.SERVICE_UNAVAILABLE:
                return self._later(error.reason, str(error), _BUSY_SECONDS)
            return self._refuse(error.reason, str(error), error.status)

    async def _take(self, stay: Stay, encoding: str) -> web.Response:
        if not stay.large:
            async with self._small:
                try:
                    lines = await asyncio.to_thread(_lines, bytes(stay.body), encoding, SMALL)
                except LargerError:
                    pass  # once it is unpacked
                else:
                    return await self._store(lines)
        async with self._large:
            return await self._store(await asyncio.to_thread(_lines, stay.take(), encoding, MAX_BODY))

    async def _store(self, lines: list[bytes]) -> web.Response:
        if not lines:
            return self._refuse("unreadable", "no events in the body; send one JSON object per line", 400)
        try:
            appended = await self._intake.append(lines, sent=True)
        except UnreadableError as error:
            said = f"nothing was stored: {error}; correct it and send it again"
            return self._refuse("unreadable", said, 400, error.rejected)
        except TooManyBadError as error:
            said = f"nothing was stored: with this request there are {error}; correct it and send it again"
            return self._refuse("dead_letters", said, 422, error.rejected)
        except LogFullError as error:
            return self._later("backlog", f"too far behind, send again later: {error}", RETRY_SECONDS)
        except sqlite3.Error as error:
            if (count := self._unwritable.happened()) is not None:
                log.error(  # noqa: TRY400 - one line is what the operator needs
                    "the event log cannot be written; events are refused until it can be",
                    reason=str(error),
                    requests=count,
                )
            return self._later("not_stored", f"not stored, send again: {error}")
        if refused := self._unwritable.ended():
            log.info("the event log can be written again", refused_requests=refused)
        return self._taken(lines, appended)

    def _taken(self, lines: Sequence[bytes], appended: Appended) -> web.Response:
        answer: dict[str, object] = {"accepted": len(lines) - len(appended.rejected)}
        if appended.late:
            answer["late"] = appended.late
        if 2 * appended.late > len(lines):
            answer["warning"] = (
                f"{appended.late:,} of {len(lines):,} events are of a time that is judged already: they "
                "correct the last hours at most. Replay history with `uneri replay`"
            )
        if appended.rejected:
            answer["refused"] = explained(appended.rejected)
        return web.json_response(answer, status=202)

    def _refuse(self, reason: str, said: str, status: int, rejected: Sequence[Rejected] = ()) -> web.Response:
        self._count(reason)
        answer: dict[str, object] = {"error": said}
        return web.json_response(
            answer | ({"refused": explained(rejected)} if rejected else {}), status=status
        )

    def _later(self, reason: str, said: str, seconds: int | None = None) -> web.Response:
        self._count(reason)
        headers = {} if seconds is None else {"Retry-After": str(seconds)}
        return web.json_response({"error": said}, status=503, headers=headers)

    def _count(self, reason: str) -> None:
        if self._refused is not None:
            self._refused.labels(reason).inc()


def _lines(body: bytes, encoding: str, most: int) -> list[bytes]:
    return records_of(unpacked(body, encoding, most))


def explained(rejected: Sequence[Rejected]) -> list[dict[str, object]]:
    """Return the first lines that cannot be read as events, with the reason."""
    return [
        {"line": bad.index + 1, "reason": bad.reason.value, "detail": bad.detail}
        for bad in rejected[:EXPLAINED]
    ]

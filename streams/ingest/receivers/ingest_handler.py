"""What all doors share: a body is received, unpacked, read and taken, in bounded time and memory."""

import asyncio
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from aiohttp import web
from prometheus_client import Counter

from config.settings import SourcesSettings
from streams.engine.decode.rejected import RejectReason
from streams.ingest.formats.inputs import Input, Inputs, UnknownInputError
from streams.ingest.receivers.payload_lines import (
    MAX_BODY,
    LargerError,
    Reader,
    ReadPayload,
    Receipt,
    explained,
    unpacked,
)
from streams.ingest.receivers.record_sink import AppendResult, NotTakenError, RecordSink
from streams.ingest.registry.registry import AGAIN_SECONDS
from streams.ingest.registry.registry_client import RegistryError
from streams.process.web.request_body import SMALL, BodyError, Patience, Room, Stay

SMALL_ROOM: Final = 32 * 1024 * 1024
LARGE_ROOM: Final = 2 * MAX_BODY
AT_ONCE: Final = 2
BACKLOG_SECONDS: Final = 5  # how often a driver gets rid of what is judged
BUSY_SECONDS: Final = 1
MOST_LABELS: Final = 100
"""Reasons for which parts are skipped that have a label of their own."""


class IngestHandler:
    """Receives bodies for the doors of one daemon.

    Memory and work are bounded: bodies that arrive share ``Room``, and a few at a time are unpacked, read
    and stored, small ones apart from large ones.

    Parameters
    ----------
    taker
        Stores what was read.
    inputs
        The sources that senders may name.
    refused
        Counts the requests that are refused, by reason.
    skipped
        Counts the parts that are no records by design, by reason.
    patience
        When a slow sender is cut off.
    room
        Memory for the bodies.
    at_once
        Small bodies that are worked on at the same time; of large ones, one.
    """

    def __init__(
        self,
        taker: RecordSink,
        inputs: Inputs | None = None,
        refused: Counter | None = None,
        skipped: Counter | None = None,
        *,
        patience: Patience | None = None,
        room: Room | None = None,
        at_once: int = AT_ONCE,
    ) -> None:
        self.inputs = inputs or Inputs(SourcesSettings())
        self._taker = taker
        self._refused = refused
        self._skipped = skipped
        self._labels: set[str] = set()
        self._patience = patience or Patience()
        self._room = room or Room(SMALL_ROOM, LARGE_ROOM)
        self._small = asyncio.Semaphore(at_once)
        self._large = asyncio.Semaphore(1)

    @property
    def held(self) -> int:
        """Return the bytes of bodies that are arriving or wait for their turn."""
        return self._room.held(large=False) + self._room.held(large=True)

    def source(self, name: str | None, form: str | None = None) -> Input:
        """Return the input that a sender names.

        Parameters
        ----------
        name, form
            As for ``Inputs.of``.

        Raises
        ------
        NotTakenError
            When there is none: the source is not found, or the format is a mistake.
        """
        try:
            found = self.inputs.of(name)
        except UnknownInputError as error:
            raise NotTakenError(str(error), HTTPStatus.NOT_FOUND, "unknown_source") from None
        if form is None:
            return found
        try:
            return self.inputs.of(name, form)
        except UnknownInputError as error:
            raise NotTakenError(str(error), HTTPStatus.BAD_REQUEST, "unknown_format") from None

    async def take(
        self, request: web.Request, read: Reader, *, of_lines: bool = False, most: int = MAX_BODY
    ) -> Receipt:
        """Receive a body and have what it holds taken.

        Parameters
        ----------
        request
            Nothing of its body was read.
        read
            Reads the unpacked body.
        of_lines
            Whether its lines are counted; else, its format bounds what it holds.
        most
            Bytes that may arrive.

        Raises
        ------
        streams.process.web.request_body.BodyError
            Nothing was stored.
        """
        if why := self._taker.full():
            raise NotTakenError(
                f"send again later, {why}",
                HTTPStatus.SERVICE_UNAVAILABLE,
                "backlog",
                seconds=BACKLOG_SECONDS,
            )
        encoding = request.headers.get("Content-Encoding", "identity").lower()
        with self._room.enter() as stay:
            await stay.receive(request, most, self._patience)
            return await self._worked_on(stay, encoding, read, of_lines)

    async def _worked_on(self, stay: Stay, encoding: str, read: Reader, of_lines: bool) -> Receipt:
        if not stay.large:
            async with self._small:
                try:
                    found = await asyncio.to_thread(_read, bytes(stay.body), encoding, read, SMALL, of_lines)
                except LargerError:
                    pass  # once it is unpacked
                else:
                    return await self.store(found)
        async with self._large:
            return await self.store(
                await asyncio.to_thread(_read, stay.take(), encoding, read, MAX_BODY, of_lines)
            )

    async def store(self, delivery: ReadPayload) -> Receipt:
        """Have a delivery taken.

        Raises
        ------
        NotTakenError
            Nothing was stored.
        """
        if delivery.refused and not delivery.records:
            first = delivery.refused[0]
            too_large = first.reason is RejectReason.TOO_LARGE and len(delivery.refused) == 1
            error = NotTakenError(
                f"nothing was stored: no part of it can be read as a record ({first.reason}: "
                f"{first.detail}); {'send it in parts' if too_large else 'correct it and send it again'}",
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE if too_large else HTTPStatus.BAD_REQUEST,
            )
            error.refused = explained(delivery)
            raise error
        taken = await self._taken(delivery) if delivery.lines else AppendResult()
        self._count_skipped(delivery.skipped)
        # the lines of refusals are dead letters, and told in the words of their format
        rejected = [one for one in taken.rejected if one.index < delivery.records]
        refusals = len(rejected) + len(delivery.refused)
        return Receipt(
            delivery.records - len(rejected),
            explained(delivery, rejected),
            refusals,
            taken.late,
            delivery.skipped,
        )

    async def _taken(self, delivery: ReadPayload) -> AppendResult:
        try:
            return await self._taker.take(delivery.lines)
        except NotTakenError as error:
            error.refused = explained(delivery, error.rejected) if error.rejected else ()
            raise

    def count(self, error: BodyError) -> None:
        """Count a request that is refused."""
        if self._refused is not None:
            self._refused.labels(error.reason).inc()

    def _count_skipped(self, skipped: Mapping[str, int]) -> None:
        if self._skipped is None:
            return
        for reason, times in skipped.items():  # few, by their contract; a label each is bounded anyway
            if len(self._labels) < MOST_LABELS:
                self._labels.add(reason)
            self._skipped.labels(reason if reason in self._labels else "other").inc(times)


def _read(body: bytes, encoding: str, read: Reader, most: int, of_lines: bool) -> ReadPayload:
    plain = unpacked(body, encoding, most, of_lines=of_lines)
    try:
        return read(plain)
    except RegistryError as error:
        raise NotTakenError(
            f"nothing was stored, send it again: {error}",
            HTTPStatus.SERVICE_UNAVAILABLE,
            "registry",
            seconds=int(AGAIN_SECONDS),
        ) from None


_AGAIN: Final = (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS)


def body_error(error: BodyError) -> web.Response:
    """Return the answer in Uneri's own words."""
    answer: dict[str, object] = {"error": str(error)}
    if isinstance(error, NotTakenError) and error.refused:
        answer["refused"] = error.refused
    return web.json_response(answer, status=error.status, headers=retry_after(error))


def retry_after(error: BodyError) -> dict[str, str]:
    """Return the header that says when to send again."""
    if error.status not in _AGAIN:
        return {}
    seconds = error.seconds if isinstance(error, NotTakenError) else BUSY_SECONDS
    return {} if seconds is None else {"Retry-After": str(seconds)}

"""Receives request bodies for every receiver: unpacks, reads and stores them in bounded time and memory."""

import asyncio
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from aiohttp import web
from msgspec import UNSET, UnsetType
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
    explain_refusals,
    unpack,
)
from streams.ingest.receivers.record_sink import AppendResult, DeadLetterAnswer, RecordSink
from streams.ingest.receivers.sender_shares import SenderTurns
from streams.ingest.registry.registry import AGAIN_SECONDS
from streams.ingest.registry.registry_client import RegistryError
from streams.process.web.access import sender_of
from streams.process.web.answer_forms import RefusalAnswer, json_of
from streams.process.web.request_body import SMALL, BodyError, Patience, Room, Stay

SMALL_ROOM: Final = 32 * 1024 * 1024
LARGE_ROOM: Final = 2 * MAX_BODY
SMALL_BODIES: Final = 2
BACKLOG_SECONDS: Final = 5  # between two times that a driver drops judged records
MOST_LABELS: Final = 100
"""Reasons of skipped parts with a label of their own."""


class IngestHandler:
    """The one way in for all receivers of a daemon.

    Bodies that arrive share the memory of ``Room``. A few at a time are unpacked, read and stored, small ones
    apart from large ones; senders take turns.

    Parameters
    ----------
    inputs
        The sources that senders may name.
    refused, skipped
        Count refused requests, and parts that are no records by design, by reason.
    small_bodies
        Those that are worked on at the same time; of large ones, one.
    """

    def __init__(
        self,
        sink: RecordSink,
        inputs: Inputs | None = None,
        refused: Counter | None = None,
        skipped: Counter | None = None,
        *,
        patience: Patience | None = None,
        room: Room | None = None,
        small_bodies: int = SMALL_BODIES,
    ) -> None:
        self.inputs = inputs or Inputs(SourcesSettings())
        self._sink = sink
        self._refused = refused
        self._skipped = skipped
        self._labels: set[str] = set()
        self._patience = patience or Patience()
        self._room = room or Room(SMALL_ROOM, LARGE_ROOM)
        self._small = SenderTurns(small_bodies)
        self._large = SenderTurns(1)

    @property
    def held(self) -> int:
        """Bytes of bodies that are arriving or waiting."""
        return self._room.held(large=False) + self._room.held(large=True)

    def source(self, name: str | None, form: str | None = None) -> Input:
        """Return the input that a sender names.

        Raises
        ------
        BodyError
            When the source is unknown, or the format is a mistake.
        """
        try:
            found = self.inputs.of(name)
        except UnknownInputError as error:
            raise BodyError(str(error), HTTPStatus.NOT_FOUND, "unknown_source") from None
        if form is None:
            return found
        try:
            return self.inputs.of(name, form)
        except UnknownInputError as error:
            raise BodyError(str(error), HTTPStatus.BAD_REQUEST, "unknown_format") from None

    async def receive(
        self, request: web.Request, read: Reader, *, of_lines: bool = False, most: int = MAX_BODY
    ) -> Receipt:
        """Receive a body and store its records.

        Parameters
        ----------
        request
            Its body must be unread.
        of_lines
            Whether its lines are counted; else, its format bounds what it holds.
        most
            Bytes that may arrive.

        Raises
        ------
        streams.process.web.request_body.BodyError
            Nothing was stored.
        """
        sender = sender_of(request)
        if why := self._sink.why_full(sender):
            raise BodyError(
                f"send again later, {why}",
                HTTPStatus.SERVICE_UNAVAILABLE,
                "backlog",
                seconds=BACKLOG_SECONDS,
            )
        encoding = request.headers.get("Content-Encoding", "identity").lower()
        with self._room.enter() as stay:
            await stay.receive(request, most, self._patience)
            return await self._process(stay, encoding, read, of_lines, sender)

    async def _process(self, stay: Stay, encoding: str, read: Reader, of_lines: bool, sender: str) -> Receipt:
        if not stay.large:
            async with self._small.place(sender):
                try:
                    payload = await asyncio.to_thread(
                        _read, bytes(stay.body), encoding, read, SMALL, of_lines
                    )
                except LargerError:
                    pass  # once it is unpacked
                else:
                    return await self.store(payload, sender)
        async with self._large.place(sender):
            return await self.store(
                await asyncio.to_thread(_read, stay.take(), encoding, read, MAX_BODY, of_lines), sender
            )

    async def store(self, payload: ReadPayload, sender: str = "") -> Receipt:
        """Store a payload.

        Raises
        ------
        BodyError
            Nothing was stored.
        """
        if payload.refused and not payload.records:
            first = payload.refused[0]
            too_large = first.reason is RejectReason.TOO_LARGE and len(payload.refused) == 1
            raise BodyError(
                f"nothing was stored: no part of it can be read as a record ({first.reason}: "
                f"{first.detail}); {'send it in parts' if too_large else 'correct it and send it again'}",
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE if too_large else HTTPStatus.BAD_REQUEST,
                refused=explain_refusals(payload),
            )
        appended = await self._append(payload, sender) if payload.lines else AppendResult()
        self._count_skipped(payload.skipped)
        # refused parts become dead letters as bad lines do, and are reported with the reason of their format
        rejected = [bad for bad in appended.rejected if bad.index < payload.records]
        refusals = len(rejected) + len(payload.refused)
        return Receipt(
            payload.records - len(rejected),
            explain_refusals(payload, rejected),
            refusals,
            appended.late,
            payload.skipped,
        )

    async def _append(self, payload: ReadPayload, sender: str) -> AppendResult:
        appended = await self._sink.append(payload.lines, sender=sender)
        if len(appended.rejected) == len(payload.lines):
            raise BodyError(
                "nothing was stored: no line of the body can be accepted as an event; correct it and send it "
                "again",
                HTTPStatus.BAD_REQUEST,
                refused=explain_refusals(payload, appended.rejected),
            )
        return appended

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
    plain = unpack(body, encoding, most, of_lines=of_lines)
    try:
        return read(plain)
    except RegistryError as error:
        raise BodyError(
            f"nothing was stored, send it again: {error}",
            HTTPStatus.SERVICE_UNAVAILABLE,
            "registry",
            seconds=int(AGAIN_SECONDS),
        ) from None


class NotStoredAnswer(RefusalAnswer):
    """Why nothing of a body was stored, and which of its records are at fault."""

    refused: list[DeadLetterAnswer] | UnsetType = UNSET


def error_answer(error: BodyError) -> web.Response:
    """Return an error as JSON."""
    refused = [part for part in error.refused if isinstance(part, DeadLetterAnswer)]
    return json_of(NotStoredAnswer(str(error), refused=refused or UNSET), error.status, retry_after(error))


def retry_after(error: BodyError) -> dict[str, str]:
    """Return the ``Retry-After`` header, if the sender should try again."""
    return {} if error.seconds is None else {"Retry-After": str(error.seconds)}

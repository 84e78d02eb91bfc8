"""Envelopes: payloads that hold other payloads, each of which is read by the format that it looks like.

An envelope only opens: it returns its parts with the names that it gives them. ``Enveloped`` makes a format
of it, which reads the parts, whatever they are and however deep they lie. So no envelope imports another
format; ``formats.py`` hands ``recognised`` to all of them.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

from streams.engine.decode.rejected import RejectReason
from streams.ingest.formats.envelopes.gzipped import MAGIC, MOST_PACKED, unzipped
from streams.ingest.formats.format import (
    MOST_RECORDS,
    MOST_UNPACKED,
    Format,
    Reading,
    RefusalError,
    Refused,
    Surroundings,
)
from streams.ingest.formats.json_payload import split

MOST_DEEP: Final = 4
"""Envelopes that may lie in each other: a push of a delivery of a subscription of events, and one more."""

MOST_PIECES: Final = 2 * MOST_RECORDS
"""Pieces of a payload at all depths: as many as records, and their envelopes."""


class Enclosed(NamedTuple):
    """A part of an envelope: bytes, perhaps of several records, perhaps packed by gzip."""

    payload: bytes
    around: Surroundings
    id: str | None = None
    """The envelope's name for the part, for records in it without an id; None if it has none."""


@dataclass(slots=True)
class Opened:
    """The parts of an envelope, in their order."""

    parts: list[Enclosed] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)


class Envelope(Protocol):
    """Opens payloads of one kind. It has no state."""

    @property
    def name(self) -> str:
        """The name in configurations: ``pubsub``."""
        ...

    def looks_like(self, payload: bytes) -> bool:
        """Return whether ``auto`` should open a payload with this envelope; cheap, and never an error."""
        ...

    def opened(self, payload: bytes, around: Surroundings) -> Opened:
        """Open one envelope, which is not packed.

        Raises
        ------
        RefusalError
            When it is none. Never another error, whatever the bytes are.
        """
        ...


class Enveloped:
    """The format of an envelope: opens it, and reads its parts by the formats that ``recognised`` returns."""

    def __init__(self, envelope: Envelope, recognised: Callable[[bytes], Format | None]) -> None:
        self.envelope: Final = envelope
        self._recognised: Final = recognised

    @property
    def name(self) -> str:
        """The name in configurations."""
        return self.envelope.name

    def looks_like(self, payload: bytes) -> bool:
        """Return whether the envelope would open a payload."""
        return self.envelope.looks_like(payload)

    def read(self, payload: bytes, around: Surroundings) -> Reading:
        """Read the parts of a payload.

        Several envelopes in a row are opened one by one, and so are those in a gzip file. Their content,
        unpacked and counted at each depth, is bounded by ``MOST_UNPACKED``.

        Raises
        ------
        RefusalError
            When it is no such envelope, or holds too much.
        """
        opening = _Opening(self._recognised)
        whole = opening.unpacked(Enclosed(payload, around))
        if len(whole) == 1:
            opening.open(self.envelope, whole[0], depth=1)
        else:
            opening.read_each(whole, lambda part: opening.open(self.envelope, part, depth=1))
        return opening.reading


class _TooMuchError(RefusalError):
    """The bound of the whole payload is reached: no part of it can go on."""


class _Opening:
    """The reading of one payload, with what is left of its bounds."""

    def __init__(self, recognised: Callable[[bytes], Format | None]) -> None:
        self.reading: Final = Reading()
        self._recognised: Final = recognised
        self._left = MOST_UNPACKED
        self._pieces = 0

    def open(self, envelope: Envelope, part: Enclosed, depth: int) -> None:
        opened = envelope.opened(part.payload, part.around)
        self._add(Reading([], opened.refused, opened.skipped))
        self.read_each(opened.parts, lambda part: self._read(part, depth))

    def read_each(self, parts: Sequence[Enclosed], read: Callable[[Enclosed], None]) -> None:
        """Read parts by themselves: one that is refused costs the others nothing."""
        for part in parts:
            try:
                read(part)
            except _TooMuchError:
                raise
            except RefusalError as error:
                self.reading.refused.append(error.of(part.payload))

    def _read(self, part: Enclosed, depth: int) -> None:
        before = len(self.reading.records)
        self.read_each(self.unpacked(part), lambda piece: self._read_piece(piece, depth))
        self._name(part.id, before)

    def _read_piece(self, piece: Enclosed, depth: int) -> None:
        found = self._recognised(piece.payload)
        if found is None:
            raise RefusalError(
                RejectReason.EMPTY if not piece.payload.strip() else RejectReason.UNKNOWN_FORMAT,
                "what the envelope holds looks like no format",
            )
        if isinstance(found, Enveloped):
            if depth == MOST_DEEP:
                raise RefusalError(RejectReason.TOO_DEEP, f"more than {MOST_DEEP} envelopes in each other")
            self.open(found.envelope, piece, depth + 1)
            return
        self._add(found.read(piece.payload, piece.around))

    def _add(self, reading: Reading) -> None:
        try:
            self.reading.add(reading)
        except RefusalError as error:
            raise _TooMuchError(error.reason, error.detail) from None

    def _name(self, name: str | None, since: int) -> None:
        """Give an id to the records that have none, from the part in which they came."""
        if name is None:
            return
        records = self.reading.records[since:]
        for at, record in enumerate(records):
            if record.id is None:
                record.id = name if len(records) == 1 else f"{name}/{at}"

    def unpacked(self, part: Enclosed) -> list[Enclosed]:
        """Return the pieces of a part: unzipped, and objects in a row apart."""
        payload = part.payload
        if payload.startswith(MAGIC):
            payload = self._unzipped(payload)
        else:
            self._spent(payload)
        try:
            pieces = split(payload)
        except RefusalError as error:
            raise _TooMuchError(error.reason, error.detail) from None
        self._pieces += len(pieces)
        if self._pieces > MOST_PIECES:
            raise _TooMuchError(RejectReason.TOO_LARGE, f"more than {MOST_PIECES:,} parts; send less at once")
        return [part._replace(payload=piece) for piece in pieces]

    def _unzipped(self, payload: bytes) -> bytes:
        try:
            found = unzipped(payload, self._left)
        except RefusalError as error:
            if error.reason is RejectReason.TOO_LARGE:
                raise _TooMuchError(error.reason, error.detail) from None
            self._left -= min(self._left, len(payload) * MOST_PACKED)  # how far it came, at most
            raise
        if found.damaged is not None:
            self._add(Reading(refused=[found.damaged]))
        self._left -= found.size - len(found.content)
        return self._spent(found.content)

    def _spent(self, content: bytes) -> bytes:
        self._left -= len(content)
        if self._left < 0:
            raise _TooMuchError(
                RejectReason.TOO_LARGE, f"more than {MOST_UNPACKED:,} bytes unpacked; send less at once"
            )
        return content

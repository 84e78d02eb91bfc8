"""The contract of a format: the bytes of one payload become records, or a refusal with its reason.

A payload is the content of one message, line, body or file. Whatever its bytes are, a format ends in bounded
work and accounts for every part: a record, a refusal, or a skip by design.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, NamedTuple, Protocol, TypeVar

import msgspec

from streams.engine.decode.event import ChangeRecord, Event, RefusedRecord, SampleRecord
from streams.engine.decode.parse import lacks, stamp_of
from streams.engine.decode.records import Records
from streams.engine.decode.rejected import SAMPLE_BYTES, RejectReason

Record = Event | SampleRecord | ChangeRecord

MOST_UNPACKED: Final = 32 * 1024 * 1024
"""Bytes that one payload may hold unpacked."""

MOST_RECORDS: Final = 100_000
"""Records that one payload may hold."""

SHARED_NAMES: Final = ("cloud", "account", "region", "service", "function")
"""Fields of records that their surroundings may give."""


class Surroundings(msgspec.Struct, frozen=True, omit_defaults=True):
    """Fields that an envelope or the configuration of a source gives to all records; their own values win."""

    cloud: str | None = None
    account: str | None = None
    region: str | None = None
    service: str | None = None
    function: str | None = None
    counts: str | None = None
    """The kinds of scope that the source counts (``Event.counts``); None for the default of its format."""
    templates: tuple[str, ...] = ()
    """Paths as the backend names its routes, ``/items/{id}``, for sources that only know raw ones."""
    mapping: dict[str, str] | None = None
    """The meaning of keys, for logs whose keys their owner chose."""
    sampled: bool = False
    """Whether spans stand for as many as the sampler of their trace says, of which they are a part."""
    at: float | None = None
    """The time of an envelope's record in epoch seconds, for payloads without a time."""


class Refused(NamedTuple):
    """A part of a payload that should have been a record."""

    reason: RejectReason
    detail: str
    sample: bytes  # its first kilobyte
    needs: int | str | None = None
    """The schema that would make it readable, for the reader of the source to get."""


class RefusalError(Exception):
    """A whole payload, or the part being read, cannot be a record."""

    def __init__(self, reason: RejectReason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail

    def of(self, payload: bytes) -> Refused:
        """Return the refusal of these bytes."""
        return Refused(self.reason, self.detail, payload[:SAMPLE_BYTES])


class SkippedError(Exception):
    """A part of a payload is no record by design. It never leaves a format.

    ``why`` is counted in ``Reading.skipped``: one of few, never a text of the payload.
    """

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


REMEDIES: Final[Mapping[RejectReason, str]] = MappingProxyType(
    {
        RejectReason.EMPTY: "send at least one record, or nothing at all",
        RejectReason.TOO_LARGE: "send fewer records at once, and leave out what docs/event.md does not name",
        RejectReason.BINARY: "send text in UTF-8, or name the format that these bytes have",
        RejectReason.NOT_JSON: "check where the line is cut, and that quotes inside texts are escaped",
        RejectReason.NOT_FINITE: "leave the field out where there is no number",
        RejectReason.NOT_OBJECT: "send one JSON object per record",
        RejectReason.TOO_DEEP: "send fields, not whole objects of the program",
        RejectReason.BAD_TYPE: "compare the field with its type in docs/event.md",
        RejectReason.OUT_OF_RANGE: "check the unit: durations are milliseconds, never negative",
        RejectReason.UNKNOWN_KIND: "write request, call, sample or change as kind",
        RejectReason.UNKNOWN_ERROR: "write one of the words that docs/event.md has for the field",
        RejectReason.NO_TS: "add the time at which the request started",
        RejectReason.BAD_TS: "send epoch seconds, epoch milliseconds, or RFC 3339 with an offset",
        RejectReason.NO_NAME: "name what was called, in each record or for all (--source function=…)",
        RejectReason.UNKNOWN_FORMAT: "name the format with --format, or write a mapping (docs/formats.md)",
        RejectReason.DAMAGED: "send it again as the source made it",
        RejectReason.FAR_FUTURE: "set the sender's clock",
    }
)
"""How to mend a refusal, where its detail gives no remedy."""


@dataclass(slots=True)
class Reading:
    """The records and refusals of a payload, in the order of its parts."""

    records: list[Record] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    """Counts, by reason, of parts that are no record by design, such as a log's START line."""

    @classmethod
    def of(cls, parts: Iterable["Reading"]) -> "Reading":
        """Return the readings of all parts as one, or raise what ``add`` raises."""
        reading = cls()
        for part in parts:
            reading.add(part)
        return reading

    def add(self, other: "Reading") -> None:
        """Add the reading of a later part.

        Raises
        ------
        RefusalError
            When there are more than ``MOST_RECORDS``, refused ones among them.
        """
        self.records += other.records
        self.refused += other.refused
        self.skipped += other.skipped
        if len(self.records) + len(self.refused) > MOST_RECORDS:
            raise RefusalError(
                RejectReason.TOO_LARGE,
                f"the payload has more than {MOST_RECORDS:,} records; send less at once",
            )


class Lines(NamedTuple):
    """A reading whose records are lines of docs/event.md."""

    records: Records
    refused: list[Refused]
    skipped: Counter[str]


class Format(Protocol):
    """Reads payloads of one kind. It has no state."""

    @property
    def name(self) -> str:
        """The name in configurations: ``lambda_report``."""
        ...

    def looks_like(self, payload: bytes) -> bool:
        """Return whether ``auto`` should read a payload with this format; cheap, and never an error."""
        ...

    def read(self, payload: bytes, around: Surroundings) -> Reading:
        """Read one payload.

        Raises
        ------
        RefusalError
            When nothing of it can be read. Never another error, whatever the bytes are.
        """
        ...


R = TypeVar("R", bound=Record)


def with_defaults(record: R, around: Surroundings) -> R:
    """Fill in the fields that a record leaves open from its surroundings; return the same record.

    Examples
    --------
    >>> with_defaults(Event(function="f", account="1"), Surroundings(account="2", region="eu-west-1")).region
    'eu-west-1'
    """
    for name in SHARED_NAMES:
        if getattr(record, name, "") is None:  # a sample has no service
            setattr(record, name, getattr(around, name))
    if around.counts is not None and isinstance(record, Event):
        record.counts = around.counts
    return record


def validated(record: Record) -> Record:
    """Return a record that can be counted, by the decoder's own rules: it has a stamp and a name.

    Raises
    ------
    RefusalError
        When it has no readable stamp, or names nothing.

    Examples
    --------
    >>> validated(Event(ts=1760000000.0, function="put-item")).ts
    1760000000.0
    >>> validated(Event(ts=1760000000.0))
    Traceback (most recent call last):
    streams.ingest.formats.format.RefusalError: an event needs one of service, route, function
    """
    stamp = stamp_of(record.ts)
    if isinstance(stamp, tuple):
        raise RefusalError(*stamp)
    if isinstance(record, Event):
        if not (record.service or record.route or record.function):
            raise RefusalError(RejectReason.NO_NAME, "an event needs one of service, route, function")
        return record
    lacking = lacks(record)
    if lacking is not None:
        raise RefusalError(*lacking)
    return record


def read_part(part: bytes, read: Callable[[bytes], Record]) -> Reading:
    """Return one part of a payload as its record, its refusal, or the reason why it was skipped."""
    try:
        return Reading([read(part)])
    except SkippedError as skipped:
        return Reading(skipped=Counter({skipped.why: 1}))
    except RefusalError as error:
        return Reading(refused=[error.of(part)])


def read_parts(parts: Iterable[bytes], read: Callable[[bytes], Reading]) -> Reading:
    """Return the parts of a payload, each read by itself: one that is refused costs the others nothing."""
    reading = Reading()
    for part in parts:
        try:
            found = read(part)
        except SkippedError as skipped:
            reading.skipped[skipped.why] += 1
        except RefusalError as error:
            reading.refused.append(error.of(part))
        else:
            reading.add(found)
    return reading


_ENCODER: Final = msgspec.json.Encoder()


def to_json_line(record: Record) -> bytes:
    """Return a record as one JSON object of docs/event.md, without its empty fields.

    Examples
    --------
    >>> to_json_line(Event(ts=1760000000.0, function="put-item", status=200))
    b'{"ts":1760000000.0,"function":"put-item","status":200}'
    """
    return _ENCODER.encode(record)


def refused_record(refused: Refused) -> bytes:
    """Return a refusal as one JSON object.

    Examples
    --------
    >>> refused_record(Refused(RejectReason.NOT_JSON, "cut off", b"{"))
    b'{"kind":"refused","reason":"not_json","detail":"cut off","sample":"ew=="}'
    """
    return _ENCODER.encode(RefusedRecord(refused.reason, refused.detail, refused.sample))


Formats = Mapping[str, Format]
"""Formats by name."""

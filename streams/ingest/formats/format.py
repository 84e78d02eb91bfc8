"""The contract of a format: the bytes of one payload become records, or a refusal with its reason.

A payload is what one message, line, body or file holds. Whatever its bytes are, a format ends in bounded work
and says of every part what became of it: a record, a refusal, or nothing by design.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol, TypeVar

import msgspec

from streams.engine.decode.event import ChangeRecord, Event, RefusedRecord, SampleRecord
from streams.engine.decode.rejected import SAMPLE_BYTES, RejectReason

Record = Event | SampleRecord | ChangeRecord

MOST_UNPACKED: Final = 32 * 1024 * 1024
"""Bytes that one payload may hold unpacked."""

MOST_RECORDS: Final = 100_000
"""Records that one payload may hold."""


class Surroundings(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an envelope or the configuration of a source says of all that a payload holds.

    A record's own words win.
    """

    cloud: str | None = None
    account: str | None = None
    region: str | None = None
    service: str | None = None
    function: str | None = None
    counts: str | None = None
    """Which kinds of scope the source counts (``Event.counts``); None for the default of its format."""
    templates: tuple[str, ...] = ()
    """Paths as the backend names its routes, ``/items/{id}``, for sources that only know raw ones."""
    mapping: dict[str, str] | None = None
    """What the keys of a log mean whose keys its owner chose."""
    at: float | None = None
    """When an envelope's record was written, epoch seconds, for what does not say so itself."""


class Refused(NamedTuple):
    """A part of a payload that should have been a record."""

    reason: RejectReason
    detail: str
    sample: bytes  # its first kilobyte
    needs: int | str | None = None
    """The schema that it could be read by, if whoever reads the source can get it."""


class RefusalError(Exception):
    """A whole payload, or the part being read, cannot be a record."""

    def __init__(self, reason: RejectReason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail

    def of(self, payload: bytes) -> Refused:
        """Return the refusal of these bytes."""
        return Refused(self.reason, self.detail, payload[:SAMPLE_BYTES])


@dataclass(slots=True)
class Reading:
    """What a payload was read as, its records in the order of their parts."""

    records: list[Record] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    """What is no record by design, such as a log's START line: why, and how often."""

    def add(self, other: "Reading") -> None:
        """Add what a later part was read as.

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
    """What a payload was read as, its records as lines of docs/event.md."""

    records: list[bytes]
    refused: list[Refused]
    skipped: Counter[str]


class Format(Protocol):
    """Reads payloads of one kind. It has no state."""

    @property
    def name(self) -> str:
        """What configurations call it: ``lambda_report``."""
        ...

    def looks_like(self, payload: bytes) -> bool:
        """Return whether ``auto`` should read a payload with this format; cheap, and never an error."""
        ...

    def read(self, payload: bytes, around: Surroundings) -> Reading:
        """Read one payload.

        Raises
        ------
        RefusalError
            When nothing of it can be read. No other error, whatever the bytes are.
        """
        ...


Settled = TypeVar("Settled", bound=Record)


def settled(record: Settled, around: Surroundings) -> Settled:
    """Fill in what a record leaves open from its surroundings; return the same record.

    Examples
    --------
    >>> settled(Event(function="f", account="1"), Surroundings(account="2", region="eu-west-1")).region
    'eu-west-1'
    """
    for name in ("cloud", "account", "region", "service", "function"):
        if getattr(record, name, "") is None:  # a sample has no service
            setattr(record, name, getattr(around, name))
    if around.counts is not None and isinstance(record, Event):
        record.counts = around.counts
    return record


_ENCODER: Final = msgspec.json.Encoder()


def native(record: Record) -> bytes:
    """Return a record as one JSON object of docs/event.md, without the fields that say nothing.

    Examples
    --------
    >>> native(Event(ts=1760000000.0, function="put-item", status=200))
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

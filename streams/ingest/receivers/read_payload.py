"""What a payload was read as, in the lines that a driver stores, and what became of it."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from streams.engine.decode.rejected import Rejected
from streams.ingest.formats.format import Reading, Refused, native, refused_record
from streams.ingest.formats.inputs import Input
from streams.ingest.receivers.request_lines import records_of

EXPLAINED: Final = 1000
"""Bad parts of a payload that are answered with their reason."""


@dataclass(frozen=True, slots=True)
class ReadPayload:
    """A payload as lines: its records, then what of it was refused, for the dead letters."""

    lines: Sequence[bytes]
    records: int
    refused: Sequence[Refused] = ()
    skipped: Mapping[str, int] = field(default_factory=dict)
    as_sent: bool = False  # the lines are those of the sender, who knows them by their numbers


Reader = Callable[[bytes], ReadPayload]
"""Reads an unpacked body, in a thread."""


def delivered(reading: Reading) -> ReadPayload:
    """Return what a format has read."""
    lines = [*map(native, reading.records), *map(refused_record, reading.refused)]
    return ReadPayload(lines, len(reading.records), reading.refused, Counter(reading.skipped))


def reader_of(source: Input) -> Reader:
    """Return what reads the payloads of a source."""

    def read(payload: bytes) -> ReadPayload:
        found = source.lines(payload)
        lines = [*found.records, *map(refused_record, found.refused)]
        return ReadPayload(lines, len(found.records), found.refused, found.skipped)

    return read


def as_lines(body: bytes) -> ReadPayload:
    """Return native records as they were sent; the driver's decoder says which are bad."""
    lines = records_of(body)
    return ReadPayload(lines, len(lines), as_sent=True)


class Receipt(NamedTuple):
    """What became of a delivery that was taken."""

    accepted: int
    refused: Sequence[dict[str, Any]] = ()
    refusals: int = 0  # of which ``refused`` lists the first
    late: int = 0
    skipped: Mapping[str, int] = {}


def explained(delivery: ReadPayload, rejected: Sequence[Rejected] = ()) -> list[dict[str, Any]]:
    """Return the first parts that are no records, with the reason; ``rejected`` are lines of it."""
    what = "line" if delivery.as_sent else "record"
    bad: list[dict[str, Any]] = [
        {what: one.index + 1, "reason": one.reason.value, "detail": one.detail}
        for one in rejected[:EXPLAINED]
        if one.index < delivery.records
    ]
    bad += [{"reason": one.reason.value, "detail": one.detail} for one in delivery.refused[:EXPLAINED]]
    return bad[:EXPLAINED]

"""What to do about a refusal, by its reason, where its detail does not say so."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from streams.engine.decode.rejected import RejectReason

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

"""A bad record and the reason it was rejected: the content of a dead letter."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

SAMPLE_BYTES: Final = 1024


class RejectReason(StrEnum):
    """Why a record was rejected."""

    EMPTY = "empty"  # nothing, or only white space
    TOO_LARGE = "too_large"  # over 1 MiB
    BINARY = "binary"  # not UTF-8 text
    NOT_JSON = "not_json"
    NOT_FINITE = "not_finite"  # NaN, Infinity, or a number too large for a float
    NOT_OBJECT = "not_object"  # JSON, but a list, a string, a number or null
    TOO_DEEP = "too_deep"  # nested deeper than any event
    BAD_TYPE = "bad_type"  # a field of a wrong type
    OUT_OF_RANGE = "out_of_range"  # a negative duration, a status of 1000, an absurd amount
    UNKNOWN_ERROR = "unknown_error"  # an error class other than user, backend, fatal
    UNKNOWN_KIND = "unknown_kind"  # a kind of record other than request, call, sample, change
    NO_TS = "no_ts"
    BAD_TS = "bad_ts"  # not a time between the years 2000 and 2100
    NO_NAME = "no_name"  # none of service, route, function
    UNKNOWN_FORMAT = "unknown_format"  # no format, or not the one that was named
    DAMAGED = "damaged"  # not of its format: cut off, wrong checksum or encoding
    FAR_FUTURE = "far_future"  # ahead of the partition, and no later record confirmed it


@dataclass(frozen=True, slots=True)
class Rejected:
    """One bad record.

    ``index`` is its position in the run given to ``decode``. It is negative for a record of an earlier run
    that was held back until its time stamp was confirmed or refuted: -1 is the last record before this run.
    """

    reason: RejectReason
    index: int
    detail: str
    sample: bytes  # its first kilobyte
    received: bool = False  # a receiver refused it, and wrote a refusal in its place

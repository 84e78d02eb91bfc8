"""Messages as both encodings are read: resources with their spans, log records and data points.

Ids are bytes, hexadecimal of either case, or base64 of plain protobuf. Times are nanoseconds.
The trace state of a sampled span gives the number of spans that it stands for.
"""

import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from streams.engine.decode.event import LARGEST
from streams.engine.decode.parse import EARLIEST, LATEST
from streams.engine.decode.rejected import RejectReason
from streams.ingest.formats.format import RefusalError, Refused
from streams.ingest.formats.otlp.attributes import Attributes

INTERNAL: Final = 1
SERVER: Final = 2
CLIENT: Final = 3
PRODUCER: Final = 4
CONSUMER: Final = 5

NO_ATTRIBUTES: Final[Attributes] = {}

HEAVIEST: Final = 1e6
"""Requests that one span may stand for."""

TRACE_BYTES: Final = 16
SPAN_BYTES: Final = 8

_HEX: Final = re.compile(r"[0-9a-fA-F]+")

_VENDOR: Final = re.compile(r"(?:^|,)\s*ot=([^,]*)")
_THRESHOLD: Final = re.compile(r"(?:^|;)th:([0-9a-fA-F]{1,14})(?:;|$)")
_POWER: Final = re.compile(r"(?:^|;)p:([0-9]{1,2})(?:;|$)")  # of samplers before there were thresholds
_DIGITS: Final = 14
_ALL: Final = 1 << (4 * _DIGITS)
_NEVER: Final = 63

_SECOND: Final = 1_000_000_000
_MILLISECOND: Final = 1_000_000
EARLIEST_NS: Final = int(EARLIEST) * _SECOND
LATEST_NS: Final = int(LATEST) * _SECOND
"""Nanoseconds between which a span may start."""

LONGEST_NS: Final = int(LARGEST) * _MILLISECOND
"""Nanoseconds that it may take."""


class Raised(NamedTuple):
    """An exception that a span recorded."""

    type: str
    message: str


@dataclass(slots=True, eq=False)
class OtlpSpan:
    """One span. Ids are lower-case hexadecimal, times are nanoseconds; missing ones are empty, or 0."""

    trace: str
    id: str
    parent: str
    state: str
    name: str
    kind: int
    start: int
    end: int
    failed: bool
    message: str  # of the status
    attributes: Attributes
    raised: Raised | None  # the last

    @property
    def key(self) -> str:
        """The identity of the span in a message."""
        return self.trace + self.id


@dataclass(slots=True, eq=False)
class ResourceSpans:
    """The spans of one resource, in their order."""

    attributes: Attributes
    spans: Sequence[OtlpSpan]
    refused: Sequence[Refused] = ()
    identified: Attributes | None = None
    """Of the first span that names the function, if that may not be here."""


@dataclass(slots=True, eq=False)
class ResourceLogs:
    """The bodies of the log records of one resource that are texts or bytes; None for one that is not."""

    attributes: Attributes
    bodies: Sequence[bytes | None]


class Point(NamedTuple):
    """One data point of a gauge or a sum."""

    name: str
    unit: str
    time: int  # nanoseconds
    value: float | None


@dataclass(slots=True, eq=False)
class ResourceMetrics:
    """The data points of one resource."""

    attributes: Attributes
    points: Sequence[Point]
    others: int = 0  # metrics that are no gauge and no sum


@dataclass(slots=True, eq=False)
class OtlpMessage:
    """One exported message, by signal."""

    spans: Sequence[ResourceSpans] = ()
    logs: Sequence[ResourceLogs] = ()
    metrics: Sequence[ResourceMetrics] = ()
    refused: list[Refused] = field(default_factory=list)


def of_bytes(found: bytes, size: int) -> str:
    """Return an identifier as lower-case hexadecimal; an empty text if it is none.

    Examples
    --------
    >>> of_bytes(bytes.fromhex("eee19b7ec3c1b174"), SPAN_BYTES), of_bytes(bytes(8), SPAN_BYTES)
    ('eee19b7ec3c1b174', '')
    """
    return found.hex() if len(found) == size and any(found) else ""


def of_text(found: str, size: int) -> str:
    """Return an identifier as lower-case hexadecimal; an empty text if it is none.

    Examples
    --------
    >>> of_text("EEE19B7EC3C1B174", SPAN_BYTES), of_text("7uGbfsPBsXQ=", SPAN_BYTES)
    ('eee19b7ec3c1b174', 'eee19b7ec3c1b174')
    """
    if len(found) == 2 * size:
        return found.lower() if _HEX.fullmatch(found) and found.strip("0") else ""
    if len(found) > 2 * size:
        return ""
    try:
        return of_bytes(binascii.a2b_base64(found + "=" * (-len(found) % 4)), size)
    except ValueError:
        return ""


def weight_of(state: str) -> float | None:
    """Return the weight that a trace state gives, None if it gives none or the span stands for itself.

    So does one that would stand for more than ``HEAVIEST`` others: no sampler of requests drops so many. A
    threshold is the part of all traces that is dropped, a fraction of 56 bits without trailing zeros.

    Examples
    --------
    >>> weight_of("congo=t61rcWkgMzE,ot=th:c;rv:9b8233f7e3"), weight_of("ot=th:0"), weight_of("ot=p:3;r:5")
    (4.0, None, 8.0)
    """
    if "ot=" not in state:
        return None
    vendor = _VENDOR.search(state)
    if not vendor:
        return None
    if threshold := _THRESHOLD.search(vendor.group(1)):
        weight = _ALL / (_ALL - int(threshold.group(1).ljust(_DIGITS, "0"), 16))
    elif power := _POWER.search(vendor.group(1)):
        exponent = int(power.group(1))
        weight = 1.0 if exponent >= _NEVER else float(1 << exponent)
    else:
        return None
    return weight if 1.0 < weight <= HEAVIEST else None


def seconds(nanoseconds: int, what: str) -> float:
    """Return epoch seconds.

    Raises
    ------
    RefusalError
        When there is no time, or none that can be counted.
    """
    if EARLIEST_NS <= nanoseconds < LATEST_NS:
        return nanoseconds / _SECOND
    if not nanoseconds:
        raise RefusalError(RejectReason.NO_TS, f"{what} has no time")
    raise RefusalError(
        RejectReason.BAD_TS,
        f"{what} has the time {nanoseconds}, no nanoseconds between the years 2000 and 2100",
    )


def milliseconds(span: OtlpSpan) -> float | None:
    """Return how long a span took; None if that is unknown, negative or absurdly long."""
    took = (span.end - span.start) / _MILLISECOND if span.end and span.start else -1.0
    return took if 0 <= took <= LARGEST else None

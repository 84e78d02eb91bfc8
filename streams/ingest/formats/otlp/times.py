"""Times of spans, which are nanoseconds, as records have them."""

from typing import Final

from streams.engine.decode.event import LARGEST
from streams.engine.decode.parse import EARLIEST, LATEST
from streams.engine.decode.rejected import RejectReason
from streams.ingest.formats.format import RefusalError
from streams.ingest.formats.otlp.span import OtlpSpan

_SECOND: Final = 1_000_000_000
_MILLISECOND: Final = 1_000_000
EARLIEST_NS: Final = int(EARLIEST) * _SECOND
LATEST_NS: Final = int(LATEST) * _SECOND
"""Nanoseconds between which a span may start."""

LONGEST_NS: Final = int(LARGEST) * _MILLISECOND
"""Nanoseconds that it may take."""


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
    """Return how long a span took; None if it does not say, ends before its start, or takes absurdly long."""
    took = (span.end - span.start) / _MILLISECOND if span.end and span.start else -1.0
    return took if 0 <= took <= LARGEST else None

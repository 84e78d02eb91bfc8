"""What is read of a message, whichever way it was written: resources with what they sent."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from streams.ingest.formats.format import Refused
from streams.ingest.formats.otlp.attributes import Attributes

INTERNAL: Final = 1
SERVER: Final = 2
CLIENT: Final = 3
PRODUCER: Final = 4
CONSUMER: Final = 5

NO_ATTRIBUTES: Final[Attributes] = {}


class Raised(NamedTuple):
    """An exception that a span recorded."""

    type: str
    message: str


@dataclass(slots=True, eq=False)
class OtlpSpan:
    """One span. Ids are lower-case hexadecimal, times are nanoseconds; what is none is empty, or 0."""

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
        """What the span is known by in a message."""
        return self.trace + self.id


@dataclass(slots=True, eq=False)
class ResourceSpans:
    """The spans of one resource, in their order."""

    attributes: Attributes
    spans: Sequence[OtlpSpan]
    refused: Sequence[Refused] = ()
    identified: Attributes | None = None
    """Of the first span that names the function, if it may be one that is not here."""


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
    """One exported message: what it holds of each signal."""

    spans: Sequence[ResourceSpans] = ()
    logs: Sequence[ResourceLogs] = ()
    metrics: Sequence[ResourceMetrics] = ()
    refused: list[Refused] = field(default_factory=list)

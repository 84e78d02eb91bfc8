"""The interface of a source of recorded events: raw records of named source partitions, in pieces."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from detectors.model.array_types import Floats
from streams.engine.decode.rejected import Rejected
from streams.ingest.formats.inputs import Converted

OnProgress = Callable[[float, int, int], None]
"""Called with the fraction read, the records so far, and the event time reached (0 before the first step)."""


class Piece(NamedTuple):
    """Consecutive records of one partition."""

    partition: str
    records: Sequence[bytes] | None  # None marks the end of the partition
    done: float  # fraction of the whole source read so far
    place: Any = None  # where this partition continues; must survive JSON
    offsets: Sequence[int] = ()  # one per part; empty if records are simply counted from 0
    arrived: Floats | None = None  # when each record arrived, epoch seconds; None if unknown
    converted: Converted | None = None  # of a source with a format: what ``records`` are of

    @property
    def parts(self) -> int:
        """How many records it has, refused ones among them; ``offsets`` has one for each."""
        if self.converted is not None:
            return len(self.converted)
        return 0 if self.records is None else len(self.records)

    def placed(self, rejected: list[Rejected]) -> list[Rejected]:
        """Return all refusals, given those of the decoder."""
        return rejected if self.converted is None else self.converted.placed(rejected)


class RecordSource(Protocol):
    """A finite stretch of recorded events."""

    @property
    def partitions(self) -> Sequence[str]:
        """The source partitions that ``pieces`` yields, named as in the live drivers."""

    @property
    def notes(self) -> Sequence[str]:
        """Lines for the user about missing or empty parts."""

    @property
    def bounds(self) -> Mapping[str, Any]:
        """The extent fixed on opening, which a resumed replay reads too; must survive JSON."""

    def resume(self, bounds: Mapping[str, Any], places: Mapping[str, Any]) -> None:
        """Resume an earlier replay from its bounds and the place of each partition.

        Raises
        ------
        ReplayError
            When the source has changed, or the next records no longer exist.
        """

    def pieces(self, level: Callable[[str], int] | None = None) -> Iterator[Piece]:
        """Yield the records of every partition in order, and finally its end.

        ``level`` returns the event time (epoch seconds, 0 if unknown) that a partition has reached: one ahead
        of the slowest waits for it, so that partitions are merged by event time.
        """

"""What the rollup is fed of a chunk at once: records of docs/event.md, and where each was read."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from detectors.model.array_types import Floats
from streams.engine.decode.event_time import UNKNOWN_ARRIVAL
from streams.engine.decode.rejected import Rejected
from streams.ingest.batch_consumer.chunk import Chunk
from streams.ingest.formats.converted import Converted

NEVER: Final = -1.0


class ReadAt(NamedTuple):
    """Where in a partition a record was read.

    Examples
    --------
    >>> str(ReadAt(17)), str(ReadAt(17, 2))
    ('17', '17.2')
    """

    offset: int | None  # None if it is unknown
    number: int | None = None  # of its part in a payload of several

    def __str__(self) -> str:
        return str(self.offset) if self.number is None else f"{self.offset}.{self.number}"


class NativeRun:
    """A chunk whose records are fed as they are."""

    def __init__(self, chunk: Chunk) -> None:
        self.records: Sequence[bytes] = chunk.values
        self.arrived = chunk.arrived
        self._offsets = chunk.offsets

    def __len__(self) -> int:
        return len(self.records)

    def placed(self, rejected: Sequence[Rejected]) -> list[Rejected]:
        """Return all that is refused, given what the decoder rejected."""
        return list(rejected)

    def place(self, part: int) -> ReadAt:
        """Return where a part was read; a record is one."""
        return ReadAt(self._offsets[part])

    place_of = place


class ConvertedRun:
    """Payloads of a chunk as records, of which one payload may hold several or none."""

    def __init__(self, found: Converted, chunk: Chunk) -> None:
        self.records: Sequence[bytes] = found.records
        self.arrived: Floats | None = found.arrived(chunk.arrived)
        self._found = found
        self._offsets = chunk.offsets

    def __len__(self) -> int:
        return len(self._found)

    def placed(self, rejected: Sequence[Rejected]) -> list[Rejected]:
        """Return all that is refused, in the order of the parts, given what the decoder rejected."""
        return self._found.placed(rejected)

    def place(self, part: int) -> ReadAt:
        """Return where a part was read: its payload's offset, and its number if that has several."""
        return ReadAt(self._offsets[self._found.of[part]], self._found.numbers[part])

    def place_of(self, record: int) -> ReadAt:
        """Return where a record was read."""
        return self.place(self._found.rows[record])


class Quiet:
    """How long an input's payloads have held no records, by the times of their arrival.

    A topic may be busy with what is no record by design, such as spans that are no request. Then nothing is
    idle, but time must not wait for it. What is told depends on the payloads, not on how they are chunked.

    Parameters
    ----------
    after
        Seconds without a record after which that is told.
    every
        Seconds after which it is told again.
    """

    def __init__(self, after: float, every: float) -> None:
        self._after, self._every = after, every
        self.heard: float | None = None  # when the newest record arrived, or the first payload
        self._told = NEVER

    def feed(self, arrived: float, records: int) -> float | None:
        """Note the next payload; return how long it has been quiet if that is to be told."""
        if not 0 <= arrived < UNKNOWN_ARRIVAL:
            return None
        if records or self.heard is None:
            self.heard, self._told = max(arrived, self.heard or arrived), NEVER
            return None
        quiet = arrived - self.heard
        if quiet < self._after or arrived < self._told + self._every:
            return None
        self._told = arrived
        return quiet

    def state(self) -> tuple[float, float] | None:
        """Return the state, None before the first payload."""
        return None if self.heard is None else (self.heard, self._told)

    def restore(self, state: tuple[float, float]) -> None:
        """Go on from a state."""
        self.heard, self._told = state

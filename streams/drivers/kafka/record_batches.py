"""Batches of records that the rollup is fed at once: records of docs/event.md, and where each was read."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from detectors.model.array_types import Floats
from streams.engine.decode.event_time import UNKNOWN_ARRIVAL
from streams.engine.decode.rejected import Rejected
from streams.ingest.batch_consumer.chunk import Chunk
from streams.ingest.formats.inputs import Converted

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


class NativeBatch:
    """A chunk whose records are fed as they are."""

    def __init__(self, chunk: Chunk) -> None:
        self.records: Sequence[bytes] = chunk.values
        self.arrived = chunk.arrived
        self._offsets = chunk.offsets

    def __len__(self) -> int:
        return len(self.records)

    def all_rejected(self, rejected: Sequence[Rejected]) -> list[Rejected]:
        """Return all refused parts, given those that the decoder rejected."""
        return list(rejected)

    def locate_part(self, part: int) -> ReadAt:
        """Return where a part was read; a record is one."""
        return ReadAt(self._offsets[part])

    locate_record = locate_part


class ConvertedBatch:
    """Payloads of a chunk as records; a payload may hold several or none."""

    def __init__(self, found: Converted, chunk: Chunk) -> None:
        self.records: Sequence[bytes] = found.records
        self.arrived: Floats | None = found.arrived(chunk.arrived)
        self._found = found
        self._offsets = chunk.offsets

    def __len__(self) -> int:
        return len(self._found)

    def all_rejected(self, rejected: Sequence[Rejected]) -> list[Rejected]:
        """Return all refused parts in order, given those that the decoder rejected."""
        return self._found.placed(rejected)

    def locate_part(self, part: int) -> ReadAt:
        """Return where a part was read: its payload's offset, and its number if that has several."""
        return ReadAt(self._offsets[self._found.of[part]], self._found.numbers[part])

    def locate_record(self, record: int) -> ReadAt:
        """Return where a record was read."""
        return self.locate_part(self._found.rows[record])


class QuietPeriod:
    """The time for which an input's payloads have held no records, by their arrival.

    A topic may be busy with payloads that are no records by design, such as spans that are no request. Then
    nothing is idle, but time must not wait for it. It is reported ``after`` so many seconds, then again
    ``every`` so many. The reports depend on the payloads, not on how they are chunked.
    """

    def __init__(self, after: float, every: float) -> None:
        self._after, self._every = after, every
        self.newest: float | None = None  # arrival of the newest record, or of the first payload
        self._reported = NEVER

    def note_payload(self, arrived: float, records: int) -> float | None:
        """Note the next payload; return the seconds without a record if they are to be reported."""
        if not 0 <= arrived < UNKNOWN_ARRIVAL:
            return None
        if records or self.newest is None:
            self.newest, self._reported = max(arrived, self.newest or arrived), NEVER
            return None
        quiet = arrived - self.newest
        if quiet < self._after or arrived < self._reported + self._every:
            return None
        self._reported = arrived
        return quiet

    def state(self) -> tuple[float, float] | None:
        """Return the state, None before the first payload."""
        return None if self.newest is None else (self.newest, self._reported)

    def restore(self, state: tuple[float, float]) -> None:
        """Go on from a state."""
        self.newest, self._reported = state

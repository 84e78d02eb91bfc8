"""Batches of records that the rollup is fed at once: records of docs/event.md, and where each was read."""

from collections.abc import Sequence
from typing import NamedTuple

from detectors.model.array_types import Floats
from streams.engine.decode.rejected import Rejected
from streams.ingest.batch_consumer.chunk import Chunk
from streams.ingest.formats.inputs import Converted


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

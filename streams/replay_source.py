"""What replay reads from: runs of raw records of named source partitions."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol


class ReplayError(Exception):
    """History cannot be read; the text says which, why, and what helps."""


class Piece(NamedTuple):
    """Consecutive records of one partition; None says that the partition has ended."""

    partition: str
    records: list[bytes] | None
    done: float  # fraction of all history read so far


class History(Protocol):
    """A finite stretch of recorded events."""

    @property
    def partitions(self) -> Sequence[str]:
        """The source partitions that ``pieces`` yields, named as the live drivers name them."""

    def pieces(self) -> Iterator[Piece]:
        """Yield every partition's records in order and, last of each, its end."""

"""What replay reads from: runs of raw records of named source partitions."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol


class ReplayError(Exception):
    """History cannot be read; the text says which, why, and what helps."""


class Piece(NamedTuple):
    """Consecutive records of one partition; None says that the partition has ended."""

    partition: str
    records: Sequence[bytes] | None
    done: float  # fraction of all history read so far
    place: Any = None  # where this partition goes on after it, as JSON can hold it
    offsets: Sequence[int] = ()  # one a record; nothing where they are numbered from the beginning


class History(Protocol):
    """A finite stretch of recorded events."""

    @property
    def partitions(self) -> Sequence[str]:
        """The source partitions that ``pieces`` yields, named as the live drivers name them."""

    @property
    def notes(self) -> Sequence[str]:
        """Lines that the user should read: what is missing, empty or cut off."""

    @property
    def bounds(self) -> Mapping[str, Any]:
        """What was fixed when it was opened, as JSON can hold it: a replay that goes on reads just that."""

    def resume(self, bounds: Mapping[str, Any], places: Mapping[str, Any]) -> None:
        """Go on where an earlier replay stopped: its bounds, and its place of each partition.

        Raises
        ------
        ReplayError
            When this is another history, or what comes next is not there any more.
        """

    def pieces(self, level: Callable[[str], int] | None = None) -> Iterator[Piece]:
        """Yield every partition's records in order and, last of each, its end.

        Parameters
        ----------
        level
            Gives the event time (epoch seconds, 0 when not known) up to which a partition was taken in. One
            that is ahead of the slowest waits for it, so that the partitions come merged in event time.
        """

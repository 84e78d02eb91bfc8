"""What falls due when, in order."""

import heapq
from collections.abc import Callable
from enum import IntEnum
from typing import NamedTuple


class What(IntEnum):
    """What happens; of two things at one time the smaller comes first."""

    LEAVES = 0  # a page leaves
    QUIET = 1  # nothing has been open for long enough: it is resolved
    CLOSES = 2  # it can no longer come back as the same incident
    DIGEST = 3
    LOOKS = 4  # its thread may get a line again


class Due(NamedTuple):
    """One thing that falls due."""

    at: int  # epoch seconds
    what: What
    which: str  # id of a case, empty for the digest


class Agenda:
    """A heap of what is due. What was put off or dropped meanwhile stays in it until its old time comes.

    Parameters
    ----------
    holds
        Tells whether an entry still holds: the case is there, and it is due at that very time.
    """

    def __init__(self, holds: Callable[[Due], bool]) -> None:
        self._holds = holds
        self._heap: list[Due] = []
        self._known: set[Due] = set()

    def put(self, at: int | None, what: What, which: str = "") -> None:
        """Note that something falls due; None: nothing does."""
        if at is None or (due := Due(at, what, which)) in self._known:
            return
        self._known.add(due)
        heapq.heappush(self._heap, due)

    def next(self, until: int) -> Due | None:
        """Take out the first that is due at or before ``until``."""
        while self._heap and self._heap[0].at <= until:
            due = heapq.heappop(self._heap)
            self._known.discard(due)
            if self._holds(due):
                return due
        return None

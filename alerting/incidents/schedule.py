"""What falls due when, in order."""

import heapq
from collections.abc import Callable
from enum import IntEnum
from typing import NamedTuple


class DueKind(IntEnum):
    """What happens; of two entries due at the same time, the smaller goes first."""

    PAGE = 0  # a page leaves
    RESOLVE = 1  # nothing has been open for the quiet period
    CLOSE = 2  # it can no longer reopen
    DIGEST = 3
    LINES = 4  # its thread may get a line again


class Due(NamedTuple):
    """One entry of the schedule."""

    at: int  # epoch seconds
    kind: DueKind
    incident: str  # id, empty for the digest


class Schedule:
    """A heap of what is due. A postponed or cancelled entry stays in it until its former time.

    Parameters
    ----------
    is_current
        Returns whether an entry still applies: the incident exists and is due at that very time.
    """

    def __init__(self, is_current: Callable[[Due], bool]) -> None:
        self._is_current = is_current
        self._heap: list[Due] = []
        self._entries: set[Due] = set()

    def add(self, at: int | None, kind: DueKind, incident: str = "") -> None:
        """Add an entry; does nothing when ``at`` is None."""
        if at is None or (due := Due(at, kind, incident)) in self._entries:
            return
        self._entries.add(due)
        heapq.heappush(self._heap, due)

    def pop(self, until: int) -> Due | None:
        """Remove and return the first entry due at or before ``until``, None when nothing is."""
        while self._heap and self._heap[0].at <= until:
            due = heapq.heappop(self._heap)
            self._entries.discard(due)
            if self._is_current(due):
                return due
        return None

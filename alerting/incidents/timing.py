"""What falls due of incidents, and the schedule of it."""

import heapq
from collections.abc import Callable, Iterable, Iterator
from enum import IntEnum
from typing import Final, NamedTuple

from alerting.incidents.incident_record import IncidentRecord
from config.settings import Settings

LONGEST_QUIET: Final = 7200
"""Seconds. What recurs for longer than this is better reported again than never resolved."""


def quiet_period(quiet: int, flaps: int) -> int:
    """Return the seconds without an open finding that resolve an incident: doubled by each recurrence.

    Examples
    --------
    >>> [quiet_period(600, flaps) // 60 for flaps in range(6)]
    [10, 20, 40, 80, 120, 120]
    """
    longest = max(quiet, LONGEST_QUIET)
    return longest if flaps > 16 else min(longest, quiet * 2**flaps)  # noqa: PLR2004 - beyond any longest


def closes_at(record: IncidentRecord, settings: Settings) -> int | None:
    """Return the time from which a resolved record cannot reopen, None while it is open."""
    if record.resolved_at is None:
        return None
    incidents = settings.incidents
    quiet = quiet_period(incidents.quiet, record.flaps)
    # What comes back belongs to it for as long as if the quiet period had begun when its end was certain.
    since = record.resolved_at if record.calm_at is None else max(record.resolved_at, record.calm_at + quiet)
    return since + max(incidents.gather, quiet if record.flaps else 0)


class DueKind(IntEnum):
    """The kinds of entries; of two due at the same time, the smaller goes first."""

    PAGE = 0  # a page leaves
    RESOLVE = 1  # nothing has been open for the quiet period
    CLOSE = 2  # it can no longer reopen
    DIGEST = 3
    LINES = 4  # its thread may get a line again


class Due(NamedTuple):
    """One entry of the schedule."""

    at: int  # epoch seconds
    kind: DueKind
    incident: str = ""  # id, empty for the digest


def dues(record: IncidentRecord, settings: Settings) -> Iterator[Due]:
    """Yield what falls due of a live record."""
    for kind, at in (
        (DueKind.PAGE, record.page_due),
        (DueKind.RESOLVE, record.resolve_due),
        (DueKind.CLOSE, closes_at(record, settings)),
        (DueKind.LINES, record.lines_due),
    ):
        if at is not None:
            yield Due(at, kind, record.id)


class Schedule:
    """A heap of what is due. A postponed or cancelled entry stays in it until its former time."""

    def __init__(self) -> None:
        self._heap: list[Due] = []
        self._entries: set[Due] = set()

    def add(self, entries: Iterable[Due]) -> None:
        """Add entries; those that it has already change nothing."""
        for due in entries:
            if due not in self._entries:
                self._entries.add(due)
                heapq.heappush(self._heap, due)

    def pop(self, until: int, is_current: Callable[[Due], bool]) -> Due | None:
        """Remove and return the first entry due by ``until`` that still applies, None when nothing is."""
        while self._heap and self._heap[0].at <= until:
            due = heapq.heappop(self._heap)
            self._entries.discard(due)
            if is_current(due):
                return due
        return None

"""The flood stage: combines new incidents into one message when they are too many to read singly."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Final, NamedTuple

import msgspec

from alerting.commands.dispatch import ALERTMANAGER, Destination
from alerting.incidents.notice import identify
from alerting.pipeline.incident_registry import calls_again
from detectors.state.declared import Held, Stateful, StatePart

WINDOW: Final = 60
"""Seconds over which new incidents are counted: ``notify.flood`` is per minute."""

LASTS: Final = 300
"""Seconds for which a flood stays open after it last overflowed: what trickles in and is like its members
shares their cause."""

LEVELS: Final = "levels"
"""The kind of all that senders state with a limit: they may invent any number, of every scope and name."""

FILE_EVERY: Final = 60
"""Seconds from the first file of a growing flood to its second; each further wait is twice as long."""


class Arrival(NamedTuple):
    """What a flood must know of an incident that is new at its destination."""

    kind: str
    grade: int
    mention: str


class Flood(msgspec.Struct, kw_only=True):
    """One message that stands for many incidents at one destination; epoch seconds of event time."""

    subject: str
    destination: str
    until: int  # new incidents join it before this time
    mention: str = ""  # whom it called
    grade: int = 0  # the worst severity that it called for; 0 in old states
    members: list[str] = []  # ids of incidents in order of arrival
    made: int = 0  # messages and edits
    filed: int = 0  # members in its newest file
    files: int = 0
    next_file: int = 0  # when it may have another
    kinds: list[str] = []  # of its members

    def calls(self, grade: int, mention: str) -> bool:
        """Return whether it called nobody for this severity, or not these people; from now on it has."""
        called, whom = self.mention.split(), mention.replace(",", " ").split()
        new = calls_again(grade, self.grade) or not {*whom} <= {*called}
        self.grade = max(self.grade, grade)
        self.mention = " ".join(dict.fromkeys([*called, *whom]))
        return new

    def wants_file(self, at: int) -> bool:
        """Return whether its newest file lacks members and the next may be made."""
        return self.filed < len(self.members) and at >= self.next_file

    def made_file(self, at: int) -> None:
        """Note that a file with all members was made."""
        self.filed = len(self.members)
        self.files += 1
        self.next_file = at + FILE_EVERY * 2 ** (self.files - 1)


class FloodState(msgspec.Struct, kw_only=True):
    """The state of all floods."""

    recent: dict[str, list[int]]  # destination → when messages left in the last minute
    floods: list[Flood]  # that have not ended, oldest first
    alone: dict[str, list[int]] = {}  # destination → when those of one incident left


class Floods(Stateful):
    """Counts new messages by destination and opens a flood when there are more than ``most`` in a minute.

    Alertmanager has no floods: it groups alerts itself, and needs each of them to resolve it.
    """

    STATE = (Held(StatePart("floods", FloodState), "state"),)
    name: Final = "flood"

    def __init__(self, most: int) -> None:
        self._most = most
        self.state = FloodState(recent={}, floods=[])
        self._changed: set[str] = set()

    def combine(self, destination: str, arrivals: Mapping[str, Arrival], at: int) -> Flood | None:
        """Count new messages; return the flood that combines them, None if each is sent on its own.

        ``arrivals`` are all incidents that are new at this destination at this time, by their ids. Those of a
        kind of their own are no members of the flood, as long as they are few: it would hide them.
        """
        if Destination.of(destination).sink == ALERTMANAGER:
            return None
        incidents = {incident: arrival.kind for incident, arrival in arrivals.items()}
        recent = self._count(self.state.recent, destination, len(incidents), at)
        flood = self._flood(destination, at, overflows=recent > self._most)
        if flood is None:
            self._few(destination, incidents, at)
            return None
        common = {*flood.kinds, *(kind for kind, times in Counter(incidents.values()).items() if times > 1)}
        unlike = {incident: kind for incident, kind in incidents.items() if common and kind not in common}
        apart = self._few(destination, unlike, at)
        members = [incident for incident in incidents if incident not in apart]
        flood.members += members
        flood.kinds = sorted({*flood.kinds, *(incidents[member] for member in members)})
        for member in members if not flood.made else ():  # its message calls for all of them
            flood.calls(arrivals[member].grade, arrivals[member].mention)
        if members:
            self.touch(flood.subject)
        return flood

    def _few(self, destination: str, incidents: Mapping[str, str], at: int) -> list[str]:
        """Count incidents with messages of their own; return those that are few enough to have them.

        Levels are counted by themselves: they must not use up what others may have.
        """
        found = []
        for counter, are_levels in ((destination, False), (f"{destination} {LEVELS}", True)):
            new = [incident for incident, kind in incidents.items() if (kind == LEVELS) is are_levels]
            if new and self._count(self.state.alone, counter, len(new), at) <= self._most:
                found += new
        return found

    def _count(self, known: dict[str, list[int]], destination: str, new: int, at: int) -> int:
        """Count new messages at a destination; return how many there were in the last minute."""
        recent = [then for then in known.get(destination, []) if then > at - WINDOW] + [at] * new
        known[destination] = recent[-self._most - 1 :]
        return len(recent)

    def _flood(self, destination: str, at: int, *, overflows: bool) -> Flood | None:
        """Return the open flood of a destination, a new one if it overflows."""
        here = (flood for flood in self.state.floods if flood.destination == destination)
        flood = next((flood for flood in here if at < flood.until), None)
        if flood is None and not overflows:
            return None
        if flood is None:
            subject = identify("flood", destination, at)
            flood = Flood(subject=subject, destination=destination, until=at + LASTS)
            self.state.floods.append(flood)
        if overflows:
            flood.until = at + LASTS
        return flood

    def find(self, subject: str) -> Flood | None:
        """Return a flood that has not been forgotten."""
        return next((flood for flood in self.state.floods if flood.subject == subject), None)

    def touch(self, subject: str) -> None:
        """Note that the message of a flood must be edited."""
        self._changed.add(subject)

    def changed(self, at: int) -> Iterator[tuple[Flood, bool]]:
        """Yield, once, the floods that need a new file or (True) a new edit of their message."""
        changed, self._changed = self._changed, set()
        for flood in self.state.floods:
            if flood.subject in changed or flood.wants_file(at):
                yield flood, flood.subject in changed

    def due(self) -> int | None:
        """Return the time at which a flood may have its next file, None if all files are complete."""
        waiting = (flood.next_file for flood in self.state.floods if flood.filed < len(flood.members))
        return min(waiting, default=None)

    def forget(self, ended: Callable[[Flood], bool]) -> None:
        """Forget the floods that have ended."""
        self.state.floods = [flood for flood in self.state.floods if not ended(flood)]

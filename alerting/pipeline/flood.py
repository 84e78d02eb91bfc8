"""The flood stage: combines new incidents into one message when they are too many to read singly."""

from collections.abc import Iterator
from typing import Final

import msgspec

from alerting.commands.dispatch import ALERTMANAGER, Destination
from alerting.incidents.notice import identify

WINDOW: Final = 60
"""Seconds over which new incidents are counted: ``notify.flood`` is per minute."""

LASTS: Final = 300
"""Seconds for which a flood stays open after it last overflowed: what trickles in shares its cause."""

FILE_EVERY: Final = 60
"""Seconds from the first file of a growing flood to its second; each further wait is twice as long."""


class Flood(msgspec.Struct, kw_only=True):
    """One message that stands for many incidents at one destination; epoch seconds of event time."""

    subject: str
    destination: str
    until: int  # new incidents join it before this time
    mention: str = ""
    members: list[str] = []  # ids of incidents in order of arrival
    made: int = 0  # messages and edits
    filed: int = 0  # members in its newest file
    files: int = 0
    next_file: int = 0  # when it may have another

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

    recent: dict[str, list[int]]
    floods: list[Flood]


class Floods:
    """Counts new messages by destination and opens a flood when there are more than ``most`` in a minute.

    Alertmanager has no floods: it groups alerts itself, and needs each of them to resolve it.
    """

    name: Final = "flood"

    def __init__(self, most: int) -> None:
        self._most = most
        self._recent: dict[str, list[int]] = {}  # destination → when messages left in the last minute
        self._floods: dict[str, Flood] = {}
        self._changed: dict[str, None] = {}

    def combine(self, destination: str, incidents: list[str], mention: str, at: int) -> Flood | None:
        """Count new messages; return the flood that combines them, None if each is sent on its own.

        ``incidents`` are all that are new at this destination at this time.
        """
        if Destination.of(destination).sink == ALERTMANAGER:
            return None
        recent = [then for then in self._recent.get(destination, []) if then > at - WINDOW]
        self._recent[destination] = (recent + [at] * len(incidents))[-self._most - 1 :]
        overflows = len(recent) + len(incidents) > self._most
        flood = next((known for known in self._of(destination) if at < known.until), None)
        if flood is None and not overflows:
            return None
        if flood is None:
            subject = identify("flood", destination, at)
            flood = self._floods[subject] = Flood(subject=subject, destination=destination, until=at + LASTS)
        if overflows:
            flood.until = at + LASTS
        flood.members += incidents
        flood.mention = flood.mention or mention
        self.touch(flood.subject)
        return flood

    def touch(self, subject: str) -> None:
        """Note that the message of a flood must be edited."""
        if subject in self._floods:
            self._changed[subject] = None

    def changed(self, at: int) -> Iterator[tuple[Flood, bool]]:
        """Yield, once, the floods that need a new file or (True) a new edit of their message."""
        changed, self._changed = self._changed, {}
        for flood in self.every:
            if flood.subject in changed or flood.wants_file(at):
                yield flood, flood.subject in changed

    def due(self) -> int | None:
        """Return the time at which a flood may have its next file, None if all files are complete."""
        waiting = (flood.next_file for flood in self._floods.values() if flood.filed < len(flood.members))
        return min(waiting, default=None)

    def forget(self, subject: str) -> None:
        """Forget a flood that has ended."""
        self._floods.pop(subject, None)

    @property
    def every(self) -> list[Flood]:
        """All floods that have not ended, oldest first."""
        return list(self._floods.values())

    def state(self) -> FloodState:
        """Return the state."""
        return FloodState(recent=self._recent, floods=self.every)

    def restore(self, state: FloodState) -> None:
        """Restore what ``state`` returned."""
        self._recent = state.recent
        self._floods = {flood.subject: flood for flood in state.floods}
        self._changed = {}

    def _of(self, destination: str) -> Iterator[Flood]:
        return (flood for flood in self._floods.values() if flood.destination == destination)

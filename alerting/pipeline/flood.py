"""The stage that makes one message of many: more new incidents than anybody reads one by one."""

from collections.abc import Iterator
from typing import Final

import msgspec

from alerting.commands.destination import ALERTMANAGER, Destination
from alerting.incidents.notice import identify

WINDOW: Final = 60
"""Seconds over which new incidents are counted: ``notify.flood`` is said per minute."""

LASTS: Final = 300
"""Seconds that a flood goes on after it last overflowed: what trickles in behind it has its cause."""

FILE_EVERY: Final = 60
"""Seconds from the first file of a flood to its second, where it grew; each further wait is twice as long."""


class Flood(msgspec.Struct, kw_only=True):
    """One message that stands for many incidents at one destination; epoch seconds of event time."""

    subject: str
    destination: str
    until: int  # what is new joins it before this time
    mention: str = ""
    members: list[str] = []  # ids of incidents, in the order in which they came
    made: int = 0  # messages and edits so far
    filed: int = 0  # members in its newest file
    files: int = 0
    next_file: int = 0  # when it may have another

    def wants_file(self, at: int) -> bool:
        """Tell whether its newest file lacks members, and the next may be made."""
        return self.filed < len(self.members) and at >= self.next_file

    def made_file(self, at: int) -> None:
        """Take note that a file with all members was made."""
        self.filed = len(self.members)
        self.files += 1
        self.next_file = at + FILE_EVERY * 2 ** (self.files - 1)


class FloodState(msgspec.Struct, kw_only=True):
    """What is kept of all floods."""

    recent: dict[str, list[int]]
    floods: list[Flood]


class Floods:
    """Counts new messages by destination and opens a flood where there are more than ``most`` in a minute.

    An Alertmanager has none: it groups alerts itself, and has to have each of them to end it.
    """

    name: Final = "flood"

    def __init__(self, most: int) -> None:
        self._most = most
        self._recent: dict[str, list[int]] = {}  # destination → when messages left in the last minute
        self._floods: dict[str, Flood] = {}
        self._changed: dict[str, None] = {}

    def take(self, destination: str, incidents: list[str], mention: str, at: int) -> Flood | None:
        """Let incidents become messages at a moment; return the flood that takes them, None for their own.

        ``incidents`` are all that are new at this destination and moment.
        """
        if Destination.of(destination).sink == ALERTMANAGER:
            return None
        recent = [then for then in self._recent.get(destination, []) if then > at - WINDOW]
        self._recent[destination] = (recent + [at] * len(incidents))[-self._most - 1 :]
        overflows = len(recent) + len(incidents) > self._most
        flood = next((one for one in self._of(destination) if at < one.until), None)
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
        """Take note that a flood's message has to be made anew."""
        if subject in self._floods:
            self._changed[subject] = None

    def changed(self, at: int) -> Iterator[tuple[Flood, bool]]:
        """Give the floods whose file or (True) message has to be made at a moment, once."""
        changed, self._changed = self._changed, {}
        for flood in self.every:
            if flood.subject in changed or flood.wants_file(at):
                yield flood, flood.subject in changed

    def due(self) -> int | None:
        """Return when the next file of a flood may be made that lacks members."""
        waiting = (one.next_file for one in self._floods.values() if one.filed < len(one.members))
        return min(waiting, default=None)

    def forget(self, subject: str) -> None:
        """Let go of a flood that is over: nothing becomes of it any more."""
        self._floods.pop(subject, None)

    @property
    def every(self) -> list[Flood]:
        """All floods that are not over, oldest first."""
        return list(self._floods.values())

    def state(self) -> FloodState:
        """Return what has to be kept."""
        return FloodState(recent=self._recent, floods=self.every)

    def restore(self, state: FloodState) -> None:
        """Take up what ``state`` returned."""
        self._recent = state.recent
        self._floods = {one.subject: one for one in state.floods}
        self._changed = {}

    def _of(self, destination: str) -> Iterator[Flood]:
        return (one for one in self._floods.values() if one.destination == destination)

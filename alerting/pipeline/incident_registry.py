"""The incidents that the pipeline knows, their packed state, and what was seen before."""

from collections.abc import Iterator, Mapping
from typing import Final

import msgspec
from msgspec import structs

from alerting.commands.command import Command
from alerting.commands.dispatch import Form
from alerting.incidents.incident import Incident, Sent
from alerting.incidents.notice import Action, Notice
from detectors.state.state import pack, unpack


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """Why an incident is held for now, as stated by the stage that holds it."""

    stage: str
    reason: str
    until: int | None = None  # epoch seconds; None if it does not end by the clock


class MessageRef(msgspec.Struct, frozen=True, kw_only=True):
    """A message of an incident at a destination: its own, or that of a flood."""

    destination: str
    subject: str
    form: Form


class TrackedIncident(msgspec.Struct, kw_only=True):
    """One incident on its way through the pipeline. Times are epoch seconds of event time."""

    sequence: int  # counts incidents in order of arrival
    notice: Notice  # the newest
    started: int  # when it began, or recurred
    pending: bool = False  # it needs a message and has none yet
    held: Hold | None = None
    messages: list[MessageRef] = []  # the newest at each destination
    message_count: int = 0  # it gets another message when it recurs
    reopened: int = 0  # of the newest message, or of the one it needs
    alerted: int | None = None  # when it was first sent
    ended_at: int | None = None  # when it was resolved or withdrawn
    mention: str = ""  # whom its first message mentions
    sent: Sent = "none"
    reason: str = ""  # why it was sent as it was, or never was
    commands: list[Command] = []  # oldest first

    @property
    def incident(self) -> Incident:
        """The incident in its newest state."""
        return self.notice.incident

    @property
    def subject(self) -> str:
        """The subject of its newest message."""
        return subject_of(self.incident.id, self.message_count)

    def drop_trace(self) -> None:
        """Drop the trace, which only a chart needs: it was in a dispatch, or is not kept."""
        if self.incident.primary.trace is not None:
            self.notice = structs.replace(self.notice, incidents=[without_trace(self.incident)])


def subject_of(incident: str, number: int) -> str:
    """Return the subject of the n-th message of an incident, counted from 1.

    Examples
    --------
    >>> subject_of("a1", 1), subject_of("a1", 3)
    ('a1', 'a1.2')
    """
    return incident if number <= 1 else f"{incident}.{number - 1}"


def without_trace(incident: Incident) -> Incident:
    """Return the incident without its trace, which is most of its bytes."""
    if incident.primary.trace is None:
        return incident
    return structs.replace(incident, primary=structs.replace(incident.primary, trace=None))


KEPT: Final = 30 * 86400
"""Seconds of event time for which an ended incident is known: its buttons take feedback that long, and a
recurrence links to it."""

MOST: Final = 20_000
"""Incidents kept; of more, the ones that ended first are forgotten first."""

SHORTEST: Final = 4
"""Characters of an id that are enough to name an incident, if no other begins so."""

_PREFIX: Final = "incident/"


class IncidentRegistry:
    """Tracked incidents by id. After changing one, call ``put``.

    With ``keep`` it never forgets: for replay, which reports everything at its end.
    """

    def __init__(self, *, keep: bool = False) -> None:
        self._keep = keep
        self._tracked: dict[str, TrackedIncident] = {}
        self._packed: dict[str, bytes] = {}

    def get(self, incident: str, at: int | None = None) -> TrackedIncident | None:
        """Return an incident, None when it is unknown or, at this time, forgotten."""
        tracked = self._tracked.get(incident)
        return None if tracked is None or (at is not None and _is_old(tracked, at)) else tracked

    def named(self, name: str, at: int) -> TrackedIncident | None:
        """Return the incident with this id, or the only one whose id begins so; None without one."""
        found = self.get(name, at)
        if found is not None or len(name) < SHORTEST:
            return found
        begin = [
            tracked
            for key, tracked in self._tracked.items()
            if key.startswith(name) and not _is_old(tracked, at)
        ]
        return begin[0] if len(begin) == 1 else None

    def put(self, tracked: TrackedIncident) -> None:
        """Add an incident, or note that it changed."""
        self._tracked[tracked.incident.id] = tracked
        self._packed.pop(tracked.incident.id, None)

    def __iter__(self) -> Iterator[TrackedIncident]:
        return iter(self._tracked.values())

    def __len__(self) -> int:
        return len(self._tracked)

    def sweep(self, at: int) -> list[str]:
        """Forget what ended long ago, or ended and exceeds ``MOST``; return the ids."""
        if self._keep:
            return []
        forgotten = [key for key, tracked in self._tracked.items() if _is_old(tracked, at)]
        if len(self._tracked) - len(forgotten) > MOST:
            known = set(forgotten)
            ended = sorted(
                (tracked.ended_at, key)
                for key, tracked in self._tracked.items()
                if tracked.ended_at is not None and key not in known
            )
            forgotten += [key for _, key in ended[: len(self._tracked) - len(forgotten) - MOST]]
        for key in forgotten:
            del self._tracked[key]
            self._packed.pop(key, None)
        return forgotten

    def snapshot(self) -> dict[str, bytes]:
        """Return one part per incident; unchanged ones are the same bytes."""
        for key, tracked in self._tracked.items():
            if key not in self._packed:
                self._packed[key] = pack("tracked-incident", 1, tracked, {})
        return {f"{_PREFIX}{key}": part for key, part in self._packed.items()}

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Restore the state that ``snapshot`` returned, whatever the order of its parts."""
        found = [
            unpack(part, "tracked-incident", 1, TrackedIncident)[0]
            for name, part in parts.items()
            if name.startswith(_PREFIX)
        ]
        found.sort(key=lambda tracked: (tracked.sequence, tracked.incident.id))
        self._tracked = {tracked.incident.id: tracked for tracked in found}
        self._packed = {key: parts[f"{_PREFIX}{key}"] for key in self._tracked}


def _is_old(tracked: TrackedIncident, at: int) -> bool:
    return tracked.ended_at is not None and at >= tracked.ended_at + KEPT


REMEMBERED: Final = 10_000
"""Command ids remembered, the oldest forgotten first: double presses come within seconds."""

DIGESTS: Final = 60
"""Digest ids remembered: two months."""


class Dedupe:
    """Recognises notices by incident and revision, digests and commands by their ids."""

    name: Final = "dedupe"

    def __init__(self) -> None:
        self._commands: dict[str, None] = {}  # oldest first
        self._digests: dict[str, None] = {}

    def repeats(self, notice: Notice, tracked: TrackedIncident | None) -> bool:
        """Return whether a notice is a repeat; a digest is remembered from now on."""
        if notice.action is Action.DIGEST:
            return not _remember(self._digests, notice.id, DIGESTS)
        return tracked is not None and notice.incident.revision <= tracked.incident.revision

    def knows(self, command: str) -> bool:
        """Return whether the command with this id was carried out."""
        return command in self._commands

    def remember(self, command: str) -> None:
        """Remember that the command with this id was carried out."""
        _remember(self._commands, command, REMEMBERED)

    def state(self) -> tuple[list[str], list[str]]:
        """Return the ids of commands and of digests."""
        return list(self._commands), list(self._digests)

    def restore(self, commands: list[str], digests: list[str]) -> None:
        """Restore what ``state`` returned."""
        self._commands, self._digests = dict.fromkeys(commands), dict.fromkeys(digests)


def _remember(known: dict[str, None], key: str, most: int) -> bool:
    if key in known:
        return False
    known[key] = None
    while len(known) > most:
        del known[next(iter(known))]
    return True

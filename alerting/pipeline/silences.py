"""The silences stage: holds incidents that the configuration or a person has silenced.

A mark (expected, or not an anomaly) raises the threshold for incidents like the marked one. A deviation of
size 1 is reported, and its score is ``size² / (1 + size²)``. The next incident like it must be a quarter
larger; half of that excess is gone after two weeks.
"""

from collections.abc import Iterable
from math import log2, sqrt
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from alerting.commands.command import Command, CommandKind, Matcher
from alerting.commands.local_time import moment, shown
from alerting.commands.matching import describe, holds
from alerting.incidents.incident import Incident
from alerting.pipeline.incident_registry import Hold, TrackedIncident, calls_again
from config.settings import MatchSettings, SilenceSettings
from detectors.model.finding import Verdict


class Silence(msgspec.Struct, frozen=True, kw_only=True, rename={"kind": "ask", "matcher": "matching"}):
    """A silence: of one incident, or of all that match."""

    id: str  # that of the command that made it; config/1 and so on of the configuration
    kind: CommandKind
    incident: str | None = None  # the only one it silences, without a matcher
    matcher: Matcher | None = None
    until: int | None = None  # epoch seconds; None: until it is removed, or its incident ends
    by: str = ""
    why: str = ""
    at: int = 0  # when it was made
    fingerprint: str = ""  # it is about incidents with this one that show too little; ``incident`` was marked
    asked: float = 0.0  # how many times the threshold they must show, at first
    grade: int = 0  # how severe the marked one was; 0 where an older version made it

    def matches(self, incident: Incident) -> bool:
        """Return whether it is about an incident."""
        if self.fingerprint:
            return incident.fingerprint == self.fingerprint
        return incident.id == self.incident if self.matcher is None else holds(self.matcher, incident)

    @property
    def breadth(self) -> int:
        """0 for a silence of one incident, 1 for one of a pattern, 2 for what a mark asks of others."""
        return 2 if self.fingerprint else self.matcher is not None

    def covers(self, tracked: TrackedIncident, at: int) -> bool:
        """Return whether an incident that it matches is to be held.

        Who silences one incident has judged what it was then: when it becomes more severe, they are told.
        """
        if not self.fingerprint:
            return self.matcher is not None or tracked.call_due is None
        if calls_again(tracked.incident.severity.level, self.grade):
            return False
        size = size_of(tracked.incident)
        return size is not None and size < asked_for(self.asked, at - self.at)

    def ends_for(self, tracked: TrackedIncident) -> int | None:
        """Return the time at which it stops holding an incident that does not change."""
        size = size_of(tracked.incident) if self.fingerprint else None
        if size is None or self.until is None:
            return self.until
        return min(self.until, self.at + seconds_until(self.asked, size) + 1)

    def is_active(self, at: int) -> bool:
        """Return whether it has not expired yet."""
        return self.until is None or self.until > at

    @property
    def what(self) -> str:
        """Its matcher in words; may contain names from events."""
        what = f"incident {self.incident}" if self.matcher is None else describe(self.matcher)
        if self.fingerprint:
            what += f", below {self.asked:.1f} times the threshold, less every week"
        return what


class Silences:
    """All silences: those of the configuration and those made by commands."""

    name: Final = "silences"

    def __init__(self, configured: list[SilenceSettings], zone: ZoneInfo) -> None:
        self._zone = zone
        self._configured = [
            Silence(
                id=f"config/{number}",
                kind=CommandKind.SILENCE,
                matcher=_matching(silence.match),
                until=moment(silence.until, zone),
                by="the configuration",
                why=silence.why,
            )
            for number, silence in enumerate(configured, 1)
        ]
        self._commands: dict[str, Command] = {}
        self._made: dict[str, Silence] = {}  # by these commands

    def hold(self, tracked: TrackedIncident, at: int) -> Hold | None:
        """Return the hold by the silence of an incident that ends last; of two, by the narrower one."""
        found = [
            (silence.ends_for(tracked), silence)
            for silence in (*self._configured, *self._made.values())
            if silence.matches(tracked.incident) and silence.is_active(at) and silence.covers(tracked, at)
        ]
        if not found:
            return None
        until, last = max(found, key=lambda hold: (hold[0] is None, hold[0] or 0, -hold[1].breadth))
        return Hold(stage=self.name, reason=self._reason(last), until=until)

    def add(self, command: Command) -> Silence:
        """Add the silence of a command, in the place of what the same person asked before; return it."""
        made = Silence(
            id=command.id,
            kind=command.kind,
            incident=None if command.matcher is not None and not command.fingerprint else command.incident,
            matcher=command.matcher,
            until=command.until,
            by=command.by,
            why=command.why,
            at=command.at,
            fingerprint=command.fingerprint,
            asked=command.asked,
            grade=command.grade,
        )
        for earlier in self._replaced_by(made):
            self.remove(earlier)
        self._commands[made.id], self._made[made.id] = command, made
        return made

    def find(self, name: str) -> list[Silence]:
        """Return the silence with this id or prefix of an id, or those of the incident with this id."""
        of_incident = [silence for silence in self._made.values() if silence.incident == name]
        if of_incident:
            return sorted(of_incident, key=lambda silence: silence.breadth)
        found = [silence for silence in self.active() if silence.id == name]
        return found or [
            silence for silence in self.active() if len(name) >= _SHORTEST and silence.id.startswith(name)
        ]

    def remove(self, silence: Silence) -> None:
        """Remove a silence."""
        self._commands.pop(silence.id, None)
        self._made.pop(silence.id, None)

    def expire(self, at: int) -> list[Silence]:
        """Remove and return the commands' silences that have expired by ``at``, in order of expiry."""
        found = [silence for silence in self._made.values() if not silence.is_active(at)]
        for silence in found:
            self.remove(silence)
        return sorted(found, key=lambda silence: (silence.until or 0, silence.id))

    def due(self) -> int | None:
        """Return the time at which the next silence made by a command expires."""
        ends = (silence.until for silence in self._made.values() if silence.until is not None)
        return min(ends, default=None)

    def forget(self, incidents: Iterable[str]) -> None:
        """Remove the silences of incidents that are forgotten."""
        gone = set(incidents)
        for silence in list(self._made.values()) if gone else ():
            if not silence.fingerprint and silence.incident in gone:
                self.remove(silence)

    def active(self, at: int | None = None) -> list[Silence]:
        """Return all silences, or those active at a time, in order of expiry."""
        every = [*self._configured, *self._made.values()]
        found = [silence for silence in every if at is None or silence.is_active(at)]
        return sorted(found, key=lambda silence: (silence.until is None, silence.until or 0, silence.id))

    @property
    def commands(self) -> list[Command]:
        """The commands whose silences are not expired: their whole state."""
        return list(self._commands.values())

    def _replaced_by(self, made: Silence) -> list[Silence]:
        """Return what an earlier mark asked, or a person's silences of an incident that end no later.

        Pressing a button again and again leaves one silence to end, not many.
        """
        if made.fingerprint:
            return [silence for silence in self._made.values() if silence.fingerprint == made.fingerprint]
        return [
            silence
            for silence in self._made.values()
            if silence.breadth == made.breadth == 0
            and (silence.incident, silence.kind, silence.by) == (made.incident, made.kind, made.by)
            and (made.until is None or (silence.until is not None and silence.until <= made.until))
        ]

    def asked(self, fingerprint: str, at: int) -> float:
        """Return the threshold of incidents with a fingerprint, in times the usual one; 1 without a mark."""
        raised = (silence for silence in self._made.values() if silence.fingerprint == fingerprint)
        return max((asked_for(silence.asked, at - silence.at) for silence in raised), default=1.0)

    def _reason(self, silence: Silence) -> str:
        if silence.fingerprint:
            when = shown(silence.at, self._zone)
            return (
                f"one like it was {_WORDS[silence.kind]} by {silence.by} on {when}: "
                f"it must be {silence.asked:.1f} times the threshold, less every week"
            )
        until = silence.until
        end = "while the incident lasts" if until is None else f"until {shown(until, self._zone)}"
        why = f": {silence.why}" if silence.why else ""
        what = _WORDS.get(silence.kind, "silenced")
        return f"{what} {end} by {silence.by}{why}"


_SHORTEST: Final = 4
"""Characters of an id that are enough to name a silence, if unique."""

_WORDS: Final = {
    CommandKind.SNOOZE: "snoozed",
    CommandKind.EXPECTED: "marked as expected",
    CommandKind.NOT_AN_ANOMALY: "marked as not an anomaly",
}


def _matching(match: MatchSettings) -> Matcher:
    """Convert the configuration's form to that of commands, so that both are shown alike."""
    return Matcher(
        accounts=match.accounts,
        services=match.services,
        scopes=match.scopes,
        verdicts=list(match.verdicts),
        measures=match.measures,
    )


MARGIN: Final = 1.25
"""Times the size of a marked incident: the next one is not exactly as large."""

HALVES_SECONDS: Final = 14 * 86400
"""Half of the excess over the threshold is gone after this time: code and traffic change."""

HIGHEST: Final = 10.0
"""The highest threshold: anything this far off is reported, whatever people marked."""

NEAR: Final = 1.1
"""A threshold below this is no longer raised."""

_NEAREST: Final = 1e-9

_SIZED: Final = frozenset((Verdict.SPIKE, Verdict.DROP, Verdict.SHIFT))


def size_of(incident: Incident) -> float | None:
    """Return the size of an incident, in times the threshold; None where no size decides.

    Limits, fatal errors and absences have none: a mark of one does not concern the next.
    """
    if incident.verdict not in _SIZED or incident.primary.verdict not in _SIZED:
        return None
    score = min(max(incident.primary.score, 0.0), 1 - _NEAREST)
    return sqrt(score / (1 - score))


def asked_after(size: float) -> float:
    """Return the threshold right after an incident of this size was marked.

    Examples
    --------
    >>> asked_after(2.0), asked_after(0.5), asked_after(100.0)
    (2.5, 1.25, 10.0)
    """
    return min(MARGIN * max(size, 1.0), HIGHEST)


def asked_for(asked: float, seconds: float) -> float:
    """Return a raised threshold so many seconds later.

    Examples
    --------
    >>> [round(asked_for(5.0, days * 86400), 2) for days in (0, 14, 28)]
    [5.0, 3.0, 2.0]
    """
    left: float = 0.5 ** (max(seconds, 0.0) / HALVES_SECONDS)
    return 1 + (asked - 1) * left


def seconds_until(asked: float, size: float) -> int:
    """Return the seconds until a raised threshold no longer exceeds a size.

    Examples
    --------
    >>> [seconds_until(5.0, size) // 86400 for size in (5.0, 3.0, 2.0)]
    [0, 14, 28]
    """
    return int(HALVES_SECONDS * log2(max((asked - 1) / (max(size, NEAR) - 1), 1.0)))

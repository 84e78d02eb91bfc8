"""The incidents that the pipeline knows."""

from typing import Final

import msgspec
from msgspec import structs

from alerting.commands.command import Command
from alerting.commands.dispatch import Form
from alerting.incidents.incident import Incident, Sent
from alerting.incidents.notice import Milestone, Notice
from alerting.incidents.reported_state import GAP
from alerting.incidents.severity import Grade
from alerting.pipeline.packed_items import PackedItems

CALLS: Final = Grade.HIGH
"""The least severity for which people are called again."""

LEAP: Final = 2
"""Grades more that are told at once. A single one waits until ``GAP`` seconds after the last call: the first
minutes often show the full extent, and somebody is looking then."""


def calls_again(grade: int, known: int) -> bool:
    """Return whether people are called for this severity, who know of that one; never if it is 0."""
    return 0 < known < grade >= CALLS


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
    mention: str | None = None  # whom it mentions, if others than the incident does


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
    grade: int = 0  # the worst severity that people know; 0 before its message, and in old states
    called_at: int = 0  # when people were called, the last time
    untold: dict[Milestone, list[str]] = {}  # lines that a silence holds back, with the names in them

    @property
    def incident(self) -> Incident:
        """The incident in its newest state."""
        return self.notice.incident

    @property
    def goes_on(self) -> bool:
        """Whether it has ended as the level that is expected since: it is over for nobody."""
        return self.incident.state == "resolved" and self.incident.primary.settled

    @property
    def subject(self) -> str:
        """The subject of its newest message."""
        return subject_of(self.incident.id, self.message_count)

    @property
    def call_due(self) -> int | None:
        """When people are called again: it is more severe than they know, and not over. Else None."""
        level, incident = self.incident.severity.level, self.incident
        over = not any(finding.is_open for finding in (incident.primary, *incident.members))
        if over or not calls_again(level, self.grade):
            return None
        return self.called_at + (0 if level >= self.grade + LEAP else GAP)

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


class IncidentRegistry(PackedItems[str, TrackedIncident]):
    """Tracked incidents by id. After changing one, call ``put``.

    With ``keep`` it never forgets: for replay, which reports everything at its end.
    """

    def __init__(self, *, keep: bool = False) -> None:
        super().__init__("tracked-incident", "incident/", TrackedIncident, _id_of, _arrival)
        self._keep = keep

    def known(self, incident: str, at: int) -> TrackedIncident | None:
        """Return an incident, None when it is unknown or, at this time, forgotten."""
        tracked = self.get(incident)
        return None if tracked is None or _is_old(tracked, at) else tracked

    def named(self, name: str, at: int) -> TrackedIncident | None:
        """Return the incident with this id, or the only one whose id begins so; None without one."""
        found = self.known(name, at)
        if found is not None or len(name) < SHORTEST:
            return found
        begin = [
            tracked for tracked in self if tracked.incident.id.startswith(name) and not _is_old(tracked, at)
        ]
        return begin[0] if len(begin) == 1 else None

    def sweep(self, at: int) -> list[str]:
        """Forget what ended long ago, or ended and exceeds ``MOST``; return the ids."""
        if self._keep:
            return []
        forgotten = [tracked.incident.id for tracked in self if _is_old(tracked, at)]
        if (surplus := len(self) - len(forgotten) - MOST) > 0:
            ended = sorted(
                (tracked.ended_at, tracked.incident.id)
                for tracked in self
                if tracked.ended_at is not None and not _is_old(tracked, at)
            )
            forgotten += [incident for _, incident in ended[:surplus]]
        self.drop(forgotten)
        return forgotten


def _id_of(tracked: TrackedIncident) -> str:
    return tracked.incident.id


def _arrival(tracked: TrackedIncident) -> tuple[int, str]:
    return tracked.sequence, tracked.incident.id


def _is_old(tracked: TrackedIncident, at: int) -> bool:
    return tracked.ended_at is not None and at >= tracked.ended_at + KEPT

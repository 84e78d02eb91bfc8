"""What the pipeline knows of one incident: its newest state, where it was told, what holds it."""

import msgspec
from msgspec import structs

from alerting.commands.command import Command
from alerting.commands.dispatch import Form
from alerting.incidents.incident import Incident, Sent
from alerting.incidents.notice import Notice


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """Why an incident is not told for now, in the words of the stage that holds it."""

    stage: str
    reason: str
    until: int | None = None  # epoch seconds; None where no clock ends it


class MessageRef(msgspec.Struct, frozen=True, kw_only=True):
    """A message that an incident has at a destination: its own, or that of a flood."""

    destination: str
    subject: str
    form: Form


class TrackedIncident(msgspec.Struct, kw_only=True):
    """One incident on its way through the pipeline. All times are epoch seconds of event time."""

    sequence: int  # counts incidents in the order in which they came
    notice: Notice  # the newest
    began: int  # when it began, or came back
    waits: bool = False  # it is to get a message and has none yet
    held: Hold | None = None
    told: list[MessageRef] = []  # where its newest messages are
    parents: int = 0  # messages so far: it gets another when it comes back
    reopened: int = 0  # of the newest message that it has or waits for
    alerted: int | None = None  # when it was first told
    over: int | None = None  # when it was resolved or withdrawn; None while it goes on
    mention: str = ""  # whom its first message calls
    sent: Sent = "none"
    reason: str = ""  # why it was told as it was, or never was
    commands: list[Command] = []  # what people did about it, oldest first

    @property
    def incident(self) -> Incident:
        """The incident in its newest state."""
        return self.notice.incident

    @property
    def subject(self) -> str:
        """The subject of its newest message."""
        return subject_of(self.incident.id, self.parents)


def subject_of(incident: str, parents: int) -> str:
    """Return the subject of the n-th message of an incident, counted from 1.

    Examples
    --------
    >>> subject_of("a1", 1), subject_of("a1", 3)
    ('a1', 'a1.2')
    """
    return incident if parents <= 1 else f"{incident}.{parents - 1}"


def is_over(incident: Incident) -> bool:
    """Tell whether an incident is resolved or withdrawn."""
    return incident.state in ("resolved", "withdrawn")


def without_trace(incident: Incident) -> Incident:
    """Return the incident without the curve that only a chart needs: it is most of its bytes."""
    if incident.primary.trace is None:
        return incident
    return structs.replace(incident, primary=structs.replace(incident.primary, trace=None))


def without_curve(story: TrackedIncident) -> None:
    """Let go of the curve of a story's incident: it was in a dispatch, or is not kept."""
    if story.incident.primary.trace is not None:
        story.notice = structs.replace(story.notice, incidents=[without_trace(story.incident)])

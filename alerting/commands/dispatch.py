"""What the notification pipeline lets through: one thing to tell to one destination."""

from enum import StrEnum

import msgspec

from alerting.commands.command import Command, CommandKind
from alerting.incidents.incident import Incident
from alerting.incidents.notice import Notice


class Form(StrEnum):
    """The form it takes where it arrives."""

    PARENT = "parent"  # the one message of its subject: posted, and from then on edited in place
    LINE = "line"  # a line of the timeline, in the thread of the subject's message
    DIGEST = "digest"
    FLOOD = "flood"  # the one message of many incidents: posted, and from then on edited in place
    FILE = "file"  # all incidents of a flood as a file in the thread of its message


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the timeline; the renderer finds the words.

    A ``CommandKind.UNSILENCE`` without ``by``: a snooze expired while its incident is still open.
    """

    what: str  # a Milestone, or a CommandKind
    at: int  # epoch seconds
    by: str = ""  # who did it, as the sink names people
    until: int | None = None
    detail: str = ""  # a name from an event: never trusted


class Expiring(msgspec.Struct, frozen=True, kw_only=True):
    """A snooze or silence that ends before the next digest; epoch seconds."""

    id: str
    what: str  # what it matches, or the title of the incident; names from events are in it: never trusted
    until: int
    by: str


class Precision(msgspec.Struct, frozen=True, kw_only=True):
    """How good the pages of the last weeks were, as people said by buttons."""

    weeks: int
    pages: int
    expected: int  # marked as expected
    not_an_anomaly: int  # marked as no anomaly


class Dispatch(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to tell to one destination. The same notices and commands give the same ``id``.

    All of one ``subject`` at one destination share a message: an incident's id, a flood's or a digest's.
    """

    id: str
    destination: str  # alerting/commands/destination.py
    form: Form
    subject: str
    notice: Notice  # in its newest state, for edits that a command causes too
    line: Line | None = None  # of the form LINE
    mention: str = ""  # whom a page calls, from the configuration alone: here, or ids of users and groups
    follows: str | None = None  # subject of an earlier message that this one links to: it came back, or grew
    commands: list[Command] = []  # what people did about it so far, oldest first
    of_flood: list[Incident] = []  # of FLOOD and FILE: all incidents it stands for, newest states, no traces
    expiring: list[Expiring] = []  # of the form DIGEST
    precision: Precision | None = None  # of the form DIGEST, once there was any page
    held: dict[
        str, int
    ] = {}  # of the form DIGEST: pages that were held since the last one and are over, by stage
    reason: str = ""  # the pipeline's reason, for people and logs
    at: int = 0  # when it was let through: event time, or the wall time of the command behind it

    @property
    def acknowledged(self) -> Command | None:
        """The first acknowledgement: who deals with it."""
        return next((one for one in self.commands if one.kind is CommandKind.ACKNOWLEDGE), None)

"""What the notification pipeline sends: one thing to one destination."""

from enum import StrEnum

import msgspec

from alerting.commands.command import Command, CommandKind
from alerting.commands.memo import Memo
from alerting.incidents.incident import Incident
from alerting.incidents.notice import Notice


class Form(StrEnum):
    """The form of a dispatch at its destination."""

    PARENT = "parent"  # the message of its subject: posted once, then edited in place
    LINE = "line"  # a line of the timeline, in the thread of the subject's message
    DIGEST = "digest"
    FLOOD = "flood"  # the message of many incidents: posted once, then edited in place
    FILE = "file"  # all incidents of a flood as a file in the thread of its message


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the timeline; the renderer chooses the words.

    A ``CommandKind.UNSILENCE`` without ``by``: a snooze expired while its incident is still open.
    """

    what: str  # a Milestone, or a CommandKind
    at: int  # epoch seconds
    by: str = ""  # the person, as the sink names people
    until: int | None = None
    detail: str = ""  # a name from an event: never trusted


class Expiring(msgspec.Struct, frozen=True, kw_only=True):
    """A snooze or silence that ends before the next digest; epoch seconds."""

    id: str
    what: str  # what it matches; contains names from events: never trusted
    until: int
    by: str


class Precision(msgspec.Struct, frozen=True, kw_only=True):
    """How people judged the pages of the last weeks, by buttons."""

    weeks: int
    pages: int
    expected: int  # marked as expected
    not_an_anomaly: int  # marked as not an anomaly
    sensitivity: float | None = None  # in times the present one: what would have left most of these out
    left_out: int = 0  # of those marked, at that sensitivity
    lost: int = 0  # and of the others


class Dispatch(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to send to one destination. The same notices and commands give the same ``id``.

    All with one ``subject`` (the id of an incident, flood or digest) at one destination share a message.
    """

    id: str
    destination: str  # alerting/commands/destination.py
    form: Form
    subject: str
    notice: Notice  # in its newest state, also for edits caused by a command
    line: Line | None = None  # of the form LINE
    mention: str = ""  # whom a page mentions, from the configuration alone: here, or ids of users and groups
    follows: str | None = None  # subject of an earlier message that this one links to
    commands: list[Command] = []  # what people did about it, oldest first
    of_flood: list[
        Incident
    ] = []  # of FLOOD and FILE: all its incidents in their newest states, without traces
    expiring: list[Expiring] = []  # of the form DIGEST
    precision: Precision | None = None  # of the form DIGEST, if there was any page
    held: dict[
        str, int
    ] = {}  # of the form DIGEST: incidents that ended while held since the last one, by stage
    learnt: dict[str, int] = {}  # of the form DIGEST: scopes that became judgeable in history, by kind
    memos: list[Memo] = []  # on its incident and on earlier ones of its kind, oldest first
    reason: str = ""  # the pipeline's reason, for people and logs
    at: int = 0  # event time, or the wall time of the command that caused it

    @property
    def acknowledged(self) -> Command | None:
        """The first acknowledgement: its sender deals with the incident."""
        return next((command for command in self.commands if command.kind is CommandKind.ACKNOWLEDGE), None)

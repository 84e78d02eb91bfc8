"""The output of the notification pipeline: a dispatch to a destination, and the answer to a command."""

from enum import StrEnum
from typing import Final, NamedTuple, Self

import msgspec

from alerting.commands.command import Command, acknowledgement_of
from alerting.commands.memo import Memo
from alerting.incidents.incident import Incident
from alerting.incidents.notice import Notice
from config.sections.values import RECEIVERS

SLACK: Final = "slack"
WEBHOOK: Final = "webhook"
ALERTMANAGER: Final = "alertmanager"
SINKS: Final = (SLACK, *RECEIVERS)


class Destination(NamedTuple):
    """One receiver of one sink.

    Examples
    --------
    >>> Destination.of("#uneri"), str(Destination.of("webhook:pager"))
    (Destination(sink='slack', name='#uneri'), 'webhook:pager')
    """

    sink: str
    name: str

    @classmethod
    def of(cls, text: str) -> Self:
        """Parse ``kind:name``; without a kind it is a Slack channel."""
        kind, colon, name = text.partition(":")
        return cls(kind, name) if colon and kind in SINKS else cls(SLACK, text)

    def __str__(self) -> str:
        return f"{self.sink}:{self.name}"


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
    """The marks of people on the pages of the last weeks, and those that late records withdrew."""

    weeks: int
    pages: int
    expected: int  # marked as expected
    not_an_anomaly: int  # marked as not an anomaly
    sensitivity: float | None = None  # in times the present one: what would have left most of these out
    left_out: int = 0  # of those marked, at that sensitivity
    lost: int = 0  # and of the others
    withdrawn: int = 0  # not marked


class Dispatch(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to send to one destination. The same notices and commands give the same ``id``.

    All with one ``subject`` (the id of an incident, flood or digest) at one destination share a message.
    """

    id: str
    destination: str  # a ``Destination``
    form: Form
    subject: str
    notice: Notice  # in its newest state, also for edits caused by a command
    line: Line | None = None  # of the form LINE
    mention: str = ""  # whom it calls, from the configuration alone: here, or ids of users and groups
    follows: str | None = None  # subject of an earlier message that this one links to
    commands: list[Command] = []  # what people did about it, oldest first
    expiring: list[Expiring] = []  # of the form DIGEST
    precision: Precision | None = None  # of the form DIGEST, if there was any page
    held: dict[str, int] = {}  # of the form DIGEST: incidents that ended held since the last one, by stage
    learnt: dict[str, int] = {}  # of the form DIGEST: scopes that became judgeable in history, by kind
    memos: list[Memo] = []  # on its incident and on earlier ones of its kind, oldest first
    reason: str = ""  # the pipeline's, where it adds to that of the notice
    at: int  # event time, or the wall time of the command that caused it

    @property
    def acknowledged(self) -> Command | None:
        """The command of who deals with the incident."""
        return acknowledgement_of(self.commands)


class CommandResult(StrEnum):
    """The result of a command."""

    DONE = "done"
    REPEATED = "repeated"  # the same command was carried out before: nothing changes
    UNKNOWN = "unknown"  # incident or silence not found, or forgotten
    OVER = "over"  # the incident has ended: there is nothing to acknowledge or snooze
    PAST = "past"  # the silence would end before it starts
    CONFIGURED = "configured"  # the silence is in the configuration: remove it there


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to one command, for its sender."""

    result: CommandResult
    dispatches: list[Dispatch] = []  # what to send because of it, in order
    incident: Incident | None = None  # the one it is about, in its current state
    silence: str | None = None  # id of the silence it added or removed
    until: int | None = None  # None: while the incident lasts
    fits: int | None = None  # of a silence with a matcher: known incidents that match, open or ended
    memo: Memo | None = None  # the one that it made

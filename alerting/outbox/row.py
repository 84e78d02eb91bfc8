"""A row of the outbox: one message to deliver, or delivered."""

from collections import deque
from collections.abc import Iterable
from enum import StrEnum
from typing import Final

import msgspec

from alerting.commands.dispatch import SLACK, Destination, Dispatch, Form
from alerting.incidents.incident import Incident
from alerting.incidents.notice import identify
from alerting.messages.blocks import Message
from detectors.state.state import StateError


class Send(StrEnum):
    """The calls that a row makes of a sink."""

    POST = "post"
    EDIT = "edit"
    LINE = "line"  # into the thread of a sent message
    CHART = "chart"  # likewise
    FILE = "file"  # likewise
    LINK = "link"  # sends nothing: fetches the address of a sent message, for a later one to link to


class State(StrEnum):
    """The delivery state of a row."""

    DUE = "due"
    SENT = "sent"
    MERGED = "merged"  # another row of the same subject covers it
    PARKED = "parked"  # rejected for an unknown reason; tried again now and then


class SentAs(msgspec.Struct, frozen=True):
    """The address of a sent message: the channel's id and the message's timestamp, in Slack's terms."""

    channel: str
    ts: str
    link: str | None = None  # permalink, when it was requested


class Picture(msgspec.Struct, frozen=True):
    """An uploaded chart that a message shows."""

    file: str  # its id
    title: str
    text: str  # alternative text


URGENCY: Final = {Send.POST: 0, Send.EDIT: 1, Send.LINE: 2, Send.FILE: 3, Send.CHART: 3, Send.LINK: 4}
DIGEST: Final = 5  # the urgency of messages that can wait
_SEND: Final = {
    Form.PARENT: Send.POST,
    Form.FLOOD: Send.POST,
    Form.DIGEST: Send.POST,
    Form.LINE: Send.LINE,
    Form.FILE: Send.FILE,
}
METHOD: Final = {
    Send.POST: "post",
    Send.LINE: "post",
    Send.EDIT: "edit",
    Send.CHART: "file",
    Send.FILE: "file",
    Send.LINK: "link",
}
"""The methods that a receiver's rate limits count: rows of one at one destination share a queue."""


class OutboxRow(msgspec.Struct, kw_only=True, eq=False):
    """One message for one destination. ``id`` derives from the dispatch, so a repeat is recognised."""

    id: str
    destination: str = msgspec.field(name="channel")  # the stored name predates other sinks
    subject: str  # the incident, the flood or the digest: rows of one subject keep their order
    send: Send
    urgency: int
    sequence: int
    created: float  # epoch seconds of wall time
    message: Message | None = None  # None once it is sent; of a chart: the message that will show it
    body: bytes | None = None  # instead: the body for a sink other than Slack, or a file
    incident: Incident | None = None  # what the chart shows
    key: str = ""  # what its receiver knows the subject by
    state: State = State.DUE
    not_before: float = 0.0
    attempts: int = 0
    commands: int = 0  # actions by people that it shows: those are not delayed by the pace of edits
    plain: bool = False  # the blocks were rejected: send the text alone
    doubt: int = 0  # how often it may have been posted without confirmation: durable before it is sent
    picture: Picture | None = None  # of a chart once it is uploaded, and of a message that shows it
    place: SentAs | None = None  # of this message once sent; before, of the message to edit or to reply to
    home: str | None = None  # the channel's id, learnt from an earlier message
    via: str | None = None  # the fallback destination it goes to
    error: str = ""

    @classmethod
    def of(
        cls,
        dispatch: Dispatch,
        *,
        message: Message | None = None,
        body: bytes | None = None,
        incident: Incident | None = None,
        key: str = "",
    ) -> "OutboxRow":
        """Return a dispatch as its sink rendered it; its number and time are those at which it is stored."""
        send = _SEND[dispatch.form]
        return cls(
            id=identify(dispatch.id, dispatch.destination),
            destination=dispatch.destination,
            subject=dispatch.subject,
            send=send,
            urgency=_urgency(dispatch.form, message),
            sequence=0,
            created=0.0,
            message=message,
            body=body,
            incident=incident,
            key=key,
        )

    @property
    def channel(self) -> str:
        """The name of the channel or receiver it goes to."""
        return Destination.of(self.via or self.destination).name

    @property
    def group(self) -> str:
        """The sink that carries it."""
        return group_of(self.destination)

    @property
    def method(self) -> str:
        """The call that it makes; of a receiver other than a chat, always a post."""
        return METHOD[self.send if self.group == SLACK else Send.POST]


def _urgency(form: Form, message: Message | None) -> int:
    if form is Form.DIGEST:
        return DIGEST
    return URGENCY[Send.POST if message is not None and message.aloud else _SEND[form]]


def group_of(destination: str) -> str:
    """Return the sink of a destination: all Slack channels share one, every other receiver has its own.

    Examples
    --------
    >>> group_of("slack:#uneri"), group_of("webhook:pager")
    ('slack', 'webhook:pager')
    """
    sink, _ = Destination.of(destination)
    return sink if sink == SLACK else destination


def repost(row: OutboxRow) -> None:
    """Turn an edit into a new message: the one to edit does not exist."""
    row.send, row.urgency, row.place = Send.POST, URGENCY[Send.POST], None


def rows_of(written: Iterable[bytes]) -> list[OutboxRow]:
    """Decode stored rows.

    Raises
    ------
    detectors.state.state.StateError
        When one is damaged or was written by another version.
    """
    try:
        return [msgspec.msgpack.decode(body, type=OutboxRow) for body in written]
    except msgspec.DecodeError as error:
        raise StateError(f"the outbox cannot be read ({error})") from error


MESSAGE: Final = "message"
LINES: Final = "lines"
ATTACHMENTS: Final = "beside"
_QUEUE: Final = {
    Send.POST: MESSAGE,
    Send.EDIT: MESSAGE,
    Send.LINE: LINES,
    Send.CHART: ATTACHMENTS,
    Send.FILE: ATTACHMENTS,
    Send.LINK: ATTACHMENTS,
}


class Thread:
    """A message with its thread. Each queue is ordered: only its first row may be sent."""

    def __init__(self) -> None:
        self.place: SentAs | None = None
        self.picture: Picture | None = None  # that its message shows
        self.shown: Message | None = None  # as last sent, until its chart is uploaded
        self.key = ""  # identifies the subject to its receiver, as of its newest content
        self.edited = float("-inf")  # when its message was last sent, wall time
        self.commands = 0  # how many actions by people its newest row shows
        self.newest = 0.0  # when its newest row was created
        self.done: list[OutboxRow] = []  # sent or merged rows
        self.queues: dict[str, deque[OutboxRow]] = {MESSAGE: deque(), LINES: deque(), ATTACHMENTS: deque()}

    def queue(self, row: OutboxRow) -> deque[OutboxRow]:
        """Return the queue of ``row``."""
        return self.queues[_QUEUE[row.send]]

    def open(self) -> list[OutboxRow]:
        """Return the rows that are neither sent nor merged."""
        return [row for queue in self.queues.values() for row in queue]

    def is_out(self) -> bool:
        """Return whether its message was sent, or may have been."""
        return any(row.state is State.SENT for row in self.done) or any(row.doubt for row in self.open())

    def first(self) -> list[OutboxRow]:
        """Return the rows that may be sent: replies and attachments wait for their message."""
        names = (MESSAGE, LINES, ATTACHMENTS) if self.place is not None else (MESSAGE,)
        return [self.queues[name][0] for name in names if self.queues[name]]

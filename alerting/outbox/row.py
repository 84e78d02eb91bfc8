"""A row of the outbox: one message that has to arrive, or did."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

import msgspec

from alerting.commands.destination import SLACK, Destination
from alerting.incidents.incident import Incident
from alerting.messages.message import Message
from detectors.state.state import StateError


class Send(StrEnum):
    """What a row asks a sink to do."""

    POST = "post"
    EDIT = "edit"
    LINE = "line"  # into the thread of a message that is out
    CHART = "chart"  # likewise
    FILE = "file"  # likewise
    LINK = "link"  # nothing to send: ask for the address of a message that is out, for a later one to link


class State(StrEnum):
    """Where a row is on its way."""

    DUE = "due"
    SENT = "sent"
    MERGED = "merged"  # another row of the same subject says it
    PARKED = "parked"  # refused for good; tried again at the next start


class SentAs(msgspec.Struct, frozen=True):
    """Where a message is: the channel's id and the message's timestamp, as Slack names them."""

    channel: str
    ts: str
    link: str | None = None  # its address, where it was asked for


URGENCY: Final = {Send.POST: 0, Send.EDIT: 1, Send.LINE: 2, Send.FILE: 3, Send.CHART: 3, Send.LINK: 4}
DIGEST: Final = 5  # the urgency of what can wait
METHOD: Final = {
    Send.POST: "post",
    Send.LINE: "post",
    Send.EDIT: "edit",
    Send.CHART: "file",
    Send.FILE: "file",
    Send.LINK: "link",
}
"""What a receiver's limits count: rows of one method at one destination wait together."""


class OutboxRow(msgspec.Struct, kw_only=True, eq=False):
    """One message for one destination. ``id`` is the dispatch's, so a repeat is recognised."""

    id: str
    destination: str = msgspec.field(name="channel")  # as it was called before there were other sinks
    subject: str  # the incident, the flood or the digest: rows of one subject keep their order
    send: Send
    urgency: int
    sequence: int
    created: float  # epoch seconds of wall time
    message: Message | None = None  # None once it is sent
    body: bytes | None = None  # in its place: what a sink other than Slack posts, or a file
    incident: Incident | None = None  # what a chart shows
    key: str = ""  # what its receiver knows the subject by
    state: State = State.DUE
    not_before: float = 0.0
    attempts: int = 0
    commands: int = 0  # what people had done about it: their doings do not wait for the pace of edits
    plain: bool = False  # the blocks were refused: the text goes alone
    doubt: int = 0  # how often it may have been posted without our knowing: durable before it is sent
    place: SentAs | None = (
        None  # of this message once it is out; before, of the message to edit or to reply to
    )
    home: str | None = None  # the channel's id, where an earlier message told it
    via: str | None = None  # the destination that has taken over from its own
    error: str = ""

    @property
    def channel(self) -> str:
        """The name of the channel it goes to, or of another sink's receiver."""
        return Destination.of(self.via or self.destination).name

    @property
    def group(self) -> str:
        """The sink that carries it."""
        return group_of(self.destination)


def group_of(destination: str) -> str:
    """Return which sink carries what goes there: all channels of Slack have one, each other receiver its own.

    Examples
    --------
    >>> group_of("slack:#uneri"), group_of("webhook:pager")
    ('slack', 'webhook:pager')
    """
    sink, _ = Destination.of(destination)
    return sink if sink == SLACK else destination


def rows_of(written: Iterable[bytes]) -> list[OutboxRow]:
    """Read rows as they were written.

    Raises
    ------
    detectors.state.state.StateError
        When one is damaged, or was written by another version.
    """
    try:
        return [msgspec.msgpack.decode(body, type=OutboxRow) for body in written]
    except msgspec.DecodeError as error:
        raise StateError(f"the outbox cannot be read ({error})") from error

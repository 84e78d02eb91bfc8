"""A row of the outbox: one message that has to arrive, or did."""

from enum import StrEnum
from typing import Final

import msgspec

from alerting.incident import Incident
from alerting.message import Message


class Send(StrEnum):
    """What a row asks a sink to do."""

    POST = "post"
    EDIT = "edit"
    CHART = "chart"  # into the thread of a message that is out


class State(StrEnum):
    """Where a row is on its way."""

    DUE = "due"
    SENT = "sent"
    MERGED = "merged"  # a newer row of the same incident said it before this one was out
    PARKED = "parked"  # refused for good; tried again at the next start


class Place(msgspec.Struct, frozen=True):
    """Where a message is: the channel's id and the message's timestamp, as Slack names them."""

    channel: str
    ts: str


URGENCY: Final = {Send.POST: 0, Send.EDIT: 1, Send.CHART: 2}
DIGEST: Final = 3  # the urgency of what can wait


class Row(msgspec.Struct, kw_only=True):
    """One message for one channel. ``id`` follows from notice and channel, so a repeat is recognised."""

    id: str
    channel: str
    subject: str  # the incident, or the digest: rows of one subject keep their order
    send: Send
    urgency: int
    sequence: int
    created: float  # epoch seconds of wall time
    message: Message | None  # None once it is sent
    incident: Incident | None = None  # what a chart shows
    state: State = State.DUE
    not_before: float = 0.0
    attempts: int = 0
    plain: bool = False  # the blocks were refused: the text goes alone
    doubt: int = 0  # how often it may have been posted without our knowing
    blind: int = 0  # how often it was posted again without a look whether it is there
    place: Place | None = (
        None  # of this message once it is out; before, of the message to edit or to reply to
    )
    home: str | None = None  # the channel's id, where an earlier message told it
    error: str = ""

"""Where rows of the outbox go, and what can come of a delivery."""

from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple, Protocol

import msgspec

from alerting.commands.dispatch import Dispatch
from alerting.outbox.content import Content, SubjectState
from alerting.outbox.row import OutboxRow, SentAs


class Result(StrEnum):
    """What came of a delivery, by what may be done next (notes on each in ``sinks/slack_errors.py``)."""

    SENT = "sent"
    RETRY = "retry"  # certainly not posted: try again later
    UNKNOWN = "unknown"  # may have been posted
    TOKEN = "token"  # noqa: S105  refused for good, whatever is sent: the token
    ROUTE = "route"  # refused for good: this channel
    RENDERING = "rendering"  # refused for good: these blocks
    GONE = "gone"  # the message to edit is no longer there
    REFUSED = "refused"  # refused for a reason that is not known: never tried again


class DeliveryOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """The result of one delivery; ``retry_after`` (seconds) is what the receiver asked for."""

    result: Result
    place: SentAs | None = None
    retry_after: float | None = None
    again: float | None = None  # seconds after which the receiver forgets it unless it is sent again
    error: str = ""


class Sink(Protocol):
    """Takes one row at a time. A sink does not retry and does not raise: it says what came of it."""

    async def deliver(self, row: OutboxRow) -> DeliveryOutcome:
        """Deliver one row: post, edit, or put into a thread, as ``row.send`` says."""


class Receiver(NamedTuple):
    """A sink, and what a dispatch becomes for it.

    ``content`` returns None when there is nothing to tell there.
    """

    sink: Sink
    content: Callable[[Dispatch, SubjectState], Content | None]

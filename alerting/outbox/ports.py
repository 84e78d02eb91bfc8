"""The interfaces of the outbox: storage of its rows, sinks that deliver them, and their outcomes."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import NamedTuple, Protocol

import msgspec

from alerting.commands.dispatch import Dispatch
from alerting.outbox.row import OutboxRow, Picture, SentAs


class OutboxStorage(Protocol):
    """Keeps rows and the pipeline's state: a SQLite file or a Kafka topic.

    When ``write`` returns, all that it was given is durable; if it fails, nothing is.
    """

    async def load(self) -> tuple[list[OutboxRow], dict[str, bytes]]:
        """Return all rows, and the parts of the pipeline's state by name."""

    async def write(
        self, rows: Iterable[OutboxRow], parts: Mapping[str, bytes | None], gone: Iterable[str] = ()
    ) -> None:
        """Insert or replace rows and parts; drop parts that are None and rows whose ids are in ``gone``."""


class SubjectState(NamedTuple):
    """The state of a subject in the outbox that contents depend on."""

    link: str | None = None  # address of the message that this one follows
    key: str = ""  # of the newest content of the same subject


class Result(StrEnum):
    """The result of a delivery, by what may be done next (details in ``sinks/slack_errors.py``)."""

    SENT = "sent"
    RETRY = "retry"  # certainly not posted: try again later
    UNKNOWN = "unknown"  # may have been posted
    TOKEN = "token"  # noqa: S105  the token is rejected, whatever is sent
    ROUTE = "route"  # this channel is rejected
    RENDERING = "rendering"  # these blocks are rejected
    GONE = "gone"  # the message to edit no longer exists
    REFUSED = "refused"  # rejected for an unknown reason


class DeliveryOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of one delivery."""

    result: Result
    place: SentAs | None = None
    picture: Picture | None = None  # of a chart: what the message may show now
    retry_after: float | None = None  # seconds, requested by the receiver
    again: float | None = None  # seconds after which the receiver forgets it unless it is sent again
    error: str = ""
    answered: bool = False  # the receiver answered, with an error


class Sink(Protocol):
    """Renders dispatches, and takes one row at a time. It does not retry and never raises."""

    def render(self, dispatch: Dispatch, known: SubjectState) -> OutboxRow | None:
        """Return the row of a dispatch, None when there is nothing to send."""

    async def deliver(self, row: OutboxRow) -> DeliveryOutcome:
        """Deliver one row: post, edit, or add to a thread, by ``row.send``."""

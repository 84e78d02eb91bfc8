"""The contract between receivers and a driver: records are stored durably, or not at all."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import msgspec
from msgspec import UNSET, UnsetType

from streams.engine.decode.rejected import Rejected, RejectReason


class AppendResult(NamedTuple):
    """The outcome for lines that are durable; if all are bad, and their sender waits, none of them is."""

    rejected: Sequence[Rejected] = ()  # bad ones among them
    late: int = 0  # lines of a time that is judged already


class DeadLetterAnswer(msgspec.Struct, kw_only=True):
    """A record that became a dead letter: its line or its number in the body, where it has one, and why."""

    line: int | UnsetType = UNSET
    record: int | UnsetType = UNSET
    reason: RejectReason
    detail: str


class RecordSink(Protocol):
    """Stores native records."""

    def why_full(self, sender: str) -> str | None:
        """Return why no records of a sender are accepted now, None if they are."""
        ...

    async def append(self, lines: Sequence[bytes], *, sender: str = "", waits: bool = True) -> AppendResult:
        """Store lines, which are durable when this returns.

        Parameters
        ----------
        lines
            One native record each, or anything else, which becomes a dead letter, or is dropped if there are
            too many of its sender.
        sender
            The token that it has shown, else its address.
        waits
            The sender waits for the answer: return which lines are bad, and store nothing if all of them are.

        Raises
        ------
        streams.process.web.request_body.BodyError
            Nothing was stored.
        """
        ...

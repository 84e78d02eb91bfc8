"""Who takes what a door has read: a driver, durably, or not at all."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from streams.engine.decode.rejected import Rejected
from streams.process.web.request_body import BodyError


class AppendResult(NamedTuple):
    """What becomes of lines that are durable."""

    rejected: Sequence[Rejected] = ()  # dead letters among them
    late: int = 0  # those of a time that is judged already


class NotTakenError(BodyError):
    """Nothing was stored.

    Parameters
    ----------
    message, status, reason
        As for ``BodyError``.
    rejected
        The lines that are to blame, if they are.
    seconds
        When the same may be sent again; None if it is of no use, or is not known.
    """

    def __init__(
        self,
        message: str,
        status: int,
        reason: str = "unreadable",
        *,
        rejected: Sequence[Rejected] = (),
        seconds: int | None = None,
    ) -> None:
        super().__init__(message, status, reason)
        self.rejected = rejected
        self.refused: Sequence[dict[str, Any]] = ()  # the parts to blame, as answers list them
        self.seconds = seconds


class RecordSink(Protocol):
    """Stores native records."""

    def full(self) -> str | None:
        """Return why nothing is taken now, None if it is."""
        ...

    async def take(self, lines: Sequence[bytes], *, sent: bool = True) -> AppendResult:
        """Store lines, which are durable when this returns.

        Parameters
        ----------
        lines
            One native record each, or anything else, which becomes a dead letter.
        sent
            A sender waits for the answer: say which lines are bad, and store nothing if all of them are.

        Raises
        ------
        NotTakenError
            Nothing was stored.
        """
        ...

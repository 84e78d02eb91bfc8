"""The log of the embedded driver takes what its doors have read."""

import sqlite3
from collections.abc import Sequence
from http import HTTPStatus

import structlog

from streams.drivers.local.log_intake import RETRY_SECONDS, LogFullError, LogIntake
from streams.ingest.receivers.checked_lines import TooManyBadError, UnreadableError, not_taken
from streams.ingest.receivers.record_sink import AppendResult, NotTakenError
from streams.process.recurring import Recurring

log = structlog.get_logger("uneri.intake")


class LogSink:
    """Appends lines to the log.

    Parameters
    ----------
    intake
        The log.
    unwritable
        When to log that the log cannot be written.
    """

    def __init__(self, intake: LogIntake, unwritable: Recurring | None = None) -> None:
        self._intake = intake
        self._unwritable = unwritable or Recurring()

    def full(self) -> str | None:
        """Return why no record is accepted now, None if they are."""
        why = self._intake.full()
        return why and f"too far behind: {why}"

    async def take(self, lines: Sequence[bytes], *, sent: bool = True) -> AppendResult:
        """Append lines that are durable when this returns.

        Raises
        ------
        NotTakenError
            Nothing was stored.
        """
        try:
            appended = await self._intake.append(lines, sent=sent)
        except (UnreadableError, TooManyBadError) as error:
            raise not_taken(error) from None
        except LogFullError as error:
            said = f"send again later, too far behind: {error}"
            raise NotTakenError(
                said, HTTPStatus.SERVICE_UNAVAILABLE, "backlog", seconds=RETRY_SECONDS
            ) from None
        except sqlite3.Error as error:
            if (count := self._unwritable.happened()) is not None:
                log.error(  # noqa: TRY400 - one line is what the operator needs
                    "the event log cannot be written; events are refused until it can be",
                    reason=str(error),
                    requests=count,
                )
            said = f"not stored, send again: {error}"
            raise NotTakenError(said, HTTPStatus.SERVICE_UNAVAILABLE, "not_stored") from None
        if refused := self._unwritable.ended():
            log.info("the event log can be written again", refused_requests=refused)
        return AppendResult(appended.rejected, appended.late)

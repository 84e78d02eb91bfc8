"""The only entrance to the local log: refuses records before it is full of bad ones, or full.

Records are checked before they enter the log, while their source still has them.
"""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any, Final

import structlog

from config.settings import Settings
from streams.drivers.local.sqlite_store import Position, SqliteStore
from streams.drivers.local.state_files import StateFiles
from streams.engine.decode.records import Records
from streams.engine.decode.rejected import Rejected
from streams.engine.stages.dead_letter_limit import DeadLetterLimit, counted
from streams.ingest.receivers.checked_lines import CheckedLines, TooManyBadError, check_lines, within_limits
from streams.ingest.receivers.record_sink import AppendResult
from streams.ingest.receivers.sender_clocks import SenderClocks
from streams.ingest.receivers.sender_limits import SenderLimits
from streams.ingest.receivers.sender_shares import SenderShares
from streams.process.logs import Recurring
from streams.process.part import Part
from streams.process.web.request_body import BodyError

LIMIT: Final = "dead_letters"
RETRY_SECONDS: Final = 5  # how often a checkpoint drops judged records from the log

log = structlog.get_logger("uneri.intake")


class LogIntake(Part):
    """Appends records to the log unless too many are bad or too much of the log is not judged yet.

    It is the ``RecordSink`` of receivers. A file or pipe with too many bad records ends the daemon, but a
    wrong clock must not: there, records ahead of their arrival do not count. Of a sender, bad records beyond
    the limit are refused.

    Parameters
    ----------
    store
        The log. The count of recent bad records of files is stored with it, in the same transactions.
    clock
        Epoch seconds, at which records arrive.
    files
        Those of the state: nothing is accepted for a log that is no longer at its path.
    limits
        Those of senders; by default as the settings say, and not counted.
    unwritable
        When to log that the log cannot be written.
    """

    def __init__(
        self,
        store: SqliteStore,
        settings: Settings,
        clock: Callable[[], float] = time.time,
        *,
        files: StateFiles | None = None,
        limits: SenderLimits | None = None,
        unwritable: Recurring | None = None,
    ) -> None:
        self.arrived = asyncio.Event()  # set when there are records to judge or to drop
        self._files = files
        self._unwritable = unwritable or Recurring()
        self._senders = limits or SenderLimits(settings.dead_letters)
        self._shares = SenderShares()
        self._clock = clock
        self.clocks = SenderClocks(clock)
        self.judged = 0  # offset up to which the engine has judged the log
        self.reached = 0  # event time that it has reached there, epoch seconds
        self._begins = 0.0  # the same of a new log, of which nothing is judged yet
        self._lateness, self._future = settings.time.lateness, settings.time.future
        self._store = store
        self._stop = settings.dead_letters.stop
        self._most = settings.local.backlog
        self._most_bytes = settings.local.backlog_mib << 20
        self._limit = DeadLetterLimit(settings.dead_letters)
        if store.intake_state is not None:
            self._limit.restore({LIMIT: store.intake_state})
        self._state = self._limit.snapshot()[LIMIT]
        self._appending = asyncio.Lock()

    def why_full(self, sender: str | None = None, weight: int = 0) -> str | None:
        """Return why nothing of this weight of a sender, or of any, is accepted now; None if it is."""
        behind, held_bytes = self._store.end - self.judged, self._store.log_bytes
        held = self._weight(behind, held_bytes)
        self._shares.forget_left(self._store.begin, self._store.end)
        if sender is None:
            waits = self._shares.must_all_wait(held, self._most_bytes)
        else:
            waits = self._shares.must_wait(sender, held, self._most_bytes, weight)
        if not waits and held < self._most_bytes:
            return None
        kept = ", and the rest is kept for other senders" if held < self._most_bytes else ""
        if held > held_bytes:
            return f"too far behind: {behind:,} records wait to be judged (local.backlog){kept}"
        return f"too far behind: the log holds {held_bytes >> 20:,} MiB (local.backlog_mib){kept}"

    not_ready = why_full

    def _weight(self, records: int, size: int) -> int:
        """Return the bytes of the log that records take, small ones more: their number is bounded, too."""
        return max(size, records * self._most_bytes // self._most)

    async def append(self, lines: Sequence[bytes], *, sender: str = "", waits: bool = True) -> AppendResult:
        """Append what a sender sent, which is durable when this returns.

        Raises
        ------
        BodyError
            Nothing was stored.
        """
        self._require_room(sender)  # before the check counts
        lines = Records.of(lines)
        found, arrived = CheckedLines([]), self._clock()
        if self._stop or waits:
            found = await asyncio.to_thread(self._checked, lines, sender, arrived, waits=waits)
        kept = lines.without(found.beyond) if found.beyond else lines
        if kept:
            weight = self._weight_of(kept)
            async with self._appending:
                self._require_room(sender, weight)
                try:
                    await asyncio.to_thread(self._append, kept, None, None, arrived)
                except sqlite3.Error as error:
                    raise self._unwritable_error(error) from None
                self._shares.add(sender, weight)
            self._begins = max(self._begins, found.newest - self._lateness)
            self.arrived.set()
            if refused := self._unwritable.ended():
                log.info("the event log can be written again", refused_requests=refused)
        return AppendResult(found.rejected, found.late)

    def _checked(self, lines: Records, sender: str, arrived: float, *, waits: bool) -> CheckedLines:
        found = check_lines(lines, arrived, self._future, self.reached or self._begins)
        self.clocks.check(sender, len(lines), found)
        return within_limits(found, len(lines), self._senders, sender, waits=waits)

    def _require_room(self, sender: str, weight: int = 0) -> None:
        if why := self.why_full(sender, weight):
            self.arrived.set()
            raise BodyError(
                f"send again later, {why}",
                HTTPStatus.SERVICE_UNAVAILABLE,
                "backlog",
                seconds=RETRY_SECONDS,
            )

    def _unwritable_error(self, error: sqlite3.Error) -> BodyError:
        if (count := self._unwritable.happened()) is not None:
            log.error(
                "the event log cannot be written; events are refused until it can be",
                reason=str(error),
                requests=count,
            )
        return BodyError(f"not stored, send again: {error}", HTTPStatus.SERVICE_UNAVAILABLE, "not_stored")

    async def append_read(
        self, lines: Sequence[bytes], followed: tuple[str, Position] | None = None, *, ends: bool = True
    ) -> None:
        """Append records of a file or pipe, which are durable when this returns.

        Parameters
        ----------
        followed
            The position of the file they come from, which moves in the same transaction.
        ends
            Whether too many bad ones end it. In a program's log they do not: it holds other lines, too, and
            the trace of what crashed. Then bad ones are kept as those of a sender are.

        Raises
        ------
        BodyError, TooManyBadError
            Nothing was stored; the first, if it can be later.
        sqlite3.Error
            When the log cannot be written.
        """
        if why := self.clocks.behind():
            raise BodyError(why, HTTPStatus.SERVICE_UNAVAILABLE, "clock")
        lines = Records.of(lines)
        bad, arrived, sender = list[Rejected](), self._clock(), followed[0] if followed else ""
        if self._stop and not ends:
            found = (await asyncio.to_thread(check_lines, lines, arrived, self._future)).rejected
            lines = lines.without(
                self._senders.beyond(sender or "standard input", len(lines), counted(found))
            )
        elif self._stop:
            limit = self._limit.copy()
            bad = counted(
                (await asyncio.to_thread(check_lines, lines, arrived, self._future, limit=limit)).rejected
            )
        weight = self._weight_of(lines)
        async with self._appending:
            self._require_room(sender, weight)
            if passed := self._limit.would_exceed(len(lines), bad):
                raise TooManyBadError(passed)
            self._limit.feed(len(lines), bad)
            state = self._limit.snapshot()[LIMIT]
            try:
                await asyncio.to_thread(
                    self._append, lines, followed, None if state == self._state else state, arrived
                )
            except sqlite3.Error:
                self._limit.restore({LIMIT: self._state})
                raise
            self._state = state
            self._shares.add(sender, weight)
        self.arrived.set()

    async def append_when_room(
        self,
        lines: Sequence[bytes],
        followed: tuple[str, Position] | None = None,
        poll: float = 0.25,
        *,
        ends: bool = True,
    ) -> None:
        """Append records that can wait at their source, such as lines of a file."""
        while True:
            try:
                await self.append_read(lines, followed, ends=ends)
            except BodyError:
                await asyncio.sleep(poll)
            else:
                return

    def _weight_of(self, records: Records) -> int:
        return self._weight(len(records), int((records.ends - records.starts).sum()))

    def _append(self, *record: Any) -> None:
        self._check_files()
        self._store.append(*record)
        self._check_files()  # no sender gets an answer unless its records can be found

    def _check_files(self) -> None:
        if self._files is not None:
            self._files.check()

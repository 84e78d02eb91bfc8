"""Writes the history beside a daemon, and retries when that fails."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import pyarrow as pa
import structlog

from detectors.state.state import StateError
from streams.process.logs import Recurring
from streams.process.metrics import Metrics
from streams.record.history.history_files import HistoryFolder, place_trouble
from streams.record.history.history_filling import LearntSteps
from streams.record.history.history_keeper import Gone, HistoryBounds, HistoryKeeper
from streams.record.history.segments import Segment, Segments

WRITE_SECONDS: Final = 5.0
RETRY_SECONDS: Final = 30.0
PATIENCE_SECONDS: Final = 900.0
"""After so long, a place that neither answers nor fails counts as failed; to merge a week takes minutes."""

LEARN_SECONDS: Final = 60.0  # between two searches for the steps of a backfill
WARN_SHARE: Final = 0.9
"""Share of the room from which a warning is logged: the oldest files will be deleted."""

log = structlog.get_logger("uneri.history")


class HistoryWriter:
    """Writes the complete hours of ``segments`` in a worker thread.

    Parameters
    ----------
    segments
        Held steps; used in the event loop only.
    place
        As for ``HistoryFolder``.
    forgotten
        Called when an hour is written and no longer held: the next checkpoint is without it. Its errors end
        the writer.
    patient
        Whether the source of ``segments`` waits while they are full, so that nothing has to be given up.
    """

    def __init__(
        self,
        segments: Segments,
        place: str,
        bounds: HistoryBounds,
        metrics: Metrics,
        forgotten: Callable[[], Awaitable[None] | None],
        *,
        patient: bool = False,
    ) -> None:
        self._segments = segments
        self._place = place
        self._bounds = bounds
        self._metrics = metrics
        self._forgotten = forgotten
        self._patient = patient
        self._recurring = Recurring()
        self._keeper: HistoryKeeper | None = None
        self._turn: asyncio.Task[bool] | None = None  # a thread cannot be stopped: it keeps its turn
        self._until = self._tidied = 0  # event time
        self._learnt = -LEARN_SECONDS  # the last search, by the clock of the event loop
        self._bytes = 0
        self._warned = False
        self._stopping = False
        self.trouble: str | None = None
        """Why it cannot be written now."""

    async def run(self) -> None:
        """Write until cancelled, which ends a running merge after its current file."""
        try:
            while True:
                done = await self.advance()
                await asyncio.sleep(WRITE_SECONDS if done else RETRY_SECONDS)
        finally:
            self._stopping = True

    async def advance(self) -> bool:
        """Write complete hours; return False if that failed and is to be retried later."""
        turn = self._turn = self._turn or asyncio.create_task(self._advance())
        try:
            done, _ = await asyncio.wait({turn}, timeout=PATIENCE_SECONDS)
        except asyncio.CancelledError:
            turn.cancel()
            raise
        if not done:
            await self._failed(f"it has not answered for {PATIENCE_SECONDS:.0f} s; check it and the network")
            return False
        self._turn = None
        return turn.result()

    async def _advance(self) -> bool:
        try:
            if self._keeper is None:
                self._keeper = await asyncio.to_thread(self._opened)
            elif self.trouble:  # someone may have deleted them
                await asyncio.to_thread(self._keeper.folder.make)
            for segment in self._segments.complete():
                await asyncio.to_thread(self._write, self._keeper, segment)
                self._succeeded()
                self._segments.forget(segment)
                self._until = segment.end
                await self._forget()
            await self._learn(self._keeper)
            await self._tidy(self._keeper)
        except (OSError, pa.ArrowException) as error:
            await self._failed(place_trouble(error))
            return False
        self._succeeded()
        return True

    def _succeeded(self) -> None:
        if self.trouble:
            log.info("the history is written again")
        self.trouble = None

    async def _learn(self, keeper: HistoryKeeper) -> None:
        """Move the steps of backfills into the history."""
        now = asyncio.get_running_loop().time()
        if not (before := self._segments.complete_until) or now < self._learnt + LEARN_SECONDS:
            return
        steps = LearntSteps(keeper)
        changed = await asyncio.to_thread(steps.move, before, lambda: self._stopping)
        self._learnt = asyncio.get_running_loop().time()
        if changed:
            self._until, self._tidied = max(self._until, changed), -1
            log.info("the steps of a backfill are in the history", until=changed)

    async def _forget(self) -> None:
        if (saved := self._forgotten()) is not None:
            await saved

    def _opened(self) -> HistoryKeeper:
        folder = HistoryFolder(self._place)
        if not self._patient:  # workers of one app take its partitions over from each other
            folder.claim()
        keeper = HistoryKeeper(folder, self._bounds, self._leave_out)
        files = keeper.folder.files()
        self._bytes = sum(file.size for file in files)
        self._until = max((file.end for file in files), default=0)
        self._metrics.history_bytes.set(self._bytes)
        return keeper

    def _write(self, keeper: HistoryKeeper, segment: Segment) -> None:
        try:
            self._bytes += keeper.write(segment).size
        except StateError as error:
            self._leave_out(str(error))
        self._metrics.history_bytes.set(self._bytes)

    def _leave_out(self, reason: str) -> None:
        self._metrics.history_left_out.inc()
        log.error("a part of the history cannot be read, and is left out", reason=reason)

    async def _tidy(self, keeper: HistoryKeeper) -> None:
        until = self._until
        if until == self._tidied:
            return
        gone = await asyncio.to_thread(keeper.tidy, until, lambda: self._stopping)
        self._tidied = until
        self._bytes = await asyncio.to_thread(keeper.size)
        self._metrics.history_bytes.set(self._bytes)
        self._warn(gone)

    def _warn(self, gone: Gone) -> None:
        """Log files that were deleted for want of room, and once before that happens."""
        most = self._bounds.most_bytes
        if gone.for_room:
            log.warning(
                "the history is full, and its oldest files were deleted; raise history.max_gib to keep more",
                files=len(gone.files),
                max_gib=most / (1 << 30),
            )
        near = self._bytes >= WARN_SHARE * most
        if near and not self._warned and not gone.for_room:
            log.warning(
                "the history is nearly full: its oldest files will be deleted; raise history.max_gib to keep "
                "more",
                share=f"{self._bytes / most:.0%}",
                max_gib=most / (1 << 30),
            )
        self._warned = near

    async def _failed(self, reason: str) -> None:
        self.trouble = reason
        self._metrics.history_failed.inc()
        if not self._patient and (lost := self._segments.give_up()) > 0:
            await self._forget()
            log.error("steps could not be written to the history for too long, and are lost", steps=lost)
        if self._recurring.happened() is not None:
            log.warning(
                "the history cannot be written; it is held, and tried again",
                place=self._place,
                reason=reason,
                held_bytes=self._segments.held_bytes,
            )

    def status(self) -> dict[str, object]:
        """Return the lines of ``/status``."""
        status: dict[str, object] = {"history_until": self._until, "history_bytes": self._bytes}
        if self.trouble:
            status["history_trouble"] = self.trouble
        return status

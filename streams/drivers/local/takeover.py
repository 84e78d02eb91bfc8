"""Takes over history that a backfill learnt while the daemon ran.

The backfill leaves it in a file of the state folder, where it waits. The daemon judges the blocks of the last
week again with it, beside arriving records, and then goes on with the result.
"""

import asyncio
import sqlite3
from pathlib import Path
from typing import Final, NamedTuple

import structlog

from detectors.state.state import StateError, why
from streams.drivers.local.sqlite_store import SqliteStore
from streams.engine.detect.successor import BlocksError, Successor
from streams.engine.stages.checkpoint import BACKFILL, Checkpoint
from streams.engine.stages.engine import Engine
from streams.process.files.state_folder import BACKFILL_FILE

_LEARNT: Final = "learnt"
_UNTIL: Final = "until"
_PATIENCE: Final = 0.5  # seconds for a backfill that is writing
ROWS: Final = 20  # of kept blocks at a time: arriving records are judged in between

log = structlog.get_logger("uneri.history")


class LearntHistory(NamedTuple):
    """The past that a judge is to know."""

    parts: dict[str, bytes] | None  # of ``streams.engine.detect.detect.Detect``; None: no history
    until: int  # its end, epoch seconds


class LearntFileError(Exception):
    """The file cannot be read."""

    def __init__(self, path: Path, error: Exception) -> None:
        super().__init__(f"{path} cannot be read ({error}): delete it, and run the backfill again")


def write_learnt(store: SqliteStore, learnt: LearntHistory) -> None:
    """Store it in place of the lesson that it comes from, all or nothing."""
    store.save(_LEARNT, Checkpoint({_UNTIL: learnt.until}, learnt.parts or {}), instead_of=BACKFILL)


def read_learnt(folder: Path) -> LearntHistory | None:
    """Return the history that waits; None if there is none, or a backfill still writes.

    Raises
    ------
    LearntFileError
        When the file cannot be read; the message has the remedy.
    """
    path = folder / BACKFILL_FILE
    if not path.exists():
        return None
    try:
        with SqliteStore(path, _PATIENCE) as store:
            found = store.load(_LEARNT)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
            return None
        raise LearntFileError(path, error) from error
    except (sqlite3.Error, OSError, StateError) as error:
        raise LearntFileError(path, error) from error
    return None if found is None else LearntHistory(found.parts or None, found.offsets[_UNTIL])


def drop_learnt(folder: Path) -> None:
    """Delete the file and its journals."""
    for path in folder.glob(f"{BACKFILL_FILE}*"):
        path.unlink(missing_ok=True)


class Takeover:
    """Judges again, with a history, the blocks that the engine has judged; then the engine uses the result.

    Until then the engine judges as before. A daemon that is stopped or killed begins anew.
    """

    def __init__(self, store: SqliteStore, engine: Engine) -> None:
        self._store = store
        self._engine = engine
        self._learnt: LearntHistory | None = None
        self._successor: Successor | None = None
        self._first = self._row = self._last = 0  # rows: begun behind, judged, kept
        self.refused: str | None = None

    @property
    def waits(self) -> bool:
        """Whether a history is to be taken over."""
        return self._learnt is not None

    @property
    def progress(self) -> float:
        """The part that is done, in [0, 1]."""
        rows = self._last - self._first
        return (self._row - self._first) / rows if self._successor and rows else 0.0

    def status(self) -> dict[str, object]:
        """Return its part of ``uneri status``."""
        if self.waits:
            return {"learning": f"{self.progress:.0%} of what was judged is judged anew, after the history"}
        return {"learning": f"the history was refused: {self.refused}"} if self.refused else {}

    def begin(self, learnt: LearntHistory) -> None:
        """Take over a history; only when none ``waits``."""
        self._learnt, self.refused = learnt, None
        self.restart()
        log.info("taking up history: what was judged since is judged anew, beside what arrives")

    def restart(self) -> None:
        """Begin anew, by the present settings."""
        self._successor = None

    async def advance(self) -> bool:
        """Judge some of the kept blocks; return whether all are judged, and ``finish`` may follow."""
        assert self._learnt is not None  # noqa: S101 - the caller asks first
        if self._successor is None:
            try:
                self._successor = await asyncio.to_thread(
                    self._engine.successor, self._learnt.parts, self._learnt.until
                )
            except (StateError, KeyError, ValueError) as error:
                self._refuse(f"{why(error)}; run the backfill with the configuration of the daemon")
                return False
            first, self._last = await asyncio.to_thread(self._store.kept_blocks)
            self._first = self._row = first - 1
        rows = await asyncio.to_thread(self._store.blocks_after, self._row, ROWS)
        if not rows:
            return True
        blocks = [block for row in rows for block in row.blocks]
        try:
            await asyncio.to_thread(self._successor.feed, blocks)
        except BlocksError as error:
            self._refuse(str(error))
            return False
        self._row = rows[-1].number
        self._last = max(self._last, self._row)
        return False

    def take_over(self) -> None:
        """Have the engine go on with the successor, which has judged all of its blocks."""
        assert self._successor is not None  # noqa: S101 - as in ``advance``
        self._engine.succeed(self._successor)

    def finish(self) -> None:
        """Forget the history: a checkpoint includes it."""
        self._forget()
        log.info("the history is taken up")

    def _forget(self) -> None:
        self._learnt = self._successor = None
        drop_learnt(self._store.folder)

    def _refuse(self, reason: str) -> None:
        self.refused = reason
        self._forget()
        log.error("the history was not taken up, and nothing has changed", reason=reason)

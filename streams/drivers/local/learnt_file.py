"""What a backfill learnt for a daemon that runs: a file of its state folder, until it is taken up."""

import sqlite3
from pathlib import Path
from typing import Final, NamedTuple

from detectors.state.state import StateError
from streams.drivers.local.sqlite_store import SqliteStore
from streams.engine.stages.checkpoint import BACKFILL, Checkpoint
from streams.process.files.state_folder import BACKFILL_FILE

_LEARNT: Final = "learnt"
_UNTIL: Final = "until"
_PATIENCE: Final = 0.5  # seconds for a backfill that is writing


class LearntHistory(NamedTuple):
    """The past that a judge is to know."""

    parts: dict[str, bytes] | None  # of ``streams.engine.detect.detect.Detect``; None: no history
    until: int  # its end, epoch seconds


class LearntFileError(Exception):
    """The file cannot be read."""

    def __init__(self, path: Path, error: Exception) -> None:
        super().__init__(f"{path} cannot be read ({error}): delete it, and run the backfill again")


def write_learnt(store: SqliteStore, learnt: LearntHistory) -> None:
    """Put it in the place of the lesson that it comes from, all or nothing."""
    store.save(_LEARNT, Checkpoint({_UNTIL: learnt.until}, learnt.parts or {}), instead_of=BACKFILL)


def read_learnt(folder: Path) -> LearntHistory | None:
    """Return what waits to be taken up; None if nothing does, or a backfill still writes.

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

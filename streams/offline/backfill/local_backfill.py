"""Backfills of the embedded driver: into a new state folder, or beside a daemon that takes the result up."""

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from alerting.outbox.outbox_sqlite import SqliteOutbox
from detectors.state.declared import under
from streams.drivers.local.log_judge import SOURCE, STAGE
from streams.drivers.local.sqlite_store import SqliteStore
from streams.drivers.local.state_files import explain
from streams.drivers.local.takeover import LearntHistory, write_learnt
from streams.engine.stages.checkpoint import BACKFILL, Checkpoint
from streams.offline.backfill.lesson import Learnt, Lesson, Watch, run_kept
from streams.offline.sources.replay_error import ReplayError
from streams.process.files.locks import FolderLockedError, lock_state
from streams.process.files.state_folder import (
    BACKFILL_FILE,
    LOG_FILE,
    OUTBOX_FILE,
    OpenFolderError,
    create_private,
)

_LEARNT: Final = {SOURCE: 0}
"""The offsets of a state that a backfill left, and no daemon has changed: another backfill may replace it."""


def into_local(
    folder: Path, lesson: Lesson, watch: Watch | None = None, *, restart: bool = False
) -> Learnt | None:
    """Learn into a new state folder; return None if asked to stop before the end, with the state saved.

    The state is then that of a daemon which has judged everything and notified of nothing. A crash leaves
    either it or a state from which the same call goes on, and no daemon starts from the latter.

    Raises
    ------
    ReplayError
        When the source cannot be read, or the state cannot be used; the text has the remedy.
    """
    try:
        with lock_state(folder):
            create_private(folder / LOG_FILE)
            with SqliteStore(folder / LOG_FILE) as store:
                return _into(store, folder, lesson, watch or Watch(), restart=restart)
    except (FolderLockedError, OpenFolderError) as error:
        raise ReplayError(str(error)) from error
    except (sqlite3.Error, OSError) as error:
        raise ReplayError(explain(error, folder, LOG_FILE)) from error


def _into(store: SqliteStore, folder: Path, lesson: Lesson, watch: Watch, *, restart: bool) -> Learnt | None:
    checkpoint = store.load(STAGE)
    if store.end or (checkpoint is not None and checkpoint.offsets != _LEARNT):
        raise ReplayError(
            f"{folder}: a daemon has judged records here: start it, so that it takes the history up while it "
            "runs, and run the backfill again"
        )
    if not run_kept(store, folder, lesson, watch, restart=restart):
        return None
    learnt = lesson.learnt([SOURCE])
    if learnt.until:
        create_private(folder / OUTBOX_FILE)
        with closing(SqliteOutbox(folder / OUTBOX_FILE)) as rows:
            asyncio.run(rows.write((), learnt.pipeline))
        store.save(STAGE, Checkpoint(_LEARNT, learnt.engine), instead_of=BACKFILL)
    return learnt


def beside_local(folder: Path, lesson: Lesson, watch: Watch, *, restart: bool = False) -> Learnt | None:
    """Learn into a file of a daemon's folder; return None if asked to stop before the end, to go on later.

    Raises
    ------
    ReplayError
        When the source cannot be read, or the file cannot be written; the text has the remedy.
    """
    with _learnt_file(folder) as store:
        if not run_kept(store, folder, lesson, watch, restart=restart):
            return None
        learnt = lesson.learnt([SOURCE])
        if learnt.until:
            write_learnt(store, LearntHistory(under("detect/0|", learnt.engine), learnt.until))
        return learnt


def forget_local(folder: Path) -> None:
    """Have the daemon go on as if no backfill had ever been: with what it keeps of its own."""
    with _learnt_file(folder) as store:
        write_learnt(store, LearntHistory(None, 0))


@contextmanager
def _learnt_file(folder: Path) -> Iterator[SqliteStore]:
    try:
        create_private(folder / BACKFILL_FILE)
        with SqliteStore(folder / BACKFILL_FILE) as store:
            yield store
    except (sqlite3.Error, OSError) as error:
        why = explain(error, folder, BACKFILL_FILE)
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY:
            other = f"another backfill for the daemon with the state in {folder} is under way"
            why = f"{other}: wait until it is done"
        raise ReplayError(why) from error

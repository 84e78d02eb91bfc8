"""Learns from history beside an embedded daemon that runs, which takes the result up."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from streams.drivers.local.learnt_file import LearntHistory, write_learnt
from streams.drivers.local.log_judge import SOURCE
from streams.drivers.local.sqlite_errors import explain
from streams.drivers.local.sqlite_store import SqliteStore
from streams.engine.stages.checkpoint import parts_of
from streams.offline.backfill.kept_lesson import Watch, run_kept
from streams.offline.backfill.lesson import Learnt, Lesson
from streams.offline.sources.replay_error import ReplayError
from streams.process.files.state_folder import BACKFILL_FILE, create_private


def beside_local(folder: Path, lesson: Lesson, watch: Watch, *, restart: bool = False) -> Learnt | None:
    """Learn into a file of its state folder; return None if asked to stop before the end, to go on later.

    Raises
    ------
    streams.offline.sources.source.ReplayError
        When the history cannot be read, or the file cannot be written; the text has the remedy.
    """
    with _learnt_file(folder) as store:
        if not run_kept(store, folder, lesson, watch, restart=restart):
            return None
        learnt = lesson.learnt([SOURCE])
        if learnt.until:
            write_learnt(store, LearntHistory(parts_of("detect/0", learnt.engine), learnt.until))
        return learnt


def forget_local(folder: Path) -> None:
    """Have the daemon go on as if no backfill had ever been: with what it keeps of its own.

    Raises
    ------
    streams.offline.sources.source.ReplayError
        When the file cannot be written.
    """
    with _learnt_file(folder) as store:
        write_learnt(store, LearntHistory(None, 0))


@contextmanager
def _learnt_file(folder: Path) -> Iterator[SqliteStore]:
    try:
        create_private(folder / BACKFILL_FILE)
        with SqliteStore(folder / BACKFILL_FILE) as store:
            yield store
    except (sqlite3.Error, OSError) as error:
        raise ReplayError(_said(error, folder)) from error


def _said(error: sqlite3.Error | OSError, folder: Path) -> str:
    if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY:
        return (
            f"another backfill for the daemon with the state in {folder} is under way: wait until it is done"
        )
    return explain(error, folder, BACKFILL_FILE)

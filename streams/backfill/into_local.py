"""Learns from history into the state folder of the embedded driver."""

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from alerting.outbox.outbox_sqlite import SqliteOutbox
from detectors.state.state import StateError, why
from streams.backfill.lesson import Learnt, Lesson, OtherHistoryError
from streams.engine.checkpoint import Checkpoint
from streams.history.source import OnProgress, ReplayError
from streams.local.log_judge import BACKFILL, SOURCE, STAGE
from streams.local.sqlite_errors import explain
from streams.local.sqlite_store import SqliteStore
from streams.process.locks import FolderLockedError, lock_state
from streams.process.state_folder import (
    LOG_FILE,
    OUTBOX_FILE,
    OpenFolderError,
    create_private,
)


class Watch(NamedTuple):
    """What is called on the way."""

    progress: OnProgress | None = None
    resuming: Callable[[float], None] = lambda _: None  # with the fraction that an earlier call has read
    stopping: Callable[[], bool] = lambda: False  # returns whether to stop


def into_local(
    folder: Path, lesson: Lesson, watch: Watch | None = None, *, restart: bool = False
) -> Learnt | None:
    """Learn into a state folder; return None if asked to stop before the end, with the state saved.

    The state is then that of a daemon which has judged everything and notified of nothing. A crash leaves
    either it or a state from which the same call goes on, and no daemon starts from the latter.

    Parameters
    ----------
    folder
        The state folder, ``local.state``.
    restart
        Start over instead of going on.

    Raises
    ------
    streams.history.source.ReplayError
        When the history cannot be read, or the state cannot be used; the text has the remedy.
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
    if store.end or store.load(STAGE) is not None:
        raise ReplayError(
            f"{folder}: a daemon has judged records here, and history must come before them; move the folder "
            "away, or name another in local.state"
        )
    before = store.load(BACKFILL)
    if before is not None and not restart:
        try:
            lesson.resume(before.parts)
        except OtherHistoryError:
            raise ReplayError(
                f"{folder}: holds an unfinished backfill of another source, time range or configuration; run "
                "that one again, or start over with --restart"
            ) from None
        except (StateError, KeyError) as error:
            raise ReplayError(
                f"{folder}: the unfinished backfill cannot be read: {why(error)}; start over with --restart"
            ) from error
        watch.resuming(lesson.done)

    def save() -> None:
        store.save(BACKFILL, Checkpoint({}, lesson.state()))

    if not lesson.run(watch.progress, save, watch.stopping):
        return None
    learnt = lesson.learnt([SOURCE])
    if learnt.until:
        create_private(folder / OUTBOX_FILE)
        with closing(SqliteOutbox(folder / OUTBOX_FILE)) as rows:
            asyncio.run(rows.write((), learnt.pipeline))
        store.save(STAGE, Checkpoint({SOURCE: 0}, learnt.engine), instead_of=BACKFILL)
    return learnt

"""The format of SQLite files of the state: version, upgrades, transactions and copies."""

import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from detectors.state.state import FORMAT, Writer, refuse_newer, this_writer

Upgrade = Callable[[sqlite3.Connection], None]
"""Executes statements, without a transaction of its own."""

_WRITER: Final = (
    "CREATE TABLE IF NOT EXISTS writer (only INTEGER PRIMARY KEY CHECK (only = 1), version TEXT NOT NULL)"
)


def bring_up(
    connection: sqlite3.Connection,
    name: str,
    upgrades: Mapping[int, Upgrade],
    at_end: Callable[[], None] = lambda: None,
) -> None:
    """Bring a file to ``FORMAT`` in one transaction: after a kill it is as it was before.

    Parameters
    ----------
    connection
        In autocommit mode (``isolation_level`` None).
    upgrades
        The changes to this file, by the format that each starts from; 0 is a new file, or one of a
        version that did not number formats.
    at_end
        Called before the transaction is committed, for tests.

    Raises
    ------
    detectors.state.state.NewerStateError
        When a later version wrote the file, of which nothing was changed.
    """
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    writer = connection.execute("SELECT version FROM writer").fetchone() if found else None
    refuse_newer(Writer(found, writer[0] if writer else ""), name)
    own = this_writer().version
    if found == FORMAT and writer == (own,):
        return
    with transaction(connection, threading.Lock()) as db:
        for number in range(found, FORMAT):
            if (upgrade := upgrades.get(number)) is not None:
                upgrade(db)
        db.execute(f"PRAGMA user_version={FORMAT}")
        db.execute(_WRITER)
        db.execute("INSERT OR REPLACE INTO writer VALUES (1, ?)", (own,))
        at_end()


COPIED_PAGES: Final = 2048  # at a time: 8 MiB
BREATH: Final = 0.001  # seconds in which others get the lock


@contextmanager
def transaction(connection: sqlite3.Connection, lock: threading.Lock) -> Iterator[sqlite3.Connection]:
    """Commit what the block writes, unless it did so itself; on an error, roll back and raise it.

    On a full disk SQLite rolls back by itself: another ROLLBACK would fail and hide the reason.
    """
    with lock:
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
            if connection.in_transaction:
                connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")


def copy_database(connection: sqlite3.Connection, lock: threading.Lock, path: Path) -> None:
    """Copy a database while others use its connection under ``lock``; what they write is in the copy.

    Raises
    ------
    sqlite3.Error
        When the copy cannot be written.
    """

    def breathe(*_: int) -> None:
        lock.release()
        time.sleep(BREATH)
        lock.acquire()

    with contextlib.closing(sqlite3.connect(path)) as target, lock:
        connection.backup(target, pages=COPIED_PAGES, progress=breathe)

"""A SQLite transaction that keeps all or nothing, and whose error is the one that ended it; a copy."""

import contextlib
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

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

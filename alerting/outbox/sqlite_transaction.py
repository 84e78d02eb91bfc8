"""A SQLite transaction that keeps all or nothing, and whose error is the one that ended it."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager


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

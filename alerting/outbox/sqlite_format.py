"""The format of a SQLite file of the state: who wrote it, and how an older one is brought up."""

import sqlite3
import threading
from collections.abc import Callable, Mapping
from typing import Final

from alerting.outbox.sqlite_transaction import transaction
from detectors.state.state_format import FORMAT, Writer, refuse_newer, this_writer

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
    name
        How messages call the file.
    upgrades
        What is done to this file, by the format that it starts from; 0 is a new file, or one of a version
        that did not number formats.
    at_end
        Called before the transaction is committed, for tests.

    Raises
    ------
    detectors.state.state_format.NewerStateError
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
            upgrades.get(number, _nothing)(db)
        db.execute(f"PRAGMA user_version={FORMAT}")
        db.execute(_WRITER)
        db.execute("INSERT OR REPLACE INTO writer VALUES (1, ?)", (own,))
        at_end()


def _nothing(_: sqlite3.Connection) -> None:
    pass

"""Gives the space of judged records back to the file system, a little at a time.

SQLite keeps the pages of deleted rows for new ones: a log that held a backfill once would keep its size.
"""

import contextlib
import sqlite3
from typing import Final

KEPT_BYTES: Final = 64 << 20  # of free pages: what the log of a busy daemon grows by between two checkpoints
STEP_BYTES: Final = 8 << 20  # given back per checkpoint: tens of milliseconds
JOURNAL_BYTES: Final = 64 << 20  # to which SQLite cuts its journal after a large transaction
_INCREMENTAL: Final = 2


def prepare(connection: sqlite3.Connection) -> int:
    """Make a file ready to give space back; return its free bytes.

    A file that an earlier version made needs to be rewritten once. That is done when more than half of it is
    free, so that less is written than is gained; at a later start if there is no space for a copy, here or in
    the folder of temporary files.
    """
    connection.execute(f"PRAGMA journal_size_limit={JOURNAL_BYTES}")
    free = _free_bytes(connection)
    if _number(connection, "auto_vacuum") == _INCREMENTAL:
        return free
    if 2 * free < _number(connection, "page_count") * _number(connection, "page_size") or free <= KEPT_BYTES:
        return free
    connection.execute(f"PRAGMA auto_vacuum={_INCREMENTAL}")
    with contextlib.suppress(sqlite3.OperationalError):
        connection.execute("VACUUM")
    return _free_bytes(connection)


def give_back(connection: sqlite3.Connection) -> int:
    """Cut free pages off the end of the file, at most ``STEP_BYTES``; return the free bytes that are left.

    Call it outside of a transaction. A file that was not made for it keeps its pages.
    """
    free = _free_bytes(connection)
    pages = min(STEP_BYTES, free - KEPT_BYTES) // _number(connection, "page_size")
    if pages <= 0:
        return free
    try:
        # as a script, because ``execute`` stops after the first page
        connection.executescript(f"PRAGMA incremental_vacuum({pages})")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_FULL:  # there is a checkpoint, and the next one will tell
            raise
    return _free_bytes(connection)


def _free_bytes(connection: sqlite3.Connection) -> int:
    return _number(connection, "freelist_count") * _number(connection, "page_size")


def _number(connection: sqlite3.Connection, pragma: str) -> int:
    (value,) = connection.execute(f"PRAGMA {pragma}").fetchone()
    return int(value)

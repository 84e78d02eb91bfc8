"""The outbox in a SQLite file: a row that was written survives a power cut."""

import asyncio
import sqlite3
import threading
from collections.abc import Iterable
from pathlib import Path

import msgspec

from alerting.row import Row


class SqliteOutbox:
    """Rows in one table, written with ``synchronous=FULL``; calls block a worker thread, not the loop.

    Raises
    ------
    sqlite3.Error
        When the file cannot be read or written, as on a full disk; nothing of the call is kept then.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=10)
        for pragma in ("journal_mode=WAL", "synchronous=FULL"):
            self._connection.execute(f"PRAGMA {pragma}")
        self._connection.execute(
            "CREATE TABLE IF NOT EXISTS outbox (id TEXT PRIMARY KEY, body BLOB NOT NULL)"
        )

    async def load(self) -> list[Row]:
        """Return all rows."""
        return await asyncio.to_thread(self._load)

    async def write(self, rows: Iterable[Row]) -> None:
        """Insert rows or replace those with the same id, in one transaction."""
        encoded = [(row.id, msgspec.msgpack.encode(row)) for row in rows]  # now: rows change
        await asyncio.to_thread(self._write, encoded)

    def close(self) -> None:
        """Close the file; what was written stays."""
        with self._lock:
            self._connection.close()

    def _load(self) -> list[Row]:
        with self._lock:
            found = self._connection.execute("SELECT body FROM outbox").fetchall()
        return [msgspec.msgpack.decode(body, type=Row) for (body,) in found]

    def _write(self, encoded: list[tuple[str, bytes]]) -> None:
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                self._connection.executemany("INSERT OR REPLACE INTO outbox VALUES (?, ?)", encoded)
                self._connection.execute("COMMIT")
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise

"""The outbox in a SQLite file: a written row survives a power cut."""

import asyncio
import sqlite3
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

import msgspec

from alerting.outbox.row import OutboxRow, rows_of
from alerting.outbox.sqlite_format import Upgrade, bring_up, copy_database, transaction


def _create(db: sqlite3.Connection) -> None:
    db.execute("CREATE TABLE IF NOT EXISTS outbox (id TEXT PRIMARY KEY, body BLOB NOT NULL)")
    db.execute("CREATE TABLE IF NOT EXISTS parts (name TEXT PRIMARY KEY, body BLOB NOT NULL)")


UPGRADES: Final[Mapping[int, Upgrade]] = {0: _create}


class SqliteOutbox:
    """Keeps rows in one table and the pipeline's state in another, written with ``synchronous=FULL``.

    Calls block a worker thread, not the loop.

    Raises
    ------
    sqlite3.Error
        When the file cannot be read or written, as on a full disk; the call then changes nothing.
    detectors.state.state.NewerStateError
        When a later version wrote the file.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=10)
        for pragma in ("journal_mode=WAL", "synchronous=FULL"):
            self._connection.execute(f"PRAGMA {pragma}")
        bring_up(self._connection, path.name, UPGRADES)

    async def load(self) -> tuple[list[OutboxRow], dict[str, bytes]]:
        """Return all rows, and the parts of the pipeline's state."""
        return await asyncio.to_thread(self._load)

    async def write(
        self, rows: Iterable[OutboxRow], parts: Mapping[str, bytes | None], gone: Iterable[str] = ()
    ) -> None:
        """Insert or replace rows and parts, drop parts that are None and rows in ``gone``: all or nothing."""
        encoded = [(row.id, msgspec.msgpack.encode(row)) for row in rows]  # encoded now, because rows change
        await asyncio.to_thread(self._write, encoded, dict(parts), [(key,) for key in gone])

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def copy_to(self, path: Path) -> None:
        """Write a consistent copy of the file."""
        copy_database(self._connection, self._lock, path)

    def _load(self) -> tuple[list[OutboxRow], dict[str, bytes]]:
        with self._lock:
            found = self._connection.execute("SELECT body FROM outbox").fetchall()
            parts = dict(self._connection.execute("SELECT name, body FROM parts").fetchall())
        return rows_of(body for (body,) in found), parts

    def _write(
        self, encoded: list[tuple[str, bytes]], parts: dict[str, bytes | None], gone: list[tuple[str]]
    ) -> None:
        kept = [(name, part) for name, part in parts.items() if part is not None]
        dropped = [(name,) for name, part in parts.items() if part is None]
        with transaction(self._connection, self._lock) as db:
            db.executemany("INSERT OR REPLACE INTO outbox VALUES (?, ?)", encoded)
            db.executemany("INSERT OR REPLACE INTO parts VALUES (?, ?)", kept)
            db.executemany("DELETE FROM parts WHERE name = ?", dropped)
            db.executemany("DELETE FROM outbox WHERE id = ?", gone)

"""The disk storage of the local driver: event log, checkpoints, positions and dead letters.

SQLite keeps the pages of deleted rows for new ones: a log that held a backfill once would keep its size. So
every checkpoint gives a few free pages back to the file system.
"""

import contextlib
import sqlite3
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple, Self

import msgspec
import numpy as np

from alerting.outbox.sqlite_format import Upgrade, bring_up, copy_database, transaction
from detectors.model.array_types import Floats
from detectors.state import zstd
from streams.drivers.local.dead_letters import LETTERS, Letter, add_dead_letters, prepare_dead_letters
from streams.drivers.local.state_files import DamagedError
from streams.engine.decode.event_time import UNKNOWN_ARRIVAL
from streams.engine.decode.records import Records, joined
from streams.engine.rollup.blocks.block import Block
from streams.engine.rollup.blocks.block_codec import decode_block, encode_block
from streams.engine.stages.checkpoint import Checkpoint
from streams.process.crash_points import CrashHook, CrashPoint, no_crash


class JournalRow(NamedTuple):
    """The blocks that one checkpoint added."""

    number: int
    blocks: list[Block]


TABLES: Final = (
    """CREATE TABLE IF NOT EXISTS log (
  first INTEGER PRIMARY KEY, records INTEGER NOT NULL, body BLOB NOT NULL, arrived REAL
)""",
    "CREATE TABLE IF NOT EXISTS log_end (only INTEGER PRIMARY KEY CHECK (only = 1), next INTEGER NOT NULL)",
    "CREATE TABLE IF NOT EXISTS intake (only INTEGER PRIMARY KEY CHECK (only = 1), state BLOB NOT NULL)",
    "CREATE TABLE IF NOT EXISTS parts (stage TEXT, name TEXT, body BLOB NOT NULL, PRIMARY KEY (stage, name))",
    """CREATE TABLE IF NOT EXISTS offsets (
  stage TEXT, source TEXT, next INTEGER NOT NULL, PRIMARY KEY (stage, source)
)""",
    """CREATE TABLE IF NOT EXISTS positions (
  path TEXT PRIMARY KEY, inode INTEGER NOT NULL, next INTEGER NOT NULL
)""",
    LETTERS,
)


def _create(db: sqlite3.Connection) -> None:
    """Make a new file, or complete one of a version before 0.2."""
    for table in TABLES:
        db.execute(table)
    if "arrived" not in [row[1] for row in db.execute("PRAGMA table_info(log)")]:
        db.execute("ALTER TABLE log ADD COLUMN arrived REAL")


def _tell_followed_files_apart(db: sqlite3.Connection) -> None:
    db.execute("ALTER TABLE positions ADD COLUMN before BLOB NOT NULL DEFAULT x''")


UPGRADES: Final[Mapping[int, Upgrade]] = {0: _create, 2: _tell_followed_files_apart}
"""By the format that a file starts from. A change goes into a new step, not into an old one."""


class LogRun(NamedTuple):
    """Consecutive records of the log; ``first`` is the offset of the first."""

    first: int
    records: Records
    arrived: Floats  # one per record, epoch seconds


class Position(NamedTuple):
    """How far a followed file has been appended to the log."""

    inode: int  # which another file gets when this one is deleted
    next: int  # byte offset
    before: bytes = b""  # digest of what is before it; empty in a state of before 0.3


class SqliteStore:
    """The log and its checkpoints in one SQLite file, written with ``synchronous=FULL``.

    An appended record is durable when ``append`` returns. Every method may be called from any thread; it
    blocks for the length of one transaction.

    Raises
    ------
    sqlite3.Error
        When the disk is full or the file cannot be written; nothing of the transaction is kept then.
    detectors.state.state.NewerStateError
        When a later version wrote the file.
    """

    def __init__(self, path: Path, patience: float = 5.0, at: CrashHook = no_crash) -> None:
        self._at = at
        self.folder = path.parent
        path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(
            path, check_same_thread=False, isolation_level=None, timeout=patience
        )
        self._lock = threading.Lock()
        self._connection.execute("PRAGMA auto_vacuum=INCREMENTAL")  # before anything else is written
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "locking_mode=EXCLUSIVE"):
            self._connection.execute(f"PRAGMA {pragma}")
        bring_up(self._connection, path.name, UPGRADES, lambda: at(CrashPoint.MIGRATING, path.name))
        self._journal = BlockJournal(self._connection)
        with transaction(self._connection, self._lock) as db:
            prepare_dead_letters(db, time.time())
        self.free_bytes = _prepare_free_pages(self._connection)  # of the file, kept for new rows
        # Remembered so that an unchanged part is not written again.
        self._written: dict[str, dict[str, bytes]] = {}
        row = self._connection.execute("SELECT state FROM intake").fetchone()
        self.intake_state: bytes | None = bytes(row[0]) if row else None  # of the intake
        # Cached, so that no reader waits for a transaction.
        self.end = self._number("SELECT next FROM log_end")  # the offset after the last record of the log
        self.log_bytes = self._number("SELECT SUM(LENGTH(body)) FROM log")  # of records judged or not
        self.begin = 0  # the offset below which this process has dropped the log

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    # -- the log ----------------------------------------------------------------------------------

    def append(
        self,
        lines: Sequence[bytes],
        followed: tuple[str, Position] | None = None,
        intake: bytes | None = None,  # the next ``intake_state``
        arrived: float | None = None,
    ) -> int:
        """Append records (no newline inside) and return the offset after the last of them.

        ``arrived`` is when, epoch seconds; by default now. ``followed`` moves the position of a followed file
        in the same transaction, so that a crash neither loses nor repeats a line.
        """
        body = Records.of(lines).as_lines()
        with transaction(self._connection, self._lock) as db:
            row = db.execute("SELECT next FROM log_end").fetchone()
            first = row[0] if row else 0
            if lines:
                at = time.time() if arrived is None else arrived
                db.execute("INSERT INTO log VALUES (?, ?, ?, ?)", (first, len(lines), body, at))
            end = first + len(lines)
            db.execute("INSERT OR REPLACE INTO log_end VALUES (1, ?)", (end,))
            if followed:
                path, position = followed
                db.execute("INSERT OR REPLACE INTO positions VALUES (?, ?, ?, ?)", (path, *position))
            if intake is not None:
                db.execute("INSERT OR REPLACE INTO intake VALUES (1, ?)", (intake,))
            self._at(CrashPoint.APPENDING, "log")
            db.execute("COMMIT")  # before the caches change: the disk may be full
            self.log_bytes += len(body)
            self.end = int(end)
            self.intake_state = self.intake_state if intake is None else intake
        self._at(CrashPoint.APPENDED, "log")
        return self.end

    def _number(self, query: str) -> int:
        row = self._connection.execute(query).fetchone()
        return int(row[0] or 0) if row else 0

    def read(self, start: int, at_most: int = 50_000, most_bytes: int = 16 * 1024 * 1024) -> LogRun:
        """Return about ``at_most`` records or up to ``most_bytes`` from ``start``, or a single larger one.

        Raises
        ------
        streams.drivers.local.state_files.DamagedError
            When records are missing.
        """
        parts: list[Records] = []
        arrivals: list[float] = []
        end, size = start, 0
        with self._lock:
            rows = self._connection.execute(
                "SELECT first, records, body, arrived FROM log WHERE first + records > ? ORDER BY first",
                (start,),
            )
            for first, count, body, arrived in rows:
                if first > end:
                    raise DamagedError(f"the log has no records at offset {end}")
                lines = Records.of_stored(body)
                if len(lines) != count:
                    raise DamagedError(
                        f"the log row at offset {first} holds {len(lines)} records, not {count}"
                    )
                lines = lines[end - first :]
                fitting = lines[: lines.end_of_piece(0, len(lines), most_bytes - size)]
                parts.append(fitting)
                arrivals.append(UNKNOWN_ARRIVAL if arrived is None else arrived)
                end, size = end + len(fitting), size + int(fitting.ends[-1] - fitting.starts[0])
                if len(fitting) < len(lines) or end - start >= at_most or size >= most_bytes:
                    break
        stamps = np.repeat(np.array(arrivals, np.float64), [len(lines) for lines in parts])
        return LogRun(start, joined(parts), stamps)

    def position(self, path: str) -> Position | None:
        """Return how far the followed file ``path`` has been read."""
        with self._lock:
            row = self._connection.execute(
                "SELECT inode, next, before FROM positions WHERE path = ?", (path,)
            ).fetchone()
        return Position(*row) if row else None

    # -- checkpoints ------------------------------------------------------------------------------

    def save(
        self,
        stage: str,
        checkpoint: Checkpoint,
        dead: Iterable[Letter] = (),
        done: int | None = None,
        *,
        instead_of: str | None = None,
        blocks: Sequence[Block] = (),
        now: float | None = None,
    ) -> Mapping[str, int]:
        """Write a checkpoint with the dead letters it includes, and drop the log below offset ``done``.

        ``blocks`` are those made since the previous checkpoint. ``instead_of`` is a stage whose checkpoint is
        dropped in the same transaction. ``now`` is epoch seconds, by default of the system. The result is the
        number of old dead letters that were dropped, by reason.
        """
        before = self._written.get(stage)
        with transaction(self._connection, self._lock) as db:
            if before is None:
                db.execute("DELETE FROM parts WHERE stage = ?", (stage,))
                before = {}
            changed = [
                (stage, name, body) for name, body in checkpoint.parts.items() if before.get(name) != body
            ]
            db.executemany("INSERT OR REPLACE INTO parts VALUES (?, ?, ?)", changed)
            gone = [(stage, name) for name in before.keys() - checkpoint.parts.keys()]
            db.executemany("DELETE FROM parts WHERE stage = ? AND name = ?", gone)
            db.execute("DELETE FROM offsets WHERE stage = ?", (stage,))
            db.executemany(
                "INSERT INTO offsets VALUES (?, ?, ?)",
                [(stage, source, offset) for source, offset in checkpoint.offsets.items()],
            )
            dropped_letters = add_dead_letters(db, dead, time.time() if now is None else now)
            if instead_of is not None:
                db.execute("DELETE FROM parts WHERE stage = ?", (instead_of,))
            dropped = 0
            if done is not None:
                (size,) = db.execute(
                    "SELECT SUM(LENGTH(body)) FROM log WHERE first + records <= ?", (done,)
                ).fetchone()
                dropped = int(size or 0)
                db.execute("DELETE FROM log WHERE first + records <= ?", (done,))
            self._journal.append(db, blocks)
            self._at(CrashPoint.SAVING, stage)
        self._at(CrashPoint.SAVED, stage)
        with self._lock:
            self.log_bytes -= dropped
            self.begin = self.begin if done is None else done
            self.free_bytes = _give_back(self._connection)
        self._written[stage] = dict(checkpoint.parts)
        return dropped_letters

    def load(self, stage: str) -> Checkpoint | None:
        """Return the checkpoint of a stage, None if there is none."""
        with self._lock:
            offsets = dict(
                self._connection.execute("SELECT source, next FROM offsets WHERE stage = ?", (stage,))
            )
            parts = dict(self._connection.execute("SELECT name, body FROM parts WHERE stage = ?", (stage,)))
        if not offsets and not parts:
            return None
        self._written[stage] = dict(parts)
        return Checkpoint(offsets, parts)

    # -- blocks -----------------------------------------------------------------------------------

    def first_bucket(self) -> int | None:
        """Return the first bucket of which blocks are kept, epoch seconds; None if there are none."""
        with self._lock:
            return self._journal.first_bucket(self._connection)

    def kept_blocks(self) -> tuple[int, int]:
        """Return the numbers of the first and the last row of kept blocks; 0 where there is none."""
        with self._lock:
            return self._journal.bounds(self._connection)

    def blocks_after(self, number: int, at_most: int) -> list[JournalRow]:
        """Return the next rows of kept blocks behind the row ``number``, in the order of judgement."""
        with self._lock:
            return self._journal.rows_after(self._connection, number, at_most)

    def copy_to(self, path: Path) -> None:
        """Write a consistent copy of the file, a little at a time: others use the file in between.

        Raises
        ------
        sqlite3.Error
            When the copy cannot be written.
        """
        copy_database(self._connection, self._lock, path)

    def dead_letters(self, at_most: int = 1000) -> list[tuple[str, int, str, str, bytes]]:
        """Return (source, offset, reason, detail, first kilobyte) of the newest dead letters."""
        with self._lock:
            return self._connection.execute(
                "SELECT source, offset, reason, detail, sample FROM dead_letters ORDER BY rowid DESC LIMIT ?",
                (at_most,),
            ).fetchall()


KEPT_SECONDS: Final = 7 * 86400
KEPT_BLOCK_BYTES: Final = 256 * 1024 * 1024
"""Blocks that are older, or more, are dropped, the oldest first."""

_LEVEL: Final = 1  # of zstd
_TABLE: Final = (
    "CREATE TABLE IF NOT EXISTS blocks (n INTEGER PRIMARY KEY, bucket INTEGER NOT NULL, body BLOB NOT NULL)"
)


class BlockJournal:
    """The blocks of the last week, which a judge that learns history later judges again.

    A table beside the log, written with each checkpoint; the caller holds the lock of the file. It is no part
    of the format of the file: an older version leaves it alone.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        db.execute(_TABLE)
        self._bytes = int(db.execute("SELECT COALESCE(SUM(LENGTH(body)), 0) FROM blocks").fetchone()[0])

    def append(self, db: sqlite3.Connection, blocks: Sequence[Block]) -> None:
        """Add the blocks since the checkpoint before, in their order."""
        if not blocks:
            return
        body = msgspec.msgpack.encode([encode_block(block) for block in blocks])
        body = zstd.compress(body, _LEVEL)
        newest = max(block.bucket for block in blocks)
        db.execute("INSERT INTO blocks (bucket, body) VALUES (?, ?)", (newest, body))
        self._bytes += len(body)
        self._drop(db, newest - KEPT_SECONDS)

    def _drop(self, db: sqlite3.Connection, before: int) -> None:
        rows = db.execute("SELECT n, bucket, LENGTH(body) FROM blocks ORDER BY n")
        dropped = []
        for number, bucket, size in rows:
            if bucket >= before and self._bytes <= KEPT_BLOCK_BYTES:
                break
            dropped.append((number,))
            self._bytes -= size
        rows.close()
        db.executemany("DELETE FROM blocks WHERE n = ?", dropped)

    def first_bucket(self, db: sqlite3.Connection) -> int | None:
        """Return the bucket of the first block that is kept, epoch seconds."""
        row = db.execute("SELECT body FROM blocks ORDER BY n LIMIT 1").fetchone()
        return None if row is None else _blocks(row[0])[0].bucket

    def bounds(self, db: sqlite3.Connection) -> tuple[int, int]:
        """Return the numbers of the first and the last row; 0 where there is none."""
        first, last = db.execute("SELECT COALESCE(MIN(n), 0), COALESCE(MAX(n), 0) FROM blocks").fetchone()
        return int(first), int(last)

    def rows_after(self, db: sqlite3.Connection, number: int, at_most: int) -> list[JournalRow]:
        """Return the next rows behind the row ``number``."""
        rows = db.execute("SELECT n, body FROM blocks WHERE n > ? ORDER BY n LIMIT ?", (number, at_most))
        return [JournalRow(number, _blocks(body)) for number, body in rows]


def _blocks(body: bytes) -> list[Block]:
    encoded = msgspec.msgpack.decode(zstd.decompress(body), type=list[bytes])
    return [decode_block(block) for block in encoded]


KEPT_FREE_BYTES: Final = 64 << 20  # of free pages: the growth of a busy log between two checkpoints
STEP_BYTES: Final = 8 << 20  # given back per checkpoint: tens of milliseconds
JOURNAL_BYTES: Final = 64 << 20  # to which SQLite cuts its journal after a large transaction
_INCREMENTAL: Final = 2


def _prepare_free_pages(connection: sqlite3.Connection) -> int:
    """Make a file ready to give space back; return its free bytes.

    A file that an earlier version made needs to be rewritten once. That is done when more than half of it is
    free, so that less is written than is gained; at a later start if there is no space for a copy, here or in
    the folder of temporary files.
    """
    connection.execute(f"PRAGMA journal_size_limit={JOURNAL_BYTES}")
    free = _free_bytes(connection)
    if _pragma(connection, "auto_vacuum") == _INCREMENTAL:
        return free
    if (
        2 * free < _pragma(connection, "page_count") * _pragma(connection, "page_size")
        or free <= KEPT_FREE_BYTES
    ):
        return free
    connection.execute(f"PRAGMA auto_vacuum={_INCREMENTAL}")
    with contextlib.suppress(sqlite3.OperationalError):
        connection.execute("VACUUM")
    return _free_bytes(connection)


def _give_back(connection: sqlite3.Connection) -> int:
    """Cut free pages off the end of the file, at most ``STEP_BYTES``; return the free bytes that are left.

    Call it outside of a transaction. A file that was not made for it keeps its pages.
    """
    free = _free_bytes(connection)
    pages = min(STEP_BYTES, free - KEPT_FREE_BYTES) // _pragma(connection, "page_size")
    if pages <= 0:
        return free
    try:
        # as a script, because ``execute`` stops after the first page
        connection.executescript(f"PRAGMA incremental_vacuum({pages})")
    except sqlite3.OperationalError as error:
        if (
            error.sqlite_errorcode != sqlite3.SQLITE_FULL
        ):  # the checkpoint is written; the next one reports it
            raise
    return _free_bytes(connection)


def _free_bytes(connection: sqlite3.Connection) -> int:
    return _pragma(connection, "freelist_count") * _pragma(connection, "page_size")


def _pragma(connection: sqlite3.Connection, pragma: str) -> int:
    (value,) = connection.execute(f"PRAGMA {pragma}").fetchone()
    return int(value)

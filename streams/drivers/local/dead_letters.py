"""The dead letters in the file of the local driver: the newest, up to a size and an age.

A table beside them says up to which row they were written when, and how large they are, so that the oldest
are dropped without reading them. It is no part of the format of the file: an older version leaves it alone,
and what that adds is found at the next start.
"""

import sqlite3
from collections import Counter
from collections.abc import Iterable
from typing import Final

from streams.engine.decode.rejected import Rejected

KEPT_BYTES: Final = 64 << 20
KEPT_SECONDS: Final = 30 * 86400
"""Dead letters beyond that, or older, are dropped, the oldest first."""

DROPPED_BYTES: Final = 8 << 20
"""At once, besides as many as are added: tens of milliseconds."""

PIECE_BYTES: Final = 1 << 20  # dropped as one
PIECE_SECONDS: Final = 3600.0
_ROW_BYTES: Final = 80  # of a row and its key, besides detail and sample

LETTERS: Final = """CREATE TABLE IF NOT EXISTS dead_letters (
  source TEXT, offset INTEGER, reason TEXT NOT NULL, detail TEXT NOT NULL, sample BLOB NOT NULL,
  PRIMARY KEY (source, offset)
)"""
_PIECES: Final = """CREATE TABLE IF NOT EXISTS dead_letter_pieces (
  n INTEGER PRIMARY KEY, last INTEGER NOT NULL, since REAL NOT NULL, bytes INTEGER NOT NULL
)"""

Letter = tuple[str, int, Rejected]
"""Source, offset, record."""


def prepare_dead_letters(db: sqlite3.Connection, now: float) -> None:
    """Find those that are not accounted for; ``now`` is epoch seconds."""
    db.execute(_PIECES)
    (end,) = db.execute("SELECT COALESCE(MAX(rowid), 0) FROM dead_letters").fetchone()
    (known,) = db.execute("SELECT COALESCE(MAX(last), 0) FROM dead_letter_pieces").fetchone()
    if known > end:  # somebody has deleted some by hand
        db.execute("DELETE FROM dead_letter_pieces")
        known = 0
    sizes = db.execute(
        "SELECT rowid, LENGTH(detail) + LENGTH(sample) FROM dead_letters WHERE rowid > ? ORDER BY rowid",
        (known,),
    )
    _account(db, sizes, now)


def add_dead_letters(db: sqlite3.Connection, letters: Iterable[Letter], now: float) -> Counter[str]:
    """Add some within a transaction, drop the oldest, and count these by reason: ``size`` or ``age``."""
    added = []
    for source, offset, bad in letters:
        values = (source, offset, bad.reason.value, bad.detail, bad.sample)
        row = db.execute("INSERT OR REPLACE INTO dead_letters VALUES (?, ?, ?, ?, ?)", values).lastrowid or 0
        added.append((row, len(bad.detail) + len(bad.sample)))
    return _drop(db, now, DROPPED_BYTES + _account(db, added, now))


def _account(db: sqlite3.Connection, added: Iterable[tuple[int, int]], now: float) -> int:
    """Extend the newest piece, or begin others, by rows and their sizes; return the bytes."""
    number, since, size = db.execute(
        "SELECT n, since, bytes FROM dead_letter_pieces ORDER BY n DESC LIMIT 1"
    ).fetchone() or (0, now, PIECE_BYTES)
    total = 0
    pieces = {}
    for row, length in added:
        if size >= PIECE_BYTES or since < now - PIECE_SECONDS:
            number, since, size = number + 1, now, 0
        size += length + _ROW_BYTES
        total += length + _ROW_BYTES
        pieces[number] = (number, row, since, size)
    db.executemany("INSERT OR REPLACE INTO dead_letter_pieces VALUES (?, ?, ?, ?)", pieces.values())
    return total


def _drop(db: sqlite3.Connection, now: float, at_most: int) -> Counter[str]:
    dropped = Counter[str]()
    pieces = db.execute("SELECT n, last, since, bytes FROM dead_letter_pieces ORDER BY n").fetchall()
    total = sum(size for *_, size in pieces)
    for number, last, since, size in pieces:
        too_many, too_old = total > KEPT_BYTES, since < now - KEPT_SECONDS
        if at_most <= 0 or not (too_many or too_old):
            break
        gone = db.execute("DELETE FROM dead_letters WHERE rowid <= ?", (last,)).rowcount
        db.execute("DELETE FROM dead_letter_pieces WHERE n = ?", (number,))
        dropped["size" if too_many else "age"] += gone
        total -= size
        at_most -= size
    return dropped

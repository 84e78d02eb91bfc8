"""The blocks of the last week: a judge that learns history afterwards judges them again."""

import sqlite3
from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec

from detectors.state import zstd
from streams.engine.rollup.blocks.block import Block
from streams.engine.rollup.blocks.block_codec import decode_block, encode_block

KEPT_SECONDS: Final = 7 * 86400
KEPT_BYTES: Final = 256 * 1024 * 1024
"""What is older, or more, is dropped, the oldest first."""

_LEVEL: Final = 1  # of zstd
_TABLE: Final = (
    "CREATE TABLE IF NOT EXISTS blocks (n INTEGER PRIMARY KEY, bucket INTEGER NOT NULL, body BLOB NOT NULL)"
)


class JournalRow(NamedTuple):
    """What one checkpoint added."""

    number: int
    blocks: list[Block]


class BlockJournal:
    """A table beside the log, written with each checkpoint; whoever calls holds the lock of the file.

    It is no part of the format of the file: an older version leaves it alone.
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
            if bucket >= before and self._bytes <= KEPT_BYTES:
                break
            dropped.append((number,))
            self._bytes -= size
        rows.close()
        db.executemany("DELETE FROM blocks WHERE n = ?", dropped)

    def begins(self, db: sqlite3.Connection) -> int | None:
        """Return the bucket of the first block that is kept, epoch seconds."""
        row = db.execute("SELECT body FROM blocks ORDER BY n LIMIT 1").fetchone()
        return None if row is None else _blocks(row[0])[0].bucket

    def ends(self, db: sqlite3.Connection) -> tuple[int, int]:
        """Return the numbers of the first and the last row; 0 where there is none."""
        first, last = db.execute("SELECT COALESCE(MIN(n), 0), COALESCE(MAX(n), 0) FROM blocks").fetchone()
        return int(first), int(last)

    def after(self, db: sqlite3.Connection, number: int, at_most: int) -> list[JournalRow]:
        """Return the next rows behind one."""
        rows = db.execute("SELECT n, body FROM blocks WHERE n > ? ORDER BY n LIMIT ?", (number, at_most))
        return [JournalRow(number, _blocks(body)) for number, body in rows]


def _blocks(body: bytes) -> list[Block]:
    several = msgspec.msgpack.decode(zstd.decompress(body), type=list[bytes])
    return [decode_block(each) for each in several]

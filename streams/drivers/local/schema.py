"""The tables of the local log, and what brings a file of an older format up."""

import sqlite3
from collections.abc import Mapping
from typing import Final

from alerting.outbox.sqlite_format import Upgrade

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
    """CREATE TABLE IF NOT EXISTS dead_letters (
  source TEXT, offset INTEGER, reason TEXT NOT NULL, detail TEXT NOT NULL, sample BLOB NOT NULL,
  PRIMARY KEY (source, offset)
)""",
)


def _create(db: sqlite3.Connection) -> None:
    """Make a new file, or complete one of a version before 0.2."""
    for table in TABLES:
        db.execute(table)
    if "arrived" not in [row[1] for row in db.execute("PRAGMA table_info(log)")]:
        db.execute("ALTER TABLE log ADD COLUMN arrived REAL")


UPGRADES: Final[Mapping[int, Upgrade]] = {0: _create}
"""By the format that a file starts from. What is changed here goes into a new step, not into an old one."""

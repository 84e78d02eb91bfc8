"""The files of a state folder have a format: an older one is brought up, a later one is refused."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from alerting.outbox import sqlite_format
from alerting.outbox.outbox_sqlite import SqliteOutbox
from config.settings import LocalSettings, Settings
from detectors.state.state import FORMAT, NewerStateError, this_writer
from streams.drivers.local.daemon import run_local
from streams.drivers.local.sqlite_store import TABLES, SqliteStore


def columns(path: Path) -> list[str]:
    with sqlite3.connect(path) as db:
        found = [row[1] for row in db.execute("PRAGMA table_info(demo)")]
    db.close()
    return found


def written_by(path: Path) -> tuple[int, str]:
    with sqlite3.connect(path) as db:
        (number,) = db.execute("PRAGMA user_version").fetchone()
        (version,) = db.execute("SELECT version FROM writer").fetchone()
    db.close()
    return number, version


def set_format(path: Path, number: int, version: str) -> None:
    with sqlite3.connect(path) as db:
        db.execute(f"PRAGMA user_version={number}")
        db.execute("UPDATE writer SET version = ?", (version,))
    db.close()


def test_a_new_file_and_one_of_a_version_without_formats_say_who_wrote_them(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "old") as old:
        old.executescript(";\n".join(TABLES))
        old.execute("INSERT INTO log VALUES (0, 1, 'a', NULL)")
        old.execute("INSERT INTO log_end VALUES (1, 1)")
    old.close()
    with SqliteStore(tmp_path / "old") as store:
        assert store.end == 1
    SqliteStore(tmp_path / "new").close()
    SqliteOutbox(tmp_path / "outbox").close()
    for name in ("old", "new", "outbox"):
        assert written_by(tmp_path / name) == (FORMAT, this_writer().version)


def test_another_version_of_the_same_format_says_that_it_wrote_last(tmp_path: Path) -> None:
    SqliteStore(tmp_path / "db").close()
    set_format(tmp_path / "db", FORMAT, "0.0.1")
    SqliteStore(tmp_path / "db").close()
    assert written_by(tmp_path / "db") == (FORMAT, this_writer().version)


@pytest.mark.parametrize("file", ["uneri.db", "outbox.db"])
def test_a_downgrade_ends_with_one_line_and_changes_nothing(
    tmp_path: Path, file: str, capfd: pytest.CaptureFixture[str]
) -> None:
    SqliteStore(tmp_path / "uneri.db").close()
    SqliteOutbox(tmp_path / "outbox.db").close()
    set_format(tmp_path / file, FORMAT + 1, "9.9.9")
    before = {path.name: path.read_bytes() for path in tmp_path.glob("*.db")}
    settings = Settings(local=LocalSettings(listen="127.0.0.1:0", state=str(tmp_path)))
    assert run_local(settings, [], None) == 2
    (line,) = [line for line in capfd.readouterr().err.splitlines() if "critical" in line]
    assert f"{file} was written by uneri 9.9.9 (format {FORMAT + 1})" in line
    assert "start uneri 9.9.9, or restore a backup from before the upgrade (docs/upgrades.md)" in line
    assert {path.name: path.read_bytes() for path in tmp_path.glob("*.db")} == before


KILLED = """
import os, signal, sqlite3, sys
from alerting.outbox import sqlite_format
sqlite_format.FORMAT += 1
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("PRAGMA journal_mode=WAL")
def widen(db):
    db.execute("ALTER TABLE demo ADD COLUMN b")
    db.execute("UPDATE demo SET b = a * 2")
before = sqlite_format.FORMAT - 1
sqlite_format.bring_up(db, "demo", {before: widen}, lambda: os.kill(os.getpid(), signal.SIGKILL))
"""


def test_a_kill_in_the_middle_of_a_migration_leaves_the_file_as_it_was_and_the_next_start_migrates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "db"
    db = sqlite3.connect(path, isolation_level=None)
    sqlite_format.bring_up(db, "demo", {})
    db.execute("CREATE TABLE demo (a)")
    db.execute("INSERT INTO demo VALUES (4)")
    db.close()
    root = Path(sqlite_format.__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", KILLED, path], cwd=root, check=False)
    assert done.returncode == -9
    assert columns(path) == ["a"]
    assert written_by(path)[0] == FORMAT

    def widen(db: sqlite3.Connection) -> None:
        db.execute("ALTER TABLE demo ADD COLUMN b")
        db.execute("UPDATE demo SET b = a * 2")

    monkeypatch.setattr(sqlite_format, "FORMAT", FORMAT + 1)
    db = sqlite3.connect(path, isolation_level=None)
    sqlite_format.bring_up(db, "demo", {FORMAT: widen})
    assert db.execute("SELECT a, b FROM demo").fetchall() == [(4, 8)]
    db.close()
    assert written_by(path)[0] == FORMAT + 1
    monkeypatch.setattr(sqlite_format, "FORMAT", FORMAT)
    db = sqlite3.connect(path, isolation_level=None)
    with pytest.raises(NewerStateError):
        sqlite_format.bring_up(db, "demo", {})
    db.close()

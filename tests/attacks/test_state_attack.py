"""The files that a running daemon needs are locked, or taken away."""

import contextlib
import sqlite3
from pathlib import Path
from typing import Final

import pytest

from tests.attacks.attacked import Attacked, HonestSender

WAITS: Final = 60  # seconds for an end that must come


def database(daemon: Attacked) -> contextlib.closing[sqlite3.Connection]:
    """Open the daemon's database, as another program would."""
    return contextlib.closing(sqlite3.connect(daemon.state / "uneri.db", timeout=1))


def test_whoever_reaches_for_the_state_of_a_daemon_costs_no_record(tmp_path: Path) -> None:
    with Attacked(tmp_path) as daemon:
        with HonestSender(daemon) as honest:
            daemon.wait_for_judgement()
            second = daemon.uneri("run")
            assert second.returncode == 1
            assert "is in use" in second.stderr
            with database(daemon) as other, pytest.raises(sqlite3.OperationalError):
                other.execute("BEGIN EXCLUSIVE")
            daemon.kill()
            with database(daemon) as other:
                other.execute("PRAGMA locking_mode=EXCLUSIVE")
                other.execute("BEGIN EXCLUSIVE")
                daemon.start()
                assert daemon.process.wait(WAITS) == 1
            assert "is in use" in daemon.lines("critical")[-1]
            daemon.start()
            honest.fills_a_minute()
        honest.is_counted()


@pytest.mark.parametrize("file", ["uneri.db-wal", "outbox.db-wal"])
def test_a_journal_that_is_deleted_costs_no_record_even_if_the_daemon_is_killed_then(
    tmp_path: Path, file: str
) -> None:
    with Attacked(tmp_path) as daemon:
        with HonestSender(daemon) as honest:
            daemon.wait_for_judgement()
            (daemon.state / file).unlink()
            assert daemon.process.wait(WAITS) == 1
            (line,) = daemon.lines("critical")
            assert f"{file} is gone" in line
            daemon.start()
            honest.fills_a_minute()
        honest.is_counted()

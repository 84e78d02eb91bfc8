import sqlite3
from pathlib import Path

import pytest

from streams.decode.rejected import Rejected, RejectReason
from streams.engine.checkpoint import Checkpoint
from streams.local.sqlite_store import Position, SqliteStore


def test_appended_records_are_read_back_from_any_offset(tmp_path: Path) -> None:
    with SqliteStore(tmp_path / "db") as store:
        assert store.append([b"a", b"b"]) == 2
        assert store.append([b"c"]) == 3
        assert store.read(0).records == [b"a", b"b", b"c"]
        assert store.read(1).records == [b"b", b"c"]
        assert store.read(3).records == []


def test_a_store_that_is_opened_again_knows_everything(tmp_path: Path) -> None:
    with SqliteStore(tmp_path / "db") as store:
        store.append([b"a", b"b"], ("/var/log/x", Position(7, 42)))
        store.save("engine", Checkpoint({"local/0": 1}, {"x": b"1"}))
    with SqliteStore(tmp_path / "db") as store:
        assert store.end == 2
        assert store.position("/var/log/x") == Position(7, 42)
        assert store.load("engine") == Checkpoint({"local/0": 1}, {"x": b"1"})
        assert store.load("other") is None


def test_the_newest_checkpoint_replaces_the_one_before_and_its_parts(tmp_path: Path) -> None:
    with SqliteStore(tmp_path / "db") as store:
        store.save("engine", Checkpoint({"local/0": 1}, {"kept": b"1", "gone": b"2"}))
        store.save("engine", Checkpoint({"local/0": 2}, {"kept": b"1", "new": b"3"}))
    with SqliteStore(tmp_path / "db") as store:
        assert store.load("engine") == Checkpoint({"local/0": 2}, {"kept": b"1", "new": b"3"})
        store.save("engine", Checkpoint({"local/0": 3}, {"new": b"4"}))
        assert store.load("engine") == Checkpoint({"local/0": 3}, {"new": b"4"})


def test_the_log_below_a_checkpoint_is_dropped_and_offsets_go_on(tmp_path: Path) -> None:
    with SqliteStore(tmp_path / "db") as store:
        store.append([b"a", b"b"])
        store.append([b"c", b"d"])
        store.save("engine", Checkpoint({"local/0": 3}), done=3)
        assert store.read(0).records == [b"c", b"d"]
        store.save("engine", Checkpoint({"local/0": 4}), done=4)
        assert store.append([b"e"]) == 5
        assert store.read(4).records == [b"e"]


def test_dead_letters_keep_reason_offset_and_sample_and_are_not_doubled(tmp_path: Path) -> None:
    bad = Rejected(RejectReason.NOT_JSON, 0, "expected `{`", b"oops")
    with SqliteStore(tmp_path / "db") as store:
        for _ in range(2):
            store.save("engine", Checkpoint({"local/0": 9}), [("local/0", 8, bad)])
        assert store.dead_letters() == [("local/0", 8, "not_json", "expected `{`", b"oops")]


def test_a_transaction_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with SqliteStore(tmp_path / "db") as store:
        store.append([b"a"])
        with pytest.raises(sqlite3.Error):
            store.append([b"b"], ("path", Position(None, 1)))  # type: ignore[arg-type]
        assert store.read(0).records == [b"a"]
        assert store.append([b"c"]) == 2


def test_a_second_daemon_on_the_same_state_is_refused(tmp_path: Path) -> None:
    with SqliteStore(tmp_path / "db") as store:
        store.append([b"a"])
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            SqliteStore(tmp_path / "db", patience=0.1)


def test_large_records_are_read_a_few_at_a_time(tmp_path: Path) -> None:
    with SqliteStore(tmp_path / "db") as store:
        for _ in range(5):
            store.append([b"x" * 1000] * 2)
        assert len(store.read(0, most_bytes=3000).records) == 4
        assert len(store.read(4).records) == 6

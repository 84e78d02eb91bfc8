import sqlite3
from itertools import pairwise
from pathlib import Path

import pytest

from streams.drivers.local.sqlite_store import KEPT_FREE_BYTES, STEP_BYTES, TABLES, Position, SqliteStore
from streams.drivers.local.state_files import DamagedError
from streams.engine.decode.rejected import Rejected, RejectReason
from streams.engine.stages.checkpoint import Checkpoint


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
        assert store.read(2).records == [b"c", b"d"]
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
        assert len(store.read(0, most_bytes=2500).records) == 3
        assert len(store.read(3).records) == 7


def test_a_run_has_no_more_bytes_than_asked_for_however_they_came(tmp_path: Path) -> None:
    with SqliteStore(tmp_path / "db") as store:
        store.append([b"%d" % number * 100 for number in range(10)])
        runs = [store.read(0, most_bytes=450), store.read(4, most_bytes=10), store.read(8)]
        assert [[int(record[:1]) for record in run.records] for run in runs] == [[0, 1, 2, 3], [4], [8, 9]]


def test_a_full_disk_is_said_and_leaves_what_was_there(tmp_path: Path) -> None:
    with SqliteStore(tmp_path / "db") as store:
        store.append([b"a"])
        store.save("engine", Checkpoint({"local/0": 1}, {"x": b"1"}))
        full_at(store, 40)
        large = b"x" * 1_000_000
        with pytest.raises(sqlite3.OperationalError, match="full"):
            store.append([large])
        assert (store.end, store.log_bytes) == (1, 1), "nobody hears of what was not stored"
        with pytest.raises(sqlite3.OperationalError, match="full"):
            store.save("engine", Checkpoint({"local/0": 1}, {"x": large}))
        full_at(store, 1 << 30)
        assert store.append([b"b"]) == 2, "it goes on when there is room again"
    with SqliteStore(tmp_path / "db") as store:
        assert store.read(0).records == [b"a", b"b"]
        assert store.load("engine") == Checkpoint({"local/0": 1}, {"x": b"1"})


def full_at(store: SqliteStore, pages: int) -> None:
    store._connection.execute(f"PRAGMA max_page_count={pages}")


def test_a_log_with_a_hole_is_refused(tmp_path: Path) -> None:
    with SqliteStore(tmp_path / "db") as store:
        store.append([b"a", b"b"])
        store.append([b"c"])
        store._connection.execute("DELETE FROM log WHERE first = 0")
        with pytest.raises(DamagedError, match="no records at offset 1"):
            store.read(1)


def backfilled(store: SqliteStore, megabytes: int) -> None:
    """Append records, and have all of them judged."""
    for _ in range(megabytes):
        store.append([b"x" * 1_000_000])
    store.save("engine", Checkpoint({"local/0": store.end}, {"x": b"1"}), done=store.end)


def test_the_space_of_a_backfill_is_given_back_a_little_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "db"
    with SqliteStore(path) as store:
        backfilled(store, 160)
        sizes = []
        for _ in range(20):
            store.save("engine", Checkpoint({"local/0": store.end}, {"x": b"2"}), done=store.end)
            sizes.append(path.stat().st_size)
        assert store.free_bytes <= KEPT_FREE_BYTES + STEP_BYTES
        steps = [before - after for before, after in pairwise(sizes)]
        assert max(steps) <= 2 * STEP_BYTES, "in bounded steps"
    assert path.stat().st_size < KEPT_FREE_BYTES + 2 * STEP_BYTES
    with SqliteStore(path) as store:
        assert store.load("engine") == Checkpoint({"local/0": 160}, {"x": b"2"})


def test_a_file_of_an_earlier_version_gives_its_space_back_when_it_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "db"
    with sqlite3.connect(path) as old:
        old.execute("PRAGMA journal_mode=WAL")
        old.executescript(";\n".join(TABLES))
    old.close()
    with SqliteStore(path) as store:
        backfilled(store, 160)
        assert store.free_bytes > 2 * KEPT_FREE_BYTES
    with SqliteStore(path) as store:
        assert store.free_bytes == 0
        assert store.load("engine") == Checkpoint({"local/0": 160}, {"x": b"1"})
        assert store.end == 160
    assert path.stat().st_size < 1_000_000

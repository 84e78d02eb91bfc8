"""How many dead letters the local driver keeps, and for how long."""

import sqlite3
from collections.abc import Mapping
from pathlib import Path

import pytest

from streams.drivers.local import dead_letters
from streams.drivers.local.sqlite_store import SqliteStore
from streams.engine.decode.rejected import Rejected, RejectReason
from streams.engine.stages.checkpoint import Checkpoint

NOW = 1_760_000_000.0
DAY = 86_400.0


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dead_letters, "KEPT_BYTES", 100_000)
    monkeypatch.setattr(dead_letters, "PIECE_BYTES", 10_000)
    monkeypatch.setattr(dead_letters, "DROPPED_BYTES", 20_000)


def save(
    store: SqliteStore, first: int = 0, count: int = 0, *, now: float = NOW, sample: bytes = b"x" * 900
) -> Mapping[str, int]:
    bad = Rejected(RejectReason.FAR_FUTURE, 0, "check the sender's clock", sample)
    letters = [("local/0", offset, bad) for offset in range(first, first + count)]
    return store.save("engine", Checkpoint({"local/0": first + count}), letters, now=now)


def offsets(store: SqliteStore) -> list[int]:
    return [offset for _, offset, *_ in reversed(store.dead_letters(100_000))]


def test_no_flood_of_bad_records_takes_more_than_its_share_of_the_disk(
    store: SqliteStore, tmp_path: Path
) -> None:
    dropped = 0
    for first in range(0, 4000, 500):
        dropped += save(store, first, 500).get("size", 0)
    kept = offsets(store)
    assert kept == list(range(4000 - len(kept), 4000)), "the newest"
    assert 85 <= len(kept) <= 100
    assert dropped == 4000 - len(kept)
    assert store.free_bytes < 64 << 20
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 6 << 20, "pages are used again"


def test_dead_letters_are_kept_for_a_month(store: SqliteStore) -> None:
    save(store, 0, 3)
    save(store, 3, 3, now=NOW + 20 * DAY)
    assert not save(store, now=NOW + 29 * DAY)
    assert save(store, now=NOW + 31 * DAY) == {"age": 3}
    assert offsets(store) == [3, 4, 5]
    assert save(store, now=NOW + 51 * DAY) == {"age": 3}
    save(store, 9, 1, now=NOW + 52 * DAY)
    assert offsets(store) == [9]


def test_a_letter_that_is_written_again_is_there_once_and_is_dropped_in_its_turn(store: SqliteStore) -> None:
    save(store, 0, 4)
    save(store, 0, 2, now=NOW + 10 * DAY)
    assert offsets(store) == [2, 3, 0, 1]
    assert save(store, now=NOW + 31 * DAY) == {"age": 2}
    assert offsets(store) == [0, 1]


def test_a_file_with_far_too_many_gets_rid_of_them_step_by_step(tmp_path: Path) -> None:
    """As an earlier version left it."""
    with SqliteStore(tmp_path / "db") as store:
        save(store, 0, 0)
    with sqlite3.connect(tmp_path / "db", isolation_level=None) as db:
        db.execute("DROP TABLE dead_letter_pieces")
        rows = [("local/0", offset, "not_json", "", b"x" * 1000) for offset in range(1000)]
        db.executemany("INSERT INTO dead_letters VALUES (?, ?, ?, ?, ?)", rows)
    db.close()
    with SqliteStore(tmp_path / "db") as store:
        steps = []
        while dropped := save(store):
            steps.append(dropped["size"])
        assert len(steps) > 20
        assert max(steps) < 40, "no checkpoint takes long"
        assert sum(steps) + len(offsets(store)) == 1000
        assert offsets(store)[-1] == 999
        assert len(offsets(store)) <= 100


def test_letters_deleted_by_hand_do_not_count_any_longer(tmp_path: Path) -> None:
    with SqliteStore(tmp_path / "db") as store:
        save(store, 0, 90)
    with sqlite3.connect(tmp_path / "db", isolation_level=None) as db:
        db.execute("DELETE FROM dead_letters")
    db.close()
    with SqliteStore(tmp_path / "db") as store:
        assert not save(store, 100, 50)
        assert offsets(store) == list(range(100, 150))


def test_a_checkpoint_that_fails_drops_nothing(store: SqliteStore) -> None:
    save(store, 0, 90)
    with pytest.raises(AttributeError):
        store.save("engine", Checkpoint(), blocks=["none"], now=NOW + 99 * DAY)  # type: ignore[list-item]
    assert len(offsets(store)) == 90

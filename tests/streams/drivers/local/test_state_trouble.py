"""Messages when the state is damaged, or the disk full: one line, true, with the remedy."""

import asyncio
import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from streams.drivers.local import daemon
from streams.drivers.local.daemon import LocalDaemon, run_local
from streams.drivers.local.sqlite_store import SqliteStore
from streams.drivers.local.state_files import explain
from streams.engine.stages.checkpoint import Checkpoint
from tests.streams.drivers.world import World, local_settings, running

EVENT = b'{"ts": %d, "service": "shop"}'


@contextmanager
def pipe_of(lines: list[bytes]) -> Iterator[int]:
    reading, writing = os.pipe()
    os.write(writing, b"".join(line + b"\n" for line in lines))
    os.close(writing)
    yield reading
    os.close(reading)


def critical(capfd: pytest.CaptureFixture[str]) -> str:
    said = capfd.readouterr().err
    assert "Traceback" not in said
    (line,) = [line for line in said.splitlines() if "critical" in line]
    return line


@pytest.mark.parametrize("file", ["uneri.db", "outbox.db"])
def test_a_file_that_is_no_database_is_said_to_be_damaged(
    tmp_path: Path, file: str, capfd: pytest.CaptureFixture[str]
) -> None:
    SqliteStore(tmp_path / "uneri.db").close()
    (tmp_path / file).write_bytes(b"not a database, but longer than its header" * 100)
    assert run_local(local_settings(tmp_path), [], None) == 1
    line = critical(capfd)
    assert f"the state in {tmp_path} is damaged ({file}: file is not a database)" in line
    assert "restore a backup of the folder, or move it away" in line
    assert "space" not in line


def test_a_database_with_damaged_pages_is_said_to_be_damaged(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with SqliteStore(tmp_path / "uneri.db") as store:
        store.append([EVENT % 1_760_000_000] * 1000)
        store.save("engine", Checkpoint({"local/0": 0}, {"x": b"1" * 100_000}))
    whole = (tmp_path / "uneri.db").read_bytes()
    (tmp_path / "uneri.db").write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))
    assert run_local(local_settings(tmp_path), [], None) == 1
    line = critical(capfd)
    assert f"the state in {tmp_path} is damaged" in line
    assert "restore a backup of the folder" in line


def test_a_checkpoint_beyond_the_log_is_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with SqliteStore(tmp_path / "uneri.db") as store:
        store.append([EVENT % 1_760_000_000])
        store.save("engine", Checkpoint({"local/0": 7}, {"x": b""}))
    assert run_local(local_settings(tmp_path), [], None) == 1
    line = critical(capfd)
    assert "is damaged (the checkpoint includes the log to offset 7, but it ends at 1)" in line
    assert "restore a backup" in line


@pytest.mark.parametrize("fails", ["append", "save"])
def test_a_full_disk_ends_the_daemon_with_one_line_and_loses_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    class Full(SqliteStore):
        def _fill(self) -> None:
            (pages,) = self._connection.execute("PRAGMA page_count").fetchone()
            self._connection.execute(f"PRAGMA max_page_count={pages}")

        def append(self, *args: Any, **kwargs: Any) -> int:
            if fails == "append" and self.end:
                self._fill()
            return super().append(*args, **kwargs)

        def save(self, *args: Any, **kwargs: Any) -> Mapping[str, int]:
            if fails == "save":
                self._fill()
            return super().save(*args, **kwargs)

    lines = [EVENT % (1_760_000_000 + second) for second in range(0, 3000, 3)]
    monkeypatch.setattr(daemon, "SqliteStore", Full)
    with pipe_of(lines) as stdin:
        assert run_local(local_settings(tmp_path), [], stdin) == (1 if fails == "save" else 0)
        if fails == "append":
            capfd.readouterr()
            with pipe_of([b"x" * 60_000]) as more:
                assert run_local(local_settings(tmp_path), [], more) == 1
    line = critical(capfd)
    assert "cannot be written, because the disk is full (database or disk is full); free some space" in line
    monkeypatch.undo()
    with pipe_of([]) as stdin:
        assert run_local(local_settings(tmp_path), [], stdin) == 0
    with SqliteStore(tmp_path / "uneri.db") as store:
        kept = store.load("engine")
    assert kept is not None
    assert kept.offsets == {"local/0": len(lines)}


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (sqlite3.SQLITE_CORRUPT, "restore a backup"),
        (sqlite3.SQLITE_NOTADB, "restore a backup"),
        (sqlite3.SQLITE_FULL, "free some space"),
        (sqlite3.SQLITE_IOERR_WRITE, "check the disk"),
        (sqlite3.SQLITE_READONLY_DBMOVED, "its file system is writable"),
        (sqlite3.SQLITE_CANTOPEN, "its file system is writable"),
        (sqlite3.SQLITE_BUSY, "another uneri"),
    ],
)
def test_each_kind_of_error_has_its_remedy(code: int, said: str) -> None:
    error = sqlite3.OperationalError("…")
    error.sqlite_errorcode = code
    assert said in explain(error, Path("uneri-state"))


@pytest.mark.parametrize(
    ("code", "else_said"),
    [
        (4874, "check the disk"),  # SQLITE_IOERR_SHMSIZE: there is no space for the index of the journal
        (sqlite3.SQLITE_CANTOPEN, "its file system is writable"),  # there is no inode for the journal
    ],
)
@pytest.mark.parametrize(
    ("space", "inodes", "full"),
    [(0, 1000, True), (1 << 20, 0, True), (1 << 20, 1000, False)],
    ids=["no space", "no inode", "room"],
)
def test_an_error_on_a_full_disk_is_said_to_be_that(
    monkeypatch: pytest.MonkeyPatch, code: int, else_said: str, space: int, inodes: int, *, full: bool
) -> None:
    found = os.statvfs_result((4096, 4096, 1 << 20, space, space, 1 << 20, inodes, inodes, 0, 255))
    error = sqlite3.OperationalError("…")
    error.sqlite_errorcode = code
    monkeypatch.setattr(os, "statvfs", lambda _: found)
    assert ("free some space" if full else else_said) in explain(error, Path("uneri-state"))


def fetched_at(one: LocalDaemon) -> float:
    return time.monotonic() - (one._judge.reading().fetch_age or 0)


async def test_the_age_of_the_newest_fetch_grows_while_nothing_arrives(tmp_path: Path) -> None:
    one = LocalDaemon(local_settings(tmp_path, time={"idle": 1}))
    async with running(one), asyncio.timeout(20):
        await one._intake.append_read([EVENT % 1_760_000_000])
        while not one._judge.offset:
            await asyncio.sleep(0.01)
        while (one._judge.reading().fetch_age or 0) < 1.5:  # beyond the time after which a source is idle
            await asyncio.sleep(0.01)
        before = fetched_at(one)
        await one._intake.append_read([EVENT % 1_760_000_001])
        while fetched_at(one) < before + 1:
            await asyncio.sleep(0.01)


async def test_the_size_of_the_state_is_a_metric(tmp_path: Path) -> None:
    async with running(LocalDaemon(local_settings(tmp_path))) as world:
        world.daemon._store.append([b"x" * 1_000_000])
        assert (world.metric("uneri_state_bytes", file="uneri.db") or 0) > 1_000_000
        assert world.metric("uneri_state_bytes", file="outbox.db")
        assert world.metric("uneri_state_free_bytes") == 0


def gone(folder: Path) -> None:
    shutil.rmtree(folder)


def moved(folder: Path) -> None:
    folder.rename(folder.with_name("moved"))


def replaced(folder: Path) -> None:
    shutil.copytree(folder, folder.with_name("copy"))
    moved(folder)
    folder.with_name("copy").rename(folder)


def without_lock(folder: Path) -> None:
    (folder / "lock").unlink()


def log_replaced(folder: Path) -> None:
    (folder / "uneri.db").unlink()
    (folder / "uneri.db").touch()


def outbox_gone(folder: Path) -> None:
    (folder / "outbox.db").unlink()


@pytest.mark.parametrize("file", ["uneri.db-wal", "outbox.db-wal"])
def test_a_journal_that_disappears_ends_the_daemon_before_what_is_in_it_could_be_lost(
    tmp_path: Path, file: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Watched(LocalDaemon):
        async def run(self) -> None:
            running = asyncio.create_task(super().run())
            await self._intake.append_read([EVENT % 1_760_000_000] * 7)
            (tmp_path / "state" / file).unlink()
            await running

    monkeypatch.setattr(daemon, "LocalDaemon", Watched)
    assert run_local(local_settings(tmp_path / "state"), [], None) == 1
    line = critical(capfd)
    assert f"lost a journal while uneri was running ({file} is gone); leave the files" in line
    assert "nothing that was accepted is lost" in line
    with SqliteStore(tmp_path / "state" / "uneri.db") as store:
        assert store.end == 7


@pytest.mark.parametrize(
    ("happens", "said"),
    [
        (gone, "the folder is gone"),
        (moved, "the folder is gone"),
        (replaced, "the folder is no longer the one that was opened"),
        (without_lock, "lock is gone"),
        (log_replaced, "uneri.db is no longer the one that was opened"),
        (outbox_gone, "outbox.db is gone"),
    ],
)
def test_a_state_that_disappears_under_a_daemon_ends_it_with_one_line_and_nothing_more_is_accepted(
    tmp_path: Path,
    happens: Callable[[Path], None],
    said: str,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers: list[int] = []
    not_ready: list[str | None] = []

    class Watched(LocalDaemon):
        async def run(self) -> None:
            running, world = asyncio.create_task(super().run()), World(self)
            await world.until(lambda: self.port)
            answers.append((await world.send([EVENT % 1_760_000_000]))[0])
            happens(tmp_path / "state")
            answers.append((await world.send([EVENT % 1_760_000_000]))[0])
            not_ready.append(self.not_ready())
            await running

    monkeypatch.setattr(daemon, "LocalDaemon", Watched)
    assert run_local(local_settings(tmp_path / "state"), [], None) == 1
    assert answers == [202, 503]
    assert not_ready == [said]
    line = critical(capfd)
    assert (
        f"the state in {tmp_path / 'state'} was deleted, moved or replaced while uneri was running ({said});"
        in line
    )
    assert "put it back if it was moved, or restore a backup of the folder, then start again" in line


def test_a_state_that_was_moved_holds_all_that_was_accepted_and_goes_on_when_it_is_put_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Watched(LocalDaemon):
        async def run(self) -> None:
            running = asyncio.create_task(super().run())
            await self._intake.append_read([EVENT % 1_760_000_000] * 7)
            moved(tmp_path / "state")
            await running

    monkeypatch.setattr(daemon, "LocalDaemon", Watched)
    assert run_local(local_settings(tmp_path / "state"), [], None) == 1
    monkeypatch.undo()
    (tmp_path / "moved").rename(tmp_path / "state")
    with pipe_of([EVENT % 1_760_000_001]) as stdin:
        assert run_local(local_settings(tmp_path / "state"), [], stdin) == 0
    with SqliteStore(tmp_path / "state" / "uneri.db") as store:
        kept = store.load("engine")
    assert kept is not None
    assert kept.offsets == {"local/0": 8}


def test_nothing_is_made_where_a_state_was_that_was_moved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is put back by `mv` would end up within a folder that was made anew."""

    class Watched(LocalDaemon):
        async def run(self) -> None:
            moved(tmp_path / "state")  # before the history opened its folder
            await super().run()

    monkeypatch.setattr(daemon, "LocalDaemon", Watched)
    assert run_local(local_settings(tmp_path / "state"), [], None) == 1
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("found", ["is empty", "is missing"])
def test_a_log_that_is_missing_beside_an_outbox_is_refused_rather_than_started_over(
    tmp_path: Path, found: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pipe_of([EVENT % 1_760_000_000]) as stdin:
        assert run_local(local_settings(tmp_path), [], stdin) == 0
    (tmp_path / "uneri.db").unlink()
    if found == "is empty":
        (tmp_path / "uneri.db").touch(0o600)
    before = (tmp_path / "outbox.db").read_bytes()
    capfd.readouterr()
    assert run_local(local_settings(tmp_path), [], None) == 1
    line = critical(capfd)
    assert f"the state in {tmp_path} is damaged (uneri.db: {found}, though outbox.db is not)" in line
    assert "restore a backup of the folder, or move it away to start over without what was learnt" in line
    assert (tmp_path / "outbox.db").read_bytes() == before


def test_an_outbox_that_is_missing_beside_a_log_is_said_with_what_is_lost(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def warnings() -> list[str]:
        with pipe_of([EVENT % 1_760_000_000]) as stdin:
            assert run_local(local_settings(tmp_path), [], stdin) == 0
        return [line for line in capfd.readouterr().err.splitlines() if "outbox.db is missing" in line]

    assert not warnings()
    assert not warnings()
    (tmp_path / "outbox.db").unlink()
    (line,) = warnings()
    assert "labels, silences and unsent messages are gone" in line
    assert "restore a backup of the folder" in line


@pytest.mark.parametrize("where", ["/proc/uneri", "/dev/null/uneri", "a file", "a link to nothing"])
def test_a_state_that_can_be_no_folder_is_said_with_what_to_do(
    tmp_path: Path, where: str, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a file").touch()
    (tmp_path / "a link to nothing").symlink_to(tmp_path / "nothing")
    state = tmp_path / where  # an absolute path stays as it is
    assert run_local(local_settings(state), [], None) == 1
    line = critical(capfd)
    assert f"the state in {state} cannot be used (" in line
    assert "no folder can be made there: set local.state to another path, such as uneri-state" in line

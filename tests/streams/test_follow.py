import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from streams.follow import Follow
from streams.sqlite_store import SqliteStore


@asynccontextmanager
async def following(path: Path, store: SqliteStore) -> AsyncIterator[None]:
    task = asyncio.create_task(Follow(path, store, lambda: None, poll=0.01).run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def taken(store: SqliteStore, count: int) -> list[bytes]:
    async with asyncio.timeout(10):
        while store.end < count:
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)  # and no more than that
    return store.read(0).records


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    with SqliteStore(tmp_path / "state" / "db") as opened:
        yield opened


async def test_lines_are_taken_in_as_they_are_written_and_an_unfinished_one_waits(
    tmp_path: Path, store: SqliteStore
) -> None:
    file = tmp_path / "events.ndjson"
    file.write_bytes(b"a\nb\nhal")
    async with following(file, store):
        assert await taken(store, 2) == [b"a", b"b"]
        with file.open("ab") as more:
            more.write(b"f\n")
        assert await taken(store, 3) == [b"a", b"b", b"half"]


async def test_a_restart_goes_on_where_it_was(tmp_path: Path, store: SqliteStore) -> None:
    file = tmp_path / "events.ndjson"
    file.write_bytes(b"a\nb\n")
    async with following(file, store):
        await taken(store, 2)
    with file.open("ab") as more:
        more.write(b"c\n")
    async with following(file, store):
        assert await taken(store, 3) == [b"a", b"b", b"c"]


async def test_a_rotated_file_is_read_to_its_end_and_its_successor_from_its_start(
    tmp_path: Path, store: SqliteStore
) -> None:
    file = tmp_path / "events.ndjson"
    file.write_bytes(b"a\n")
    async with following(file, store):
        await taken(store, 1)
        with file.open("ab") as last:
            last.write(b"b\n")
        file.rename(tmp_path / "events.1")
        file.write_bytes(b"c\n")
        assert await taken(store, 3) == [b"a", b"b", b"c"]


async def test_a_file_that_became_shorter_is_read_again_from_its_start(
    tmp_path: Path, store: SqliteStore
) -> None:
    file = tmp_path / "events.ndjson"
    file.write_bytes(b"first line\n")
    async with following(file, store):
        await taken(store, 1)
        file.write_bytes(b"x\n")
        assert await taken(store, 2) == [b"first line", b"x"]


async def test_a_file_that_is_not_there_yet_is_waited_for(tmp_path: Path, store: SqliteStore) -> None:
    file = tmp_path / "later.ndjson"
    async with following(file, store):
        await asyncio.sleep(0.05)
        file.write_bytes(b"a\n")
        assert await taken(store, 1) == [b"a"]

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from config.sections.sources import InputSettings
from config.settings import DeadLetterSettings, LocalSettings, Settings, SourcesSettings
from streams.drivers.local.line_inputs import Follow
from streams.drivers.local.log_intake import LogIntake
from streams.drivers.local.sqlite_store import Position, SqliteStore
from streams.engine.stages.dead_letter_limit import DeadLetterLimitError
from streams.ingest.formats.inputs import Inputs
from streams.ingest.receivers.payload_lines import line_reader


@asynccontextmanager
async def following(path: Path, store: SqliteStore) -> AsyncIterator[None]:
    task = asyncio.create_task(Follow(path, store, LogIntake(store, Settings()), poll=0.01).run())
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
    return list(store.read(0).records)


async def read_before(store: SqliteStore, folder: Path, contents: bytes = b"a\n") -> Path:
    """Return a file with these lines, which was followed until now."""
    file = folder / "events.ndjson"
    file.write_bytes(contents)
    async with following(file, store):
        await taken(store, contents.count(b"\n"))
    return file


def rotate(file: Path) -> None:
    """Write a last line, and put a successor with one in the place of the file."""
    with file.open("ab") as last:
        last.write(b"b\n")
    file.rename(file.with_suffix(".1"))
    file.write_bytes(b"c\n")


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
    file = await read_before(store, tmp_path, b"a\nb\n")
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
        rotate(file)
        assert await taken(store, 3) == [b"a", b"b", b"c"]


async def test_a_file_that_is_replaced_again_and_again_at_once_is_read_each_time_in_order(
    tmp_path: Path, store: SqliteStore
) -> None:
    file = tmp_path / "events.ndjson"
    file.write_bytes(b"a\n")
    async with following(file, store):
        await taken(store, 1)
        for number, line in enumerate((b"b", b"c", b"d")):
            file.rename(tmp_path / f"events.ndjson.{number}")
            file.write_bytes(line + b"\n")
            await asyncio.sleep(0.05)  # in the five seconds in which the first one is still read
        assert await taken(store, 4) == [b"a", b"b", b"c", b"d"]


async def test_files_that_were_replaced_one_after_the_other_while_nobody_read_them_are_read_in_order(
    tmp_path: Path, store: SqliteStore
) -> None:
    file = await read_before(store, tmp_path)
    file.rename(tmp_path / "events.ndjson.2")
    (tmp_path / "events-20261130.ndjson").write_bytes(b"b\n")
    (tmp_path / "events.ndjson.1").write_bytes(b"c\n")
    file.write_bytes(b"d\n")
    (tmp_path / "events.ndjson.20261201").write_bytes(b"a\n")  # a copy of the first
    for other in ("events.ndjson.audit", "events.ndjson.8443", "events-2.ndjson"):
        (tmp_path / other).write_bytes(b"another log\n")
    async with following(file, store):
        assert await taken(store, 4) == [b"a", b"b", b"c", b"d"]


async def test_a_link_that_leads_elsewhere_while_nobody_reads_is_read_on_where_it_led(
    tmp_path: Path, store: SqliteStore
) -> None:
    first, second, link = tmp_path / "app-1.log", tmp_path / "app-2.log", tmp_path / "app.log"
    first.write_bytes(b"a\n")
    link.symlink_to(first)
    async with following(link, store):
        await taken(store, 1)
    with first.open("ab") as more:
        more.write(b"b\n")
    link.unlink()
    link.symlink_to(second)
    second.write_bytes(b"c\n")
    async with following(link, store):
        assert await taken(store, 3) == [b"a", b"b", b"c"]


@pytest.mark.parametrize("rewritten", [b"c\nd\n", b"c\nd\ne\n"], ids=["same size", "larger"])
async def test_a_file_that_is_written_anew_in_its_place_is_read_from_its_start(
    tmp_path: Path, store: SqliteStore, rewritten: bytes
) -> None:
    file = tmp_path / "events.ndjson"
    file.write_bytes(b"a\nb\n")
    async with following(file, store):
        await taken(store, 2)
        file.write_bytes(rewritten)
        assert await taken(store, 2 + rewritten.count(b"\n")) == [b"a", b"b", *rewritten.split()]


async def test_a_file_that_is_written_anew_just_before_a_read_is_read_from_its_start(
    tmp_path: Path, store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, look = tmp_path / "events.ndjson", os.fstat
    file.write_bytes(b"a\nb\n")

    def look_too_early(descriptor: int) -> os.stat_result:
        seen = look(descriptor)
        if seen.st_size == 4 and store.end == 2:
            file.write_bytes(b"c\nd\ne\n")
        return seen

    monkeypatch.setattr(os, "fstat", look_too_early)
    async with following(file, store):
        assert await taken(store, 5) == [b"a", b"b", b"c", b"d", b"e"]


@pytest.mark.parametrize(
    "bad", [b"    at f (a.js:1)\n" * 61 + b"\n", b"no\n"], ids=["a stack trace", "scattered"]
)
async def test_bad_lines_of_a_log_in_a_format_end_nothing_and_cost_no_good_line(
    tmp_path: Path, store: SqliteStore, bad: bytes
) -> None:
    good = b'{"time":1760000000000,"req":{"method":"GET","url":"/a"},"res":{"statusCode":200}}\n'
    file = tmp_path / "app.log"
    file.write_bytes((good * 190 + bad) * 60)
    settings = Settings(dead_letters=DeadLetterSettings())
    reader = line_reader(Inputs(SourcesSettings()).of(None, "pino_http"))
    task = asyncio.create_task(Follow(file, store, LogIntake(store, settings), 0.01, reader).run())
    try:
        async with asyncio.timeout(20):
            while (position := store.position(str(file))) is None or position.next < file.stat().st_size:
                assert not task.done()
                await asyncio.sleep(0.01)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    stored = [line for line in store.read(0).records if b'"GET /a"' in line]
    assert len(stored) == 190 * 60


async def test_a_line_that_is_written_just_before_the_file_is_replaced_is_read(
    tmp_path: Path, store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, asked = tmp_path / "events.ndjson", Follow._replaced
    file.write_bytes(b"a\n")
    checks = iter(range(10**6))

    def rotated_at_this_moment(self: Follow, inode: int) -> bool:
        if store.end == 1 and file.stat().st_ino == inode and next(checks) == 1:
            rotate(file)
        return asked(self, inode)

    monkeypatch.setattr(Follow, "_replaced", rotated_at_this_moment)
    async with following(file, store):
        assert await taken(store, 3) == [b"a", b"b", b"c"]


async def test_what_a_writer_still_writes_into_a_rotated_file_is_read_and_its_last_line_needs_no_end(
    tmp_path: Path, store: SqliteStore
) -> None:
    file = tmp_path / "events.ndjson"
    file.write_bytes(b"a\n")
    with file.open("ab", buffering=0) as writer:
        async with following(file, store):
            await taken(store, 1)
            await asyncio.sleep(0.3)  # nothing comes for longer than a rotated file is read
            file.rename(tmp_path / "events.1")
            file.write_bytes(b"d\n")
            await asyncio.sleep(0.05)
            writer.write(b"b\nc")
            assert await taken(store, 4) == [b"a", b"b", b"c", b"d"]
            with file.open("ab") as more:
                more.write(b"e\n")
            assert (await taken(store, 5))[-1] == b"e"


async def test_what_is_no_file_is_waited_for_and_stops_nothing(tmp_path: Path, store: SqliteStore) -> None:
    file = tmp_path / "events.ndjson"
    os.mkfifo(file)
    with capture_logs() as lines:
        async with following(file, store):
            await asyncio.sleep(0.05)
            file.unlink()
            file.write_bytes(b"a\n")
            assert await taken(store, 1) == [b"a"]
            os.mkfifo(tmp_path / "pipe")
            (tmp_path / "pipe").rename(file)
            await asyncio.sleep(0.4)
            file.unlink()
            file.write_bytes(b"b\n")
            assert await taken(store, 2) == [b"a", b"b"]
    assert lines[0]["reason"] == "it is no file"


async def test_a_file_that_is_replaced_while_nobody_reads_it_is_read_to_its_end_first(
    tmp_path: Path, store: SqliteStore
) -> None:
    file = await read_before(store, tmp_path)
    rotate(file)
    async with following(file, store):
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


async def test_another_file_with_the_inode_of_the_followed_one_is_read_from_its_start(
    tmp_path: Path, store: SqliteStore
) -> None:
    file = await read_before(store, tmp_path, b"first\n")
    file.write_bytes(b"another\nfile\n")  # in place: the inode stays
    async with following(file, store):
        assert await taken(store, 3) == [b"first", b"another", b"file"]


async def test_another_file_of_the_folder_that_has_the_inode_now_is_not_read(
    tmp_path: Path, store: SqliteStore
) -> None:
    file = await read_before(store, tmp_path)
    file.rename(tmp_path / "error.log").write_bytes(b"garbage\nof another\n")
    file.write_bytes(b"c\n")
    async with following(file, store):
        assert await taken(store, 2) == [b"a", b"c"]


async def test_a_pipe_of_the_folder_that_has_the_inode_now_stops_nothing(
    tmp_path: Path, store: SqliteStore
) -> None:
    file, pipe = await read_before(store, tmp_path), tmp_path / "pipe"
    os.mkfifo(pipe)
    store.append([], (str(file.resolve()), Position(pipe.stat().st_ino, 2, b"digest of another")))
    file.write_bytes(b"c\n")
    async with following(file, store):
        assert await taken(store, 2) == [b"a", b"c"]


async def test_a_file_that_is_not_there_yet_is_waited_for(tmp_path: Path, store: SqliteStore) -> None:
    file = tmp_path / "later.ndjson"
    async with following(file, store):
        await asyncio.sleep(0.05)
        file.write_bytes(b"a\n")
        assert await taken(store, 1) == [b"a"]


async def test_of_a_file_of_garbage_in_another_format_some_is_kept_and_the_log_names_the_file(
    tmp_path: Path, store: SqliteStore
) -> None:
    file = tmp_path / "access.log"
    file.write_bytes(b"nope\n" * 60)
    lines = line_reader(Inputs(SourcesSettings()).of(None, "alb"))
    with capture_logs() as logs:
        task = asyncio.create_task(Follow(file, store, LogIntake(store, Settings()), 0.01, lines).run())
        await taken(store, 50)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert store.end == 50
    assert [(line["sender"], line["records"]) for line in logs] == [(str(file), 10)]


async def test_a_file_of_garbage_ends_the_following_before_it_and_so_does_a_restart(
    tmp_path: Path, store: SqliteStore
) -> None:
    file = tmp_path / "events.ndjson"
    good = b'{"ts": 1760000000, "service": "shop"}'
    settings = Settings(dead_letters=DeadLetterSettings(in_a_row=5))
    file.write_bytes(good + b"\n" + b"nope\n" * 5)

    async def follow(settings: Settings) -> None:
        await Follow(file, store, LogIntake(store, settings), poll=0.01).run()

    task = asyncio.create_task(follow(settings))
    await taken(store, 6)
    with file.open("ab") as more:
        more.write(b"nope\n" + good + b"\n")
    for _ in range(2):
        with pytest.raises(DeadLetterLimitError, match=r"events.ndjson, line 1 from byte 63: 6 bad"):
            await task
        assert store.end == 6
        task = asyncio.create_task(follow(settings))
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    passing = asyncio.create_task(follow(Settings(dead_letters=DeadLetterSettings(stop=False))))
    assert len(await taken(store, 8)) == 8, "nothing was lost"
    passing.cancel()
    await asyncio.gather(passing, return_exceptions=True)


async def test_a_followed_file_waits_while_the_log_is_full(tmp_path: Path, store: SqliteStore) -> None:
    file = tmp_path / "events.ndjson"
    file.write_bytes(b"a\n" * 1000)
    settings = Settings(local=LocalSettings(backlog=1000), dead_letters=DeadLetterSettings(stop=False))
    intake = LogIntake(store, settings)
    task = asyncio.create_task(Follow(file, store, intake, poll=0.01).run())
    await taken(store, 1000)
    with file.open("ab") as more:
        more.write(b"b\n")
    await asyncio.sleep(0.05)
    assert store.end == 1000
    intake.judged = 1
    assert (await taken(store, 1001))[-1] == b"b"
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_lines_of_another_format_become_native_and_those_that_are_none_move_the_position_too(
    tmp_path: Path, store: SqliteStore
) -> None:
    file = tmp_path / "function.log"
    start = b'{"time":"2026-01-01T00:00:00Z","type":"platform.start","record":{"requestId":"bf5f58db"}}\n'
    report = (
        b'{"time":"2026-01-01T00:00:01Z","type":"platform.report","record":{"requestId":"bf5f58db",'
        b'"metrics":{"durationMs":395.99,"billedDurationMs":396,"memorySizeMB":512,"maxMemoryUsedMB":301}}}\n'
    )
    file.write_bytes(start * 3)
    settings = SourcesSettings(inputs=[InputSettings(name="f", format="lambda_report", function="f")])
    lines = line_reader(Inputs(settings).of("f"))
    following = Follow(path=file, store=store, intake=LogIntake(store, Settings()), lines=lines)
    task = asyncio.create_task(following.run())
    async with asyncio.timeout(10):
        while store.position(str(file.resolve())) is None:
            await asyncio.sleep(0.01)
    with file.open("ab") as more:
        more.write(report)
    assert b'"id":"lambda:bf5f58db/' in (await taken(store, 1))[0]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

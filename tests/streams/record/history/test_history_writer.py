"""The writer beside a stage that waits for it, and two writers that meet while a partition moves."""

import asyncio
import gc
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from streams.process.metrics import Metrics
from streams.record.history import history_writer
from streams.record.history import segments as segments_module
from streams.record.history.history_files import MINUTES, NAMES_FILE, HistoryFile, HistoryFolder
from streams.record.history.history_keeper import HistoryBounds, HistoryKeeper
from streams.record.history.history_writer import HistoryWriter
from streams.record.history.parquet_rows import read_names
from streams.record.history.segments import HOUR, Segment, Segments
from tests.streams.record.history.backend import START, Backend, requests

PLENTY = HistoryBounds(35, 400, 1 << 40)


def hours(lines: Sequence[bytes]) -> list[Segment]:
    held, backend = Segments(1), Backend()
    held.feed(backend.feed(lines))
    held.feed(backend.finish())
    return held.complete()


@pytest.fixture(scope="module")
def two() -> list[Segment]:
    return hours(requests(125, late=False))


async def test_an_hour_is_forgotten_in_a_checkpoint_before_the_next_is_written(
    tmp_path: Path, two: list[Segment]
) -> None:
    held, seen = Segments(1), []
    held.feed([body for hour in two for body in hour.bodies])

    async def forgotten() -> None:
        files = [(file.first, file.end) for file in HistoryFolder(str(tmp_path)).files()]
        seen.append((len(held.complete()), files))

    writer = HistoryWriter(held, str(tmp_path), PLENTY, Metrics(), forgotten)
    held.feed(Backend().feed(requests(5, start=START + 2 * HOUR)))
    count = len(held.complete())
    assert await writer.advance()
    assert [left for left, _ in seen] == list(range(count))[::-1]
    assert seen[0][1] == [(START, START + HOUR)]


async def test_a_place_that_hangs_is_said_and_given_no_more_than_fits(
    tmp_path: Path, two: list[Segment], monkeypatch: pytest.MonkeyPatch
) -> None:
    held, answers, write = Segments(1), threading.Event(), HistoryKeeper.write
    held.feed([body for hour in two for body in hour.bodies])
    held.feed(Backend().feed(requests(5, start=START + 2 * HOUR)))

    def hang(keeper: HistoryKeeper, segment: Segment) -> HistoryFile:
        answers.wait()
        return write(keeper, segment)

    monkeypatch.setattr(HistoryKeeper, "write", hang)
    monkeypatch.setattr(history_writer, "PATIENCE_SECONDS", 0.1)
    monkeypatch.setattr(segments_module, "MOST_HELD", 0)
    metrics = Metrics()
    writer = HistoryWriter(held, str(tmp_path), PLENTY, metrics, lambda: None)
    for _ in range(2):
        assert not await writer.advance()
        assert writer.trouble == "it has not answered for 0 s; check it and the network"
    assert held.given_up
    answers.set()
    monkeypatch.setattr(history_writer, "PATIENCE_SECONDS", 30)
    assert await writer.advance()
    assert writer.trouble is None


def files(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*.parquet")}


async def test_a_second_daemon_writes_nothing_over_the_history_of_the_first(
    tmp_path: Path, two: list[Segment]
) -> None:
    def writer() -> tuple[Segments, HistoryWriter]:
        held = Segments(1)
        held.feed([body for hour in two for body in hour.bodies])
        return held, HistoryWriter(held, str(tmp_path), PLENTY, Metrics(), lambda: None)

    (_, first), (held, second) = writer(), writer()
    assert await first.advance()
    written = files(tmp_path)
    waiting = len(held.complete())
    assert not await second.advance()
    assert second.trouble == "another daemon writes to history.place; give each a place of its own"
    assert len(held.complete()) == waiting
    assert files(tmp_path) == written
    del first
    async with asyncio.timeout(20):
        while not await second.advance():  # the thread that wrote may hold the first for a moment
            gc.collect()
            await asyncio.sleep(0.01)
    assert second.trouble is None


class ReplacedError(RuntimeError):
    pass


async def test_a_writer_that_was_replaced_ends_where_it_learns_it(tmp_path: Path, two: list[Segment]) -> None:
    held = Segments(1)
    held.feed([body for hour in two for body in hour.bodies])

    async def forgotten() -> None:
        raise ReplacedError

    writer = HistoryWriter(held, str(tmp_path), PLENTY, Metrics(), forgotten)
    with pytest.raises(ReplacedError):
        await writer.run()
    assert len(HistoryFolder(str(tmp_path)).files()) == 1


@pytest.mark.parametrize("patient", [True, False])
async def test_who_is_waited_for_gives_nothing_up(
    tmp_path: Path, two: list[Segment], monkeypatch: pytest.MonkeyPatch, patient: bool
) -> None:
    monkeypatch.setattr(segments_module, "MOST_HELD", 1)
    (tmp_path / "place").touch()
    held = Segments(1)
    held.feed([body for hour in two for body in hour.bodies])
    before = held.held_bytes
    writer = HistoryWriter(held, str(tmp_path / "place"), PLENTY, Metrics(), lambda: None, patient=patient)
    assert not await writer.advance()
    assert writer.trouble
    assert (held.held_bytes == before, held.given_up == 0) == (patient, patient)


def test_names_that_another_process_has_added_meanwhile_stay(tmp_path: Path, two: list[Segment]) -> None:
    (other,) = hours([line.replace(b"shop", b"mill") for line in requests(65, late=False)])[:1]
    asleep, awake = (HistoryKeeper(HistoryFolder(str(tmp_path)), PLENTY) for _ in range(2))
    awake.write(other)
    asleep.write(two[0])
    with HistoryFolder(str(tmp_path)).open(NAMES_FILE) as file:
        services = {key.scope.name for _, key in read_names(file) if key.scope.kind == "service"}
    assert services == {"shop", "mill"}


def test_two_processes_that_write_the_same_file_leave_it_whole(tmp_path: Path) -> None:
    file = HistoryFile(MINUTES, START, START + HOUR)
    one, other = HistoryFolder(str(tmp_path)), HistoryFolder(str(tmp_path))

    def whole(part: Any) -> None:
        Path(part).write_bytes(b"whole")

    def slowly(part: Any) -> None:
        Path(part).write_bytes(b"half")
        other.write(file.path, whole)
        with Path(part).open("ab") as rest:
            rest.write(b" and half")

    one.write(file.path, slowly)
    assert (tmp_path / file.path).read_bytes() == b"half and half"
    assert [path.name for path in (tmp_path / MINUTES).iterdir()] == [Path(file.path).name]


def test_what_a_killed_process_left_of_a_file_goes_after_a_day(tmp_path: Path) -> None:
    HistoryFolder(str(tmp_path))
    old, new = (tmp_path / MINUTES / f".x.parquet.{number}.part" for number in range(2))
    for part in (old, new):
        part.touch()
    os.utime(old, (START, START))
    HistoryFolder(str(tmp_path))
    assert (old.exists(), new.exists()) == (False, True)

"""A history is read ahead in a process beside, and what comes of it is the same."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from config.settings import RollupSettings, Settings
from streams.engine.rollup.blocks.block_codec import encode_block
from streams.engine.stages.rollup_engine import RollupEngine
from streams.offline.sources import reading
from streams.offline.sources.files import FileSource
from streams.offline.sources.reading import Read, ReadAhead, ReadHere, reader_of
from streams.offline.sources.replay_error import ReplayError
from streams.offline.sources.source import Piece
from tests.faults.traffic import Traffic, traffic
from tests.streams.offline.sources.memory_source import MemorySource

CONFIGS = (Settings(), Settings(rollup=RollupSettings(max_paths=3)))


@pytest.fixture(scope="module")
def given() -> Traffic:
    return traffic(3)


def history(given: Traffic) -> MemorySource:
    records = {f"r/{n}": records[:2000] for n, records in enumerate(given.partitions)}
    return MemorySource({**records, "r/bad": [b"none"]}, (190, 33, 401))


def rollups(given: Traffic) -> list[RollupEngine]:
    return [RollupEngine(config, history(given).partitions, whole_steps=True) for config in CONFIGS]


def content(read: Read) -> object:
    """Return the content of a piece, to be compared."""
    rolled = [([encode_block(block) for block in output.blocks], output.rejected) for output in read.rolled]
    return read._replace(rolled=[]), rolled


def states(of: list[RollupEngine]) -> list[dict[str, bytes]]:
    return [engine.snapshot() for engine in of]


def test_what_is_read_ahead_is_what_is_read_here(given: Traffic) -> None:
    here, ahead = rollups(given), rollups(given)
    expected = [content(read) for read in ReadHere(history(given), here).pieces()]
    assert [content(read) for read in ReadAhead(history(given), ahead).pieces()] == expected
    assert states(ahead) == states(here), "at the end"


@pytest.mark.release
def test_on_request_the_state_is_that_of_the_piece_that_was_read_last(given: Traffic) -> None:
    here, ahead = rollups(given), rollups(given)
    reader = ReadAhead(history(given), ahead)
    caught_up = 0
    for here_read, other in zip(ReadHere(history(given), here).pieces(), reader.pieces(), strict=True):
        assert content(other) == content(here_read)
        if reader.current:
            caught_up += 1
            assert states(ahead) == states(here)
        reader.catch_up()
        reader.catch_up()  # once is enough
    assert caught_up > 2


class Failing(MemorySource):
    """A history that fails on the way."""

    error: Exception = ReplayError("requests.ndjson: the file is damaged")

    def pieces(self, level: Callable[[str], int] | None = None) -> Iterator[Piece]:
        for number, piece in enumerate(super().pieces(level)):
            if number == 3:
                raise self.error
            yield piece


@pytest.mark.parametrize("error", [Failing.error, ZeroDivisionError("a mistake of ours")])
def test_what_fails_there_is_raised_here(
    given: Traffic, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr(Failing, "error", error)
    failing = Failing({"r/0": given.partitions[0][:2000]}, (190,))
    reader = ReadAhead(failing, [RollupEngine(Settings(), failing.partitions)])
    with pytest.raises(type(error), match=str(error)) as raised:
        list(reader.pieces())
    notes = getattr(raised.value, "__notes__", [])
    assert ["in pieces" in note for note in notes] == ([] if isinstance(error, ReplayError) else [True])


def test_a_reader_that_is_killed_is_reported_with_the_remedy(given: Traffic) -> None:
    class Dying(MemorySource):
        def pieces(self, level: Callable[[str], int] | None = None) -> Iterator[Piece]:
            yield next(super().pieces(level))
            os.kill(os.getpid(), signal.SIGKILL)

    dying = Dying({"r/0": given.partitions[0][:2000]}, (190,))
    pieces = ReadAhead(dying, [RollupEngine(Settings(), dying.partitions)]).pieces()
    next(pieces)
    with pytest.raises(ReplayError, match=r"was killed, perhaps for want of memory; run the same command"):
        next(pieces)


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_that_reaches_all_processes_is_for_the_one_that_judges(
    given: Traffic, stop: signal.Signals
) -> None:
    class Stopped(MemorySource):
        def pieces(self, level: Callable[[str], int] | None = None) -> Iterator[Piece]:
            for piece in super().pieces(level):
                os.kill(os.getpid(), stop)
                yield piece

    stopped = Stopped({"r/0": given.partitions[0][:2000]}, (190,))
    assert len(list(ReadAhead(stopped, [RollupEngine(Settings(), stopped.partitions)]).pieces())) > 2


FORKING = """
import os, sys, time
from config.settings import Settings
from streams.engine.stages.rollup_engine import RollupEngine
from streams.offline.sources.reading import ReadAhead
from streams.offline.sources.source import Piece

class Endless:
    partitions = ("r/0",)
    def pieces(self, level):
        while True:
            yield Piece("r/0", [str(os.getpid()).encode()] * 5000, 0.5)

for read in ReadAhead(Endless(), [RollupEngine(Settings(), Endless.partitions)]).pieces():
    print(read.rolled[0].rejected[0].sample.decode(), flush=True)
    time.sleep(600)
"""


def test_it_ends_when_nobody_is_left_to_read_for() -> None:
    with subprocess.Popen([sys.executable, "-c", FORKING], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        fork = int(process.stdout.readline())
        assert runs(fork)
        process.kill()
        deadline = time.monotonic() + 60
        while runs(fork):
            assert time.monotonic() < deadline
            time.sleep(0.01)


def runs(number: int) -> bool:
    try:
        state = Path(f"/proc/{number}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_files_are_read_ahead_where_there_are_two_processors_and_no_other_thread(
    tmp_path: Path, given: Traffic, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "events.ndjson").write_bytes(b"\n".join(given.partitions[0][:10]))
    files = FileSource([tmp_path])
    of = [RollupEngine(Settings(), files.partitions)]
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(threading, "active_count", lambda: 1)
    monkeypatch.setattr(reading, "cores", lambda: 2)
    assert isinstance(reader_of(files, of), ReadAhead)
    assert not isinstance(reader_of(history(given), of), ReadAhead), "its clients may have threads"
    monkeypatch.setattr(threading, "active_count", lambda: 2)
    assert not isinstance(reader_of(files, of), ReadAhead), "whose locks a fork would find taken forever"
    monkeypatch.setattr(threading, "active_count", lambda: 1)
    monkeypatch.setattr(reading, "cores", lambda: 1)
    assert not isinstance(reader_of(files, of), ReadAhead)
    monkeypatch.setattr(reading, "cores", lambda: 2)
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not isinstance(reader_of(files, of), ReadAhead)

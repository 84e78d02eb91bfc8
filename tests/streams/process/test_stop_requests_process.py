"""A search that is stopped or killed leaves no process behind, and prints a line if it can."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from streams.process.files.atomic_file import atomic_file
from streams.process.stop_requests import StopRequested, raising_on_stop

# trials that never end: their recording is a pipe without input
SEARCH = """
import sys
from pathlib import Path
from types import SimpleNamespace
from config.settings import Settings
from streams.cli import tune as tune_command
from streams.offline.tune.space import space_for_budget
from streams.offline.tune.periods import Periods
from streams.offline.tune.trial import TrialSetup, Trials

def tune(*_):
    space = space_for_budget(Settings())
    setup = TrialSetup(Path(sys.argv[1]), "", Settings(), (), Periods(0, 1, 2, 3))
    with Trials(setup, space, 2) as trials:
        trials.outcomes([space.present, (0, 0, 0)])

tune_command.tune = tune
tune_command.open_source = lambda *_: SimpleNamespace(notes=())
out = Path(sys.argv[1]).with_name("out")
sys.exit(tune_command.run_tune(tune_command.TuneOptions(["x"], out, pages_per_week=1)))
"""


def workers(parent: int) -> list[int]:
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and b"spawn_main" in cmdline(int(process.name)):
            stat = (process / "stat").read_text().rpartition(")")[2].split()
            if int(stat[1]) == parent:
                found.append(int(process.name))
    return found


def cmdline(pid: int) -> bytes:
    """Return the command line of a process; nothing when it has ended or is a zombie."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


@contextmanager
def searching(folder: Path) -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    """Start a search; yield it and its workers once a trial is running."""
    pipe = folder / "pipe"
    os.mkfifo(pipe)
    command = [sys.executable, "-c", SEARCH, str(pipe)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        try:
            with pipe.open("wb"):  # waits for a reader
                begun = workers(process.pid)
                assert len(begun) == 2
                yield process, begun
        finally:
            process.kill()


def gone(pids: list[int], within: float = 20.0) -> bool:
    until = time.monotonic() + within
    while time.monotonic() < until:
        if not any(map(cmdline, pids)):
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_interrupted_search_reports_it_and_ends_with_its_workers(
    tmp_path: Path, number: signal.Signals
) -> None:
    with searching(tmp_path) as (process, begun):
        # a terminal interrupts the whole group
        (os.killpg if number == signal.SIGINT else os.kill)(process.pid, number)
        _, stderr = process.communicate(timeout=20)
        assert process.returncode == 130
        assert stderr.splitlines() == ["uneri: stopped without results; a complete recording will be reused"]
        assert gone(begun)


def test_the_workers_of_a_killed_search_end_by_themselves(tmp_path: Path) -> None:
    with searching(tmp_path) as (process, begun):
        process.kill()
        process.wait()
        assert gone(begun)


def test_an_interrupt_removes_partial_files(tmp_path: Path) -> None:
    with pytest.raises(StopRequested), raising_on_stop(), atomic_file(tmp_path / "recording.zst") as part:  # noqa: PT012
        part.write_bytes(b"half")
        signal.raise_signal(signal.SIGTERM)
    assert not list(tmp_path.iterdir())


def test_both_signals_at_once_are_one_request_to_stop() -> None:
    script = """
import os, signal
from streams.process.stop_requests import StopRequested, raising_on_stop
try:
    with raising_on_stop():
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGTERM)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
except StopRequested:
    print("stopped")
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "stopped\n", "")

"""Locks end with their process, refuse the second, and leave nothing in a folder of results."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from config.settings import LocalSettings, Settings
from streams.drivers.local.daemon import run_local
from streams.process.files.locks import FolderLockedError, lock_state, locked_output

OUTPUT_HOLDER = """
import sys
from pathlib import Path
from streams.process.files.locks import locked_output
with locked_output(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""

STATE_HOLDER = """
import sys
from pathlib import Path
from streams.process.files.locks import lock_state
lock = lock_state(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def held(script: str, folder: Path) -> Iterator[None]:
    """Hold a folder in another process, which is killed when the block ends."""
    with subprocess.Popen(
        [sys.executable, "-c", script, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        try:
            yield
        finally:
            holder.kill()
            holder.wait()


def refused(lock: AbstractContextManager[object]) -> None:
    with pytest.raises(FolderLockedError, match="another uneri writes"), lock:
        pass


def test_a_killed_command_does_not_block_the_next(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with held(OUTPUT_HOLDER, out):
        refused(locked_output(out))
    with locked_output(out):
        pass


def test_a_folder_of_results_keeps_no_lock_file_and_a_refused_command_does_not_delete_it(
    tmp_path: Path,
) -> None:
    with locked_output(tmp_path):
        for _ in range(2):
            refused(locked_output(tmp_path))
    assert not list(tmp_path.iterdir())


def test_a_killed_daemon_does_not_block_the_next(tmp_path: Path) -> None:
    with held(STATE_HOLDER, tmp_path), pytest.raises(FolderLockedError):
        lock_state(tmp_path)
    lock_state(tmp_path).release()


def test_a_second_daemon_is_refused_in_one_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    lock = lock_state(tmp_path)
    settings = Settings(local=LocalSettings(listen="127.0.0.1:0", state=str(tmp_path)))
    with Path(os.devnull).open("rb") as nothing:  # a daemon that started would end with its input
        code = run_local(settings, [], nothing.fileno())
    lock.release()
    assert code == 1
    shown = capfd.readouterr()
    lines = (shown.out + shown.err).strip().splitlines()
    assert len(lines) == 1
    assert "is another uneri using it? stop that one" in lines[0]

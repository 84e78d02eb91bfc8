import os
import subprocess
import sys
from pathlib import Path

import pytest

from config.settings import LocalSettings, Settings
from streams.local.daemon import run_local
from streams.process.state_lock import StateHeldError, StateLock

HOLDER = """
import sys
from pathlib import Path
from streams.process.state_lock import StateLock
lock = StateLock(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def test_a_killed_holder_leaves_nothing_behind(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(StateHeldError):
            StateLock(tmp_path)
        holder.kill()
        holder.wait()
    StateLock(tmp_path).close()


def test_the_command_says_in_one_line_that_the_state_is_in_use(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    held = StateLock(tmp_path)
    settings = Settings(local=LocalSettings(listen="127.0.0.1:0", state=str(tmp_path)))
    with Path(os.devnull).open("rb") as nothing:  # a daemon that started would end with its input
        code = run_local(settings, [], nothing.fileno())
    held.close()
    assert code == 1
    said = capfd.readouterr()
    lines = (said.out + said.err).strip().splitlines()
    assert len(lines) == 1
    assert "is another uneri using it? stop that one" in lines[0]

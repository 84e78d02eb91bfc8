import subprocess
import sys
from pathlib import Path

import pytest

from streams.process.folder_lock import FolderHeldError, sole_use

HOLDER = """
import sys
from pathlib import Path
from streams.process.folder_lock import sole_use
with sole_use(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_killed_holder_holds_nobody_up(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(out)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(FolderHeldError, match="another uneri writes"), sole_use(out):
            pass
        holder.kill()
        holder.wait()
    with sole_use(out):
        pass


def test_nothing_is_left_of_it_and_the_one_that_was_refused_takes_nothing_away(tmp_path: Path) -> None:
    with sole_use(tmp_path):
        for _ in range(2):
            with pytest.raises(FolderHeldError), sole_use(tmp_path):
                pass
    assert not list(tmp_path.iterdir())

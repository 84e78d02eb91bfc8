"""The state is its user's alone, whoever made the folder and with whatever permissions."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from config.settings import LocalSettings, Settings
from streams.local.daemon import LocalDaemon, run_local
from streams.process.locks import lock_state
from streams.process.state_folder import OpenFolderError, make_private

NOBODY = 65534
HOLDER = """
import fcntl, sys
with open(sys.argv[1]) as file:
    fcntl.flock(file, fcntl.LOCK_EX)
    print("held", flush=True)
    sys.stdin.read()
"""


def modes(folder: Path) -> dict[str, str]:
    return {path.name: f"{path.stat().st_mode & 0o777:o}" for path in (folder, *folder.iterdir())}


def daemon(state: Path) -> LocalDaemon:
    return LocalDaemon(Settings(local=LocalSettings(listen="127.0.0.1:0", state=str(state))))


async def test_only_its_user_can_enter_the_state_and_read_its_files(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        daemon(tmp_path / "new" / "state")
    finally:
        os.umask(before)
    found = modes(tmp_path / "new" / "state")
    assert found.pop("state") == "700"
    assert {"uneri.db", "outbox.db", "lock"} <= found.keys()
    assert set(found.values()) == {"600"}


async def test_state_that_others_could_read_is_made_private(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    state.chmod(0o755)
    for name in ("uneri.db", "outbox.db"):
        (state / name).touch(0o644)
    daemon(state)
    found = modes(state)
    assert found.pop("state") == "700"
    assert set(found.values()) == {"600"}


def test_a_lock_that_others_could_hold_is_replaced(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    state.chmod(0o755)
    (state / "lock").touch(0o644)
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(state / "lock")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline()
        lock_state(state).release()
        other.kill()


def test_a_lock_of_our_own_is_not_replaced(tmp_path: Path) -> None:
    lock = lock_state(tmp_path)
    before = (tmp_path / "lock").stat().st_ino
    tmp_path.chmod(0o755)
    make_private(tmp_path)
    assert (tmp_path / "lock").stat().st_ino == before
    lock.release()


def test_state_that_stays_open_to_others_is_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    tmp_path.chmod(0o777)
    monkeypatch.setattr(Path, "chmod", lambda *_, **__: None)  # as on a file system without permissions
    with pytest.raises(OpenFolderError):
        make_private(tmp_path)
    settings = Settings(local=LocalSettings(listen="127.0.0.1:0", state=str(tmp_path)))
    assert run_local(settings, [], None) == 1
    (line,) = capfd.readouterr().err.strip().splitlines()
    assert f"other users have access to the folder {tmp_path}" in line
    assert f"run `chmod 700 {tmp_path}`, or set local.state to a folder of its own" in line


def test_a_folder_that_holds_anything_else_is_refused_and_not_touched(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "index.html").touch(0o644)
    with pytest.raises(OpenFolderError, match="a folder of its own"):
        make_private(tmp_path)
    assert modes(tmp_path) == {tmp_path.name: "755", "index.html": "644"}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")
def test_another_user_can_neither_read_the_state_nor_hold_its_lock() -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as everyones:
        Path(everyones).chmod(0o755)
        state = Path(everyones) / "state"
        lock_state(state).release()
        attempt = subprocess.run(
            ["/bin/cat", str(state / "lock")], capture_output=True, user=NOBODY, check=False
        )
    assert b"Permission denied" in attempt.stderr

"""The state is its user's alone, whoever made the folder and with whatever permissions."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from streams.drivers.local.daemon import LocalDaemon, run_local
from streams.process.files.locks import lock_state
from streams.process.files.state_folder import OpenFolderError, make_private
from tests.streams.drivers.world import local_settings

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
    return LocalDaemon(local_settings(state))


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
    settings = local_settings(tmp_path)
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


@pytest.mark.parametrize("name", ["uneri.db", "uneri.db-wal", "outbox.db", "lock"])
@pytest.mark.parametrize("mode", [0o700, 0o755])
def test_a_link_in_the_state_is_refused_and_its_file_not_touched(
    tmp_path: Path, name: str, mode: int, capfd: pytest.CaptureFixture[str]
) -> None:
    victim, state = tmp_path / "victim", tmp_path / "state"
    victim.write_text("kept")
    victim.chmod(0o644)
    state.mkdir()
    state.chmod(mode)
    (state / name).symlink_to(victim)
    settings = local_settings(state)
    assert run_local(settings, [], None) == 1
    line = capfd.readouterr().err.strip().splitlines()[-1]
    assert f"{state / name} is a link, but must be a file of the state: move it away" in line
    assert victim.read_text() == "kept"
    assert victim.stat().st_mode & 0o777 == 0o644


def test_whatever_is_no_file_of_its_own_in_the_state_is_refused(tmp_path: Path) -> None:
    (tmp_path / "outbox.db").mkdir()
    with pytest.raises(OpenFolderError, match="is not a file"):
        make_private(tmp_path)
    (tmp_path / "outbox.db").rmdir()
    (tmp_path / "elsewhere").touch(0o644)
    (tmp_path / "outbox.db").hardlink_to(tmp_path / "elsewhere")
    with pytest.raises(OpenFolderError, match="has another name elsewhere"):
        make_private(tmp_path)
    assert modes(tmp_path)["elsewhere"] == "644"


def test_the_state_of_another_user_is_refused_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    own = tmp_path.stat().st_uid
    (tmp_path / "uneri.db").touch(0o600)
    tmp_path.chmod(0o755)
    monkeypatch.setattr(os, "geteuid", lambda: own + 4321)
    settings = local_settings(tmp_path)
    assert run_local(settings, [], None) == 1
    (line,) = capfd.readouterr().err.strip().splitlines()
    assert f"{tmp_path} belongs to user " in line
    assert f"but uneri runs as user {own + 4321}" in line
    assert f"in a container: its user, such as --user {own}" in line
    assert f"chown -R {own + 4321} {tmp_path}" in line
    assert modes(tmp_path) == {tmp_path.name: "755", "uneri.db": "600"}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
@pytest.mark.parametrize("given", [".", "uneri.db", "lock"])
def test_root_refuses_what_another_user_owns_and_the_remedy_helps(tmp_path: Path, given: str) -> None:
    lock_state(tmp_path).release()
    (tmp_path / "uneri.db").touch(0o600)
    os.chown(tmp_path / given, NOBODY, NOBODY)
    with pytest.raises(
        OpenFolderError, match=rf"belongs to user .*\({NOBODY}\), but uneri runs as user root"
    ):
        lock_state(tmp_path)
    subprocess.run(["/bin/chown", "-R", "0", str(tmp_path)], check=True)
    lock_state(tmp_path).release()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a link away")
def test_a_state_folder_may_be_a_link_unless_another_user_placed_it(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir(mode=0o755)
    (tmp_path / "state").symlink_to(tmp_path / "real")
    lock_state(tmp_path / "state").release()
    (tmp_path / "real").chmod(0o755)
    os.chown(tmp_path / "state", NOBODY, NOBODY, follow_symlinks=False)
    with pytest.raises(OpenFolderError, match="is a link that user"):
        lock_state(tmp_path / "state")
    assert (tmp_path / "real").stat().st_mode & 0o777 == 0o755

"""The disk turns against the daemon: read-only, full, without inodes, while senders go on."""

import contextlib
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.attacks.attacked import Attacked, HonestSender


class Disk:
    """A file system of a few megabytes, mounted where the state is."""

    def __init__(self, at: Path, kind: str) -> None:
        self.at, self.kind = at, kind
        self.image = at.with_name("image")
        at.mkdir(parents=True)
        if kind == "ext4":
            with self.image.open("wb") as image:
                image.truncate(64 << 20)
            _run("mkfs.ext4", "-q", "-F", self.image)
        self.mount()
        at.chmod(0o700)

    def mount(self) -> None:
        """Mount it."""
        if self.kind == "ext4":
            _run("mount", "-o", "loop", self.image, self.at)
        else:
            _run("mount", "-t", "tmpfs", "-o", "size=24m,nr_inodes=100", "tmpfs", self.at)

    def unmount(self) -> None:
        """Unmount it, whoever still uses it."""
        _run("umount", "--lazy", self.at)

    def fail(self) -> None:
        """Make it read-only as the kernel does when the medium fails: at once, under open files."""
        _run("mount", "-o", "remount,abort", self.at)

    def fill(self, of: str) -> None:
        """Take all of its space, or all of its inodes."""
        fillers = self.at / "fillers"
        fillers.mkdir()
        with contextlib.suppress(OSError):
            if of == "space":
                with (fillers / "0").open("wb", buffering=0) as filler:
                    while filler.write(bytes(4096)):
                        pass
            for number in range(1000):
                (fillers / f"{number}").touch()

    def empty(self) -> None:
        """Give back what ``fill`` has taken."""
        shutil.rmtree(self.at / "fillers")

    def mend(self) -> None:
        """Mount it again, writable."""
        self.unmount()
        self.mount()


def _run(*command: object) -> None:
    subprocess.run([str(part) for part in command], check=True, capture_output=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[[str], Disk]]:
    """Mount a disk where the daemon in ``tmp_path`` keeps its state."""
    mounted: list[Disk] = []

    def mount(kind: str) -> Disk:
        try:
            mounted.append(Disk(tmp_path / "state", kind))
        except (OSError, subprocess.CalledProcessError) as error:
            pytest.skip(f"no disk can be mounted here: {error}")
        return mounted[-1]

    yield mount
    for found in mounted:
        found.unmount()


def ended(daemon: Attacked) -> str:
    """Wait for the end that was to come, and return the line that says why."""
    assert daemon.process.wait(90) == 1, daemon.output()
    line = daemon.lines("critical")[-1]
    assert str(daemon.state) in line
    return line


def test_a_disk_that_fails_ends_the_daemon_with_one_line_and_costs_no_record(
    tmp_path: Path, disk: Callable[[str], Disk]
) -> None:
    state = disk("ext4")
    with Attacked(tmp_path) as daemon:
        with HonestSender(daemon) as honest:
            daemon.wait_for_judgement()
            state.fail()
            assert "check the disk" in ended(daemon)
            daemon.start()
            assert "file system is writable" in ended(daemon)
            state.mend()
            daemon.start()
            honest.fills_a_minute()
        assert len(daemon.lines("critical")) == 2
        honest.is_counted()


@pytest.mark.parametrize("of", ["space", "inodes"])
def test_a_full_disk_ends_the_daemon_with_one_line_and_costs_no_record(
    tmp_path: Path, disk: Callable[[str], Disk], of: str
) -> None:
    state = disk("tmpfs")
    with Attacked(tmp_path) as daemon:
        with HonestSender(daemon) as honest:
            daemon.wait_for_judgement()
            state.fill(of)
            if of == "inodes":  # it has all files that it needs
                time.sleep(10)
                assert daemon.end() == 0
            else:
                assert "the disk is full" in ended(daemon)
            daemon.start()
            assert "the disk is full" in ended(daemon)
            state.empty()
            daemon.start()
            honest.fills_a_minute()
        honest.is_counted()

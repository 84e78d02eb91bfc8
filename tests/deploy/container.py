"""The image, built and run by buildah without a container engine, on a base made here."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.deploy.tools import ROOT, run, tool

STORAGE: Final = ROOT / ".deploy" / "containers"
BASE: Final = "localhost/uneri-base"
IMAGE: Final = "localhost/uneri"
CERTIFICATES: Final = Path("/etc/ssl/certs/ca-certificates.crt")
PACKAGES: Final = "python3-venv,python-is-python3,ca-certificates"
USER: Final = 10001  # of the image
MINUTES: Final = 60.0


def buildah(*arguments: str | Path, seconds: float = 2 * MINUTES) -> str:
    """Run buildah on a storage of its own."""
    return run(*_command(*arguments), seconds=seconds).strip()


def _command(*arguments: str | Path) -> list[str]:
    # no mount stays behind in the folder: it can be deleted
    storage = [
        "--root",
        str(STORAGE / "root"),
        "--runroot",
        str(STORAGE / "run"),
        "--storage-driver",
        "overlay",
        "--storage-opt",
        "overlay.skip_mount_home=true",
    ]
    return [tool("buildah"), *storage, *map(str, arguments)]


def make_base(folder: Path) -> None:
    """Make a small Debian with Python, as the release of this machine has it, into an image.

    It trusts the same certificates and asks the same index for packages as this machine.
    """
    if BASE in buildah("images", "--format", "{{.Name}}").splitlines():
        return
    release = next(
        line.partition("=")[2].strip('"')
        for line in Path("/etc/os-release").read_text(encoding="utf-8").splitlines()
        if line.startswith("VERSION_CODENAME=")
    )
    root = folder / "root"
    run(
        tool("debootstrap"), "--variant=minbase", f"--include={PACKAGES}", release, root, seconds=10 * MINUTES
    )
    if CERTIFICATES.exists():
        shutil.copy(CERTIFICATES, root / CERTIFICATES.relative_to("/"))
    container = buildah("from", "scratch")
    buildah("add", container, root, "/", seconds=5 * MINUTES)
    pip = {
        name: value for name, value in os.environ.items() if name in ("PIP_INDEX_URL", "PIP_DEFAULT_TIMEOUT")
    }
    for name, value in {"PIP_CERT": str(CERTIFICATES), **pip}.items():
        buildah("config", "--env", f"{name}={value}", container)
    buildah("commit", "--rm", container, BASE, seconds=5 * MINUTES)
    shutil.rmtree(root)


def build_image() -> None:
    """Build the Dockerfile on that base."""
    buildah(
        "bud", "--isolation", "chroot", "--format", "docker", "--layers", "--pull-never",
        "--build-arg", f"BASE={BASE}", "--tag", IMAGE, ROOT, seconds=15 * MINUTES,
    )  # fmt: skip


class Container:
    """A container of the image, with its volumes: the state, /tmp and the configuration."""

    def __init__(self, folder: Path, config: str) -> None:
        self._name = buildah("from", "--pull-never", IMAGE)
        # At random, buildah 1.28 mounts a volume that the image declares over the one that is given here.
        buildah("config", "--volume", "/var/lib/uneri-", self._name)
        self.state, temporary, configs = (folder / text for text in ("state", "tmp", "etc"))
        for path in (self.state, temporary, configs):
            path.mkdir()
            os.chown(path, USER, USER)
        (configs / "uneri.yaml").write_text(config, encoding="utf-8")
        self._options = [
            "run", "--isolation", "chroot",
            "--volume", f"{self.state}:/var/lib/uneri",
            "--volume", f"{temporary}:/tmp",
            "--volume", f"{configs}:/etc/uneri:ro",
        ]  # fmt: skip

    def run(self, *command: str) -> str:
        """Run a program in it, as the user of the image."""
        return buildah(*self._options, self._name, "--", *command)

    @contextmanager
    def running(
        self, log: Path, environment: dict[str, str], *command: str
    ) -> Iterator["subprocess.Popen[bytes]"]:
        """Run a program in it beside others, and ask it to stop at the end."""
        given = [f"--env={name}={value}" for name, value in environment.items()]
        with log.open("wb") as output:
            process = subprocess.Popen(
                _command(*self._options, *given, self._name, "--", *command),
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
            try:
                yield process
            finally:
                if process.poll() is None:
                    _stop_what_runs_below(process.pid)
                    process.wait(MINUTES)

    def written(self, since: Path) -> list[str]:
        """Return the files outside its volumes that are newer than a file."""
        root = Path(buildah("mount", self._name))
        newer = run("find", root, "-xdev", "-newer", since, "-type", "f").splitlines()
        return [str(Path(text).relative_to(root)) for text in newer]

    def remove(self) -> None:
        """Remove it; the image stays."""
        buildah("rm", self._name)


def _stop_what_runs_below(ancestor: int) -> None:
    """Ask the program to stop, as a container engine would; buildah itself would kill it."""

    def parent(pid: int) -> int:
        try:
            return int(Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1])
        except FileNotFoundError:
            return 0

    for pid in (int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()):
        above = pid
        while above not in (0, ancestor):
            above = parent(above)
        if above and not Path(f"/proc/{pid}/cmdline").read_bytes().startswith(
            (b"buildah", b"/usr/bin/buildah")
        ):
            os.kill(pid, signal.SIGTERM)

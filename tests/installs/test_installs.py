"""The built wheel in clean environments: pipx and uv tool, every supported Python (``make installs``).

Interpreters are looked for on the path, in pyenv's folder and in uv's. A missing one is skipped, or a failure
with ``UNERI_REQUIRE_INSTALLS=1``.
"""

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

DIST = Path(__file__).parents[2] / "dist"
BIN = Path(sys.executable).parent
PYTHONS = ("3.11", "3.12", "3.13")
TOOLS = ("uv", "pipx")
LARGEST = 700.0  # MB without extras, and without byte code
START = 300.0  # seconds that a first start may take: it compiles, on a busy machine


class Installed:
    """An installation in a home of its own."""

    def __init__(self, home: Path, python: Path) -> None:
        self._python = python
        self.home = home
        self.uneri = home / "bin" / "uneri"
        kept = {
            name: os.environ[name] for name in os.environ if not name.startswith(("UNERI", "NUMBA", "PYTHON"))
        }
        self._environment = kept | {
            "HOME": str(home),
            "UV_CACHE_DIR": os.environ.get("UV_CACHE_DIR", str(Path.home() / ".cache" / "uv")),
            "PIP_CACHE_DIR": os.environ.get("PIP_CACHE_DIR", str(Path.home() / ".cache" / "pip")),
            "PATH": os.pathsep.join([str(home / "bin"), str(BIN), os.environ["PATH"]]),
            "PIPX_HOME": str(home / "pipx"),
            "PIPX_BIN_DIR": str(home / "bin"),
            "UV_TOOL_DIR": str(home / "tools"),
            "UV_TOOL_BIN_DIR": str(home / "bin"),
        }

    def install(self, tool: str, wheel: Path) -> None:
        constraints = DIST / "constraints.txt"
        pip = f"--constraint {shlex.quote(str(constraints))}"
        command = {
            "uv": ["uv", "tool", "install", "--python", self._python, "--constraints", constraints, wheel],
            "pipx": ["pipx", "install", "--python", self._python, f"--pip-args={pip}", wheel],
        }[tool]
        done = self.run(command)
        assert done.returncode == 0, done.stderr

    @property
    def megabytes(self) -> float:
        """The size of the packages on disk, without byte code, which only some tools write at once."""
        (packages,) = (
            found
            for environments in ("tools", "pipx/venvs")
            for found in (self.home / environments).glob("uneri/lib/python*/site-packages")
        )
        files = (path for path in packages.rglob("*") if path.name != "__pycache__" and path.suffix != ".pyc")
        return sum(path.lstat().st_blocks for path in files) * 512 / 2**20

    def run(self, command: Sequence[object]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(part) for part in command],
            capture_output=True,
            text=True,
            check=False,
            cwd=self.home,
            env=self._environment,
            timeout=900,
        )

    @contextmanager
    def daemon(self, port: int) -> Iterator[Path]:
        """Run the daemon until it is healthy, and stop it cleanly; give its log."""
        config, log = self.home / "uneri.yaml", self.home / "log"
        config.write_text(f"local: {{state: {self.home / 'state'}, listen: '127.0.0.1:{port}'}}\n")
        with log.open("w") as written:
            process = subprocess.Popen(
                [self.uneri, "run", "--config", config], stderr=written, cwd=self.home, env=self._environment
            )
        try:
            until = time.monotonic() + START
            while not healthy(port):
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < until, log.read_text()
                time.sleep(0.1)
            yield log
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
        finally:
            process.kill()
            process.wait()


@cache
def interpreter(version: str) -> Path | None:
    """Find an interpreter that starts: a name on the path may be a stub."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    uv = Path(os.environ.get("UV_PYTHON_INSTALL_DIR", Path.home() / ".local" / "share" / "uv" / "python"))
    found = [
        *(Path(folder) / f"python{version}" for folder in os.environ["PATH"].split(os.pathsep)),
        *sorted(pyenv.glob(f"{version}.*/bin/python")),
        *sorted(uv.glob(f"cpython-{version}.*/bin/python")),
    ]
    for path in found:
        if not path.is_file():
            continue
        done = subprocess.run(
            [path, "-c", "import ensurepip, venv; print('starts')"], capture_output=True, check=False
        )
        if done.stdout.strip() == b"starts":
            return path
    return None


def healthy(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def post(port: int, event: dict[str, object]) -> dict[str, object]:
    url = f"http://127.0.0.1:{port}/events"
    with urllib.request.urlopen(url, json.dumps(event).encode(), timeout=10) as answer:
        found: dict[str, object] = json.load(answer)
    return found


@pytest.fixture
def port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture(scope="module")
def wheel() -> Path:
    found = list(DIST.glob("*.whl"))
    assert len(found) == 1, f"{DIST}: not a release; run make dist"
    return found[0]


@pytest.mark.parametrize("version", PYTHONS)
@pytest.mark.parametrize("tool", TOOLS)
def test_the_wheel_installs_into_a_clean_environment_and_its_daemon_takes_an_event(
    tmp_path: Path, wheel: Path, port: int, tool: str, version: str
) -> None:
    python = interpreter(version)
    if python is None:
        report = pytest.fail if os.environ.get("UNERI_REQUIRE_INSTALLS") == "1" else pytest.skip
        report(f"no Python {version} here; install it, with `uv python install {version}` for example")
    installed = Installed(tmp_path, python)
    installed.install(tool, wheel)
    assert installed.run([installed.uneri, "--version"]).stdout.strip() == f"uneri {wheel.name.split('-')[1]}"
    assert installed.megabytes < LARGEST
    assert installed.run([installed.uneri, "check"]).returncode == 0

    tune = [installed.uneri, "tune", "none", "--out", "tuned", "--pages-per-week", "1"]
    missing = installed.run(tune)
    assert missing.returncode == 2
    said, _, remedy = missing.stderr.strip().partition("; install it with: ")
    assert said == "uneri: this command needs optuna, of the extra uneri[tune]"
    added = installed.run(shlex.split(remedy))
    assert added.returncode == 0, added.stderr
    assert installed.run(tune).stderr.startswith("uneri: none: no such file or folder")

    event = {"ts": time.time(), "function": "put-item"}
    with installed.daemon(port) as log:
        assert post(port, event) == {"accepted": 1}
        until = time.monotonic() + START
        while "judging begins" not in (first := log.read_text()):
            assert time.monotonic() < until, first
            time.sleep(0.1)
    assert "compiling machine code for this processor, once per version" in first
    assert f"kept in {installed.home}" in first
    with installed.daemon(port) as log:
        assert "compil" not in log.read_text()

"""Makes the peers ready on demand, in a folder that git ignores: an environment and classes."""

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.harness.report import ROOT

PEERS = ROOT / "benchmarks" / "peers"
ENVIRONMENT = ROOT / ".bench" / "venv"
JAVA = ROOT / ".bench" / "java"


class NotReadyError(RuntimeError):
    """A peer cannot be run here; the message has the reason, in one line."""


def python() -> Path:
    """Return the interpreter of an environment that has the peers: seconds, the first time."""
    program = ENVIRONMENT / "bin" / "python"
    wanted = PEERS / "requirements.txt"
    uv = str(Path(sys.executable).parent / "uv")

    def build() -> None:
        _run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(ENVIRONMENT)])
        _run([uv, "pip", "install", "--quiet", "--python", str(program), "-r", str(wanted)])

    _once(ENVIRONMENT, [wanted], build)
    return program


def classpath() -> str:
    """Return the class path of the peers in Java: half a minute, the first time."""

    def build() -> None:
        goals = ["compile", "dependency:copy-dependencies", f"-DoutputDirectory={JAVA / 'libs'}"]
        _run(["mvn", "-q", "-B", "-f", str(PEERS / "pom.xml"), f"-Dout={JAVA}", *goals])

    _once(JAVA, [PEERS / "pom.xml", *sorted(PEERS.rglob("*.java"))], build)
    return f"{JAVA / 'classes'}:{JAVA / 'libs' / '*'}"


def _once(folder: Path, sources: list[Path], build: Callable[[], None]) -> None:
    """Build into ``folder``, unless what it was built from has not changed since."""
    digest = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()
    stamp = folder / ".ready"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == digest:
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(exist_ok=True)
    build()
    stamp.write_text(digest, encoding="utf-8")


def _run(command: list[str]) -> None:
    name = Path(command[0]).name
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise NotReadyError(f"{name} not found") from error
    if done.returncode:
        said = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        reason = next((line for line in said if "error" in line.lower()), "no reason given")
        raise NotReadyError(f"{name}: {reason[:150]}")

"""How long a command and a daemon take to start, and the first daemon of a version to compile.

python benchmarks/start_up.py [starts]
"""

import os
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from streams.drivers.local.log_judge import BEGINS

UNERI = [sys.executable, "-c", "from streams.cli.main import main; main()"]
PATIENCE = 600.0


def main() -> None:
    starts = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["NUMBA_CACHE_DIR"] = str(folder / "machine-code")
        for what, times, measure in (
            ("uneri --help", starts, helped),
            ("uneri run, first start, ready", 1, ready),
            ("uneri run, first start, judging", 1, judging),
            ("uneri run, later starts, ready", starts, ready),
        ):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            best = min(measure(folder) for _ in range(times))
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            print(f"{what:31} {best:6.2f} s; {used / times:6.2f} s of a processor, until stopped")
    print(f"memory, the largest process      {after.ru_maxrss // 1024:6,} MB")


def helped(_: Path) -> float:
    began = time.monotonic()
    subprocess.run([*UNERI, "--help"], check=True, stdout=subprocess.DEVNULL)  # noqa: S603
    return time.monotonic() - began


def ready(folder: Path) -> float:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return _started(folder, port, lambda: _answers(f"http://127.0.0.1:{port}/readyz"))


def judging(folder: Path) -> float:
    os.environ["NUMBA_CACHE_DIR"] += "-anew"
    return _started(folder, 0, lambda: BEGINS.encode() in (folder / "log").read_bytes())


def _started(folder: Path, port: int, done: Callable[[], bool]) -> float:
    config = folder / "uneri.yaml"
    config.write_text(f"local: {{listen: 127.0.0.1:{port}, state: {folder / 'state'}}}\n", encoding="utf-8")
    began = time.monotonic()
    with (folder / "log").open("wb") as log:
        daemon = subprocess.Popen([*UNERI, "run", "--config", config], stdout=log, stderr=log)  # noqa: S603
    try:
        while not done():
            if daemon.poll() is not None or time.monotonic() > began + PATIENCE:
                sys.exit((folder / "log").read_text(encoding="utf-8"))
            time.sleep(0.01)
        return time.monotonic() - began
    finally:
        daemon.send_signal(signal.SIGTERM)
        daemon.wait()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - of the daemon started here
            return bool(answer.status == 200)  # noqa: PLR2004
    except (urllib.error.URLError, ConnectionError):
        return False


if __name__ == "__main__":
    main()

"""How long a command and a daemon take to start, and the first daemon of a version to compile.

    python -m benchmarks.start_up [--starts N] [--page FILE] [--smoke]

An embedded daemon is started until ``/readyz`` answers 200, or until it judges, first without machine code
and then with what the first start kept. A smoke run compiles nothing.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Final

from benchmarks.harness.report import arguments, markdown, parsed, report
from streams.drivers.local.log_judge import BEGINS
from tests.free_port import free_port
from tests.main_job.job import UNERI

PATIENCE: Final = 600.0  # seconds


def helped(_: Path) -> float:
    began = time.monotonic()
    subprocess.run([UNERI, "--help"], check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - began


def ready(folder: Path) -> float:
    port = free_port()
    return _started(folder, port, lambda: _answers(f"http://127.0.0.1:{port}/readyz"))


def judging(folder: Path) -> float:
    os.environ["NUMBA_CACHE_DIR"] = str(folder / "anew")
    return _started(folder, free_port(), lambda: BEGINS in (folder / "uneri.log").read_text(encoding="utf-8"))


def _started(folder: Path, port: int, done: Callable[[], bool]) -> float:
    config = folder / "uneri.yaml"
    config.write_text(f"local: {{listen: 127.0.0.1:{port}, state: {folder / 'state'}}}\n", encoding="utf-8")
    began = time.monotonic()
    with (folder / "uneri.log").open("wb") as log:
        process = subprocess.Popen([UNERI, "run", "--config", config], stdout=log, stderr=log)
    try:
        while not done():
            if process.poll() is not None or time.monotonic() > began + PATIENCE:
                raise SystemExit((folder / "uneri.log").read_text(encoding="utf-8"))
            time.sleep(0.01)
        return time.monotonic() - began
    finally:
        process.terminate()
        process.wait()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - of the daemon started here
            return bool(answer.status == 200)  # noqa: PLR2004
    except OSError:
        return False


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--starts", type=int, default=5)
    given = parsed(parser, "start-up")
    starts = 1 if given.smoke else given.starts
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if not given.smoke:
            os.environ["NUMBA_CACHE_DIR"] = str(folder / "machine-code")
        for what, times, measure in (
            ("`uneri --help`", starts, helped),
            ("`uneri run`, first start, until it takes events in", 1, ready),
            ("`uneri run`, later starts", starts, ready),
            ("`uneri run`, first start, until it judges", 1, judging),
        ):
            if given.smoke and "first" in what:
                continue
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            best = min(measure(folder) for _ in range(times))
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            rows.append((what, f"{best:.2f} s", f"{used / times:.2f} s"))
    report({"start-up": markdown(("", "best time", "time of a processor, until stopped"), rows)}, given.page)
    return 0


if __name__ == "__main__":
    sys.exit(main())

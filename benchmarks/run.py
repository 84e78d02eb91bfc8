"""``make bench`` and ``make bench-smoke``: every benchmark, each in a process of its own.

    python -m benchmarks.run [--smoke]

A failed one does not keep the others from running. The full ones run one after the other, with a broker of
their own where they need one. Smokes measure nothing: three run at a time, and all share a broker.
"""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from benchmarks.harness.bench_broker import bench_broker
from benchmarks.harness.report import ROOT

BENCHMARKS: Final = (  # those that take longest in a smoke run first
    "contest",
    "page_delay",
    "span_path",
    "replay",
    "growth",
    "workers",
    "scoreboard",
    "incidents",
    "catch_up",
    "http_path",
    "start_up",
)


def unlisted() -> list[str]:
    """Return what could be run and is not in the list, or is there and cannot."""
    found = {
        path.stem for path in Path(__file__).parent.glob("*.py") if "def main(" in path.read_text("utf-8")
    }
    return sorted((found - {"run"}) ^ set(BENCHMARKS))


def full(name: str) -> int:
    """Run a benchmark; return its exit code."""
    print(f"\n== {name}", flush=True)
    return subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], cwd=ROOT, check=False).returncode


def smoke(name: str) -> int:
    """Run a benchmark at a hundredth of its size; show what it says only if it fails."""
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{name}", "--smoke"],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    said = f"\n{done.stdout}" if done.returncode else "ok"
    print(f"{name}: {time.monotonic() - began:.0f} s, exit code {done.returncode}: {said}", flush=True)
    return done.returncode


def main() -> int:
    if wrong := unlisted():
        print(f"benchmarks/run.py lists not what there is: {', '.join(wrong)}", file=sys.stderr)
        return 2
    if "--smoke" not in sys.argv:
        return max(map(full, BENCHMARKS))
    with bench_broker() as broker, ThreadPoolExecutor(3) as three:
        os.environ["UNERI_TEST_KAFKA"] = broker.address
        return max(three.map(smoke, BENCHMARKS))


if __name__ == "__main__":
    sys.exit(main())

"""``make bench``: every benchmark, one after the other, each in a process of its own."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
BENCHMARKS = (
    ("benchmarks/decode_rollup.py",),
    ("-m", "benchmarks.formats"),
    ("-m", "benchmarks.contest"),
    ("-m", "benchmarks.span_path"),
    ("benchmarks/workers.py",),
    ("benchmarks/growth.py",),
    ("-m", "benchmarks.replay"),
    ("-m", "benchmarks.thin"),
    ("benchmarks/incidents.py",),
    ("-m", "benchmarks.history_cost"),
    ("-m", "benchmarks.query_cost"),
)


def main() -> int:
    """Run all of them; a failed one does not keep the others from running."""
    worst = 0
    for words in BENCHMARKS:
        print(f"\n== {words[-1]}", flush=True)
        done = subprocess.run([sys.executable, *words], cwd=ROOT, check=False)  # noqa: S603 - our own
        worst = max(worst, done.returncode)
    return worst


if __name__ == "__main__":
    sys.exit(main())

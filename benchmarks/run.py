"""``make bench``: every benchmark, one after the other, each in a process of its own."""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
BENCHMARKS = ("decode_rollup.py", "kafka_path.py", "incidents.py", "growth.py")


def main() -> int:
    """Run all of them; a failed one does not keep the others from running."""
    worst = 0
    for name in BENCHMARKS:
        print(f"\n== {name}", flush=True)
        done = subprocess.run([sys.executable, str(HERE / name)], cwd=HERE.parent, check=False)  # noqa: S603 - our own
        worst = max(worst, done.returncode)
    return worst


if __name__ == "__main__":
    sys.exit(main())

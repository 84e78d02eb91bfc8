"""The delay-limited F1 of the web KPIs, each curve at a threshold that was chosen without it.

python benchmarks/kpi_held_out.py VERDICTS [--json FILE]

As ``boards/kpi.py`` (a), which chooses one threshold on the first halves of all curves: here on those of all
others. VERDICTS are what ``uneri score`` wrote.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "boards"))

from kpi import load  # noqa: E402 - a program of its own
from stretches import best_f1_threshold, f1, point_counts  # noqa: E402


def main() -> None:
    """Print the figure."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("verdicts")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    series = load(HERE / "boards" / "data" / "kpi", asked.verdicts)[1]
    counts = np.zeros(3)
    for key, own in series.items():
        threshold = best_f1_threshold([data["train"] for other, data in series.items() if other != key])
        counts += point_counts([own["test"]], np.array([threshold]))[:, 0]
    found = float(f1(*counts))
    print(f"F1 {found:.3f}")
    if asked.json:
        asked.json.write_text(json.dumps({"F1": found}), encoding="utf-8")


if __name__ == "__main__":
    main()

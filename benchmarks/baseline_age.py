"""False pages by the age of the baseline: how loud the second week of a series is, and those after it.

python benchmarks/baseline_age.py kpi VERDICTS [--json FILE]
python benchmarks/baseline_age.py changes CASES VERDICTS [--json FILE]

VERDICTS are what ``uneri score`` wrote for the curves of ``boards/data/kpi``, or for the cases of
``boards/changes.py``. Of the web KPIs, weeks two to five of every curve count, whatever half they are in; of
the cases, all of each but what lies behind its change. ``make scoreboard`` runs both.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "boards"))

from common import (  # noqa: E402 - a program of its own
    WEEK,
    count_pages,
    find_result,
    label_rows,
    load_labels,
    read_result,
    read_series,
    results_for,
)
from stretches import Stretch, outcome  # noqa: E402

KPI = HERE / "boards" / "data" / "kpi"
AGES = (2, 3, 4, 5)  # weeks
PAGED = 0.5  # of what is 1 where a page is, and else 0

Found = dict[str, dict[str, float]]


def kpi(verdicts: str) -> Found:
    """Return, by age, false pages a series and week, and the recall by incident."""
    labels = load_labels(KPI)
    stretches: dict[int, list[Stretch]] = {age: [] for age in AGES}
    for key, times, result in results_for(KPI, verdicts, labels["series"]):
        meta = labels["series"][key]
        paging = (result["alert"] & (result["kind"] != "growth")).astype(float)
        labelled = label_rows(times, meta["windows"])
        for age in AGES:
            first, end = np.searchsorted(times, times[0] + np.array([age - 1, age]) * WEEK)
            if first < end:
                part = slice(first, end)
                stretches[age].append(Stretch(times[part], labelled[part], paging[part], meta["interval"]))
    found = {}
    for age, those in stretches.items():
        measured = outcome(those, PAGED)
        found[str(age)] = {
            "false": measured["false_pages_per_series_week"],
            "recall": measured["recall_by_incident"],
        }
    return found


def changes(cases: str, verdicts: str) -> Found:
    """Return, by age, pages a series and week where nothing has been changed yet."""
    truth = json.loads((Path(cases) / "truth.json").read_text(encoding="utf-8"))["cases"]
    pages, weeks = dict.fromkeys(AGES, 0), dict.fromkeys(AGES, 0.0)
    for name, case in truth.items():
        times, _ = read_series(cases, name)
        path = find_result(verdicts, name)
        if path is None:
            raise SystemExit(f"no verdicts of {name} below {verdicts}")
        result = read_result(path, times)
        paged = times[result["alert"] & (result["kind"] != "growth")]
        clean = times[-1] if case["kind"] == "none" else case["start"]
        for age in AGES:
            first, end = times[0] + (age - 1) * WEEK, min(times[0] + age * WEEK, clean)
            if end > first:
                pages[age] += count_pages(paged[(paged >= first) & (paged < end)])
                weeks[age] += (end - first) / WEEK
    return {str(age): {"false": pages[age] / weeks[age]} for age in AGES if weeks[age]}


def main() -> None:
    """Print a row per age."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("board", choices=("kpi", "changes"))
    parser.add_argument("folders", nargs="+", help="VERDICTS, or CASES and VERDICTS")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    found = kpi(*asked.folders) if asked.board == "kpi" else changes(*asked.folders)
    for age, row in found.items():
        print(f"week {age}: " + ", ".join(f"{name} {value:.3f}" for name, value in row.items()))
    if asked.json:
        asked.json.write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main()

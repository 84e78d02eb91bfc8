"""``make scoreboard``: every board on the development data, ours next to the anchors.

    python -m benchmarks.scoreboard [--board NAME …] [--seed N] [--out DIR] [--smoke]

What the scorers printed in full stays in DIR, one text a board, next to the verdicts they scored. ``--smoke``
has a curve or two of each board, whose figures say nothing; it fails where what it has whole is not reached.
"""

import argparse
import json
import math
import os
import shutil
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from benchmarks.judging.petshop import rankings
from benchmarks.judging.real_curves import curves, measured

ROOT: Final = Path(__file__).resolve().parents[1]
DATA: Final = ROOT / "benchmarks" / "boards" / "data"
UNERI: Final = Path(sys.executable).with_name("uneri")
ROUTES: Final = 4  # of a backend
SEED: Final = 1  # the anchors of the changes board were measured with it
AGES: Final = (2, 3, 4, 5)  # weeks of a baseline
RATES: Final = (0.25, 0.5, 1.0, 4.0)  # requests a second
STRETCHES: Final = 3  # of each curve
PAGED: Final = 0.5  # of what is 1 where a page is, and else 0
SMALL: Final = {
    "nab": ("realAdExchange/exchange-2_cpc_results.csv", "realTraffic/occupancy_6005.csv"),
    "kpi": ("c02607e8-7399-3dde-9d28-8a8da5e5d251", "0efb375b-b902-3661-ab23-9a0bb799f4e3"),
    "changes": ("9c639a46-34c8-39bc-aaf0-9144b37adfc8",),
    "real_curves": ("431a8542-c468-3988-a508-3afd06a218da",),
}
"""The curves of a smoke; the held-out figures need two."""
FEW_PREFIXES: Final = "from benchmarks.boards import causality; causality.FRACTIONS = (); causality.main()"

# Taken over as they are, without types.
_common: Any = import_module("benchmarks.boards.common")
_nab: Any = import_module("benchmarks.boards.nab")
_kpi: Any = import_module("benchmarks.boards.kpi")
_stretches: Any = import_module("benchmarks.boards.stretches")


class BoardError(Exception):
    """A command of a board did not end well."""


class Row(NamedTuple):
    """One figure: ours, what to reach, and what others reach on the same data."""

    measure: str
    ours: float
    reach: str = ""  # such as ">= 0.8"; empty where a figure is only shown
    anchors: str = ""
    held_out: float = math.nan  # the same, where what was chosen was chosen without the group it is of
    summed: bool = False  # is part of the last line

    @property
    def reached(self) -> str:
        if not self.reach:
            return ""
        sign, bound = self.reach.split()
        met = {
            ">": self.ours > float(bound),
            ">=": self.ours >= float(bound),
            "<=": self.ours <= float(bound),
        }
        return "yes" if met[sign] else "NO"


class Bench:
    """Runs the commands of one board in a folder of its own, and keeps their output."""

    def __init__(self, board: str, folder: Path, seed: int, *, smoke: bool) -> None:
        self.folder, self.seed, self.smoke = folder, seed, smoke
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self._log = folder / "said.txt"
        self.judged = ""
        of = {"changes": "kpi", "real_curves": "kpi"}.get(board, board)
        self.data = DATA / of
        if smoke and board in SMALL:
            self.data = folder / "data"
            labels = _common.load_labels(DATA / of)
            labels["series"] = {key: labels["series"][key] for key in SMALL[board]}
            for key in SMALL[board]:
                packed = f"{_common.csv_name(key)}.xz"
                (self.data / packed).parent.mkdir(parents=True, exist_ok=True)
                (self.data / packed).symlink_to(DATA / of / packed)
            (self.data / "labels.json").write_text(json.dumps(labels), encoding="utf-8")

    def run(self, *command: object) -> str:
        done = subprocess.run(
            [*map(str, command)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        with self._log.open("a", encoding="utf-8") as log:
            log.write(f"$ {' '.join(str(part) for part in command[:6])}\n{done.stdout}\n")
        if done.returncode:
            last = (done.stdout.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
            raise BoardError(f"{last} (more in {self._log})")
        return done.stdout

    def score(self, folder: Path) -> Path:
        """Run ``uneri score`` over all series of a folder."""
        began, out = time.perf_counter(), self.folder / "verdicts"
        jobs = ["--jobs", 1] if self.smoke else []
        said = self.run(UNERI, "score", *sorted(folder.rglob("*.csv.xz")), "--out", out, *jobs)
        self.judged = f"; judged in {time.perf_counter() - began:.0f} s, {said.strip().splitlines()[-1]}"
        return out

    def scorer(self, name: str, *arguments: object) -> dict[str, Any]:
        """Run a scorer and return its figures."""
        figures = self.folder / "figures.json"
        self.run(sys.executable, "-m", f"benchmarks.boards.{name}", *arguments, "--json", figures)
        found: dict[str, Any] = json.loads(figures.read_text(encoding="utf-8"))
        return found


def cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def nab(bench: Bench) -> Iterator[Row]:
    verdicts = bench.score(bench.data)
    found = bench.scorer("nab", verdicts, "--data", bench.data)
    curves_of = list(_nab_groups(bench.data, verdicts))
    for measure, name, reach, others in (
        ("standard", "standard", "> 78.15", "ARTime 78.2, CAD OSE 74.1, HTM 71.2"),
        ("low false positives", "low_FP", "> 71.66", "CAD OSE 71.7, ARTime 70.4, HTM 65.0"),
        ("low false negatives", "low_FN", "> 83.1", "ARTime 83.1, CAD OSE 76.9, HTM 75.9"),
    ):
        held_out = _nab_held_out(curves_of, _nab.PROFILES[name])
        yield Row(measure, found[name]["score"], reach, others, held_out, name == "standard")
    shipped = found["shipped_alerts"]
    yield Row("windows paged at the defaults, share", shipped["windows_paged"] / shipped["windows"])
    yield Row("alerts outside a window at the defaults", shipped["alerts_outside"])


def _nab_groups(data: Path, verdicts: Path) -> Iterator[tuple[str, tuple[Any, Any, Any]]]:
    """Yield the group, and the scores, windows and weights of each curve, as the scorer has them."""
    labels, windows = _common.load_labels(data)["series"], 0
    for key, times, result in _common.results_for(data, verdicts, labels):
        window, weight, live = _nab.weigh_rows(times, labels[key]["windows"])
        window = np.where(window[live] >= 0, window[live] + windows, -1)
        windows += len(labels[key]["windows"])
        yield key.split("/")[0], (result["score"][live], window, weight[live])


def _nab_held_out(given: list[tuple[str, tuple[Any, Any, Any]]], profile: tuple[float, ...]) -> float:
    """Return the score of all groups, each at the threshold that is best on the others."""
    total = nothing = perfect = 0.0
    for group in sorted({group for group, _ in given}):
        own, rest = (
            [np.concatenate(column) for column in zip(*columns, strict=True)]
            for columns in (
                [curve for other, curve in given if other == group],
                [curve for other, curve in given if other != group],
            )
        )
        thresholds, totals, _ = _nab.sweep(*rest, profile)
        there, reached, none_here = _nab.sweep(*own, profile)
        total += reached[np.flatnonzero(there >= thresholds[np.argmax(totals)])[-1]]
        nothing += none_here
        perfect += len(np.unique(own[1][own[1] >= 0])) * profile[0]
    return 100 * (total - nothing) / (perfect - nothing)


def kpi(bench: Bench) -> Iterator[Row]:
    verdicts = bench.score(bench.data)
    found = bench.scorer("kpi", verdicts, "--data", bench.data)["k7"]
    a, b, c = found["a_delay_f1"], found["b_shipped_defaults"], found["c_budget"]
    others = "agreement .747, SR-CNN .771, SR+DNN .811"
    held_out = _kpi_held_out(bench.data, verdicts)
    yield Row("(a) delay-limited F1", a["F1"], ">= 0.8", others, held_out, summed=True)
    false = "false_pages_per_series_week"
    yield Row("(b) defaults: event recall", b["recall_any_time"], ">= 0.75", "about .50 at 1 false page")
    yield Row("(b) defaults: recall by incident", b["recall_by_incident"], summed=True)
    yield Row("(b) defaults: false pages a series and week", b[false], "<= 1", summed=True)
    yield Row("(b) defaults: page precision", b["page_precision"])
    yield Row("(b) defaults: median delay, minutes", b["median_delay_minutes"])
    yield Row("(c) recall in k at a budget of 1 false page", c["recall_in_k"], "", "agreement .774 at 1.09")
    yield Row("(c) false pages it makes on the test half", c[false], "", "1.09")
    yield from _kpi_by_age(bench.data, verdicts)


def _kpi_held_out(data: Path, verdicts: Path) -> float:
    """Return (a), each curve at the threshold that is best on the first halves of all others."""
    series = _kpi.load(data, verdicts)[1]
    counts = np.zeros(3)
    for key, own in series.items():
        threshold = _stretches.best_f1_threshold(
            [one["train"] for other, one in series.items() if other != key]
        )
        counts += _stretches.point_counts([own["test"]], np.array([threshold]))[:, 0]
    return float(_stretches.f1(*counts))


def _kpi_by_age(data: Path, verdicts: Path) -> Iterator[Row]:
    """Yield how loud weeks two to five of a curve are, whatever half they are in."""
    labels = _common.load_labels(data)["series"]
    weeks: dict[int, list[Any]] = {age: [] for age in AGES}
    for key, times, result in _common.results_for(data, verdicts, labels):
        paging = (result["alert"] & (result["kind"] != "growth")).astype(float)
        labelled = _common.label_rows(times, labels[key]["windows"])
        for age, stretches in weeks.items():
            first, end = np.searchsorted(times, times[0] + np.array([age - 1, age]) * _common.WEEK)
            if first < end:
                part = slice(first, end)
                columns = times[part], labelled[part], paging[part]
                stretches.append(_stretches.Stretch(*columns, labels[key]["interval"]))
    for age, stretches in weeks.items():
        found = _stretches.outcome(stretches, PAGED)
        yield Row(f"  false pages a series in week {age}", found["false_pages_per_series_week"])
        yield Row(f"  recall by incident in week {age}", found["recall_by_incident"])


def changes(bench: Bench) -> Iterator[Row]:
    cases = bench.folder / "cases"
    made = partial(bench.run, sys.executable, "-m", "benchmarks.boards.changes", "make", cases)
    made("--seed", bench.seed, "--data", bench.data, *(["--per-kind", 1] if bench.smoke else []))
    if bench.smoke:
        for case in sorted(cases.glob("case_*"))[1:]:
            case.unlink()
        truth = json.loads((cases / "truth.json").read_text(encoding="utf-8"))
        truth["cases"] = {"case_000": truth["cases"]["case_000"]}
        (cases / "truth.json").write_text(json.dumps(truth), encoding="utf-8")
    found = bench.scorer("changes", "score", cases, bench.score(cases))
    yield Row("macro-F1 of the kinds", found["macro_f1"], ">= 0.85", "log-ratio rule .586", summed=True)
    for kind, value in found["f1"].items():
        yield Row(f"  F1 {kind}", value)
    for kind, reach, anchor in (("growth", "<= 0.1", "4.0"), ("none", "", "4.1")):
        measure = f"pages a series and week on {kind}"
        yield Row(measure, found[f"pages_per_series_week_on_{kind}"], reach, f"log-ratio rule {anchor}")
    for kind in ("spike", "drop", "shift"):
        yield Row(f"median delay of a {kind}, minutes", found[f"median_delay_minutes_{kind}"])
    days = found["growth_median_days_until_named"]
    yield Row("median days until growth is named", days, "", "log-ratio rule 4.1")


def real_curves(bench: Bench) -> Iterator[Row]:
    given = curves(bench.data)
    for rate in RATES[-1:] if bench.smoke else RATES:
        found = measured(given, rate, 1 if bench.smoke else STRETCHES, bench.seed)
        yield Row(f"{rate:g} requests a second: strong labels found", found.strong, ">= 0.75", summed=True)
        yield Row(f"  false pages a week, {ROUTES} routes", ROUTES * found.false, "<= 0.5", summed=True)
        yield Row("  median delay, seconds", found.delay, "<= 90")


def petshop(bench: Bench) -> Iterator[Row]:
    ranked = bench.folder / "rankings.json"
    ranked.write_text(json.dumps(rankings(DATA / "petshop"), indent=1) + "\n", encoding="utf-8")
    found = bench.scorer("petshop", ranked)
    others = "ranked correlation .550, largest robust z .450"
    yield Row("top-1", found["top1"], ">= 0.8", others, summed=True)
    yield Row("top-3", found["top3"], ">= 0.95", "ranked correlation .700, largest robust z 1.000")


def causality(bench: Bench) -> Iterator[Row]:
    program: list[object] = ["-m", "benchmarks.boards.causality"]
    if bench.smoke:  # each prefix is a process of its own: the shortest and the longest will do
        series = next((DATA / "nab").glob(f"{SMALL['nab'][0]}*"))
        program = ["-c", FEW_PREFIXES, "--series", series, "--rows", 300]
    said = bench.run(sys.executable, *program, "--", UNERI, "score")
    sound = [line.startswith("ok") for line in said.splitlines()]
    yield Row("series whose prefixes are judged alike, share", sum(sound) / len(sound), ">= 1")


ALL: dict[str, Callable[[Bench], Iterator[Row]]] = {
    board.__name__: board for board in (nab, kpi, changes, real_curves, petshop, causality)
}


def show(name: str, rows: list[Row], note: str) -> None:
    print(f"\n{name}: {note}")
    print(f"  {'':<46}{'ours':>9}{'held out':>10}  {'to reach':<9} {'':<4} others")
    for row in rows:
        ours = f"{row.ours:.4g}"
        held_out = "" if math.isnan(row.held_out) else f"{row.held_out:.4g}"
        line = f"  {row.measure:<46}{ours:>9}{held_out:>10}  {row.reach:<9} {row.reached:<4} {row.anchors}"
        print(line.rstrip(), flush=True)


def _written(row: Row) -> dict[str, Any]:
    held_out = None if math.isnan(row.held_out) else row.held_out
    return row._asdict() | {"reached": row.reached, "held_out": held_out}


def _summed(name: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the figures of a board that a change is judged by: ours, and in brackets what was held out."""
    parts = [
        f"{row['ours']:.3g}" + ("" if row["held_out"] is None else f" ({row['held_out']:.3g})")
        for row in rows
        if row["summed"]
    ]
    return f"{name} {', '.join(parts)}"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--board", action="append", choices=list(ALL), help="only this one; repeat for several"
    )
    parser.add_argument("--seed", type=int, default=SEED, help=f"of the changes board (default: {SEED})")
    parser.add_argument("--out", type=Path, default=ROOT / ".scoreboard", help="default: .scoreboard")
    parser.add_argument("--smoke", action="store_true", help="a curve or two of each board")
    arguments = parser.parse_args()
    warnings.filterwarnings(
        "ignore", message=r"Columns .* have mixed types"
    )  # of bounds, which no scorer reads
    began, table, failed = time.perf_counter(), {}, 0
    for name in arguments.board or ALL:
        start = time.perf_counter()
        bench = Bench(name, arguments.out / name, arguments.seed, smoke=arguments.smoke)
        try:
            rows = list(ALL[name](bench))
        except BoardError as error:
            failed += 1
            print(f"\n{name}: FAILED: {error}", flush=True)
            continue
        table[name] = [_written(row) for row in rows]
        failed += arguments.smoke and name not in SMALL and any(row.reached == "NO" for row in rows)
        show(name, rows, f"{time.perf_counter() - start:.0f} s{bench.judged}")
    (arguments.out / "table.json").write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    rated = [row for rows in table.values() for row in rows if row["reach"]]
    reached = sum(row["reached"] == "yes" for row in rated)
    seconds = time.perf_counter() - began
    print(f"\n{reached} of {len(rated)} figures reached, in {seconds:.0f} s on {cores()} cores")
    print(
        "; ".join(_summed(name, rows) for name, rows in table.items() if any(row["summed"] for row in rows))
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

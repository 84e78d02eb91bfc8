"""``make scoreboard``: every board on the development data, ours next to the anchors.

    python benchmarks/scoreboard.py [--board NAME …] [--seed N] [--out DIR]

What the scorers printed in full stays in DIR, one text a board, next to the verdicts they scored.
"""

import argparse
import json
import math
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).resolve().parent
BOARDS = HERE / "boards"
DATA = BOARDS / "data"
UNERI = Path(sys.executable).with_name("uneri")
ROUTES = 4  # of a backend
SEED = 1  # the anchors of the changes board were measured with it


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

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.seed = folder, seed
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self._log = folder / "said.txt"
        self.judged = ""

    def run(self, *command: object, cwd: Path | None = None) -> str:
        done = subprocess.run(  # noqa: S603 - our own
            [*map(str, command)],
            cwd=cwd,
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

    def score(self, files: Iterable[Path], rows: int) -> Path:
        """Run ``uneri score`` over series; ``rows`` only says how fast that was."""
        began, out = time.perf_counter(), self.folder / "verdicts"
        self.run(UNERI, "score", *sorted(files), "--out", out)
        seconds = time.perf_counter() - began
        self.judged = (
            f"{rows:,} rows judged in {seconds:.0f} s, {rows / seconds / cores():,.0f} a second and core"
        )
        return out

    def scorer(self, name: str, *arguments: object) -> dict[str, Any]:
        """Run a scorer and return its figures."""
        figures = self.folder / "figures.json"
        self.run(sys.executable, BOARDS / f"{name}.py", *arguments, "--json", figures)
        found: dict[str, Any] = json.loads(figures.read_text(encoding="utf-8"))
        return found


def cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def rows_of(labels: Path) -> int:
    series = json.loads(labels.read_text(encoding="utf-8"))["series"]
    return sum(meta["n"] for meta in series.values())


def nab(bench: Bench) -> Iterator[Row]:
    verdicts = bench.score((DATA / "nab").glob("*/*.csv.xz"), rows_of(DATA / "nab" / "labels.json"))
    found = bench.scorer("nab", verdicts)
    without = bench.folder / "without.json"
    bench.run(sys.executable, HERE / "novelty_groups.py", "--shipped", "--json", without)
    held_out = json.loads(without.read_text(encoding="utf-8"))
    for measure, name, reach, others in (
        ("standard", "standard", "> 78.15", "ARTime 78.2, CAD OSE 74.1, HTM 71.2"),
        ("low false positives", "low_FP", "> 71.66", "CAD OSE 71.7, ARTime 70.4, HTM 65.0"),
        ("low false negatives", "low_FN", "> 83.1", "ARTime 83.1, CAD OSE 76.9, HTM 75.9"),
    ):
        yield Row(
            measure, found[name]["score"], reach, others, held_out[name]["threshold"], name == "standard"
        )
    shipped = found["shipped_alerts"]
    yield Row("windows paged at the defaults, share", shipped["windows_paged"] / shipped["windows"])
    yield Row("alerts outside a window at the defaults", shipped["alerts_outside"])


def by_age(bench: Bench, *asked: object) -> Iterator[Row]:
    """Yield the false pages of each week of a baseline."""
    figures = bench.folder / "ages.json"
    bench.run(sys.executable, HERE / "baseline_age.py", *asked, "--json", figures)
    for age, found in json.loads(figures.read_text(encoding="utf-8")).items():
        yield Row(f"  false pages a series in week {age}", found["false"])
        if "recall" in found:
            yield Row(f"  recall by incident in week {age}", found["recall"])


def kpi(bench: Bench) -> Iterator[Row]:
    verdicts = bench.score((DATA / "kpi").glob("*.csv.xz"), rows_of(DATA / "kpi" / "labels.json"))
    found = bench.scorer("kpi", verdicts)["k7"]
    a, b, c = found["a_delay_f1"], found["b_shipped_defaults"], found["c_budget"]
    without = bench.folder / "without.json"
    bench.run(sys.executable, HERE / "kpi_held_out.py", verdicts, "--json", without)
    held_out = json.loads(without.read_text(encoding="utf-8"))["F1"]
    others = "agreement .747, SR-CNN .771, SR+DNN .811"
    yield Row("(a) delay-limited F1", a["F1"], ">= 0.8", others, held_out, summed=True)
    false = "false_pages_per_series_week"
    yield Row("(b) defaults: event recall", b["recall_any_time"], ">= 0.75", "about .50 at 1 false page")
    yield Row("(b) defaults: recall by incident", b["recall_by_incident"], summed=True)
    yield Row("(b) defaults: false pages a series and week", b[false], "<= 1", summed=True)
    yield Row("(b) defaults: page precision", b["page_precision"])
    yield Row("(b) defaults: median delay, minutes", b["median_delay_minutes"])
    yield Row("(c) recall in k at a budget of 1 false page", c["recall_in_k"], "", "agreement .774 at 1.09")
    yield Row("(c) false pages it makes on the test half", c[false], "", "1.09")
    yield from by_age(bench, "kpi", verdicts)


def changes(bench: Bench) -> Iterator[Row]:
    cases = bench.folder / "cases"
    bench.run(sys.executable, BOARDS / "changes.py", "make", cases, "--seed", bench.seed)
    files = list(cases.glob("case_*.csv.xz"))
    five_weeks_of_minutes = 5 * 7 * 1440
    verdicts = bench.score(files, len(files) * five_weeks_of_minutes)
    figures = bench.folder / "figures.json"
    bench.run(sys.executable, BOARDS / "changes.py", "score", cases, verdicts, "--json", figures)
    found = json.loads(figures.read_text(encoding="utf-8"))
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
    yield from by_age(bench, "changes", cases, verdicts)


def real_curves(bench: Bench) -> Iterator[Row]:
    figures = bench.folder / "figures.json"
    bench.run(sys.executable, HERE / "real_curves.py", "--seed", bench.seed, "--json", figures)
    found = json.loads(figures.read_text(encoding="utf-8"))
    for rate, result in found.items():
        yield Row(f"{rate} requests a second: strong labels found", result["found"], ">= 0.75", summed=True)
        yield Row(f"  false pages a week, {ROUTES} routes", ROUTES * result["false"], "<= 0.5", summed=True)
        yield Row("  median delay, seconds", result["delay"], "<= 90")


def petshop(bench: Bench) -> Iterator[Row]:
    rankings = bench.folder / "rankings.json"
    bench.run(sys.executable, HERE / "petshop.py", DATA / "petshop", "--out", rankings)
    found = bench.scorer("petshop", rankings)
    others = "ranked correlation .550, largest robust z .450"
    yield Row("top-1", found["top1"], ">= 0.8", others, summed=True)
    yield Row("top-3", found["top3"], ">= 0.95", "ranked correlation .700, largest robust z 1.000")


def causality(bench: Bench) -> Iterator[Row]:
    said = bench.run(sys.executable, BOARDS / "causality.py", UNERI, "score", cwd=bench.folder)
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
    parser.add_argument("--out", type=Path, default=HERE.parent / ".scoreboard", help="default: .scoreboard")
    arguments = parser.parse_args()
    began, table, failed = time.perf_counter(), {}, 0
    for name in arguments.board or ALL:
        start = time.perf_counter()
        bench = Bench(arguments.out / name, arguments.seed)
        try:
            rows = list(ALL[name](bench))
        except BoardError as error:
            failed += 1
            print(f"\n{name}: FAILED: {error}", flush=True)
            continue
        table[name] = [_written(row) for row in rows]
        speed = f"; {bench.judged}" if bench.judged else ""
        show(name, rows, f"{time.perf_counter() - start:.0f} s{speed}")
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

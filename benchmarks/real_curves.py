"""Requests that follow labelled curves of real web services: what is found, how soon, and what is false.

python benchmarks/real_curves.py [--rate REQUESTS_A_SECOND …] [--stretches N] [--seed S] [--json FILE]

Each curve of a minute's detail (``boards/data/kpi``) lends its shape to the requests of a function: five
weeks of it, scaled to a mean rate, with Poisson noise. They are judged as a shard judges them, and scored
from the second week on. A label is strong if the curve itself falls below half, or rises above 1.8 times, the
hour before, for two minutes and thirty requests at least. It is found if a verdict opens within it, ten
minutes before or fifteen after; its delay counts from where the curve moved. A verdict farther than an hour
from every label is false, though what a curve does there is real, too. ``found`` is the mean over curves: one
of them has most of the labels.
"""

import argparse
import json
import lzma
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from config.settings import Floors, JudgeSettings
from detectors.judge.judge import Judge
from detectors.model.array_types import Bools, Floats, Ints
from detectors.model.measures import Measure, Series
from detectors.model.scope import Scope

DATA = Path(__file__).parent / "boards" / "data" / "kpi"
MINUTE, WEEK, WEEKS = 60, 604_800, 5
ORIGIN = 1_767_571_200 // WEEK * WEEK
FALLS, RISES = 0.5, 1.8
BEFORE, AFTER, APART = 600, 900, 3600  # seconds around a label
FEWEST = 30  # requests that were to come while a label is strong


class Curve(NamedTuple):
    """A real curve, and the stretches of it that its owner labelled (epoch seconds, inclusive)."""

    name: str
    at: Ints
    value: Floats
    labels: list[tuple[int, int]]


class Traffic(NamedTuple):
    """Requests a minute for five weeks, and the labels within them."""

    name: str
    requests: Floats
    labels: list[tuple[int, int]]
    moved: list[int | None]  # None where a label is not strong


class Score(NamedTuple):
    """The result of a judge for some traffic."""

    found: float  # share of the strong labels, mean over curves
    false: float  # a series and week
    delay: float  # seconds, median
    late: float  # upper quartile
    strong: int


def curves() -> Iterator[Curve]:
    """Yield the curves that are long enough."""
    for name, meta in sorted(json.loads((DATA / "labels.json").read_text())["series"].items()):
        if meta["interval"] != MINUTE:
            continue
        with lzma.open(DATA / f"{name}.csv.xz", "rt") as file:
            rows = np.loadtxt(file, delimiter=",", skiprows=1)
        at, value = rows[:, 0].astype(np.int64), rows[:, 1]
        if at[-1] - at[0] > (WEEKS + 0.5) * WEEK and np.median(value) > 1 and value.min() >= 0:
            yield Curve(name, at, value, [(int(first), int(last)) for first, last in meta["windows"]])


def runs(mask: Bools) -> Iterator[tuple[int, int]]:
    """Yield the first and the one after the last of every run that is true."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], mask.astype(int), [0]))))
    yield from zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)


def where_it_moved(rate: Floats, first: int, last: int) -> int | None:
    """Return the minute at which a rate a minute falls or rises within a label, if that is strong."""
    usual = float(np.median(rate[max(0, first - 60) : max(1, first)]))
    within = rate[first : last + 1]
    for off in (within < FALLS * usual, within > RISES * usual):
        for begin, end in runs(off):
            if end - begin > 1 and usual * (end - begin) >= FEWEST:
                return first + begin
    return None


def traffic(curve: Curve, rate: float, rng: np.random.Generator) -> Traffic:
    """Draw the requests of five weeks of a curve, at a mean rate a second."""
    weeks = (curve.at[0] // WEEK + 1, (curve.at[-1] - WEEKS * WEEK) // WEEK + 1)
    begin = int(rng.integers(*weeks)) * WEEK
    minutes = np.arange(begin, begin + WEEKS * WEEK, MINUTE)
    expected = np.interp(minutes, curve.at, curve.value)
    expected *= rate * MINUTE / expected.mean()
    labels = [(a - begin, b - begin) for a, b in curve.labels if begin <= a < begin + WEEKS * WEEK]
    moved = [where_it_moved(expected, a // MINUTE, b // MINUTE) for a, b in labels]
    return Traffic(
        curve.name,
        rng.poisson(expected).astype(float),
        labels,
        [None if at is None else at * MINUTE for at in moved],
    )


def opened(drawn: list[Traffic]) -> list[list[int]]:
    """Return when verdicts open, in seconds from the beginning, by series."""
    floor = Floors().requests
    judge = Judge(JudgeSettings(), MINUTE)
    judge.add(
        [
            Series(
                Scope("function", "aws", "111122223333", "eu-west-1", f"{at}-{curve.name}"),
                Measure.REQUESTS,
                floor_absolute=floor.absolute,
                floor_relative=floor.relative,
            )
            for at, curve in enumerate(drawn)
        ]
    )
    values = np.stack([curve.requests for curve in drawn], axis=1)
    found: list[list[int]] = [[] for _ in drawn]
    for first in range(0, len(values), 720):
        out, _ = judge.judge_steps(ORIGIN + MINUTE * first, values[first : first + 720])
        for at, row in np.argwhere(out.opened).tolist():
            found[row].append((first + at + 1) * MINUTE)
    return found


def score(drawn: list[Traffic], found: list[list[int]]) -> Score:
    """Compare verdicts with labels, from the second week on."""
    hits: dict[str, list[bool]] = {}
    delays: list[int] = []
    false = 0
    for curve, all_times in zip(drawn, found, strict=True):
        times = [at for at in all_times if at >= WEEK]
        false += sum(all(not a - BEFORE <= at <= b + APART for a, b in curve.labels) for at in times)
        for (a, b), moved in zip(curve.labels, curve.moved, strict=True):
            if moved is not None and a >= WEEK:
                within = [at - moved for at in times if a - BEFORE <= at <= b + AFTER]
                hits.setdefault(curve.name, []).append(bool(within))
                delays += [min(within)] if within else []
    return Score(
        float(np.mean([np.mean(hit) for hit in hits.values()])),
        false / len(drawn) / (WEEKS - 1),
        float(np.median(delays)),
        float(np.percentile(delays, 75)),
        sum(map(len, hits.values())),
    )


def measured(rate: float, stretches: int, seed: int) -> Score:
    """Judge so many stretches of every curve at a rate a second."""
    rng = np.random.default_rng(seed)
    drawn = [traffic(curve, rate, rng) for curve in curves() for _ in range(stretches)]
    return score(drawn, opened(drawn))


def main() -> int:
    """Print a line a rate."""
    asked = argparse.ArgumentParser(description="requests that follow labelled curves of real services")
    asked.add_argument("--rate", type=float, action="append", help="requests a second; repeat for several")
    asked.add_argument("--stretches", type=int, default=3, help="of each curve")
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--json", type=Path, help="write the figures, by rate")
    given = asked.parse_args()
    figures = {}
    began = time.perf_counter()
    print("requests a second  strong labels   found  false a week  delay, s   p75")
    for rate in given.rate or (0.25, 0.5, 1.0, 4.0):
        one = measured(rate, given.stretches, given.seed)
        figures[f"{rate:g}"] = one._asdict()
        print(
            f"{rate:17g}{one.strong:15}{one.found:8.2f}{one.false:14.3f}{one.delay:10.0f}{one.late:6.0f}",
            flush=True,
        )
    print(f"\n{time.perf_counter() - began:.0f} s; false ones of one series")
    if given.json:
        given.json.write_text(json.dumps(figures, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

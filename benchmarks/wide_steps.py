"""Hourly and daily curves: known changes in real curves, found by ``uneri score`` and by a plain z-score.

python benchmarks/wide_steps.py [--step SECONDS] [--seeds N]

The curves are the web KPIs of ``boards/data/kpi`` in means of an hour or a day. What is labelled there is
replaced by the week before; then every sixth day or so something is multiplied, for one to eight steps. The
z-score takes two views, as simple monitors do: the median of the same time in the last four weeks and that
of the last six steps, each in units of its median deviation over four weeks; both must exceed ``Z``.
"""

import argparse
import json
import lzma
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from detectors.model.array_types import Bools, Floats, Ints
from detectors.score.score import score

DATA: Final = Path(__file__).parent / "boards" / "data" / "kpi"
DAY, WEEK = 86400, 7 * 86400
FIRST: Final = 15  # days before the first change
TIMES: Final = (0.2, 0.5, 0.7, 1.4, 2.0, 4.0)
STEPS: Final = (1, 2, 4, 8)
AFTER: Final = 6  # steps after a change in which a report is not false
Z: Final = (3.0, 4.0, 5.0)
GAUSSIAN: Final = 1.4826  # median deviations of a normal distribution in a standard deviation


class Change(NamedTuple):
    """Steps from ``first`` to ``end`` are multiplied."""

    first: int
    end: int
    times: float


class Tally(NamedTuple):
    """The outcome of a curve."""

    found: list[bool]
    false: int
    weeks: float


def curves(step: int) -> Iterator[tuple[Ints, Floats]]:
    """Yield times and means without what is labelled; NaN where nothing is known."""
    labels = json.loads((DATA / "labels.json").read_text(encoding="utf-8"))["series"]
    for key, meta in sorted(labels.items()):
        with lzma.open(next(iter(DATA.glob(f"{key}*"))), "rt") as file:
            rows = np.loadtxt(file, delimiter=",", skiprows=1, usecols=(0, 1))
        at, values = rows[:, 0].astype(np.int64), rows[:, 1]
        labelled = np.zeros(len(at), bool)
        for first, last in meta["windows"]:
            labelled |= (at >= first) & (at <= last)
        place = at // step - at[0] // step
        count = np.bincount(place)
        with np.errstate(invalid="ignore"):
            means = np.bincount(place, values) / count
        means[(np.bincount(place, labelled) > 0) | (count == 0)] = np.nan
        week = WEEK // step
        for row in np.flatnonzero(np.isnan(means)):
            means[row] = means[row - week] if row >= week else np.nan
        yield (at[0] // step + np.arange(len(means))) * step, means


def changed(values: Floats, step: int, draw: np.random.Generator) -> list[Change]:
    """Multiply some stretches of a curve; return them."""
    made = []
    day = DAY / step
    for begin in np.arange(FIRST * day, len(values) - 2 * day, 6 * max(day, 4)).astype(int).tolist():
        first = begin + int(draw.integers(0, max(3 * day, 3)))
        end = first + int(draw.choice(STEPS))
        if end < len(values):
            made.append(Change(first, end, float(draw.choice(TIMES))))
            values[first:end] *= made[-1].times
    return made


def plain(values: Floats, step: int) -> Floats:
    """Return the lesser of the two views' z-scores, 0 where they disagree."""
    week, found = WEEK // step, np.zeros(len(values))
    views = np.full((2, len(values)), np.nan)
    for row in range(len(values)):
        same = values[[row - back * week for back in range(1, 5) if row >= back * week]]
        if np.isfinite(same).any():
            views[0, row] = values[row] - np.nanmedian(same)
        if row >= AFTER and np.isfinite(values[row - AFTER : row]).any():
            views[1, row] = values[row] - np.nanmedian(values[row - AFTER : row])
        past = views[:, max(0, row - 4 * week) : row]
        known = np.isfinite(past).sum(axis=1)
        if known.min() < max(week // 7, 10) or not np.isfinite(views[:, row]).all():
            continue
        middle = np.nanmedian(past, axis=1, keepdims=True)
        unit = GAUSSIAN * np.nanmedian(np.abs(past - middle), axis=1) + 1e-9
        by = views[:, row] / unit
        found[row] = np.abs(by).min() if by[0] * by[1] > 0 else 0.0
    return found


def tally(reported: Bools, changes: list[Change], step: int) -> Tally:
    """Compare what was reported with what was changed; reports within three steps are one."""
    near = np.zeros(len(reported), bool)
    for change in changes:
        near[max(0, change.first - 1) : change.end + AFTER] = True
    begin = FIRST * DAY // step
    false = np.flatnonzero(reported & ~near)
    false = false[false >= begin]
    apart = np.diff(false, prepend=-10) > 3  # noqa: PLR2004 - as said
    weeks = (len(reported) - begin) * step / WEEK
    return Tally(
        [bool(reported[changed.first : changed.end + 1].any()) for changed in changes],
        int(apart.sum()),
        weeks,
    )


def main() -> None:
    """Print what was found, and the false reports a curve and week."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--step", type=int, default=3600)
    parser.add_argument("--seeds", type=int, default=3)
    asked = parser.parse_args()
    tallies: dict[str, list[Tally]] = {}
    by_times: dict[str, dict[float, list[bool]]] = {}
    for times, values in curves(asked.step):
        for seed in range(1, asked.seeds + 1):
            curve = values.copy()
            changes = changed(curve, asked.step, np.random.default_rng(seed))
            by_z = plain(curve, asked.step)
            reports = {"uneri score": score(times, curve).alert} | {f"z above {z:g}": by_z > z for z in Z}
            for name, reported in reports.items():
                tallies.setdefault(name, []).append(tally(reported, changes, asked.step))
                for change, found in zip(changes, tallies[name][-1].found, strict=True):
                    by_times.setdefault(name, {}).setdefault(change.times, []).append(found)
    print(f"{'':14}{'found':>7}{'false a week':>14}" + "".join(f"{f'x {factor:g}':>8}" for factor in TIMES))
    for name, counts in tallies.items():
        found = [hit for of in counts for hit in of.found]
        false = sum(of.false for of in counts) / sum(of.weeks for of in counts)
        of_times = "".join(f"{np.mean(by_times[name][times]):8.2f}" for times in TIMES)
        print(f"{name:14}{np.mean(found):7.2f}{false:14.2f}{of_times}   of {len(found)}")


if __name__ == "__main__":
    main()

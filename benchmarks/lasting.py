"""Small changes that last: how soon they are reported, and how often nothing is taken for one.

python benchmarks/lasting.py [--series N] [--seed S]

Counts are drawn minute by minute for five weeks and judged as a shard judges them. In the upper part, the
level changes on the Wednesday of the fourth week at 14:00 and stays for three days; the lower part has quiet
series of the kinds that are easily taken for a change: levels that wander, calls in clumps, holidays that no
calendar knows, mornings that begin earlier or later, growth.
"""

import argparse
import sys
import time
from collections.abc import Callable

import numpy as np

from config.settings import JudgeSettings
from detectors.judge.judge import Judge
from detectors.model.array_types import Floats
from detectors.model.measures import Measure, Series
from detectors.model.scope import Scope

Draw = Callable[[np.random.Generator], Floats]

BEGIN = 1_759_708_800  # a Monday, 00:00 UTC
HOUR, DAY, WEEK = 60, 1440, 10_080  # steps of a minute
STEPS = 5 * WEEK
AT = 3 * WEEK + 2 * DAY + 14 * HOUR
LASTS = 3 * DAY
MINUTES = np.arange(STEPS)


def shape(amplitude: float, weekend: float = 0.6) -> Floats:
    """Return a day and a week, 1 on average."""
    day = 1 + amplitude * np.sin(2 * np.pi * MINUTES / DAY - 2)
    return day * np.where(MINUTES // DAY % 7 >= 5, weekend, 1.0)  # noqa: PLR2004 - Saturday


def wandering(rng: np.random.Generator, by: float, minutes: int) -> Floats:
    """Return a level that wanders by a share, with knots every so many minutes, ten of them to forget."""
    knots = rng.normal(0, by, STEPS // minutes + 2)
    for at in range(1, len(knots)):
        knots[at] = 0.9 * knots[at - 1] + np.sqrt(1 - 0.81) * knots[at]
    return np.exp(np.interp(MINUTES, np.arange(len(knots)) * minutes, knots) - by * by / 2)


def changed(mean: Floats, times: float) -> Floats:
    """Return the mean with a level that changes and stays for three days."""
    mean = mean.copy()
    mean[AT : AT + LASTS] *= times
    return mean


def clumps(rng: np.random.Generator, mean: Floats, size: int) -> Floats:
    """Return calls in sessions of geometric size, spread over a quarter of an hour."""
    starts, out = rng.poisson(mean / size), np.zeros(STEPS)
    for start in np.repeat(MINUTES, starts).tolist():
        at = start + rng.integers(0, 15, rng.geometric(1 / size))
        np.add.at(out, at[at < STEPS], 1)
    return out


def unknown_holiday() -> Floats:
    """Return a shape whose fourth Thursday has nights as ever and less than half of the day."""
    mean = (shape(0.8, weekend=1.0) - 0.2) * 0.9 + 0.3
    day = slice(3 * WEEK + 3 * DAY, 3 * WEEK + 4 * DAY)
    mean[day] = 0.3 + (mean[day] - 0.3) * 0.45
    return mean


def late_mornings(rng: np.random.Generator) -> Floats:
    """Return days that begin up to forty minutes earlier or later."""
    usual, out = shape(0.8), shape(0.8)
    for day in range(1, STEPS // DAY - 1):
        by = int(rng.integers(-40, 40))
        out[day * DAY : (day + 1) * DAY] = usual[day * DAY + by : (day + 1) * DAY + by]
    return out


def poisson(level: float, times: float = 1.0, amplitude: float = 0.5) -> Draw:
    """Return a generator of independent calls."""
    return lambda rng: rng.poisson(changed(level * shape(amplitude), times)).astype(float)


def wander(level: float, by: float, minutes: int, times: float = 1.0) -> Draw:
    """Return a generator of calls whose level wanders."""
    return lambda rng: rng.poisson(changed(level * shape(0.5) * wandering(rng, by, minutes), times)).astype(
        float
    )


def in_clumps(level: float, size: int, times: float = 1.0) -> Draw:
    """Return a generator of sessions."""
    return lambda rng: clumps(rng, changed(level * shape(0.5), times), size)


CHANGES: dict[str, Draw] = {
    "5 a minute twice": poisson(5, 2),
    "5 a minute twice, no daily shape": poisson(5, 2, 0),
    "2 a minute twice": poisson(2, 2),
    "100 a minute times 1.3": poisson(100, 1.3),
    "the same, no daily shape": poisson(100, 1.3, 0),
    "100 a minute times 1.35, wanders by 4 %": wander(100, 0.04, 60, 1.35),
    "20 a minute times 1.6": poisson(20, 1.6),
    "8 a minute, half of them": poisson(8, 0.5),
    "11 a minute in sessions of 20, a third": in_clumps(11, 20, 1 / 3),
}
QUIET: dict[str, Draw] = {
    **{f"{level:g} a minute": poisson(level) for level in (0.3, 1, 3, 10, 50, 300)},
    **{f"{level:g} a minute, wanders by 15 % in hours": wander(level, 0.15, 60) for level in (3, 30, 300)},
    **{f"{level:g} a minute, wanders by 15 % in days": wander(level, 0.15, 360) for level in (3, 30, 300)},
    **{f"{level:g} a minute in sessions of 10": in_clumps(level, 10) for level in (3, 30)},
    "20 a minute in sessions of 30": in_clumps(20, 30),
    "30 a minute, a holiday": lambda rng: rng.poisson(30 * unknown_holiday()).astype(float),
    "30 a minute, mornings differ by 40 minutes": lambda rng: rng.poisson(30 * late_mornings(rng)).astype(
        float
    ),
    "30 a minute, grows by a tenth a week": lambda rng: rng.poisson(
        30 * shape(0.5) * np.exp(MINUTES / WEEK * 0.1)
    ).astype(float),
}


def judged(draw: Draw, series: int, seed: int) -> list[tuple[int, int]]:
    """Return (step, row) of every verdict of so many series at the shipped defaults."""
    rng = np.random.default_rng(seed)
    values = np.stack([draw(rng) for _ in range(series)], axis=1)
    judge = Judge(JudgeSettings(), 60)
    judge.add(
        [
            Series(
                Scope("function", "aws", "1", "eu-west-1", f"pages-{row}"),
                Measure.REQUESTS,
                floor_absolute=0.01,
                floor_relative=0.3,
            )
            for row in range(series)
        ]
    )
    found = []
    for first in range(0, STEPS, DAY // 2):
        out, _ = judge.judge_steps(BEGIN + 60 * first, values[first : first + DAY // 2])
        found += [(first + int(at), int(row)) for at, row in np.argwhere(out.opened)]
    return found


def main() -> int:
    """Run both parts."""
    asked = argparse.ArgumentParser(description="small changes that last, and quiet series")
    asked.add_argument("--series", type=int, default=24, help="of each kind")
    asked.add_argument("--seed", type=int, default=1)
    given = asked.parse_args()
    began = time.perf_counter()
    print(
        f"{'change':44}{'reported':>10}{'median':>9}{'longest':>9}{'before':>8}   minutes; verdicts before it"
    )
    for name, draw in CHANGES.items():
        found = judged(draw, given.series, given.seed)
        first: dict[int, int] = {}
        for step, row in found:
            if AT <= step < AT + DAY:
                first.setdefault(row, step - AT + 1)
        delays = sorted(first.values())
        spread = f"{np.median(delays):9.0f}{delays[-1]:9}" if delays else f"{'-':>9}{'-':>9}"
        before = sum(step < AT for step, _ in found)
        print(f"{name:44}{len(first):>6} / {given.series}{spread}{before:8}", flush=True)
    print(f"\n{'quiet':44}{'verdicts a series and week':>28}")
    for name, draw in QUIET.items():
        found = judged(draw, given.series, given.seed)
        print(f"{name:44}{len(found) / given.series / 4:28.3f}", flush=True)
    print(f"\n{time.perf_counter() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())

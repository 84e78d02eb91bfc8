"""Days until growth reaches its limit: how near forecasts come, and how often their range holds the truth.

    python benchmarks/days_to_limit.py [--each N] [--seed S] [--model NAME …] [--curves FOLDER]

Curves are drawn (``forecasts.curves``) and judged day by day as a shard judges them; where the newest day is
reported as growth, each model says when the busiest hour of a day will reach the limit. ``chosen on`` are the
kinds of curves that settings were chosen on, with another seed; ``held out`` are of other formulas. FOLDER
has files ``*.csv[.xz]`` with the columns timestamp (seconds) and value: on each day of growth, a limit is set
beyond the peaks of the week, and what came after is the truth.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import pandas as pd

from detectors.model.array_types import Floats

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parent.parent))

from forecasts.curves import DEV, HELD_OUT, PAST, Curve, curves
from forecasts.models import MODELS, Model

from detectors.judge.forecast import AHEAD, EARLY, LATE, MIDDLE, chances
from detectors.judge.growth import LEAST_LEVEL, Growing, GrowthWatch

DAY_0: Final = 20_000
HOURS: Final = 24
SYMMETRIC: Final = (0.1, 0.5, 0.9)
OF_CURVES: Final = (0.1, 0.3, 0.6)  # logarithm of how far the limits of real curves are
AFTER: Final = (7, 14, 28)


class Case(NamedTuple):
    """A day on which growth was reported, and what came of it."""

    kind: str
    levels: Floats  # of the days so far
    future: Floats  # levels of the days that came
    window: int
    above: Floats  # logarithm of the last peaks over their days
    limit: float
    truth: float  # day on which a peak reached the limit, 1 is the first; inf if none did
    seen: float  # days of the future that are known
    line: Floats  # earliest, middle and last day by the slope and its interval alone


class Report(NamedTuple):
    """Growth, and the state that it was reported from."""

    day: int
    watch: GrowthWatch
    growing: Growing


def reports(levels: Floats, peaks: Floats) -> Iterator[Report]:
    """Judge (days, n); yield each report on the day that it is made."""
    limits = np.full(levels.shape[1], np.nan)
    watch = GrowthWatch(0.01, 3600)
    watch.add(levels.shape[1])
    for day in range(len(levels)):
        hours = np.repeat(((HOURS * levels[day] - peaks[day]) / (HOURS - 1))[None], HOURS, axis=0)
        hours[13] = np.where(np.isnan(levels[day]), np.nan, peaks[day])
        at = (DAY_0 + day) * HOURS + np.arange(HOURS)
        for growing in watch.learn(at, hours, np.ones(levels.shape[1], bool), limits):
            if growing.state != "end" and growing.growth.per_day_lower > 0:
                yield Report(day, watch, growing)


def case(kind: str, report: Report, series: tuple[Floats, Floats], limit: float) -> Case | None:
    """Return a case, unless the limit is reached already."""
    day, watch, growing = report
    levels, peaks = series
    row, growth = growing.row, growing.growth
    top = float(np.nanmax(watch.peaks[:, row]))
    if limit <= top:
        return None
    room, future = np.log(limit / top), peaks[day:]
    over = np.flatnonzero(future >= limit)
    rates = np.log1p([growth.per_day_upper, growth.per_day, growth.per_day_lower])
    above = np.log(watch.peaks[:, row] / watch.levels[-7:, row])
    return Case(
        kind,
        watch.levels[:, row].copy(),
        levels[day:],
        growth.days,
        above[~np.isnan(above)],
        limit,
        float(over[0] + 1) if over.size else np.inf,
        float(len(future)),
        np.array([np.floor(room / rates[0]), np.ceil(room / rates[1]), np.ceil(room / rates[2])]),
    )


def drawn(of: list[Curve]) -> list[Case]:
    """Return a case for each curve that grows on the first day of its future."""
    levels, peaks = np.array([curve.levels for curve in of]).T, np.array([curve.peaks for curve in of]).T
    found = []
    for report in reports(levels[: PAST + 1], peaks[: PAST + 1]):
        one = of[report.growing.row]
        if report.day == PAST:
            found.append(case(one.kind, report, (one.levels, one.peaks), one.limit))
    return [forecast_case for forecast_case in found if forecast_case is not None]


def real(folder: Path) -> list[Case]:
    """Return cases of every day of growth in files, with a limit at each distance."""
    found = []
    for file in sorted(folder.rglob("*.csv*")):
        table = pd.read_csv(file)
        hours = table["value"].groupby(table["timestamp"] // 3600).mean()
        days = hours.groupby(hours.index // HOURS)
        whole = days.count() >= 0.6 * HOURS
        index = range(int(hours.index[0]) // HOURS, int(hours.index[-1]) // HOURS + 1)
        levels = days.mean().where(whole).reindex(index).to_numpy()
        peaks = days.max().where(whole).reindex(index).to_numpy()
        for report in reports(levels[:, None], peaks[:, None]):
            top = float(np.nanmax(report.watch.peaks))
            for far in OF_CURVES:
                one = case("real", report, (levels, peaks), top * float(np.exp(far)))
                found += [one] if one is not None else []
    return found


def days(of: Floats, wanted: tuple[float, ...]) -> list[float]:
    on = [np.flatnonzero(of >= chance) for chance in wanted]
    return [float(exceeded[0] + 1) if exceeded.size else np.inf for exceeded in on]


class ModelRun(NamedTuple):
    """The forecasts of a model for every case."""

    days: Floats  # (cases, 3) earliest, middle and last
    errors: Floats  # (cases, 3) of the logarithm of the level after so many days
    ms: float


def run_model(model: Model, wanted: tuple[float, ...], of: list[Case]) -> ModelRun:
    began = time.process_time()
    found, errors = [], []
    for curve in of:
        levels = np.maximum(curve.levels, LEAST_LEVEL * np.nanmean(curve.levels))
        unit = levels[~np.isnan(levels)][-1]
        weighed = model(np.log(levels / unit), curve.window)
        room = float(np.log(curve.limit / unit) - np.median(curve.above))
        found.append(days(chances(weighed, room, float(curve.above.std())), wanted))
        mean = sum(forecast.weight * forecast.mean for forecast in weighed)
        came = [curve.future[after - 1] if after <= len(curve.future) else np.nan for after in AFTER]
        errors.append(
            [mean[after - 1] - np.log(level / unit) for after, level in zip(AFTER, came, strict=True)]
        )
    return ModelRun(np.array(found), np.abs(errors), (time.process_time() - began) / len(of) * 1e3)


def show(name: str, said: ModelRun, of: list[Case]) -> None:
    """Print a row; where the truth is not known, a range is right if it goes beyond what is known."""
    truth = np.array([curve.truth for curve in of])
    seen = np.array([curve.seen for curve in of])
    early, middle, late = said.days.T
    holds = (early <= truth) & (truth <= late)
    holds = np.where(np.isinf(truth), late > seen, holds)
    kinds = np.array([curve.kind for curve in of])
    each = " ".join(f"{100 * holds[kinds == kind].mean():6.0f}" for kind in dict.fromkeys(kinds.tolist()))
    known = np.isfinite(truth) & np.isfinite(middle)
    off = np.median(np.abs(np.log(np.maximum(middle[known], 1) / truth[known])))
    width = np.median(np.where(np.isinf(late), np.inf, late - np.minimum(early, AHEAD) + 1))
    levels = " ".join(f"{100 * value:4.1f}" for value in np.nanmedian(said.errors, axis=0))
    sides = f"{100 * (truth < early).mean():4.0f} {100 * (truth > late).mean():4.0f}"
    rest = f"{width:6.0f} {100 * np.isinf(late).mean():5.0f} {100 * off:5.0f}  {levels} {said.ms:6.1f}"
    print(f"{name:<20}{100 * holds.mean():5.0f}  {each}  {sides} {rest}", flush=True)


def table(title: str, of: list[Case], models: list[str]) -> None:
    kinds = " ".join(f"{kind[:6]:>6}" for kind in dict.fromkeys(curve.kind for curve in of))
    print(f"\n{title}: {len(of)} reports; per cent of ranges that hold the truth")
    print(f"{'':<20}{'all':>5}  {kinds}  {'late':>4} {'early':>4} width  open   off    7   14   28     ms")
    nothing = np.full((len(of), len(AFTER)), np.nan)
    line = ModelRun(np.array([curve.line for curve in of]), np.zeros_like(nothing), 0.0)
    show("slope and its 99 %", line, of)
    for name in models:
        ours = name == next(iter(MODELS))
        show(name, run_model(MODELS[name], (EARLY, MIDDLE, LATE) if ours else SYMMETRIC, of), of)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--each", type=int, default=40, help="curves of each kind (default: 40)")
    parser.add_argument("--seed", type=int, default=3, help="1 and 2 were chosen on (default: 3)")
    parser.add_argument("--model", action="append", choices=list(MODELS), help="only this one; repeat")
    parser.add_argument("--curves", type=Path, help="a folder of real curves")
    arguments = parser.parse_args()
    models = arguments.model or list(MODELS)
    table("chosen on", drawn(curves(DEV, arguments.each, arguments.seed)), models)
    table("held out", drawn(curves(HELD_OUT, arguments.each, arguments.seed)), models)
    if arguments.curves:
        table("real", real(arguments.curves), models)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Requests that follow labelled curves of real web services: what is found, how soon, and what is false.

Each curve of a minute's detail (``boards/data/kpi``) lends its shape to the requests of a function: five
weeks of it, scaled to a mean rate, with Poisson noise. They are judged as a shard judges them, and scored
from the second week on. A label is strong if the curve itself falls below half, or rises above 1.8 times, the
hour before, for two minutes and thirty requests at least. It is found if a verdict opens within it, ten
minutes before or fifteen after; its delay counts from where the curve moved. A verdict farther than an hour
from every label is false, though what a curve does there is real, too. ``found`` is the mean over curves: one
of them has most of the labels.
"""

import json
import lzma
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from config.settings import Floors, JudgeSettings
from detectors.judge.judge import Judge
from detectors.model.array_types import Floats, Ints
from detectors.model.measures import Measure, Series
from detectors.model.scope import Scope

MINUTE, WEEK, WEEKS = 60, 604_800, 5
ORIGIN: Final = 1_767_571_200 // WEEK * WEEK
FALLS, RISES = 0.5, 1.8
BEFORE, AFTER, APART = 600, 900, 3600  # seconds around a label
FEWEST: Final = 30  # requests that were to come while a label is strong
HALF_A_DAY: Final = 720  # steps that are judged at once


class Curve(NamedTuple):
    """A real curve, and the stretches of it that its owner labelled (epoch seconds, inclusive)."""

    name: str
    at: Ints
    value: Floats
    labels: list[tuple[int, int]]


class Label(NamedTuple):
    """A stretch, in seconds, and when the curve moved in it; None where that is not strong."""

    first: int
    last: int
    moved: int | None

    def is_told_by(self, at: int, after: int = AFTER) -> bool:
        """Return whether a verdict that opens then is about it."""
        return self.first - BEFORE <= at <= self.last + after


class Traffic(NamedTuple):
    """Requests a minute for five weeks, and the labels within them."""

    name: str
    requests: Floats
    labels: list[Label]


class Found(NamedTuple):
    """The result for some traffic."""

    strong: float  # share of the strong labels, mean over curves
    false: float  # a series and week
    delay: float  # seconds, median


def curves(data: Path) -> list[Curve]:
    """Return the curves that are long enough."""
    found = []
    for name, meta in sorted(json.loads((data / "labels.json").read_text())["series"].items()):
        if meta["interval"] == MINUTE:
            with lzma.open(data / f"{name}.csv.xz", "rt") as file:
                rows = np.loadtxt(file, delimiter=",", skiprows=1)
            at, value = rows[:, 0].astype(np.int64), rows[:, 1]
            if at[-1] - at[0] > (WEEKS + 0.5) * WEEK and np.median(value) > 1 and value.min() >= 0:
                found.append(Curve(name, at, value, meta["windows"]))
    return found


def measured(given: list[Curve], rate: float, stretches: int, seed: int) -> Found:
    """Judge so many stretches of every curve at a rate a second, and compare verdicts with labels."""
    rng = np.random.default_rng(seed)
    drawn = [_traffic(curve, rate, rng) for curve in given for _ in range(stretches)]
    hits: dict[str, list[bool]] = {}
    delays: list[int] = []
    false = 0
    for curve, opened in zip(drawn, _opened(drawn), strict=True):
        times = [at for at in opened if at >= WEEK]
        false += sum(not any(label.is_told_by(at, APART) for label in curve.labels) for at in times)
        for label in curve.labels:
            if label.moved is not None and label.first >= WEEK:
                within = [at - label.moved for at in times if label.is_told_by(at)]
                hits.setdefault(curve.name, []).append(bool(within))
                delays += [min(within)] if within else []
    strong = float(np.mean([np.mean(hit) for hit in hits.values()])) if hits else np.nan
    return Found(strong, false / len(drawn) / (WEEKS - 1), float(np.median(delays)) if delays else np.nan)


def _traffic(curve: Curve, rate: float, rng: np.random.Generator) -> Traffic:
    weeks = (curve.at[0] // WEEK + 1, (curve.at[-1] - WEEKS * WEEK) // WEEK + 1)
    begin = int(rng.integers(*weeks)) * WEEK
    minutes = np.arange(begin, begin + WEEKS * WEEK, MINUTE)
    expected = np.interp(minutes, curve.at, curve.value)
    expected *= rate * MINUTE / expected.mean()
    labels = [(a - begin, b - begin) for a, b in curve.labels if begin <= a < begin + WEEKS * WEEK]
    strong = [Label(a, b, _moved(expected, a // MINUTE, b // MINUTE)) for a, b in labels]
    return Traffic(curve.name, rng.poisson(expected).astype(float), strong)


def _moved(rate: Floats, first: int, last: int) -> int | None:
    """Return the second at which a rate a minute falls or rises within a label, if that is strong."""
    usual = float(np.median(rate[max(0, first - 60) : max(1, first)]))
    within = rate[first : last + 1]
    for off in (within < FALLS * usual, within > RISES * usual):
        edges = np.flatnonzero(np.diff(np.concatenate(([0], off.astype(int), [0])))).tolist()
        for begin, end in zip(edges[::2], edges[1::2], strict=True):
            if end - begin > 1 and usual * (end - begin) >= FEWEST:
                return (first + int(begin)) * MINUTE
    return None


def _opened(drawn: list[Traffic]) -> Iterator[list[int]]:
    """Yield when the verdicts of each series open, in seconds from the beginning."""
    floor = Floors().requests
    series = partial(
        Series, measure=Measure.REQUESTS, floor_absolute=floor.absolute, floor_relative=floor.relative
    )
    scopes = [
        Scope("function", "aws", "111122223333", "eu-west-1", f"{at}-{curve.name}")
        for at, curve in enumerate(drawn)
    ]
    judge = Judge(JudgeSettings(), MINUTE)
    judge.add([series(scope) for scope in scopes])
    values = np.stack([curve.requests for curve in drawn], axis=1)
    opened = [
        judge.judge_steps(ORIGIN + MINUTE * first, values[first : first + HALF_A_DAY])[0].opened
        for first in range(0, len(values), HALF_A_DAY)
    ]
    for column in np.concatenate(opened).T:
        yield ((np.flatnonzero(column) + 1) * MINUTE).tolist()

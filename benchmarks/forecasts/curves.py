"""Daily levels that grow, generated: with a past to forecast from, and the future that came true.

Two families: ``DEV`` is what a forecast may be chosen on, ``HELD_OUT`` has shapes and noises of other
formulas.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np

from detectors.model.array_types import Floats

PAST: Final = 56
FUTURE: Final = 180
DAYS: Final = np.arange(PAST + FUTURE) - PAST  # 0 is the first day of the future
WEEKDAYS: Final = np.log([1.0, 1.02, 1.05, 1.0, 0.97, 0.62, 0.55])


class Curve(NamedTuple):
    """One series; days before its beginning, and days that were not measured, are NaN."""

    kind: str
    weeks: int
    levels: Floats  # (PAST + FUTURE,) mean of each day
    peaks: Floats  # (PAST + FUTURE,) its largest hour
    limit: float


class Shape(NamedTuple):
    """The parameters of a kind of curve; all are logarithms."""

    trend: Callable[[np.random.Generator, float], Floats]  # of the rate a day at day 0
    noise: Callable[[np.random.Generator], Floats]
    week: float = 0.0  # how strong the shape of the week is
    missing: float = 0.0  # share of days


def _white(by: float) -> Callable[[np.random.Generator], Floats]:
    return lambda rng: rng.normal(0, by, len(DAYS))


def _correlated(by: float, keeps: float) -> Callable[[np.random.Generator], Floats]:
    def noise(rng: np.random.Generator) -> Floats:
        out = rng.normal(0, by, len(DAYS))
        for at in range(1, len(out)):
            out[at] = keeps * out[at - 1] + np.sqrt(1 - keeps * keeps) * out[at]
        return out

    return noise


def _heavy(by: float) -> Callable[[np.random.Generator], Floats]:
    return lambda rng: by * rng.standard_t(3, len(DAYS))


def _exponential(_: np.random.Generator, rate: float) -> Floats:
    return rate * DAYS


def _linear(_: np.random.Generator, rate: float) -> Floats:
    # the same amount every day: the rate was larger and becomes smaller
    return np.log(np.maximum(1 + rate * DAYS, 0.02))


def _accelerating(rng: np.random.Generator, rate: float) -> Floats:
    return rate * DAYS + rate * rng.uniform(0.3, 1.0) / 60 * DAYS * np.abs(DAYS)


def _saturating(rng: np.random.Generator, rate: float) -> Floats:
    left = rng.uniform(0.4, 1.2)  # logarithm still to go
    return left * (1 - np.exp(-np.clip(rate * DAYS / left, -2.5, None)))


def _steps(rng: np.random.Generator, rate: float) -> Floats:
    # deployments: every three to nine days a jump, whose sum is the rate
    at, level, out = DAYS[0], rate * DAYS[0], np.zeros(len(DAYS))
    while at <= DAYS[-1]:
        wait = int(rng.integers(3, 10))
        out[at <= DAYS] = level
        at, level = at + wait, level + rate * wait * rng.uniform(0.6, 1.4)
    return out


def _logistic(rng: np.random.Generator, rate: float) -> Floats:
    share = rng.uniform(0.15, 0.6)  # of the capacity of the market on day 0
    speed = rate / (1 - share)
    return np.log(share / (share + (1 - share) * np.exp(-speed * DAYS))) - np.log(share)


def _power(rng: np.random.Generator, rate: float) -> Floats:
    power = rng.uniform(1.5, 3.0)
    return power * np.log(np.maximum(1 + rate * DAYS / power, 0.05))


def _wandering(rng: np.random.Generator, rate: float) -> Floats:
    rates = rate * np.exp(np.cumsum(rng.normal(0, 0.08, len(DAYS))))
    rates *= rate / rates[PAST - 14 : PAST].mean()
    out = np.cumsum(rates)
    return out - out[PAST]


def _kinked(rng: np.random.Generator, rate: float) -> Floats:
    # a campaign: the rate changes for good on a day of the last weeks or of the next
    at, other = rng.integers(-28, 28), rate * rng.uniform(0.5, 1.6)
    before, after = (other, rate) if at < 0 else (rate, other)
    out = np.where(at > DAYS, before, after) * (DAYS - at)
    return out - out[PAST]


DEV: Final = {
    "exponential": Shape(_exponential, _white(0.03)),
    "linear": Shape(_linear, _white(0.03)),
    "accelerating": Shape(_accelerating, _white(0.03)),
    "saturating": Shape(_saturating, _white(0.03)),
    "weekly": Shape(_exponential, _white(0.03), week=1.0),
    "autocorrelated": Shape(_exponential, _correlated(0.06, 0.7)),
    "steps": Shape(_steps, _white(0.02), week=0.3),
    "missing": Shape(_exponential, _white(0.04), week=0.5, missing=0.12),
}
HELD_OUT: Final = {
    "logistic": Shape(_logistic, _white(0.025), week=0.5),
    "power": Shape(_power, _correlated(0.04, 0.5), week=0.7),
    "wandering": Shape(_wandering, _white(0.04), week=0.3),
    "kinked": Shape(_kinked, _white(0.03), week=0.6),
    "outliers": Shape(_exponential, _heavy(0.03), week=0.6),
    "noisy weeks": Shape(_linear, _correlated(0.08, 0.4), week=1.3, missing=0.06),
}


def curves(shapes: dict[str, Shape], each: int, seed: int) -> list[Curve]:
    """Draw so many curves of every kind, with two to eight weeks of past."""
    found = []
    for kind, shape in shapes.items():
        rng = np.random.default_rng([seed, *kind.encode()])
        for _ in range(each):
            weeks = int(rng.choice([2, 3, 4, 5, 8]))
            rate = float(np.exp(rng.uniform(np.log(0.012), np.log(0.06))))
            week = shape.week * np.roll(WEEKDAYS, rng.integers(7))[DAYS % 7]
            clean = float(rng.uniform(0, 9)) + shape.trend(rng, rate) + week
            logs = clean + shape.noise(rng)
            ratio = rng.uniform(0.2, 1.2)  # of the busiest hour to the mean
            peaks = np.exp(logs + ratio + rng.normal(0, 0.02, len(logs)))
            levels = np.exp(logs)
            gone = rng.random(len(logs)) < shape.missing
            gone[PAST - 1] = False  # a forecast is made of a day that was measured
            levels[gone & (DAYS < 0)] = np.nan
            levels[-7 * weeks > DAYS] = np.nan
            top = clean[PAST : PAST + 7].max() + ratio
            found.append(Curve(kind, weeks, levels, peaks, float(np.exp(top + rng.uniform(0.05, 0.8)))))
    return found

"""Days until growth reaches a limit, as a range: a local linear trend with weekdays, by statsmodels.

A single line shows how fast a level rose, not whether it goes on. Here the level and its slope may wander
(Harvey, Forecasting, Structural Time Series Models and the Kalman Filter, 1989, chapter 4). How much they do,
five weeks do not show: every combination of a few amounts is filtered, and weighed by its likelihood. Nothing
is optimised, so that the same days give the same range. Measured in docs/adr/0040.
"""

from functools import cache
from itertools import product
from statistics import NormalDist
from typing import Any, Final, NamedTuple

import numpy as np

from detectors.model.array_types import Floats

AHEAD: Final = 90
"""Days ahead that are forecast."""

EARLY: Final = 0.2
MIDDLE: Final = 0.5
LATE: Final = 0.9
"""Chances that the limit was reached on the first day of the range, the middle and the last. Rises slow down
more often than they speed up: a symmetric range begins too early. These hold the truth four times in five."""

LEVELS: Final = (0.0, 0.3)
SLOPES: Final = (0.0, 0.02, 0.15)
"""Wandering of level and slope in a day, in standard deviations of a day around its level."""

DAMPED: Final = ((1.0, 0.95), (0.93, 0.05))
"""The rest of the slope after a day, and the chance of it: some rises come to rest."""

WEEK: Final = 7
LEAST_NOISE: Final = 0.01
"""Standard deviation of a day (logarithm) that counts as two more days of evidence."""

_UNKNOWN: Final = 1e4
"""Variance from which on a day was expected from nothing: the model had not begun."""

_NODES: Final = np.array([NormalDist().inv_cdf((at + 0.5) / 41) for at in range(41)])


class Forecast(NamedTuple):
    """One model's logarithms of the levels of the days ahead."""

    mean: Floats  # (AHEAD,)
    doubt: Floats  # (AHEAD,) standard deviation of the mean: an error of today is one of tomorrow
    noise: float  # standard deviation of a day around it
    weight: float  # of all models; they add up to 1


class LimitDays(NamedTuple):
    """Days until a limit is reached, 1 the day that begins; None beyond ``AHEAD``."""

    early: float | None
    middle: float | None
    late: float | None


NEVER: Final = LimitDays(None, None, None)
REACHED: Final = LimitDays(0.0, 0.0, 0.0)


@cache
def _components() -> Any:  # statsmodels takes a second to load, and few shards see growth near a limit
    from statsmodels.tsa.statespace.structural import UnobservedComponents

    return UnobservedComponents


def forecasts(logs: Floats) -> list[Forecast]:
    """Forecast the logarithms of daily levels, (days,), newest last, NaN where missing."""
    known = ~np.isnan(logs)
    past = logs[int(known.argmax()) :]
    known, days = ~np.isnan(past), len(past)
    model = _components()(
        np.concatenate((past, np.full(AHEAD, np.nan))),
        level="local linear trend",
        seasonal=WEEK if known.sum() >= 2 * WEEK else None,
        stochastic_seasonal=False,
    )
    found, likelihoods = [], []
    for (damped, chance), level, slope in product(DAMPED, LEVELS, SLOPES):
        model["transition", 1, 1] = damped
        model.update(np.array([1.0, level**2, slope**2]))
        filtered = model.ssm.filter()
        variance = filtered.forecasts_error_cov[0, 0]
        begun = known & (variance[:days] < _UNKNOWN)
        error, of = filtered.forecasts_error[0, :days][begun], variance[:days][begun]
        scale = float(((error**2 / of).sum() + 2 * LEAST_NOISE**2) / (len(of) + 2))
        doubt = np.sqrt(scale * np.maximum(variance[days:] - 1.0, 0.0))
        found.append(Forecast(filtered.forecasts[0, days:], doubt, scale**0.5, 0.0))
        likelihoods.append(np.log(chance) - 0.5 * (np.log(of).sum() + len(of) * np.log(scale)))
    weights = np.exp(np.array(likelihoods) - max(likelihoods))
    weights /= weights.sum()
    return [model._replace(weight=float(weight)) for model, weight in zip(found, weights, strict=True)]


def chances(models: list[Forecast], room: float, spread: float) -> Floats:
    """Return the chance that the limit has been reached by each day, (AHEAD,).

    ``room`` is the logarithm of the level whose busiest hour would reach the limit; ``spread`` the standard
    deviation of the busiest hour around its usual share.
    """
    from scipy.special import log_ndtr

    total = np.zeros(AHEAD)
    for model in models:
        # one error of the mean for all days, another noise on every one
        noise = float(np.hypot(model.noise, spread))
        left = (room - model.mean[:, None] - model.doubt[:, None] * _NODES) / noise
        total += model.weight * (1.0 - np.exp(np.cumsum(log_ndtr(left), axis=0)).mean(axis=1))
    return total


def reach(levels: Floats, peaks: Floats, limit: float) -> LimitDays:
    """Return when the busiest hour of a day reaches the limit.

    ``levels`` (days,) are daily ones, ``peaks`` (7,) the busiest hours of the last days; newest last, NaN
    where missing. ``limit`` is in the same unit, above 0.
    """
    unit = levels[~np.isnan(levels)][-1]  # so that the unit of measurement does not matter
    with np.errstate(divide="ignore", invalid="ignore"):
        logs, above = np.log(levels / unit), np.log(peaks / levels[-len(peaks) :])
    above = above[np.isfinite(above)]
    if np.isinf(logs).any() or not above.size:
        return NEVER
    room = float(np.log(limit / unit) - np.median(above))
    reached = chances(forecasts(logs), room, float(above.std()))
    days = [np.flatnonzero(reached >= chance) for chance in (EARLY, MIDDLE, LATE)]
    return LimitDays(*(float(on[0] + 1) if on.size else None for on in days))

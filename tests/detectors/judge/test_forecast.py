"""When growth reaches its limit: a range that holds the truth four times in five."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.judge.forecast import AHEAD, NEVER, reach
from detectors.judge.growth import FORECASTS, Growing, GrowthWatch
from detectors.model.array_types import Floats
from detectors.state.past_values import DAY

Trend = Callable[[Floats, float], Floats]

PAST = 28
WEEK = np.log([1, 1, 1.05, 1, 0.95, 0.6, 0.55])


def exponential(at: Floats, rate: float) -> Floats:
    return rate * at


def linear(at: Floats, rate: float) -> Floats:
    return np.log(np.maximum(1 + rate * at, 0.1))


def saturating(at: Floats, rate: float) -> Floats:
    return 0.8 * (1 - np.exp(-rate * at / 0.8))


def accelerating(at: Floats, rate: float) -> Floats:
    return rate * at * (1 + np.abs(at) / 90)


def grown(trend: Trend, seed: int, weekly: float) -> tuple[Floats, Floats, float]:
    """Return levels of the past and of the future, and a limit that the expected level reaches."""
    rng = np.random.default_rng(seed)
    at = np.arange(PAST + 2 * AHEAD, dtype=np.float64) - PAST
    clean = trend(at, rng.uniform(0.015, 0.05)) + weekly * WEEK[np.arange(len(at)) % 7]
    levels = 100 * np.exp(clean + rng.normal(0, 0.03, len(at)))
    limit = 100 * np.exp(clean[PAST : PAST + 7].max() + rng.uniform(0.1, 0.5))
    return levels[:PAST], levels[PAST:], float(limit)


@pytest.mark.variants
@pytest.mark.parametrize("weekly", [0.0, 1.0])
@pytest.mark.parametrize("trend", [exponential, linear, saturating, accelerating])
def test_the_range_holds_the_day_on_which_the_limit_is_reached_about_four_times_in_five(
    trend: Trend, weekly: float
) -> None:
    held, tries = 0, 20
    for seed in range(tries):
        past, future, limit = grown(trend, seed, weekly)
        days = reach(past, past[-7:], limit)
        over = np.flatnonzero(future >= limit)
        truth = float(over[0] + 1) if over.size else np.inf
        held += (days.early or np.inf) <= truth <= (days.late or np.inf)
    assert held >= 0.65 * tries


def test_a_range_of_steady_growth_is_days_wide_and_not_weeks() -> None:
    past = 100 * np.exp(0.03 * np.arange(PAST) + np.random.default_rng(2).normal(0, 0.02, PAST))
    days = reach(past, past[-7:], past[-1] * np.exp(0.03 * 12))
    assert days.early is not None
    assert days.late is not None
    assert 9 <= days.early <= 12 <= days.late <= 16


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 999),
    unit=st.sampled_from([1e-6, 0.01, 8.0, 1e9]),
    far=st.floats(0.02, 2.0),
    missing=st.sets(st.integers(1, PAST - 2), max_size=5),
)
def test_the_range_is_ordered_within_the_days_ahead_and_does_not_depend_on_the_unit(
    seed: int, unit: float, far: float, missing: set[int]
) -> None:
    rng = np.random.default_rng(seed)
    past = np.exp(np.cumsum(rng.normal(0.02, 0.05, PAST)))
    past[list(missing)] = np.nan
    limit = float(np.nanmax(past) * np.exp(far))
    days = reach(past, past[-7:], limit)
    known = [day for day in days if day is not None]
    assert known == sorted(known)
    assert days[len(known) :] == (None,) * (
        3 - len(known)
    )  # what comes later is not known before what is earlier
    assert all(1 <= number <= AHEAD for number in known)
    assert reach(unit * past, unit * past[-7:], unit * limit) == days
    nearer = reach(past, past[-7:], float(np.nanmax(past) * np.exp(0.5 * far)))
    assert (nearer.middle or np.inf) <= (days.middle or np.inf)


def test_nothing_is_forecast_of_what_has_no_peaks_or_no_largest_number() -> None:
    past = 100 * np.exp(0.03 * np.arange(PAST))
    assert reach(past, np.full(7, np.nan), 1e4) == NEVER
    past[-3] = np.inf
    assert reach(past, past[-7:], 1e4) == NEVER


def after(watch: GrowthWatch, levels: Floats, limit: Floats) -> list[Growing]:
    """Feed whole days (days, n); return what is reported when the day after the last begins."""
    everything = np.ones(levels.shape[1], bool)
    return [
        watch.learn(np.array([24 * day]), level[None], everything, limit)
        for day, level in enumerate([*levels, levels[-1]])
    ][-1]


def growing(rows: int) -> tuple[GrowthWatch, Floats]:
    watch = GrowthWatch(0.01, DAY)
    watch.add(rows)
    return watch, 100 * (1.03 ** np.arange(12.0))[:, None] * np.ones(rows)


def test_a_step_makes_a_bounded_number_of_forecasts_and_the_next_one_makes_the_rest() -> None:
    rows = 2 * FORECASTS + 1
    watch, levels = growing(rows)
    limit = np.full(rows, 200.0)
    limit[0] = np.nan  # nothing to forecast, so it does not wait
    some = after(watch, levels, limit)
    assert [growing.row for growing in some] == list(range(FORECASTS + 1))
    other = GrowthWatch(0.01, DAY).add(rows)
    other.restore(watch.snapshot())  # a restart in between changes nothing
    for watched in (watch, other):
        hours = np.array([24 * len(levels)])
        rest = [watched.learn(hours, levels[-1:], np.ones(rows, bool), limit) for _ in range(3)]
        assert [[growing.row for growing in found] for found in rest] == [
            [*range(FORECASTS + 1, 2 * FORECASTS + 1)],
            [],
            [],
        ]
    assert len({growing.growth for growing in some[1:]}) == 1


def test_a_limit_that_peaks_reach_already_is_reached_in_no_days() -> None:
    watch, levels = growing(1)
    [found] = after(watch, levels, np.array([float(levels[-1, 0])]))
    growth = found.growth
    assert (growth.days_to_limit, growth.days_to_limit_lower, growth.days_to_limit_upper) == (0, 0, 0)


def test_growth_that_is_no_longer_certain_names_no_day() -> None:
    watch, levels = growing(1)
    levels = np.concatenate((levels, np.full((20, 1), levels[-1, 0])))
    found = [
        growing.growth
        for day, level in enumerate(levels)
        for growing in watch.learn(np.array([24 * day]), level[None], np.ones(1, bool), np.array([200.0]))
    ]
    unsure = [growth for growth in found if growth.per_day_lower <= 0]
    assert found[0].days_to_limit is not None
    assert unsure
    assert all(growth.days_to_limit is None for growth in unsure)

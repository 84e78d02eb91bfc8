"""Growth is a steady slope, neither a jump nor a weekday."""

from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from config.settings import CalendarSettings as Settings
from detectors.judge.calendar import Calendar
from detectors.judge.growth import Growing, GrowthWatch, slope, without_weekdays
from detectors.state.past_values import DAY

BEGIN = 1_759_708_800  # a Monday, 00:00 UTC
HOUR = 3600
HALF = 1800


def days(
    levels: list[float] | np.ndarray, limit: float = np.nan, per_day: float = 0.01
) -> list[list[Growing]]:
    """Return the reports of each day after these daily levels (flat within a day), one series."""
    watch = GrowthWatch(per_day, HOUR)
    watch.add(1)
    reported = []
    for day, level in enumerate([*levels, 0.0]):
        for hour in range(24):
            at = np.array([(BEGIN + day * DAY) // HOUR + hour])
            results = watch.learn(at, np.array([[float(level)]]), np.ones(1, bool), np.array([limit]))
            if hour == 0 and day:
                reported.append(results)
    return reported


def noisy(seed: int, count: int, noise: float = 0.02) -> np.ndarray:
    weekdays = np.array([1, 1, 1.05, 1, 0.95, 0.6, 0.55])
    at = np.arange(count)
    return 100 * weekdays[at % 7] * np.exp(np.random.default_rng(seed).normal(0, noise, count))


@pytest.mark.parametrize("per_day", [0.02, 0.05])
def test_a_steady_rise_is_reported_with_an_interval_around_the_true_rate(per_day: float) -> None:
    for seed in range(5):
        reported = days(noisy(seed, 35) * (1 + per_day) ** np.arange(35))
        first = next(results[0] for results in reported if results)
        assert first.state == "open"
        last = reported[-1][0].growth
        assert last.per_day_lower <= per_day <= last.per_day_upper
        assert last.per_day == pytest.approx(per_day, abs=0.006)


def closed_on(weekdays: tuple[int, ...], seed: int, count: int) -> np.ndarray:
    """Return levels of which nearly nothing is left on some weekdays, some requests more or less."""
    rng, at = np.random.default_rng(seed), np.arange(count)
    return np.where(np.isin(at % 7, weekdays), rng.uniform(0.1, 3, count), noisy(seed, count))


@pytest.mark.parametrize(("weekdays", "within"), [((6,), 15), ((5, 6), 17)], ids=["Sundays", "weekends"])
def test_growth_with_closed_days_is_reported_once_in_about_a_fortnight(
    weekdays: tuple[int, ...], within: int
) -> None:
    for seed in range(5):
        reported = days(closed_on(weekdays, seed, 35) * 1.025 ** np.arange(35))
        opened = [day for day, results in enumerate(reported, 1) for item in results if item.state == "open"]
        assert len(opened) == 1
        assert opened[0] <= within
        assert not any(item.state == "end" for results in reported for item in results)


@pytest.mark.parametrize("weekdays", [(6,), (5, 6)], ids=["Sundays", "weekends"])
def test_closed_days_alone_are_not_growth(weekdays: tuple[int, ...]) -> None:
    assert not any(results for seed in range(12) for results in days(closed_on(weekdays, seed, 35)))


def test_a_weekly_shape_alone_is_not_growth() -> None:
    assert not any(results for seed in range(12) for results in days(noisy(seed, 35)))


@pytest.mark.parametrize("first", range(7))
@pytest.mark.parametrize("noise", [0.0, 0.02])
def test_a_week_that_rises_to_its_last_day_is_not_growth_in_a_young_backend(first: int, noise: float) -> None:
    week = np.roll(np.linspace(0.7, 1.4, 7), -first)
    rising = np.tile(week, 4) * np.exp(np.random.default_rng(first).normal(0, noise, 28))
    assert not any(days(100 * rising))


def test_growth_is_of_no_day_before_the_first_that_is_known() -> None:
    reported = days(100 * 1.05 ** np.arange(12))
    [opened] = [item for results in reported for item in results if item.state == "open"]
    assert opened.since >= BEGIN
    assert all(item.growth.days <= day for day, results in enumerate(reported, 1) for item in results)


def test_growth_is_reported_in_a_young_backend_when_weeks_agree_with_days() -> None:
    reported = days(100 * 1.06 ** np.arange(12))
    assert [bool(results) for results in reported[:10]] == [False] * 8 + [True] * 2
    assert reported[8][0].growth.per_day == pytest.approx(0.06)
    week = np.tile(np.linspace(0.7, 1.4, 7), 2)  # 12 % per day by its days
    assert not any(days(100 * week * 1.02 ** np.arange(14))[:13])


def test_a_single_jump_that_stays_is_not_growth() -> None:
    for size in (1.2, 1.5, 3.0):
        for seed in range(8):
            levels = noisy(seed, 35)
            levels[24:] *= size
            assert not any(days(levels))


def test_one_outlier_neither_makes_growth_nor_hides_it() -> None:
    levels = noisy(3, 28)
    levels[-1] *= 4
    assert not any(days(levels))
    rising = noisy(3, 28) * 1.03 ** np.arange(28)
    rising[24] *= 4
    assert days(rising)[-1][0].growth.per_day == pytest.approx(0.03, abs=0.008)


def test_days_to_the_limit_follow_from_the_rate_and_have_an_interval() -> None:
    levels = 100 * 1.03 ** np.arange(21)
    growth = days(levels, limit=levels[-1] * 1.03**9.9)[-1][0].growth
    assert growth.days_to_limit == 10
    assert growth.days_to_limit_lower is not None
    assert growth.days_to_limit_upper is not None
    assert growth.days_to_limit_lower <= 10 <= growth.days_to_limit_upper


def test_without_a_limit_no_day_is_named() -> None:
    growth = days(100 * 1.03 ** np.arange(21))[-1][0].growth
    assert (growth.days_to_limit, growth.days_to_limit_lower, growth.days_to_limit_upper) == (
        None,
        None,
        None,
    )


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/Los_Angeles", "Australia/Lord_Howe"])
@pytest.mark.parametrize("first", ["2026-02-23", "2026-09-28"])  # the clocks change in the fifth week
def test_days_are_local_days(zone: str, first: str) -> None:
    calendar = Calendar(Settings(timezone=zone), weeks=1)
    begin = int(datetime.fromisoformat(first).replace(tzinfo=ZoneInfo(zone)).timestamp())
    watch = GrowthWatch(0.01, HALF, calendar.start_of)
    watch.add(1)
    reported: list[tuple[int, Growing]] = []
    for at in range(begin, begin + 42 * DAY, HALF):
        local = datetime.fromtimestamp(at, ZoneInfo(zone))
        days = (local.date() - date.fromisoformat(first)).days
        level = np.array([[100 * 1.03**days]])  # a new level with every local day
        results = watch.learn(np.array([calendar.hour(at)]), level, np.ones(1, bool), np.full(1, np.nan))
        reported += [(at, growing) for growing in results]
    midnights = [datetime.fromtimestamp(at, ZoneInfo(zone)) for at, _ in reported]
    midnights.append(datetime.fromtimestamp(reported[0][1].since, ZoneInfo(zone)))
    assert {midnight.strftime("%H:%M") for midnight in midnights} == {"00:00"}
    assert len({midnight.date() for midnight in midnights[:-1]}) == len(reported) >= 42 - 9
    assert {round(growing.growth.per_day, 9) for _, growing in reported} == {0.03}  # no day mixes two levels


def test_growth_that_stopped_ends_once() -> None:
    levels = np.concatenate([100 * 1.04 ** np.arange(20), np.full(40, 100 * 1.04**19)])
    states = [results[0].state for results in days(levels) if results]
    assert states[0] == "open"
    assert states.count("open") == states.count("end") == 1
    assert states[-1] == "end"


def test_a_day_that_was_hardly_measured_does_not_count() -> None:
    watch = GrowthWatch(0.01, HOUR)
    watch.add(1)
    for day in range(30):
        for hour in range(5):  # five hours a day
            at = np.array([(BEGIN + day * DAY) // HOUR + hour])
            level = np.array([[100 * 1.05**day]])
            assert watch.learn(at, level, np.ones(1, bool), np.full(1, np.nan)) == []


def test_weekdays_are_adjusted_for_only_when_two_weeks_are_known() -> None:
    logs = np.log(noisy(1, 28, noise=0))[:, None]
    assert np.ptp(without_weekdays(logs)) < 1e-9
    np.testing.assert_array_equal(without_weekdays(logs[:10]), logs[:10])


def test_a_slope_needs_the_last_day_and_most_of_the_others() -> None:
    rising = np.arange(10.0)[:, None] * 0.05
    assert slope(rising).middle[0] == pytest.approx(0.05)
    gone = rising.copy()
    gone[-1] = np.nan
    assert np.isnan(slope(gone).middle[0])


def fitted(levels: np.ndarray) -> Any:
    import statsmodels.api as sm

    return sm.OLS(levels, sm.add_constant(np.arange(len(levels)))).fit()


def test_the_slope_is_that_of_a_least_squares_fit_without_outliers() -> None:
    days, rows = 21, 50
    noise = np.random.default_rng(4).normal(0, 0.03, (days, rows))
    levels = 0.02 * np.arange(days)[:, None] + noise
    found = slope(levels)
    for row in range(rows):
        fit = fitted(levels[:, row])
        assert found.middle[row] == pytest.approx(fit.params[1], abs=3 * fit.bse[1])
        assert found.lower[row] < fit.params[1] < found.upper[row]


def test_one_outlier_moves_the_slope_less_than_a_least_squares_fit() -> None:
    days = 21
    levels = 0.02 * np.arange(days, dtype=np.float64)[:, None]
    levels[3] += 2.0
    fit = fitted(levels[:, 0])
    assert abs(slope(levels).middle[0] - 0.02) < 0.1 * abs(fit.params[1] - 0.02)


def test_levels_beyond_the_largest_number_are_not_growth_and_cause_no_warning() -> None:
    watch = GrowthWatch(0.01, DAY)
    watch.add(1)
    for day in range(30):
        value = np.array([[np.inf if day >= 5 else 1.0]])
        assert watch.learn(np.array([day * 24]), value, np.array([True]), np.array([np.nan])) == []

"""Jobs that come every week or every night, a minute earlier or later: reported while they are new."""

import numpy as np
import pytest

from detectors.judge.kernel.arrays import CODES
from detectors.model.finding import Verdict
from tests.detectors.judge.judged_counts import BEGIN, DAY, MINUTE, WEEK, a_judge, openings

WEEKS, ROWS = 6, 4
FIRST = WEEK + 2 * DAY + 180  # a Wednesday, 03:00
ENDS = 30  # minutes after a job in which its end may be reported


def with_jobs(
    level: float, times: float, minutes: int, every: int, first: int, *, without: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return (steps, ROWS) counts of a daily shape with jobs, and when these are to begin."""
    rng, at = np.random.default_rng(1), np.arange(WEEKS * WEEK)
    mean = np.repeat(level * (1 + 0.4 * np.sin(2 * np.pi * at / DAY - 2))[:, None], ROWS, axis=1)
    planned = np.arange(first, len(at), every)
    for row in range(ROWS):
        for number, begin in enumerate(planned + rng.integers(-1, 2, len(planned))):
            if number != without:
                mean[begin : begin + minutes, row] *= times
    return rng.poisson(mean).astype(float), planned


def reported(values: np.ndarray, planned: np.ndarray, minutes: int) -> tuple[np.ndarray, int]:
    """Return how often each job was reported, by series, and what was reported beside."""
    found = np.zeros((len(planned), ROWS), int)
    beside = 0
    for step, row, _ in openings(a_judge(ROWS), values):
        job = int(np.abs(planned - step).argmin())
        if -5 <= step - planned[job] <= minutes + ENDS:
            found[job, row] += 1
        else:
            beside += 1
    return found, beside


@pytest.mark.variants
@pytest.mark.parametrize(("level", "times", "minutes"), [(5, 10, 10), (60, 5, 60), (1000, 2, 30)])
def test_a_new_weekly_job_is_reported_twice(level: float, times: float, minutes: int) -> None:
    values, planned = with_jobs(level, times, minutes, WEEK, FIRST)
    found, beside = reported(values, planned, minutes)
    assert (found[:2] == 1).all()
    assert not found[2:].any()
    assert beside <= 1


@pytest.mark.variants
@pytest.mark.parametrize(("level", "times", "minutes"), [(5, 10, 10), (60, 5, 60), (1000, 2, 30)])
def test_a_new_nightly_job_is_reported_three_times_at_most(level: float, times: float, minutes: int) -> None:
    values, planned = with_jobs(level, times, minutes, DAY, FIRST)
    found, beside = reported(values, planned, minutes)
    assert (found[:2] == 1).all()
    assert not found[3:].any()
    assert beside <= 1


@pytest.mark.variants
@pytest.mark.parametrize("every", [DAY, WEEK], ids=["night", "week"])
@pytest.mark.parametrize("minutes", [10, 60])
def test_a_job_that_always_came_is_never_reported(minutes: int, every: int) -> None:
    values, planned = with_jobs(60, 5, minutes, every, FIRST % every)
    found, beside = reported(values, planned, minutes)
    assert found.sum() <= 1
    assert beside <= 1  # in twenty weeks of a series


def test_a_weekly_job_that_once_does_not_come_after_it_was_reported_twice_is_no_drop() -> None:
    values, planned = with_jobs(60, 5, 30, WEEK, FIRST, without=2)
    found, _ = reported(values, planned, 30)
    assert not found[2:].any()


@pytest.mark.variants
@pytest.mark.parametrize(
    ("level", "times", "minutes"), [(3, 20, 30), (0.1, 300, 20), (10, 10, 30), (60, 5, 60)]
)
def test_a_nightly_job_that_once_does_not_come_is_a_drop_and_no_rise_follows_it(
    level: float, times: float, minutes: int
) -> None:
    values, planned = with_jobs(level, times, minutes, DAY, DAY // 8, without=24)
    opened = [
        (step - planned[24], row, CODES[code])
        for step, row, code in openings(a_judge(ROWS), values)
        if 0 <= step - planned[24] < DAY
    ]
    assert sorted(row for _, row, _ in opened) == [*range(ROWS)]
    assert {verdict for _, _, verdict in opened} == {Verdict.DROP}
    assert max(step for step, _, _ in opened) < 10


def test_a_burst_of_a_thin_series_is_no_job_and_its_quiet_minutes_are_learnt() -> None:
    steps = 5 * WEEK
    mean = np.repeat(0.05 * (1 + 0.8 * np.sin(2 * np.pi * np.arange(steps) / DAY - 2))[:, None], ROWS, axis=1)
    values, judge = np.random.default_rng(1).poisson(mean).astype(float), a_judge(ROWS)
    expected = np.concatenate(
        [
            judge.judge_steps(BEGIN + 60 * first, values[first : first + DAY])[0].expected.copy()
            for first in range(0, steps, DAY)
        ]
    )
    late = slice(3 * WEEK, None)
    assert expected[late].mean() < 0.25 * mean[late].mean()  # a median of mostly zeros; .45 of quiet left out


def test_more_than_the_job_at_its_time_is_reported_all_the_same() -> None:
    values, planned = with_jobs(60, 5, 30, WEEK, FIRST)
    values[planned[-1] : planned[-1] + 30] *= 3
    found, _ = reported(values, planned, 30)
    assert (found[-1] >= 1).all()


@pytest.mark.parametrize("more", [1, 2])
def test_of_a_series_that_is_but_a_job_twice_as_much_is_reported_and_what_nights_differ_by_is_not(
    more: int,
) -> None:
    rng = np.random.default_rng(2)
    planned = np.arange(DAY // 6, WEEKS * WEEK, DAY)
    mean = np.full((WEEKS * WEEK, ROWS), 0.03)
    for begin in planned:
        mean[begin : begin + 10] = 30 * np.exp(rng.normal(0, 0.15, ROWS))
    mean[planned[-1] : planned[-1] + 10] *= more
    found, beside = reported(rng.poisson(mean).astype(float), planned, 10)
    assert not found[:-1].any()
    assert (found[-1] > 0).all() == (more > 1)
    assert beside == 0


def certain(values: np.ndarray, *, least: float = 0.0) -> np.ndarray:
    """Return (steps, ROWS) where requests that do not come would be missed, if ``least`` are expected."""
    judge, found = a_judge(ROWS), []
    for first in range(0, len(values), 720):
        out, _ = judge.judge_steps(BEGIN + 60 * first, values[first : first + 720])
        index = BEGIN // 60 + first + np.arange(len(out.basis))[:, None]
        found.append(judge.by_days(out.basis, index) & (out.expected >= least))
    return np.concatenate(found)


def test_a_night_expects_what_yesterday_had_though_the_last_evening_was_busier() -> None:
    values = np.full((8, DAY, ROWS), np.nan)  # at night, nothing is known
    values[:5, 7 * 60 : 20 * 60] = 10.0
    values[5:7] = values[7, : 2 * 60] = 0.0  # a weekend, and the night behind it
    values[7, 7 * 60 : 20 * 60] = 10.0
    night = np.zeros((2 * 60, ROWS))
    night[:80] = np.nan
    judge, whole = a_judge(ROWS), np.concatenate((values.reshape(-1, ROWS), night))
    for first in range(0, len(whole), 720):
        out, _ = judge.judge_steps(BEGIN + MINUTE * first, whole[first : first + 720])
    assert not np.nan_to_num(out.expected[-40:]).any()
    assert not out.opened.any()


def test_what_came_in_one_week_only_is_not_missed_in_the_next_ones() -> None:
    values, at = np.zeros((3 * WEEK + DAY, ROWS)), 2 * DAY + 180
    values[at : at + 120] = np.random.default_rng(1).poisson(3.5, (120, ROWS))
    assert not certain(values, least=1)[WEEK:].any()


def test_what_comes_every_night_is_missed_from_the_second_week_on() -> None:
    values, _ = with_jobs(0.02, 175, 120, DAY, 180)
    nights = certain(values[: 3 * WEEK], least=1)[WEEK:].reshape(14, DAY, ROWS)
    assert nights[:, 190:290].mean() > 0.9


@pytest.mark.parametrize("level", [0.7, 3, 60])
def test_steady_traffic_is_missed_from_the_second_week_on(level: float) -> None:
    values = np.random.default_rng(1).poisson(level, (3 * WEEK, ROWS)).astype(float)
    assert certain(values)[WEEK:].mean() > 0.95

"""What a deviation came to, on courses made to measure."""

import numpy as np
import pytest

from detectors.judge.evidence import Course, Extent, extent, failures, lag, onset

STEP = 60


def course(*values: float, expected: float = 10.0, lower: float = 7.0, upper: float = 13.0) -> Course:
    observed = np.array(values, float)
    return Course(observed, *(np.full(len(values), level) for level in (expected, lower, upper)))


def test_it_ends_with_the_last_step_that_deviates_and_not_with_the_calm_ones_after_it() -> None:
    assert extent(course(40, 42, 55, 41, 12, 9, 10, 14), rises=True) == Extent(4, 55.0)


def test_of_a_fall_the_furthest_step_is_the_lowest() -> None:
    assert extent(course(2, 1, 3, 10, 11), rises=False) == Extent(3, 1.0)


def test_a_peak_of_one_minute_does_not_hide_the_level_that_stays() -> None:
    assert extent(course(1000, 40, 41, 42, 39, 40, 10, 10), rises=True) == Extent(6, 1000.0)


def test_where_no_step_is_beyond_the_interval_those_on_its_side_count() -> None:
    assert extent(course(12, 12.5, 12, 9, 9.5), rises=True) == Extent(3, 12.5)


def test_an_absence_ends_with_its_last_gap_and_an_empty_minute_of_what_is_rare_is_none() -> None:
    gone = course(np.nan, np.nan, np.nan, np.nan, np.nan, 9, 11, 0, 10, 12)
    assert extent(gone, rises=False, absent=5) == Extent(8, 0.0), "none where ten are expected is no return"
    rare = course(*[np.nan] * 5, 1, 0, 1, expected=0.5, lower=0.0, upper=3.0)
    assert extent(rare, rises=False, absent=5).last == 5


def test_few_failures_began_before_they_were_certain() -> None:
    sparse = course(0, 0, 1, 0, 1, 1, 0, 0, 1, 1, 1, expected=0.0, lower=0.0, upper=0.5)
    assert onset(sparse, 9, rises=True) == 2


def test_a_stray_failure_some_minutes_before_is_not_their_beginning() -> None:
    many = course(0, 0, 1, 0, 0, 0, 0, 4, 5, 6, expected=0.0, lower=0.0, upper=0.5)
    assert onset(many, 8, rises=True) == 7


def test_a_level_that_was_normal_before_began_where_its_verdict_says() -> None:
    assert onset(course(9, 10, 11, 12, 40, 41), 4, rises=True) == 4
    assert onset(course(10, 11, 9, 10, 2, 1), 4, rises=False) == 4


def test_failures_are_counted_over_the_newest_minutes_while_they_last() -> None:
    bad, of = course(*[6.0 / STEP] * 20, expected=0.0), course(*[60.0 / STEP] * 20, expected=1.0)
    now = failures(bad, of, STEP, ended=False)
    whole = failures(bad, of, STEP, ended=True)
    assert now is not None
    assert whole is not None
    assert (now.failed, now.requests, now.seconds) == pytest.approx((60, 600, 600))
    assert (whole.failed, whole.requests, whole.seconds) == pytest.approx((120, 1200, 1200))


def test_among_few_requests_all_failures_of_the_deviation_are_counted() -> None:
    bad, of = course(*[1 / STEP] * 15, expected=0.0), course(*[2 / STEP] * 15, expected=2 / STEP)
    told = failures(bad, of, STEP, ended=False)
    assert told is not None
    assert (told.failed, told.requests, told.seconds) == pytest.approx((15, 30, 15 * STEP))


def test_without_a_request_there_is_no_part_of_them() -> None:
    nothing = course(0.0, 0.0, expected=0.0)
    assert failures(nothing, nothing, STEP, ended=False) is None


def test_the_usual_part_is_that_of_the_same_time() -> None:
    bad, of = course(3.0, 3.0, expected=0.1), course(10.0, 10.0, expected=5.0)
    told = failures(bad, of, STEP, ended=False)
    assert told is not None
    assert told.usual == pytest.approx(0.02)
    assert told.share == pytest.approx(0.3)


def test_a_quantile_of_many_calls_shows_the_end_at_once_and_one_of_few_later() -> None:
    busy, calm = course(*[300 / STEP] * 20), course(*[20 / STEP] * 20)
    assert lag(busy, 15, STEP, 190) == 0
    assert lag(calm, 15, STEP, 190) == 9

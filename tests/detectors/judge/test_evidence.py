"""Evidence on courses made to measure: extent, added-up means, and corrections by late records."""

import numpy as np
import pytest

from detectors.judge.evidence import Course, Extent, added_up, corrected, extent, failures, lag, onset, unmet
from detectors.model.finding import AddedUp, Finding, Verdict
from detectors.model.measures import Measure
from detectors.model.scope import Scope

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


def test_failures_end_with_the_last_that_are_many_also_within_the_interval() -> None:
    failing = course(21, 8, 9, 5, 7, 8, 7, 1, 0, 1)._replace(expected=np.zeros(10), upper=np.full(10, 20.0))
    assert extent(failing, rises=True) == Extent(1, 21.0)
    assert extent(failing, rises=True, fails=True) == Extent(7, 21.0)


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


def test_all_failures_of_a_deviation_are_counted_however_long_it_lasts() -> None:
    bad, of = course(*[0.1] * 20, expected=0.0), course(*[1.0] * 20, expected=1.0)
    found = failures(bad, of, STEP)
    assert found is not None
    assert (found.failed, found.requests, found.seconds) == pytest.approx((120, 1200, 1200))


def test_without_a_request_there_is_no_part_of_them() -> None:
    nothing = course(0.0, 0.0, expected=0.0)
    assert failures(nothing, nothing, STEP) is None


def test_the_usual_part_is_that_of_the_same_time() -> None:
    bad, of = course(3.0, 3.0, expected=0.1), course(10.0, 10.0, expected=5.0)
    found = failures(bad, of, STEP)
    assert found is not None
    assert found.usual == pytest.approx(0.02)
    assert found.share == pytest.approx(0.3)


def test_a_job_that_did_not_come_is_missing_when_its_time_is_over_and_one_that_came_late_is_not() -> None:
    observed = np.array([0.0, 0, 0, 0, 0, 0])
    expected = np.array([50.0, 50, 50, 50, 0, 0])
    nothing = Course(observed, expected, expected / 2, expected * 2)
    assert unmet(nothing, 4)
    assert not unmet(
        nothing._replace(observed=np.array([0, 0, 0, 0, 48.0, 52]), expected=np.full(6, 50.0)), 4
    )
    assert not unmet(nothing, 6), "nothing is known of what follows"


def test_a_level_that_follows_the_failures_is_not_what_is_usual() -> None:
    failed, requests = course(6, 6, expected=4.0), course(10, 10, expected=10.0)
    found = failures(failed, requests, 60, of_weeks=1.0, among_weeks=1000.0)
    assert found is not None
    assert found.usual == pytest.approx(0.001)
    assert failures(failed, requests, 60, of_weeks=90.0, among_weeks=100.0) == failures(failed, requests, 60)


def test_without_a_week_what_was_usual_is_what_was_expected_when_it_began() -> None:
    failed = Course(np.full(3, 6.0), np.array([0.1, 2.0, 4.0]), np.zeros(3), np.full(3, 9.0))
    found = failures(failed, course(10, 10, 10, expected=10.0), 60)
    assert found is not None
    assert found.usual == pytest.approx(0.01)


def test_a_quantile_of_many_calls_shows_the_end_at_once_and_one_of_few_later() -> None:
    busy, calm = course(*[300 / STEP] * 20), course(*[20 / STEP] * 20)
    assert lag(busy, 15, STEP, 190) == 0
    assert lag(calm, 15, STEP, 190) == 9


def summed_course(*values: float, expected: float | list[float] = 10.0) -> Course:
    observed = np.array(values, float)
    usual = np.broadcast_to(np.array(expected, float), observed.shape)
    return Course(observed, usual, usual - 6, usual + 6)


def mean_of(of: Course, reported: int, *, rises: bool, steps: int | None = None) -> AddedUp | None:
    steps = len(of.observed) if steps is None else steps
    return added_up(of, reported, range(600, 600 + steps * STEP, STEP), rises=rises)


def test_a_deviation_is_stated_by_the_mean_of_its_minutes() -> None:
    assert mean_of(summed_course(15, 19, 10, 14, 17), 4, rises=True) == AddedUp(
        observed=15.0, expected=10.0, seconds=300, until=900
    )


def test_a_minute_in_which_nothing_was_measured_counts_for_neither() -> None:
    assert mean_of(summed_course(5, 7, np.nan, 3, 5), 4, rises=False) == AddedUp(
        observed=5.0, expected=10.0, seconds=300, until=900
    )


def test_the_calm_minutes_in_which_an_end_is_awaited_are_none_of_it() -> None:
    assert mean_of(summed_course(80, 90, *[10] * 20), 1, rises=True, steps=2) == AddedUp(
        observed=85.0, expected=10.0, seconds=120, until=720
    )


def test_what_came_to_nothing_has_no_mean() -> None:
    assert mean_of(summed_course(9, 12, 8, 10), 2, rises=True) is None
    assert mean_of(summed_course(np.nan, np.nan), 1, rises=False) is None


@pytest.mark.parametrize("side", [1, -1], ids=["a rise", "a fall"])
def test_what_the_level_followed_before_it_was_reported_is_not_what_was_expected(side: int) -> None:
    followed = [10 + side * number for number in (0.0, 1.0, 2.0, 3.0)]
    values = [10 + 5 * side] * 7
    found = mean_of(summed_course(*values, expected=[*followed, 10.0, 10.0, 10.0]), 4, rises=side > 0)
    assert found is not None
    assert found.expected == pytest.approx(10.0, abs=0.15)
    assert found.observed == values[0]


def test_a_shape_that_rises_and_falls_by_itself_is_expected_as_it_was() -> None:
    usual = [10.0, 11.0, 12.0, 13.0, 12.5]
    found = mean_of(summed_course(*(number + 5 for number in usual), expected=usual), -1, rises=True)
    assert found is not None
    assert found.expected == pytest.approx(np.mean(usual))


def reported(verdict: Verdict = Verdict.DROP, observed: float = 2.0) -> Finding:
    return Finding(
        id="a",
        revision=1,
        state="update",
        verdict=verdict,
        scope=Scope("route", "aws", "1", "eu", "GET /items"),
        measure=Measure.REQUESTS,
        start=0,
        seen=300,
        observed=observed,
        expected=10.0,
        lower=8.0,
        upper=12.0,
        score=0.9,
        sentence="It fell.",
    )


def late_course(*observed: float) -> Course:
    of = np.array(observed)
    return Course(of, np.full(len(of), 10.0), np.full(len(of), 8.0), np.full(len(of), 12.0))


def test_a_fall_that_late_records_fill_up_is_withdrawn_and_says_why() -> None:
    found = corrected(reported(), late_course(9.8, 10.1, 9.5, 9.9), 2)
    assert found is not None
    assert found.state == "withdrawn"
    assert "records of route GET /items arrived late" in found.sentence
    assert "reached 10/s" in found.sentence


def test_what_is_left_of_a_fall_must_persist_as_a_new_one() -> None:
    one, two = (
        corrected(reported(), late_course(9.8, 3.0, 9.5), 2),
        corrected(reported(), late_course(9.8, 3.0, 4.0), 2),
    )
    assert one is not None
    assert one.state == "withdrawn"
    assert two is not None
    assert (two.state, two.observed) == ("update", 3.0)


def test_a_fall_of_which_less_than_a_third_is_left_is_withdrawn() -> None:
    found = corrected(reported(), late_course(7.5, 7.6, 7.7), 2)
    assert found is not None
    assert found.state == "withdrawn"


def test_a_finding_whose_worst_did_not_move_stands() -> None:
    assert corrected(reported(), late_course(2.0, 2.0, 9.0), 2) is None


@pytest.mark.parametrize("persist", [1, 2])
def test_a_rise_is_never_withdrawn_but_its_figures_change(persist: int) -> None:
    found = corrected(reported(Verdict.SPIKE, 40.0), late_course(11.0, 45.0, 50.0), persist)
    assert found is not None
    assert (found.state, found.observed, found.sentence) == ("update", 50.0, "It fell.")


def test_an_absence_stands_while_steps_without_a_request_are_left() -> None:
    absent = reported(Verdict.ABSENCE, 0.0)
    assert corrected(absent, late_course(np.nan, np.nan, 0.0), 2) is None
    found = corrected(absent, late_course(9.0, 0.1, 11.0), 2)
    assert found is not None
    assert found.state == "withdrawn"

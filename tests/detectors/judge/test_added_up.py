"""What minutes added up to, on courses made to measure."""

import numpy as np
import pytest

from detectors.judge.evidence import Course, added_up
from detectors.model.finding import AddedUp

STEP = 60


def course(*values: float, expected: float | list[float] = 10.0) -> Course:
    observed = np.array(values, float)
    usual = np.broadcast_to(np.array(expected, float), observed.shape)
    return Course(observed, usual, usual - 6, usual + 6)


def test_half_as_many_again_that_no_minute_shows_is_told_by_the_mean_of_all_minutes() -> None:
    assert added_up(course(15, 19, 10, 14, 17), 4, STEP, rises=True) == AddedUp(
        observed=15.0, expected=10.0, seconds=300
    )


def test_so_is_half_of_it_and_a_minute_in_which_nothing_was_measured_counts_for_neither() -> None:
    assert added_up(course(5, 7, np.nan, 3, 5), 4, STEP, rises=False) == AddedUp(
        observed=5.0, expected=10.0, seconds=300
    )


@pytest.mark.parametrize("calm", [0, 20], ids=["while it lasts", "once it is calm again"])
def test_what_minutes_show_themselves_is_told_by_a_minute(calm: int) -> None:
    assert added_up(course(80, 90, 10, *[10] * calm), 1, STEP, rises=True) is None


def test_one_minute_or_what_came_to_nothing_adds_nothing_up() -> None:
    assert added_up(course(15), 0, STEP, rises=True) is None
    assert added_up(course(9, 12, 8, 10), 2, STEP, rises=True) is None
    assert added_up(course(np.nan, np.nan), 1, STEP, rises=False) is None


@pytest.mark.parametrize("side", [1, -1], ids=["a rise", "a fall"])
def test_what_the_level_followed_before_it_was_reported_is_not_what_was_expected(side: int) -> None:
    followed = [10 + side * number for number in (0.0, 1.0, 2.0, 3.0)]
    values = [10 + 5 * side] * 7
    found = added_up(course(*values, expected=[*followed, 10.0, 10.0, 10.0]), 4, STEP, rises=side > 0)
    assert found is not None
    assert found.expected == pytest.approx(10.0, abs=0.15)
    assert found.observed == values[0]


def test_a_shape_that_rises_and_falls_by_itself_is_expected_as_it_was() -> None:
    usual = [10.0, 11.0, 12.0, 13.0, 12.5]
    found = added_up(course(*(number + 5 for number in usual), expected=usual), -1, STEP, rises=True)
    assert found is not None
    assert found.expected == pytest.approx(np.mean(usual))

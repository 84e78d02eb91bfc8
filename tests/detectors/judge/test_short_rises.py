"""Counts that rise for minutes and fall back, or begin."""

import numpy as np
import pytest

from detectors.judge.kernel.arrays import DROP, SPIKE
from tests.detectors.judge.judged_counts import (
    AT,
    DAY,
    MINUTE,
    ROWS,
    a_judge,
    counts,
    delays,
    openings,
    usual,
)

LASTS = 6  # minutes


@pytest.mark.variants
@pytest.mark.parametrize(("level", "least"), [(15, 0.5), (25, 0.9), (60, 1.0)])
def test_twice_as_many_for_six_minutes_are_reported_while_they_last(level: float, least: float) -> None:
    mean = usual(level)
    mean[AT : AT + LASTS] *= 2
    found = openings(a_judge(), counts(mean, seed=1))
    assert [row for row in found if row[0] < AT] == []
    late = [at for at in delays(found, SPIKE) if at <= LASTS + 1]
    assert len(late) >= least * ROWS


def test_what_ended_while_nothing_was_measured_is_not_reported_again() -> None:
    values = counts(usual(0.05)[:, :3], seed=7)
    values[AT:] = 0
    values[AT : AT + 60] = counts(np.full((60, 3), 30.0), seed=8)
    values[AT + 60 : AT + 140] = np.nan  # nobody calls anything, and then something else is called
    found = [(step, row) for step, row, _ in openings(a_judge(3), values) if step >= AT]
    assert found == [(AT, row) for row in range(3)]


def test_the_first_requests_of_a_morning_are_no_drop_of_the_evening_before() -> None:
    values = np.full((4 * DAY, 3), np.nan)
    for day in range(4):  # nothing of anybody at night, and mornings that begin at another time each day
        begins = day * DAY + 9 * 60 - 20 * day
        values[begins : begins + 40] = counts(np.full((40, 3), 0.3), seed=day)
        values[begins + 40 : day * DAY + 21 * 60] = 40.0
    values[::7] += 1
    assert [at for at, _, code in openings(a_judge(3, young=DAY * MINUTE), values) if code == DROP] == []

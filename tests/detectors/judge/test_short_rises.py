"""Counts that rise for minutes and fall back."""

import numpy as np
import pytest

from detectors.judge.kernel.arrays import SPIKE
from tests.detectors.judge.judged_counts import AT, ROWS, a_judge, counts, delays, openings, usual

LASTS = 6  # minutes


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

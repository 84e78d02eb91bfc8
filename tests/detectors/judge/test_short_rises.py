"""Counts that rise for minutes and fall back, while their weeks are as noisy as they are."""

import pytest

from detectors.judge.codes import SPIKE
from tests.detectors.judge.judged_counts import AT, ROWS, a_judge, counts, delays, openings, usual

LASTS = 6  # minutes


@pytest.mark.parametrize(("level", "least"), [(15, 0.5), (25, 0.9), (60, 1.0)])
def test_twice_as_many_for_six_minutes_are_reported_while_they_last(level: float, least: float) -> None:
    mean = usual(level)
    mean[AT : AT + LASTS] *= 2
    found = openings(a_judge(), counts(mean, seed=1))
    assert [one for one in found if one[0] < AT] == []
    late = [at for at in delays(found, SPIKE) if at <= LASTS + 1]
    assert len(late) >= least * ROWS

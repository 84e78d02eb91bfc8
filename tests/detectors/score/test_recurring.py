"""A deviation that recurs at the same time of every day is usual."""

import numpy as np
import pytest

from detectors.model.array_types import Floats
from detectors.score.score import score

BEGIN = 1_759_708_800  # a Monday, 00:00 UTC
MINUTES_A_DAY = 1440
FIRST = 23 * MINUTES_A_DAY + 600


def reported(minutes: int, *, more: float = 300.0, last: float = 1.0) -> list[int]:
    """Return the onsets, in days, on a curve with a new job; the last time it is ``last`` times as large."""
    day = np.arange(52 * MINUTES_A_DAY) / MINUTES_A_DAY
    shape = (1 + 0.5 * np.sin(2 * np.pi * (day - 0.3))) * np.where(day % 7 >= 5, 0.7, 1.0)
    values: Floats = 100 * shape * (1 + 0.03 * np.random.default_rng(1).normal(size=len(day)))
    starts = list(range(FIRST, len(day), MINUTES_A_DAY))
    for at in starts:
        values[at : at + minutes] += more * (last if at == starts[-1] else 1.0)
    found = score(BEGIN + 60 * np.arange(len(day), dtype=np.int64), values)
    return [int(at) // MINUTES_A_DAY for at in np.flatnonzero(found.alert)]


@pytest.mark.parametrize("minutes", [30, 180])
def test_a_new_nightly_job_is_reported_on_three_days(minutes: int) -> None:
    assert reported(minutes) == [23, 24, 25]


def test_a_job_that_is_much_larger_than_on_other_days_is_reported_again() -> None:
    assert reported(30, last=6.0) == [23, 24, 25, 51]

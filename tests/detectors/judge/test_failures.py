"""Failures are judged as a part of the requests they came with."""

import numpy as np
import pytest

from config.settings import JudgeSettings
from detectors.judge.judge import Judge
from detectors.model.measures import Measure, Series
from detectors.model.scope import Scope

MINUTE, DAY = 60, 86400
BEGIN = 1_759_708_800  # a Monday, 00:00 UTC
TABLE = Scope("table", "aws", "1", "eu-west-1", "items")


def requests_and_failures(days: int, seed: int) -> np.ndarray:
    """Return (steps of a minute, 2): three requests a minute, of which one in five hundred fails."""
    draw = np.random.default_rng(seed)
    requests = draw.poisson(3.0, days * DAY // MINUTE)
    return np.stack((requests, draw.binomial(requests, 0.002)), axis=1).astype(float)


def reported_failures(values: np.ndarray) -> list[int]:
    """Return the minutes in which more failures were reported, with a floor far below one per minute."""
    failures = Series(TABLE, Measure.ERRORS_BACKEND, floor_absolute=0.005, floor_relative=1.0)
    judge = Judge(JudgeSettings(), MINUTE)
    judge.add([Series(TABLE, Measure.REQUESTS), failures])
    reported: list[int] = []
    for day in range(0, len(values), DAY // MINUTE):
        # a judge does not take a whole day at once
        for first in (day, day + 720):
            out, _ = judge.judge_steps(BEGIN + MINUTE * first, values[first : first + 720])
            reported += (first + np.flatnonzero(out.opened[:, 1])).tolist()
    return reported


def test_a_handful_of_failures_where_there_are_none_on_other_days_is_reported_within_half_an_hour() -> None:
    values, begin = requests_and_failures(10, 1), 9 * DAY // MINUTE + 600
    values[begin : begin + 40, 1] = np.random.default_rng(2).binomial(
        values[begin : begin + 40, 0].astype(int), 0.25
    )
    reported = reported_failures(values)
    assert reported, "nothing was reported"
    assert begin < reported[0] < begin + 30
    assert reported[-1] < begin + 60


@pytest.mark.parametrize("seed", range(3))
def test_failures_that_always_occur_are_never_reported_however_few_they_are(seed: int) -> None:
    assert reported_failures(requests_and_failures(10, seed)) == []


def test_more_failures_with_as_many_more_requests_are_not_notable() -> None:
    values, begin = requests_and_failures(10, 3), 9 * DAY // MINUTE + 600
    values[begin : begin + 60] = requests_and_failures(1, 4)[:60] * 8
    assert reported_failures(values) == []

"""Curves with few rows per day and a daily and weekly shape are judged like curves of minutes."""

import numpy as np
import pytest

from detectors.model.array_types import Floats, Ints
from detectors.score.score import score

BEGIN = 1_759_708_800  # a Monday, 00:00 UTC
HOUR, DAY = 3600, 86400
STEPS = {900: 35, HOUR: 70, DAY: 320}  # days of a curve by width of a step


def weekly(step: int, seed: int, *, noise: float = 0.02) -> tuple[Ints, Floats]:
    at = np.arange(STEPS[step] * DAY // step, dtype=np.int64) * step
    shape = (1 + 0.5 * np.sin(2 * np.pi * (at / DAY - 0.3))) * np.where(at // DAY % 7 >= 5, 0.7, 1.0)
    return BEGIN + at, 100 * shape * (1 + noise * np.random.default_rng(seed).normal(size=len(at)))


def onset(times: Ints, seed: int) -> int:
    return len(times) * 6 // 7 + seed % 7


@pytest.mark.parametrize("step", STEPS)
def test_the_shape_of_a_week_alone_is_not_notable(step: int) -> None:
    assert not score(*weekly(step, seed=1)).alert.any()


@pytest.mark.variants
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(("factor", "kind"), [(2.0, "spike"), (0.5, "drop")])
def test_twice_or_half_the_usual_for_some_steps_is_reported_once(step: int, factor: float, kind: str) -> None:
    for seed in range(2, 5):
        times, values = weekly(step, seed)
        at = onset(times, seed)
        values[at : at + 3] *= factor
        found = score(times, values)
        (reported,) = np.flatnonzero(found.alert)
        assert at <= reported <= at + 1
        assert found.kind[reported] == kind


@pytest.mark.variants
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("factor", [2.0, 0.5])
def test_a_level_that_stays_is_reported_once_and_becomes_a_shift(step: int, factor: float) -> None:
    times, values = weekly(step, seed=7)
    at = onset(times, seed=7)
    values[at:] *= factor
    found = score(times, values)
    (reported,) = np.flatnonzero(found.alert)
    assert at <= reported <= at + 1
    assert "shift" in found.kind[reported : reported + 12]


@pytest.mark.variants
@pytest.mark.parametrize("factor", [1.5, 0.65])
def test_a_single_hour_is_long_enough(factor: float) -> None:
    found = 0
    for seed in range(1, 9):
        times, values = weekly(HOUR, seed, noise=0.06)
        at = onset(times, seed)
        values[at] *= factor
        reported = np.flatnonzero(score(times, values).alert).tolist()
        assert set(reported) <= {at}
        found += bool(reported)
    assert found >= 6

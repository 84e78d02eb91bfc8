"""Traits of a plain series: the width of a step, and whether its values are counts."""

import numpy as np
import pytest

from detectors.model.array_types import Floats
from detectors.score.score import LEARNING, counts, interval, score

BEGIN = 1_759_708_800  # a Monday, 00:00 UTC
MINUTES_A_DAY = 1440
AT = 25 * MINUTES_A_DAY + 600


def shape(minutes: int) -> Floats:
    day = np.arange(minutes) / MINUTES_A_DAY
    return (1 + 0.5 * np.sin(2 * np.pi * (day - 0.3))) * np.where(day % 7 >= 5, 0.7, 1.0)


def orders(mean: float, factor: float, seed: int) -> Floats:
    expected = mean * shape(27 * MINUTES_A_DAY)
    expected[AT : AT + 30] *= factor
    return np.random.default_rng(seed).poisson(expected).astype(float)


@pytest.mark.variants
@pytest.mark.parametrize(("mean", "factor"), [(5.0, 5.0), (20.0, 3.0), (100.0, 2.0)])
def test_a_surge_of_small_whole_numbers_is_reported_and_nothing_else(mean: float, factor: float) -> None:
    for seed in range(2):
        values = orders(mean, factor, seed)
        (reported,) = np.flatnonzero(score(BEGIN + 60 * np.arange(len(values)), values).alert)
        assert AT <= reported < AT + 15


def test_counts_are_whole_small_and_have_poisson_noise() -> None:
    drawn = np.random.default_rng(1).poisson(6, 1000).astype(float)
    queue = np.round(20 + 5 * np.sin(np.arange(1000) / 100))
    assert counts(drawn)
    assert not counts(drawn * 20)  # noisier, in clumps of twenty
    assert not counts(drawn * 1000)
    assert not counts(drawn + 0.5)
    assert not counts(drawn - 20)
    assert not counts(queue)
    assert not counts(np.zeros(1000))


@pytest.mark.parametrize("cut", [LEARNING + 1, 23, 45, 1409, 1500])
def test_rows_stay_as_judged_when_more_is_known_later(cut: int) -> None:
    values = np.random.default_rng(2).poisson(6, 1600).astype(float)
    values[700:] += 0.25  # no longer counts
    times = BEGIN + np.concatenate([np.arange(20), 60 * np.arange(1, 1581) + 20])
    whole, part = score(times, values), score(times[:cut], values[:cut])
    for mine, its in zip(part, whole, strict=True):
        assert np.array_equal(np.array(mine), np.array(its)[:cut], equal_nan=mine is not part.kind)


@pytest.mark.parametrize("apart", [1, 10, 86400])
def test_first_rows_of_another_interval_do_not_decide_for_good(apart: int) -> None:
    values = (
        100 * shape(24 * MINUTES_A_DAY) * np.exp(np.random.default_rng(3).normal(0, 0.03, 24 * MINUTES_A_DAY))
    )
    at = len(values) - 1000
    values[at : at + 20] *= 2.5
    times = BEGIN + 60 * np.arange(len(values), dtype=np.int64)
    times[:11] = times[11] - apart * np.arange(11, 0, -1)
    reported = np.flatnonzero(score(times, values).alert)
    assert at <= reported[-1] < at + 3
    assert (reported[:-1] < 15 * MINUTES_A_DAY).all()  # there are no weeks yet to compare with


@pytest.mark.filterwarnings("error")
def test_equal_timestamps_are_not_an_interval() -> None:
    assert interval(np.full(11, BEGIN)) == 60
    assert interval(np.array([0, 0, 0, 300, 600])) == 300
    assert not score(np.full(40, BEGIN), np.arange(40.0)).alert.any()

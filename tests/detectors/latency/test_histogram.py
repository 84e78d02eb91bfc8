"""The latency histogram keeps its relative error, and merging is adding."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.latency.histogram import (
    LARGEST_MS,
    N_BINS,
    RELATIVE_ERROR,
    SMALLEST_MS,
    bins_of,
    quantile,
)
from detectors.model.array_types import Ints

durations = st.lists(st.floats(SMALLEST_MS, LARGEST_MS), min_size=1, max_size=50)
quantiles = st.floats(0, 1)


def histogram(ms: list[float]) -> Ints:
    return np.bincount(bins_of(ms), minlength=N_BINS)


@settings(max_examples=200)
@given(durations, quantiles)
def test_a_quantile_is_within_the_stated_error_of_the_exact_one(ms: list[float], q: float) -> None:
    exact = np.quantile(ms, q, method="lower")
    assert quantile(histogram(ms), q) == pytest.approx(exact, rel=RELATIVE_ERROR + 1e-9)


@settings(max_examples=50)
@given(durations, durations, quantiles)
def test_merging_is_adding(one: list[float], other: list[float], q: float) -> None:
    assert quantile(histogram(one) + histogram(other), q) == quantile(histogram(one + other), q)


@given(st.lists(st.floats(0, 1e308), min_size=2))
def test_a_longer_duration_is_never_in_a_lower_bin(ms: list[float]) -> None:
    bins = bins_of(sorted(ms))
    assert (np.diff(bins) >= 0).all()
    assert bins.min() >= 0
    assert bins.max() < N_BINS


def test_a_missing_measurement_has_no_bin_and_no_quantile() -> None:
    assert bins_of([float("nan")]).tolist() == [-1]
    assert np.isnan(quantile(np.zeros((3, N_BINS)), 0.95)).all()


def test_a_quantile_outside_0_to_1_is_refused() -> None:
    with pytest.raises(ValueError, match=r"within \[0, 1\]"):
        quantile(np.ones(N_BINS), 1.5)

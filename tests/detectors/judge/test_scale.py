"""The scale on which noise is alike everywhere."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.judge.kernel.scale import COUNTS_OF_ROOT, from_scale, median, to_scale

VALUES = st.floats(0, 1e12, allow_subnormal=False)
OFFSETS = st.floats(1e-3, 1e6)
COUNTED = st.booleans()


@given(VALUES, OFFSETS, COUNTED)
def test_a_value_returns_from_its_scale(value: float, offset: float, counted: bool) -> None:
    back = from_scale(to_scale(value, offset, counted), offset, counted)
    assert back == pytest.approx(value, rel=1e-9, abs=1e-9 * offset)


@given(VALUES, OFFSETS)
def test_the_scale_of_signed_values_is_odd(value: float, offset: float) -> None:
    place = to_scale(value, offset, False)
    assert to_scale(-value, offset, False) == -place
    assert from_scale(-place, offset, False) == -from_scale(place, offset, False)


@given(VALUES, VALUES, OFFSETS, COUNTED)
def test_a_larger_value_has_a_higher_position(one: float, other: float, offset: float, counted: bool) -> None:
    low, high = sorted((one, other))
    assert to_scale(low, offset, counted) <= to_scale(high, offset, counted)
    if high > 1.000001 * low + 1e-6 * offset:
        assert to_scale(low, offset, counted) < to_scale(high, offset, counted)


@given(st.floats(-1e300, 1e300), OFFSETS, COUNTED)
def test_the_value_at_any_position_of_the_scale_is_finite(place: float, offset: float, counted: bool) -> None:
    value = from_scale(place, offset, counted)
    assert np.isfinite(value)
    assert value >= 0 or not counted


def test_a_missing_value_stays_missing_on_the_scale() -> None:
    assert np.isnan(from_scale(np.nan, 1.0, True))
    assert np.isnan(from_scale(np.nan, 1.0, False))


@pytest.mark.parametrize("mean", [5.0, 10.0, 30.0, 100.0, 1000.0])
def test_the_noise_of_counts_is_as_the_scale_assumes(mean: float) -> None:
    counts = np.random.default_rng(1).poisson(mean, 20_000)
    places = [to_scale(count, COUNTS_OF_ROOT, True) for count in counts.tolist()]
    assert np.std(places) == pytest.approx((mean + 4 * COUNTS_OF_ROOT) ** -0.5, rel=0.15)


def test_poisson_and_relative_noise_together_are_nearly_alike_at_all_levels() -> None:
    # variance m + m² / (4 · 25): Poisson noise below some hundred, a tenth of the level above
    random = np.random.default_rng(2)
    spreads = []
    for mean in (10.0, 30.0, 100.0, 1000.0, 10_000.0):
        shape = 4 * COUNTS_OF_ROOT
        counts = random.poisson(mean * random.gamma(shape, 1 / shape, 20_000))
        spreads.append(np.std([to_scale(count, COUNTS_OF_ROOT, True) for count in counts.tolist()]))
    assert max(spreads) == pytest.approx(min(spreads), rel=0.15)


@given(st.lists(st.floats(-1e9, 1e9), max_size=30), st.integers(0, 5))
def test_the_median_is_that_of_the_first_values_which_are_sorted(values: list[float], rest: int) -> None:
    there = np.array(values + [-1e12] * rest)
    found = median(there, len(values))
    assert there[: len(values)].tolist() == sorted(values)
    assert there[len(values) :].tolist() == [-1e12] * rest
    assert found == np.median(values) if values else np.isnan(found)

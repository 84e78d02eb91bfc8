"""What the scale of the kernel promises, and that compiled and plain code judge alike."""

from collections.abc import Callable
from types import ModuleType

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from config.settings import JudgeSettings
from detectors.judge import kernel
from detectors.judge.arrays import Output
from detectors.judge.codes import DROP, SPIKE
from detectors.judge.judge import Judge
from detectors.judge.scale import COUNTS_OF_ROOT, from_scale, median, to_scale
from detectors.model.measures import Measure
from detectors.model.scope import Scope
from detectors.model.series import Series

Uncompiled = Callable[[ModuleType], ModuleType]
BEGIN = 1_759_708_800  # a Monday, 00:00 UTC
TABLE = Scope("table", "aws", "1", "eu-west-1", "items")
FUNCTION = Scope("function", "aws", "1", "eu-west-1", "put-item")
VALUES = st.floats(0, 1e12, allow_subnormal=False)
OFFSETS = st.floats(1e-3, 1e6)
COUNTED = st.booleans()


@given(VALUES, OFFSETS, COUNTED)
@settings(deadline=None)  # the first call compiles
def test_a_value_comes_back_from_its_scale(value: float, offset: float, counted: bool) -> None:
    back = from_scale(to_scale(value, offset, counted), offset, counted)
    assert back == pytest.approx(value, rel=1e-9, abs=1e-9 * offset)


@given(VALUES, OFFSETS)
@settings(deadline=None)  # the first call compiles
def test_a_value_that_may_be_negative_lies_as_far_below_zero_as_its_opposite_above(
    value: float, offset: float
) -> None:
    place = to_scale(value, offset, False)
    assert to_scale(-value, offset, False) == -place
    assert from_scale(-place, offset, False) == -from_scale(place, offset, False)


@given(VALUES, VALUES, OFFSETS, COUNTED)
@settings(deadline=None)  # the first call compiles
def test_what_is_larger_lies_higher(one: float, other: float, offset: float, counted: bool) -> None:
    low, high = sorted((one, other))
    assert to_scale(low, offset, counted) <= to_scale(high, offset, counted)
    if high > 1.000001 * low + 1e-6 * offset:
        assert to_scale(low, offset, counted) < to_scale(high, offset, counted)


@given(st.floats(-1e300, 1e300), OFFSETS, COUNTED)
@settings(deadline=None)  # the first call compiles
def test_the_value_at_any_place_of_the_scale_is_a_number(place: float, offset: float, counted: bool) -> None:
    value = from_scale(place, offset, counted)
    assert np.isfinite(value)
    assert value >= 0 or not counted


def test_nothing_that_was_measured_has_no_place_and_no_value() -> None:
    assert np.isnan(from_scale(np.nan, 1.0, True))
    assert np.isnan(from_scale(np.nan, 1.0, False))


@pytest.mark.parametrize("mean", [5.0, 10.0, 30.0, 100.0, 1000.0])
def test_the_noise_of_counts_is_what_the_scale_takes_it_for(mean: float) -> None:
    counts = np.random.default_rng(1).poisson(mean, 20_000)
    places = [to_scale(count, COUNTS_OF_ROOT, True) for count in counts.tolist()]
    assert np.std(places) == pytest.approx((mean + 4 * COUNTS_OF_ROOT) ** -0.5, rel=0.15)


def test_poisson_and_relative_noise_together_are_nearly_alike_at_all_levels() -> None:
    # variance m + m² / (4 · 25): Poisson's noise below some hundred, a tenth of the level above
    random = np.random.default_rng(2)
    spreads = []
    for mean in (10.0, 30.0, 100.0, 1000.0, 10_000.0):
        shape = 4 * COUNTS_OF_ROOT
        counts = random.poisson(mean * random.gamma(shape, 1 / shape, 20_000))
        spreads.append(np.std([to_scale(count, COUNTS_OF_ROOT, True) for count in counts.tolist()]))
    assert max(spreads) == pytest.approx(min(spreads), rel=0.15)


@given(st.lists(st.floats(-1e9, 1e9), max_size=30), st.integers(0, 5))
@settings(deadline=None)  # the first call compiles
def test_the_median_is_that_of_the_first_values_which_are_sorted(values: list[float], rest: int) -> None:
    there = np.array(values + [-1e12] * rest)
    found = median(there, len(values))
    assert there[: len(values)].tolist() == sorted(values)
    assert there[len(values) :].tolist() == [-1e12] * rest
    assert found == np.median(values) if values else np.isnan(found)


def three_rows(seed: int, steps: int) -> np.ndarray:
    """Return (steps, 3) calls, an amount made of them and a latency, with trouble and gaps."""
    random = np.random.default_rng(seed)
    day = 1 + 0.5 * np.sin(np.arange(steps) / 24 * 2 * np.pi)
    calls = random.poisson(random.choice([0.5, 20.0, 800.0]) * day).astype(float)
    values = np.stack(
        [calls, calls * random.gamma(8, 0.2, steps), random.lognormal(3, 0.2, steps) * day], axis=1
    )
    for at in random.integers(steps // 2, steps, 4):
        values[at : at + random.integers(1, 9)] *= random.choice([0.0, 3.0, 30.0])
    values[random.random((steps, 3)) < 0.02] = np.nan
    return values


def judged(values: np.ndarray, step: int, at_once: int) -> dict[str, np.ndarray]:
    """Return what a fresh judge says of the values, an array a field."""
    judge = Judge(JudgeSettings(young=2 * 86400), step)
    judge.add(
        [
            Series(TABLE, Measure.REQUESTS),
            Series(TABLE, Measure.WCU),
            Series(FUNCTION, Measure.LATENCY, floor_relative=0.3),
        ]
    )
    said = []
    for first in range(0, len(values), at_once):
        out, _ = judge.judge_steps(BEGIN + first * step, values[first : first + at_once])
        said.append(out)
    return {name: np.concatenate([getattr(out, name) for out in said]) for name in Output._fields}


@given(st.integers(0, 2**32 - 1), st.sampled_from([(3600, 1), (3600, 24), (900, 96)]))
@settings(max_examples=8, deadline=None, phases=[Phase.explicit, Phase.generate])  # seeds do not shrink
def test_the_compiled_kernel_judges_as_the_plain_one(
    uncompiled: Uncompiled, seed: int, pace: tuple[int, int]
) -> None:
    step, at_once = pace
    values = three_rows(seed, 240)
    compiled = judged(values, step, at_once)
    plain = uncompiled(kernel)
    assert not hasattr(plain.advance, "py_func")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("detectors.judge.judge.advance", plain.advance)
        expected = judged(values, step, at_once)
    for name, one in compiled.items():
        np.testing.assert_allclose(one, expected[name], rtol=1e-9, atol=1e-9, err_msg=name)


def test_the_curves_on_which_compiled_and_plain_are_compared_hold_verdicts() -> None:
    codes = [judged(three_rows(seed, 240), 3600, 24)["code"] for seed in range(8)]
    assert set(np.unique(codes)) >= {0, SPIKE, DROP}

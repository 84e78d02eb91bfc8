"""Novelty of any series, and of some with known changes."""

from collections.abc import Callable
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.score import novelty as module
from detectors.score.novelty import (
    LARGEST,
    LEVEL,
    ONSET,
    RECENT,
    SAMPLE,
    STRIDE,
    STRONGER,
    WARM_UP,
    advance,
    fresh,
    novelty,
)

Uncompiled = Callable[[ModuleType], ModuleType]
SEEDS = st.integers(0, 2**32 - 1)
CONTINUOUS = ("noise", "heavy", "walk", "gaps")
KINDS = (*CONTINUOUS, "counts", "steps")


def a_series(seed: int, kind: str, rows: int = 700) -> np.ndarray:
    """Return a series of a kind with a burst and a level change somewhere in it."""
    random = np.random.default_rng(seed)
    made: dict[str, Callable[[], np.ndarray]] = {
        "noise": lambda: random.normal(50, 4, rows),
        "counts": lambda: random.poisson(0.7, rows).astype(float),
        "heavy": lambda: random.lognormal(3, 1.5, rows),
        "walk": lambda: np.cumsum(random.normal(0, 1, rows)),
        "steps": lambda: random.integers(0, 3, rows) * 0.25,
        "gaps": lambda: np.where(random.random(rows) < 0.2, np.nan, random.normal(-3, 1, rows)),
    }
    values = made[kind]()
    at = random.integers(0, rows, 2)
    values[at[0] : at[0] + 5] += 30
    values[at[1] :] *= 1.3
    return values


def calm(rows: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(100, 5, rows)


def onsets(values: np.ndarray) -> list[int]:
    return np.flatnonzero(novelty(values) > ONSET).tolist()


@given(SEEDS, st.sampled_from(KINDS), st.integers(0, 700))
def test_the_result_of_a_row_does_not_depend_on_later_rows(seed: int, kind: str, count: int) -> None:
    values = a_series(seed, kind)
    assert novelty(values[:count]).tobytes() == novelty(values)[:count].tobytes()


@given(SEEDS, st.sampled_from(KINDS))
@settings(max_examples=20)
def test_rows_are_judged_one_by_one_as_all_at_once(seed: int, kind: str) -> None:
    values = a_series(seed, kind)
    past = fresh()
    assert novelty(values).tobytes() == np.array([advance(value, past) for value in values]).tobytes()


@given(SEEDS, st.sampled_from(CONTINUOUS), st.sampled_from([1000.0, 1e-6, -1.0, -60.0]))
@settings(max_examples=40)
def test_neither_the_unit_nor_the_sign_of_the_values_matters(seed: int, kind: str, factor: float) -> None:
    values = a_series(seed, kind)  # without ties, which rounding breaks differently in each unit
    np.testing.assert_allclose(novelty(values * factor), novelty(values), rtol=1e-6, atol=1e-6)


@given(SEEDS, st.sampled_from(KINDS))
@settings(max_examples=40)
def test_a_fall_is_judged_as_a_rise_is(seed: int, kind: str) -> None:
    values = a_series(seed, kind)
    np.testing.assert_allclose(novelty(-values), novelty(values), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("missing", [np.nan, np.inf, -np.inf])
def test_missing_rows_are_not_new_and_change_nothing(missing: float) -> None:
    values = a_series(3, "noise")
    random = np.random.default_rng(4)
    there = random.random(1000) < 0.7
    there[np.flatnonzero(there)[700:]] = False
    with_gaps = np.full(1000, missing)
    with_gaps[there] = values[: there.sum()]
    found = novelty(with_gaps)
    assert found[there].tobytes() == novelty(values[: there.sum()]).tobytes()
    assert found.max() > ONSET
    assert not found[~there].any()


@pytest.mark.parametrize("level", [0.0, 7.0, -0.1, 1e12])
def test_a_constant_has_no_novelty(level: float) -> None:
    assert not novelty(np.full(3000, level)).any()


def test_rounding_errors_of_a_constant_are_not_an_onset() -> None:
    values = np.full(3000, 0.3)
    values[1500] = 0.1 + 0.2
    assert values[1500] != 0.3
    assert onsets(values) == []
    values[2500] = 0.31
    assert onsets(values) == [2500]


def test_a_series_is_not_judged_until_it_is_known() -> None:
    values = calm(400)
    values[WARM_UP - 5] = 1e6
    assert not novelty(values)[:WARM_UP].any()


@pytest.mark.parametrize("size", [60.0, -60.0])
@pytest.mark.parametrize("at", [1000, 3000, 20_000])
def test_a_burst_after_calm_is_found_on_its_first_row_and_only_there(at: int, size: float) -> None:
    values = calm(at + 100)
    values[at : at + 12] += size
    assert [row for row in onsets(values) if row >= at - RECENT] == [at]


def test_calm_noise_holds_hardly_an_onset_in_a_thousand_rows() -> None:
    found = [len(onsets(calm(5000, seed))) for seed in range(20)]
    assert sum(found) <= 100 * 0.5


def test_a_burst_every_hundred_rows_is_not_new_after_a_while() -> None:
    values = calm(6000)
    for at in range(250, 6000, 100):
        values[at : at + 3] += 60
    found = onsets(values)
    assert found[0] == 250
    assert all(row < 3000 for row in found)
    values[5980:5983] += 600
    assert 5980 in onsets(values)


def test_a_level_that_moves_by_less_than_the_noise_is_mostly_found() -> None:
    found = 0
    for seed in range(10):
        values = calm(3000, seed)
        values[2000:] += 4  # 0.8 standard deviations: no single row is rare
        found += any(2000 <= row < 2000 + 2 * LEVEL for row in onsets(values))
    assert found >= 7


def test_a_series_that_goes_flat_is_found() -> None:
    values = calm(3000)
    values[2000:] = 100.0
    found = [row for row in onsets(values) if row >= 2000]
    assert found[0] <= 2000 + RECENT


def test_after_an_onset_only_what_is_far_stronger_is_new() -> None:
    values = calm(2000)
    values[1000:1003] += 40
    values[1030:1033] += 45
    assert [row for row in onsets(values) if row >= 1000] == [1000]
    values[1030:1033] += 2000
    first, second = (row for row in onsets(values) if row >= 1000)
    assert (first, second) == (1000, 1030)
    found = novelty(values)
    assert found[second] > STRONGER * found[first]


@given(
    st.lists(
        st.one_of(
            st.floats(allow_nan=True, allow_infinity=True),
            st.sampled_from([0.0, 5e-324, 1.7e308, -1.7e308, 1e150, -1e-300]),
        ),
        min_size=1,
        max_size=12,
    ),
    st.integers(0, 2),
)
def test_the_result_is_finite_for_any_values(extremes: list[float], way: int) -> None:
    random = np.random.default_rng(len(extremes))
    made: list[Callable[[], np.ndarray]] = [
        lambda: random.choice(extremes, 600),
        lambda: np.resize(extremes, 600),
        lambda: np.concatenate([calm(300), np.resize(extremes, 300)]),
    ]
    found = novelty(made[way]())
    assert np.isfinite(found).all()
    assert (found >= 0).all()


def test_a_value_too_large_to_be_squared_is_taken_as_the_largest_that_is_not() -> None:
    values, at = calm(1500), np.arange(200, 1500, 40)
    values[at] = LARGEST * np.where(at % 80, 1, -0.1)
    beyond = values.copy()
    beyond[values == LARGEST] = 1e300
    assert novelty(beyond).tobytes() == novelty(values).tobytes()


def test_the_past_has_a_fixed_size_and_is_evenly_spaced() -> None:
    past = fresh()
    rows = 2 * SAMPLE * STRIDE
    for value in range(rows):
        advance(float(value), past)
    kept = np.sort(past.sample.views[0])
    assert past.sample.stride[0] == STRIDE
    assert (np.diff(kept) == STRIDE).all()
    assert rows - STRIDE <= kept[-1] < rows


@given(SEEDS, st.sampled_from(KINDS))
@settings(max_examples=10)
def test_compiled_and_plain_code_agree(uncompiled: Uncompiled, seed: int, kind: str) -> None:
    values = a_series(seed, kind, 400)
    plain = uncompiled(module)
    assert plain.advance is not advance
    assert not hasattr(plain.advance, "py_func")
    np.testing.assert_allclose(novelty(values), plain.novelty(values), rtol=1e-9, atol=1e-9)

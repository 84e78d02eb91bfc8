"""Quantiles over the newest calls of each row."""

from collections.abc import Callable
from types import ModuleType

import numpy as np
import pytest

import detectors.latency.running_p95 as compiled_module
from detectors.latency.histogram import N_BINS, quantile
from detectors.model.array_types import Ints

STEPS, ROWS, LEAST = 12, 4, 40


def found_by(module: ModuleType, quantiles: list[float]) -> list[Ints]:
    """Return the bins of quantiles at some random steps, from one kernel."""
    random = np.random.default_rng(1)
    newest, histogram = np.full(ROWS, -1), np.zeros(N_BINS, np.int64)
    runs, cells = np.zeros((STEPS * ROWS, module.COLUMNS), np.int64), np.zeros((STEPS * 20, 2), np.int32)
    used, results = (0, 0), []
    for step in range(STEPS):
        rows, bins = random.integers(0, ROWS, 20), random.integers(0, N_BINS, 20)
        before = used[0]
        used = module.append((rows, bins, np.full(20, 2.0)), step, newest, runs, cells, used, histogram)
        found = np.full((len(quantiles), ROWS), -1)
        lookback = LEAST, step - 5
        which = before, used[0]
        module.quantile_bins(which, lookback, np.array(quantiles), runs, cells, histogram, found)
        assert not histogram.any()
        results += [found, module.needed(newest, lookback, runs[: used[0]])]
    return results


@pytest.mark.parametrize("quantiles", [[0.0], [0.95], [0.5, 0.95, 0.99], [0.0, 0.0, 1.0, 1.0]])
def test_compiled_and_plain_code_agree(
    uncompiled: Callable[[ModuleType], ModuleType], quantiles: list[float]
) -> None:
    plain = uncompiled(compiled_module)
    assert not hasattr(plain.append, "py_func")
    results = found_by(compiled_module, quantiles)
    assert any((found >= 0).any() for found in results[::2])
    for values, other in zip(results, found_by(plain, quantiles), strict=True):
        np.testing.assert_array_equal(values, other)


def test_runs_behind_enough_calls_or_too_old_are_not_needed() -> None:
    newest, histogram = np.full(1, -1), np.zeros(N_BINS, np.int64)
    runs, cells = np.zeros((4, compiled_module.COLUMNS), np.int64), np.zeros((4, 2), np.int32)
    used = (0, 0)
    for step, count in enumerate((9.0, 1.0, 2.0, 2.0)):
        latency = np.zeros(1, np.int64), np.full(1, step), np.full(1, count)
        used = compiled_module.append(latency, step, newest, runs, cells, used, histogram)
    assert compiled_module.needed(newest, (5, 0), runs).tolist() == [False, True, True, True]
    assert compiled_module.needed(newest, (100, 2), runs).tolist() == [False, False, True, True]


def test_a_quantile_is_that_of_the_merged_histogram() -> None:
    newest, histogram = np.full(1, -1), np.zeros(N_BINS, np.int64)
    runs, cells = np.zeros((2, compiled_module.COLUMNS), np.int64), np.zeros((6, 2), np.int32)
    used = (0, 0)
    for step, bins in enumerate(([5, 3, 5], [9, 3, 500])):
        latency = np.zeros(3, np.int64), np.array(bins), np.ones(3)
        used = compiled_module.append(latency, step, newest, runs, cells, used, histogram)
    merged = np.bincount([5, 3, 5, 9, 3, 500], minlength=N_BINS)
    quantiles = np.array([0.0, 0.2, 0.5, 0.9, 1.0])
    found = np.full((5, 1), -1)
    compiled_module.quantile_bins((1, 2), (6, 0), quantiles, runs, cells, histogram, found)
    assert not histogram.any()
    for q, bins in zip(quantiles.tolist(), found[:, 0].tolist(), strict=True):
        alone = np.zeros(N_BINS)
        alone[bins] = 1
        assert quantile(alone, 0.5) == quantile(merged, q)

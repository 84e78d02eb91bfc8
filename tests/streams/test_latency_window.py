import numpy as np
import pytest

from detectors.latency import bins_of
from streams.fan_out import Latency
from streams.latency_window import CALLS, STEPS, LatencyWindow


def calls(*of_scopes: list[float]) -> Latency:
    """One step in which each scope had calls of so many milliseconds."""
    rows = np.repeat(np.arange(len(of_scopes)), [len(each) for each in of_scopes])
    bins = bins_of(np.concatenate([np.array(each, float) for each in of_scopes])).astype(np.int64)
    return rows, bins, np.ones(len(rows))


def test_a_step_with_calls_enough_stands_alone() -> None:
    window = LatencyWindow()
    window.p95(calls([1000.0] * CALLS), 1)
    assert window.p95(calls([10.0] * CALLS), 1) == pytest.approx([10], rel=0.03)


def test_few_calls_are_merged_with_those_before_and_with_no_more_of_them_than_it_takes() -> None:
    window = LatencyWindow()
    window.p95(calls([1000.0] * CALLS, []), 2)
    for _ in range(9):
        window.p95(calls([10.0] * (CALLS // 10), [5.0]), 2)
    found = window.p95(calls([10.0] * (CALLS // 10), [5.0]), 2)
    assert found[0] == pytest.approx(10, rel=0.03), "what was slow before is not needed"
    assert np.isnan(found[1]), "too few in all"


def test_ten_slow_calls_are_seen_at_once_among_few_and_four_are_not() -> None:
    window = LatencyWindow()
    for _ in range(STEPS - 1):
        window.p95(calls([10.0] * 4), 1)
    assert window.p95(calls([900.0] * 4), 1) == pytest.approx([10], rel=0.03)
    assert window.p95(calls([900.0] * 10), 1) == pytest.approx([900], rel=0.03)


def test_a_scope_without_calls_has_no_latency_and_what_is_too_old_is_forgotten() -> None:
    window = LatencyWindow()
    window.p95(calls([10.0] * (CALLS - 1)), 1)
    for _ in range(STEPS - 2):
        assert np.isnan(window.p95(calls([]), 1)[0])
    assert window.p95(calls([10.0]), 1) == pytest.approx([10], rel=0.03)
    assert np.isnan(window.p95(calls([10.0]), 1)[0])


def test_a_restored_window_goes_on_as_the_original() -> None:
    draw = np.random.default_rng(1)
    whole, half = LatencyWindow(), LatencyWindow()
    steps = [
        calls(list(draw.lognormal(3, 1, draw.poisson(6))), list(draw.lognormal(2, 1, 3))) for _ in range(60)
    ]
    for at, step in enumerate(steps):
        if at == 70:
            copy = LatencyWindow()
            copy.restore(half.snapshot())
            half = copy
        np.testing.assert_array_equal(whole.p95(step, 2), half.p95(step, 2))

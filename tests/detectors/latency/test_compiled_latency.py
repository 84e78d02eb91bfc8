"""Quantiles and usual times: compiled and plain code agree."""

from collections.abc import Callable, Iterator
from types import ModuleType

import numpy as np
import pytest

import detectors.latency.running_p95 as p95_module
import detectors.latency.usual_times as times_module
from detectors.latency.histogram import N_BINS
from detectors.model.array_types import Floats
from detectors.model.measures import Measure
from streams.engine.measure import latency_window, part_times
from streams.engine.measure.fan_out import Latency
from streams.engine.measure.latency_window import LatencyWindow
from streams.engine.measure.part_times import PartTimes

WHOLES = [0, 1, 0, 0, 1]


def steps() -> Iterator[Latency]:
    draw = np.random.default_rng(3)
    for _ in range(80):
        size = int(draw.integers(0, 120))
        rows, bins = draw.integers([[0], [150]], [[5], [400]], (2, size))
        yield rows, np.minimum(bins + 30 * rows, N_BINS - 1), draw.integers(1, 9, size).astype(np.float64)


def results() -> tuple[list[Floats], list[bytes]]:
    """Return the findings of some steps, and the states behind them."""
    window, parts = LatencyWindow(beside=(0.5, 0.99)), PartTimes(Measure.LATENCY, 60)
    some = list(steps())
    found = window.feed(some[:70], 5)
    mixed = parts.feed(some[:70], WHOLES, found.usual[:, :2], found.p95[:, :2])
    usual = window.usual(5)[:2]
    peeked = [window.peek(row, 5) for row in some[70:]]
    mixes = [parts.peek(row, WHOLES, usual, seen[:2]) for row, seen in zip(some[70:], peeked, strict=True)]
    assert np.isfinite(mixed).any()
    arrays = [found.p95, found.certain.astype(np.float64), found.usual, found.beside]
    return [*arrays, mixed, *peeked, *mixes], [*window.snapshot().values(), *parts.snapshot().values()]


def test_compiled_and_plain_code_agree(
    uncompiled: Callable[[ModuleType], ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled, states = results()
    monkeypatch.setattr(latency_window, "follow", uncompiled(p95_module).follow)
    monkeypatch.setattr(part_times, "follow", uncompiled(times_module).follow)
    plain, of_plain = results()
    assert of_plain == states
    for values, other in zip(plain, compiled, strict=True):
        np.testing.assert_allclose(values, other, rtol=1e-12)  # exp and sums have another last bit

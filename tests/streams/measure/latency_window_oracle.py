"""The oracle of the latency window: whole histograms, merged step by step."""

from collections import deque

import numpy as np
from numpy.typing import NDArray

from detectors.latency.histogram import N_BINS, quantile
from streams.measure.fan_out import Latency
from streams.measure.latency_window import CALLS, STEPS


class Oracle:
    """The histograms of every scope in the last steps."""

    def __init__(self) -> None:
        self.beside = np.zeros((0, 0))
        self._steps: deque[NDArray[np.float64]] = deque(maxlen=STEPS)

    def p95(self, latency: Latency, scopes: int) -> NDArray[np.float64]:
        """Take in a step; return (scopes,) milliseconds. ``beside`` are then p99 and p50."""
        rows, bins, counts = latency
        step = np.zeros((scopes, N_BINS))
        np.add.at(step, (rows, bins), counts)
        self._steps.appendleft(step)
        of_scopes = [[self._of(row, q) for row in range(scopes)] for q in (0.95, 0.99, 0.5)]
        self.beside = np.array(of_scopes[1:])
        return np.array(of_scopes[0])

    def _of(self, row: int, q: float) -> float:
        merged = np.zeros(N_BINS)
        if not self._steps[0][row].any():
            return np.nan
        for step in self._steps:
            if row < len(step):
                merged += step[row]
            if merged.sum() >= CALLS:
                return float(quantile(merged, q))
        return np.nan

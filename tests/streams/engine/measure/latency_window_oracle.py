"""The oracle of the latency window: whole histograms, merged step by step."""

from collections import deque

import numpy as np

from detectors.latency.histogram import MIDDLES, N_BINS, bins_of, quantile
from detectors.latency.running_p95 import GAIN, SETTLING, SLOW, TIMES
from detectors.model.array_types import Floats
from streams.engine.measure.fan_out import Latency
from streams.engine.measure.latency_window import CALLS, CERTAIN, STEPS


class Oracle:
    """The histograms of every scope in the last steps."""

    def __init__(self) -> None:
        self.beside = np.zeros((0, 0))
        self.certain = np.zeros(0, bool)
        self._usual: dict[int, float] = {}  # logarithm of the usual p95, by row
        self._learnt: dict[int, int] = {}
        self._steps: deque[Floats] = deque(maxlen=STEPS)

    def p95(self, latency: Latency, scopes: int) -> Floats:
        """Take in a step; return (scopes,) milliseconds. ``beside`` are then p99 and p50."""
        rows, bins, counts = latency
        step = np.zeros((scopes, N_BINS))
        np.add.at(step, (rows, bins), counts)
        self._steps.appendleft(step)
        self.certain = np.array([self._is_certain(row) for row in range(scopes)])
        of_scopes = [[self._of(row, q) for row in range(scopes)] for q in (0.95, 0.99, 0.5)]
        self.beside = np.array(of_scopes[1:])
        return np.array(of_scopes[0])

    @property
    def usual(self) -> dict[int, float]:
        """The usual p95 in milliseconds, by row."""
        return {
            row: float(np.exp(self._usual[row])) for row, steps in self._learnt.items() if steps > SETTLING
        }

    def _of(self, row: int, q: float) -> float:
        merged = self._merged(row)
        return np.nan if merged is None else float(quantile(merged, q))

    def _is_certain(self, row: int) -> bool:
        merged = self._merged(row)
        if merged is None:
            return True
        p95 = float(quantile(merged, 0.95))
        usual, learnt = self._usual.get(row, float(np.log(p95))), self._learnt.get(row, 0)
        calls, beyond = merged.sum(), int(bins_of(np.exp(usual)))
        slow, chance = merged[beyond + 1 :].sum(), SLOW * calls
        self._usual[row] = usual + max(GAIN, 1 / (SETTLING + learnt)) * (slow / calls - SLOW)
        self._learnt[row] = learnt + 1
        certain = slow >= max(TIMES * chance, chance + CERTAIN * np.sqrt(chance))
        return bool(certain or p95 <= MIDDLES[beyond])

    def _merged(self, row: int) -> Floats | None:
        """Return the newest calls, None where they are too few."""
        merged = np.zeros(N_BINS)
        if not self._steps[0][row].any():
            return None
        for step in self._steps:
            if row < len(step):
                merged += step[row]
            if merged.sum() >= CALLS:
                return merged
        return None

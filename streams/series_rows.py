"""Which number of a step belongs to which series."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from detectors.measures import COLUMN, LATENCIES
from detectors.series import Series


class SeriesRows:
    """Series in the order in which they were added, each with its place in a step's sums."""

    def __init__(self) -> None:
        self._scope = np.zeros(0, np.intp)
        self._column = np.zeros(0, np.intp)
        self._latency = np.zeros(0, np.intp)  # the series that are latencies
        self._layer = np.zeros(0, np.intp)  # of these, the place of each among LATENCIES

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._scope)

    def add(self, series: Sequence[Series], scopes: Sequence[int]) -> None:
        """Append series; ``scopes`` are the rows of their scopes or edges."""
        first = len(self)
        latencies = [first + n for n, one in enumerate(series) if one.measure in LATENCIES]
        layers = [LATENCIES.index(one.measure) for one in series if one.measure in LATENCIES]
        columns = [COLUMN.get(one.measure, 0) for one in series]
        self._scope = np.concatenate((self._scope, np.array(scopes, np.intp)))
        self._column = np.concatenate((self._column, np.array(columns, np.intp)))
        self._latency = np.concatenate((self._latency, np.array(latencies, np.intp)))
        self._layer = np.concatenate((self._layer, np.array(layers, np.intp)))

    def values(self, sums: NDArray[np.float64], p95: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return one value a series.

        Parameters
        ----------
        sums
            (scopes, columns) of a step.
        p95
            (len(LATENCIES), scopes) of it.
        """
        values: NDArray[np.float64] = sums[self._scope, self._column]
        values[self._latency] = p95[self._layer, self._scope[self._latency]]
        return values

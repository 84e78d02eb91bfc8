"""Which number of a step belongs to which series."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from detectors.measures import COLUMN, Measure
from detectors.series import Series


class SeriesRows:
    """Series in the order in which they were added, each with its place in a step's sums."""

    def __init__(self) -> None:
        self._scope = np.zeros(0, np.intp)
        self._column = np.zeros(0, np.intp)
        self._latency = np.zeros(0, np.intp)  # the series that are latencies

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._scope)

    def add(self, series: Sequence[Series], scopes: Sequence[int]) -> None:
        """Append series; ``scopes`` are the rows of their scopes or edges."""
        first = len(self)
        latencies = [first + n for n, one in enumerate(series) if one.measure is Measure.LATENCY]
        columns = [0 if one.measure is Measure.LATENCY else COLUMN[one.measure] for one in series]
        self._scope = np.concatenate((self._scope, np.array(scopes, np.intp)))
        self._column = np.concatenate((self._column, np.array(columns, np.intp)))
        self._latency = np.concatenate((self._latency, np.array(latencies, np.intp)))

    def values(self, sums: NDArray[np.float64], p95: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return one value a series from the sums (scopes, columns) and the latencies (scopes,) of a step."""
        values: NDArray[np.float64] = sums[self._scope, self._column]
        values[self._latency] = p95[self._scope[self._latency]]
        return values

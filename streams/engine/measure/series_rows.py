"""Picks the value of each series from a step."""

from collections.abc import Sequence

import numpy as np

from detectors.model.array_types import Floats
from detectors.model.measures import COLUMN, LATENCIES, Measure
from detectors.model.series import Series


class SeriesRows:
    """Series in the order in which they were added, each with its place in a step's sums."""

    def __init__(self) -> None:
        self._scope = np.zeros(0, np.intp)
        self._column = np.zeros(0, np.intp)
        self._latency = np.zeros(0, np.intp)  # series that are latencies
        self._layer = np.zeros(0, np.intp)  # their places in LATENCIES
        self._value = np.zeros(0, np.intp)  # series that are business values
        self._number = np.zeros(0, np.intp)  # their numbers in ``Steps.values``
        self._cost = np.zeros(0, np.intp)  # series that are costs
        self._level = np.zeros(0, np.intp)  # series that are levels
        self._level_number = np.zeros(0, np.intp)  # their numbers in ``LevelRows``

    def __len__(self) -> int:
        """Return the number of series."""
        return len(self._scope)

    def add(self, series: Sequence[Series], scopes: Sequence[int]) -> None:
        """Append series.

        ``scopes`` are the rows of their scopes or edges; for a business value or a level, its number.
        """
        first = len(self)
        values = [(first + n, scopes[n]) for n, one in enumerate(series) if one.measure.key]
        costs = [first + n for n, one in enumerate(series) if one.measure is Measure.COST]
        self._cost = np.concatenate((self._cost, np.array(costs, np.intp)))
        levels = [(first + n, scopes[n]) for n, one in enumerate(series) if one.measure.level]
        scopes = [
            0 if one.measure.key or one.measure.level else row
            for one, row in zip(series, scopes, strict=True)
        ]
        self._level = np.concatenate((self._level, np.array([row for row, _ in levels], np.intp)))
        numbers = np.array([number for _, number in levels], np.intp)
        self._level_number = np.concatenate((self._level_number, numbers))
        self._value = np.concatenate((self._value, np.array([row for row, _ in values], np.intp)))
        self._number = np.concatenate((self._number, np.array([number for _, number in values], np.intp)))
        latencies = [first + n for n, one in enumerate(series) if one.measure in LATENCIES]
        layers = [LATENCIES.index(one.measure) for one in series if one.measure in LATENCIES]
        columns = [COLUMN.get(one.measure, 0) for one in series]
        self._scope = np.concatenate((self._scope, np.array(scopes, np.intp)))
        self._column = np.concatenate((self._column, np.array(columns, np.intp)))
        self._latency = np.concatenate((self._latency, np.array(latencies, np.intp)))
        self._layer = np.concatenate((self._layer, np.array(layers, np.intp)))

    def latencies(self, by_layer: Floats) -> Floats:
        """Return one value per series that is a latency, from (..., len(LATENCIES), scopes)."""
        picked: Floats = by_layer[..., self._layer, self._scope[self._latency]]
        return picked

    def at_latencies(self, by_layer: Floats) -> Floats:
        """Return one value per series, NaN where it is no latency, from (..., len(LATENCIES), scopes)."""
        spread = np.full((*by_layer.shape[:-2], len(self)), np.nan)
        spread[..., self._latency] = self.latencies(by_layer)
        return spread

    def values(
        self,
        sums: Floats,
        p95: Floats,
        amounts: Floats,
        costs: Floats,
        levels: Floats,
    ) -> Floats:
        """Return one value per series, of one step or of several, which are the first axis.

        Parameters
        ----------
        sums
            (..., scopes, columns).
        p95
            (..., len(LATENCIES), scopes).
        amounts
            (..., values).
        costs
            (..., scopes).
        levels
            (..., levels), NaN where unknown.
        """
        values: Floats = (
            sums[..., self._scope, self._column]
            if sums.shape[-2]
            else np.zeros((*sums.shape[:-2], len(self)))  # levels need no scope
        )
        values[..., self._latency] = self.latencies(p95)
        values[..., self._value] = amounts[..., self._number]
        values[..., self._cost] = costs[..., self._scope[self._cost]]
        values[..., self._level] = levels[..., self._level_number]
        return values

"""How long each of the five layers took, over all scopes: histograms, which can be added up."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from detectors.latency.histogram import N_BINS
from detectors.model.measures import Measure
from detectors.model.scope import FUNCTION, ROUTE, SERVICE, TABLE, ScopeOrEdge
from streams.engine.measure.fan_out import Latency
from streams.engine.measure.measured_step import LayerTimes

LAYERS: Final = (
    (SERVICE, Measure.LATENCY),
    (FUNCTION, Measure.LATENCY),
    (FUNCTION, Measure.LATENCY_CODE),
    (ROUTE, Measure.LATENCY_AUTH),
    (TABLE, Measure.LATENCY),
)
"""API, function, its code, authorizer and table: by the scopes of whose calls each consists."""


class LayerHistograms:
    """Adds the calls of the scopes of a kind up; knows the kind of each row."""

    def __init__(self) -> None:
        self._kinds: dict[str, int] = {kind: number for number, (kind, _) in enumerate(LAYERS)}
        self._rows = np.zeros(0, np.int8)  # (scopes,) number of the kind; -1 for others

    def times(self, latency: dict[Measure, Latency], scopes: Sequence[ScopeOrEdge]) -> list[LayerTimes]:
        """Return the layers of a step that were called at all."""
        if len(scopes) > len(self._rows):
            fresh = [self._kinds.get(scope.kind, -1) for scope in scopes[len(self._rows) :]]
            self._rows = np.concatenate((self._rows, np.array(fresh, np.int8)))
        found = []
        for kind, measure in LAYERS:
            rows, bins, counts = latency[measure]
            mine = self._rows[rows] == self._kinds[kind]
            if mine.any():
                added = np.bincount(bins[mine], counts[mine], N_BINS)
                found.append(LayerTimes(kind, measure, added.astype(np.int64)))
        return found

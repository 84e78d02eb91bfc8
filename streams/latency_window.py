"""The p95 of a layer of every scope, over one step if that has calls enough, else over the last few."""

from collections import deque
from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.latency import quantile_of_rows
from detectors.measures import Measure
from detectors.state import pack, unpack
from streams.fan_out import Latency

CALLS: Final = 100
"""Calls a p95 rests on at least: the five slowest of them lie above it."""

STEPS: Final = 5
"""Steps that are merged where one has too few calls. What is not enough then either has no p95."""


class LatencyWindow:
    """Histograms of the last steps. A histogram merges by adding, so nothing is lost by looking back.

    Parameters
    ----------
    measure
        Whose histograms these are.
    """

    VERSION = 1

    def __init__(self, measure: Measure = Measure.LATENCY) -> None:
        self._part = str(measure)
        self._before: deque[Latency] = deque(maxlen=STEPS - 1)

    def p95(self, latency: Latency, scopes: int) -> NDArray[np.float64]:
        """Take in the histograms of a step; return (scopes,) milliseconds, NaN where too few calls say it.

        Parameters
        ----------
        latency
            Rows, bins and counts of the step, sparse.
        scopes
            How many rows there are.
        """
        rows, bins, counts = latency
        calls = np.bincount(rows, counts, scopes)
        found = quantile_of_rows(rows, bins, counts, scopes, 0.95)
        few = (calls > 0) & (calls < CALLS)
        if few.any():
            merged = [np.concatenate(parts) for parts in zip(*self._before, latency, strict=True)]
            wanted = few[merged[0]]
            all_rows, all_bins, all_counts = (part[wanted] for part in merged)
            over_all = quantile_of_rows(all_rows, all_bins, all_counts, scopes, 0.95)
            enough = np.bincount(all_rows, all_counts, scopes) >= CALLS
            found[few] = np.where(enough, over_all, np.nan)[few]
        self._before.append(latency)
        return found

    def snapshot(self) -> dict[str, bytes]:
        """Return the histograms that are kept."""
        arrays = {
            f"{name}/{number}": cells
            for number, latency in enumerate(self._before)
            for name, cells in zip(("rows", "bins", "counts"), latency, strict=True)
        }
        return {self._part: pack("latency", self.VERSION, len(self._before), arrays)}

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Go on from a snapshot."""
        count, arrays = unpack(parts[self._part], "latency", self.VERSION, int)
        self._before.clear()
        for number in range(count):
            self._before.append(
                (arrays[f"rows/{number}"], arrays[f"bins/{number}"], arrays[f"counts/{number}"])
            )

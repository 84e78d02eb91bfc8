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

CALLS: Final = 200
"""Calls a p95 rests on at least: the ten slowest of them lie above it. With one call in a hundred in a Pareto
tail, a p95 of a hundred calls doubles by chance once in two thousand times, one of two hundred once in a
hundred thousand.
"""

STEPS: Final = 60
"""Steps that are merged at most where one has too few calls: at a step of a minute, a call every 18 seconds
has a p95. When everything becomes slow, ten slow calls lift it, however far it looks back. What is not
enough then either has no p95.
"""


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
            found[few] = self._looked_back(latency, few, scopes)[few]
        self._before.append(latency)
        return found

    def _looked_back(self, latency: Latency, few: NDArray[np.bool_], scopes: int) -> NDArray[np.float64]:
        """Return the p95 of ``few`` scopes over as few of the last steps as have calls enough."""
        kept = (latency, *reversed(self._before))
        sizes = [len(rows) for rows, _, _ in kept]
        rows, bins, counts = (np.concatenate(parts) for parts in zip(*kept, strict=True))
        names = np.flatnonzero(few & (np.bincount(rows, counts, scopes) >= CALLS))
        p95 = np.full(scopes, np.nan)
        if not names.size:
            return p95
        place = np.full(scopes, -1)
        place[names] = np.arange(len(names))
        at = place[rows]
        wanted = np.flatnonzero(at >= 0)
        at, age = at[wanted], np.repeat(np.arange(len(kept)), sizes)[wanted]
        by_age = np.bincount(at * len(kept) + age, counts[wanted], len(names) * len(kept))
        upto = np.cumsum(by_age.reshape(len(names), len(kept)), axis=1)
        oldest = np.argmax(upto >= CALLS, axis=1)
        used = wanted[age <= oldest[at]]
        p95[names] = quantile_of_rows(place[rows[used]], bins[used], counts[used], len(names), 0.95)
        return p95

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

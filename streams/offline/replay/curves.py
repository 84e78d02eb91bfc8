"""Series of a replay, kept in memory as arrays."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from detectors.judge.judge import Judgement
from detectors.model.array_types import Floats, Ints
from detectors.model.measures import LATENCIES, Measure
from detectors.model.scope import ScopeOrEdge
from detectors.model.series import Series


@dataclass(frozen=True, slots=True)
class Curve:
    """One series over a replay: arrays of shape (n,), one entry per step.

    Rates are per second, latencies in milliseconds; NaN where nothing was measured, or nothing expected yet.
    """

    about: ScopeOrEdge
    measure: Measure
    start: Ints  # epoch seconds
    observed: Floats
    expected: Floats
    lower: Floats
    upper: Floats
    score: Floats  # 0.5 is the threshold of a deviation


Wanted = Callable[[ScopeOrEdge, Measure], bool]
"""Returns whether to keep a series."""


class Curves:
    """Keeps series in memory. To be passed as ``watch``.

    Parameters
    ----------
    step
        Seconds of a step.
    wanted
        Selects series; each takes about 200 bytes per step.
    """

    def __init__(self, step: int, wanted: Wanted) -> None:
        self._step = step
        self._wanted = wanted
        self._rows: dict[int, list[tuple[int, Series]]] = {}  # by shard, identified by its list of series
        self._seen: dict[int, int] = {}
        self._kept: dict[tuple[ScopeOrEdge, Measure], list[list[float]]] = {}

    def __call__(self, judgement: Judgement, series: Sequence[Series]) -> None:
        """Add a judged step."""
        shard = id(series)
        rows = self._rows.setdefault(shard, [])
        for row in range(self._seen.get(shard, 0), len(series)):
            if self._wanted(series[row].about, series[row].measure):
                rows.append((row, series[row]))
        self._seen[shard] = len(series)
        arrays = (judgement.observed, judgement.expected, judgement.lower, judgement.upper)
        for row, one in rows:
            per = 1 if one.measure in LATENCIES else self._step
            kept = self._kept.setdefault((one.about, one.measure), [])
            kept.append([judgement.start, *(array[row] / per for array in arrays), judgement.score[row]])

    def curves(self) -> list[Curve]:
        """Return the curves, in the order in which the series appeared."""
        found = []
        for (about, measure), kept in self._kept.items():
            start, *columns = np.array(kept, np.float64).reshape(-1, 6).T
            found.append(Curve(about, measure, start.astype(np.int64), *columns))
        return found

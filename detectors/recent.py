"""The last hours of every series: what an hour's median, a chart and an attribution need."""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.row_state import Field, RowState

Floats = NDArray[np.float64]

HOUR: Final = 3600
KEPT_SECONDS: Final = 7 * HOUR
"""Longer than a finding may stay open, so that its whole excess can be attributed."""

POINTS: Final = 60
"""Most values the median of the last hour is made of."""

TURNS: Final = 5
"""The median is worked out anew every so many points."""

FEWEST: Final = 12
"""Values it is made of where a step is so wide that an hour has fewer."""


class LastHour(RowState):
    """The median of the last hour, in which incidents leave no trace."""

    KIND = "last-hour"
    window: Floats  # (points, n)
    median: Floats

    def __init__(self, step: int) -> None:
        steps = max(HOUR // step, FEWEST)
        self._every = -(-steps // POINTS)
        self._points = steps // self._every
        super().__init__({"window": Field(np.nan, (self._points,)), "median": Field(np.nan)})

    def learn(self, index: int, value: Floats, use: NDArray[np.bool_]) -> None:
        """Take in the values of a step; where ``use`` is False the median stands in for them."""
        if index % self._every:
            return
        slot = index // self._every % self._points
        new = np.flatnonzero(use & np.isnan(self.median))
        self.window[slot] = np.where(use, value, self.median)
        if new.size:  # the first value of a series is its hour until there are more
            self.window[:, new] = value[new]
        self._refresh(slot)

    def fill(self, rows: NDArray[np.intp], level: Floats) -> None:
        """Take a new level at once."""
        self.window[:, rows] = level
        self.median[rows] = level

    def _refresh(self, slot: int) -> None:
        fresh = np.isnan(self.median)
        if fresh.any():
            self.median[fresh] = self.window[0, fresh]
        # A median over the hour moves little in a few points. All series at once: what is expected of one
        # must not depend on which others are in its shard.
        if slot % TURNS:
            return
        ordered = np.sort(self.window, axis=0)
        half = self._points // 2
        self.median[:] = ordered[half] if self._points % 2 else 0.5 * (ordered[half - 1] + ordered[half])


class Recent(RowState):
    """Values and expectations of the last hours, step by step."""

    KIND = "recent"
    value: NDArray[np.float32]  # (steps, n)
    expected: NDArray[np.float32]
    lower: NDArray[np.float32]
    upper: NDArray[np.float32]

    def __init__(self, step: int) -> None:
        self.steps = max(KEPT_SECONDS // step, 24) + 1
        self.at = -1
        field = Field(np.nan, (self.steps,), np.float32)
        super().__init__(dict.fromkeys(("value", "expected", "lower", "upper"), field))

    def meta(self) -> dict[str, int]:
        """Return where time stands."""
        return {"at": self.at}

    def load_meta(self, meta: Mapping[str, int]) -> None:
        """Take back where time stood."""
        self.at = meta["at"]

    def append(self, index: int, value: Floats, expected: Floats, lower: Floats, upper: Floats) -> None:
        """Remember a step; steps that were skipped are missing."""
        for skipped in range(max(self.at + 1, index - self.steps + 1), index):
            for array in (self.value, self.expected, self.lower, self.upper):
                array[skipped % self.steps] = np.nan
        slot = index % self.steps
        self.value[slot], self.expected[slot], self.lower[slot], self.upper[slot] = (
            value,
            expected,
            lower,
            upper,
        )
        self.at = index

    def span(self, first: int, last: int) -> NDArray[np.intp]:
        """Return the slots of the steps first <= index < last that are still remembered."""
        return np.arange(max(first, self.at - self.steps + 1, 0), min(last, self.at + 1)) % self.steps

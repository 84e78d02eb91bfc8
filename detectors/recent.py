"""The last hours of every series: what a chart and an attribution need."""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.row_state import Field, RowState

Floats = NDArray[np.float64]

HOUR: Final = 3600
KEPT_SECONDS: Final = 7 * HOUR
"""Longer than a finding may stay open, so that its whole excess can be attributed."""


_LARGEST: Final = 1e38  # an interval may be wider than what a float32 holds


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

    def extend(self, first: int, value: Floats, expected: Floats, lower: Floats, upper: Floats) -> None:
        """Remember steps from ``first`` on, (steps, n) each; steps that were skipped are missing."""
        last = first + len(value)
        for skipped in range(max(self.at + 1, last - self.steps), first):
            for array in (self.value, self.expected, self.lower, self.upper):
                array[skipped % self.steps] = np.nan
        kept = min(len(value), self.steps)
        slots = np.arange(last - kept, last) % self.steps
        pairs = ((self.value, value), (self.expected, expected), (self.lower, lower), (self.upper, upper))
        for array, new in pairs:
            array[slots] = np.clip(
                new[-kept:], -_LARGEST, _LARGEST
            )  # an interval may be wider than a float32
        self.at = last - 1

    def correct(self, index: int, more: Floats) -> None:
        """Add to the values of a step what came late, (n,): NaN or zero where nothing did."""
        if self.at - self.steps < index <= self.at:
            values = self.value[index % self.steps]
            some = np.nan_to_num(more) != 0
            values[some] = np.nan_to_num(values[some]) + more[some]

    def span(self, first: int, last: int) -> NDArray[np.intp]:
        """Return the slots of the steps first <= index < last that are still remembered."""
        return np.arange(max(first, self.at - self.steps + 1, 0), min(last, self.at + 1)) % self.steps

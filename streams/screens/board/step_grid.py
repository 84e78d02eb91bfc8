"""Rows of series on a grid of steps, added up."""

from typing import NamedTuple, Self

import numpy as np

from detectors.model.array_types import Floats, Ints
from streams.record.history.history_rows import HistoryRows


class StepGrid(NamedTuple):
    """As many ``steps`` of ``step`` seconds from ``first`` on."""

    first: int
    step: int
    steps: int

    @classmethod
    def before(cls, at: int, step: int, seconds: int) -> Self:
        """Return the whole steps of the last ``seconds`` before ``at``, epoch seconds."""
        steps = seconds // step
        return cls(at - steps * step, step, steps)

    @property
    def end(self) -> int:
        """The end of the last step, epoch seconds."""
        return self.first + self.step * self.steps

    def places(self, rows: HistoryRows) -> Ints:
        """Return the step of each row."""
        return (rows.start - self.first) // self.step

    def total(self, rows: HistoryRows, name: str = "observed") -> Floats:
        """Return (steps,) the sum over all series of a column; NaN where none has a value."""
        values = getattr(rows, name).astype(np.float64)
        known = ~np.isnan(values)
        places = self.places(rows)[known]
        added = np.bincount(places, values[known], self.steps)
        there = np.bincount(places, minlength=self.steps) > 0
        return np.where(there, added, np.nan)

    def spread(self, rows: HistoryRows, name: str) -> Floats:
        """Return (steps,) how far ``lower`` or ``upper`` is from what was expected, of independent series."""
        apart = (getattr(rows, name) - rows.expected).astype(np.float64) ** 2
        known = ~np.isnan(apart)
        places = self.places(rows)[known]
        return np.sqrt(np.bincount(places, apart[known], self.steps))


def listed(values: Floats) -> list[float | None]:
    """Return values for JSON, with four significant figures; None where unknown.

    Examples
    --------
    >>> listed(np.array([1.23456, np.nan, 1234567.0]))
    [1.235, None, 1235000.0]
    """
    return [None if number != number else float(f"{number:.4g}") for number in values.tolist()]  # noqa: PLR0124


def known(number: float) -> float | None:
    """Return a number for JSON; None where it is not one."""
    return None if np.isnan(number) else float(number)

"""The values of every series, step by step, for as many weeks as a baseline looks back, as float32."""

from collections.abc import Mapping, Sequence

import numpy as np

from detectors.model.array_types import Bools, Float32s, Floats, Places
from detectors.state.timeline import SHEET, Timeline

DAY = 86400
WEEK = 7 * DAY

_VALUES, _SPOILT = 0, 1  # layers of the timeline; spoilt values have a 1


class ValueHistory:
    """The values of ``rows`` series by step index (epoch seconds // step).

    Parameters
    ----------
    step : int
        Width of a step in seconds, at most a day.
    weeks : int
        Whole weeks that stay readable.
    stem : str
        Name of its parts in a snapshot.
    """

    def __init__(self, step: int, weeks: int, stem: str = "history") -> None:
        # a day more than the weeks, for the neighbours of the oldest same time
        keep = -(-weeks * WEEK // step) + min(SHEET, DAY // step)
        self._kept = Timeline(stem, 2, keep, sheets=True)

    @property
    def rows(self) -> int:
        """Number of series."""
        return self._kept.rows

    def add(self, count: int) -> None:
        """Append ``count`` series without a past."""
        self._kept.add(count)

    def extend(self, first: int, values: Floats, spoilt: Bools) -> None:
        """Append steps from ``first`` on, (steps, rows) each: NaN is missing, spoilt is not learnt."""
        self._kept.write(first, values, np.where(spoilt, np.float32(1), np.float32(np.nan)))

    def spoil(self, index: int, rows: Places) -> None:
        """Mark values as spoilt by an incident afterwards."""
        self._kept.change(_SPOILT, index, rows, 1.0)

    def correct(self, index: int, more: Floats) -> None:
        """Add late data to the values of a step, (rows,): NaN or zero where none arrived."""
        rows = np.flatnonzero(np.nan_to_num(more) != 0)
        if rows.size:
            values = np.nan_to_num(self._kept.pick(_VALUES, rows, index, index + 1)[0])
            self._kept.change(_VALUES, index, rows, values + more[rows])

    def learnt_steps(self, first: int, out: Float32s) -> Bools | None:
        """Write the steps from ``first`` on into ``out`` (steps, rows), NaN where missing or spoilt.

        Returns
        -------
        (steps, rows) bool or None
            Which are spoilt, None if none are.
        """
        out.fill(np.nan)
        if not self._kept.read(_VALUES, first, out):
            return None
        spoilt = self._spoilt_steps(first, len(out))
        if spoilt is not None:
            out[spoilt] = np.nan
        return spoilt

    def _spoilt_steps(self, first: int, steps: int) -> Bools | None:
        found = np.full((steps, self.rows), np.nan, np.float32)
        if not self._kept.read(_SPOILT, first, found):
            return None
        spoilt: Bools = ~np.isnan(found)
        return spoilt if spoilt.any() else None

    def spoilt(self, rows: Sequence[int] | Places, first: int, last: int) -> Bools:
        """Return which values must not be learnt, shape (last - first, len(rows))."""
        spoilt: Bools = ~np.isnan(self._kept.pick(_SPOILT, rows, first, last))
        return spoilt

    def measured(self, rows: Sequence[int] | Places, first: int, last: int) -> Floats:
        """Return the values as measured, shape (last - first, len(rows)), NaN where missing."""
        return self._kept.pick(_VALUES, rows, first, last)

    def snapshot(self) -> dict[str, bytes]:
        """Return the state; the parts of past days never change."""
        return self._kept.snapshot()

    def restore(self, parts: Mapping[str, bytes], rows: int) -> None:
        """Restore a snapshot."""
        self._kept.restore(parts, rows)

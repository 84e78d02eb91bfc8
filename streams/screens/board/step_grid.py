"""Rows of series on a grid of steps: added up, or as the curves of a chart."""

from typing import Any, Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from detectors.model.array_types import Bools, Bytes, Float32s, Floats, Ints
from streams.record.history.history_rows import HistoryRows

_NEVER: Final = np.int64(1 << 62)


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


class SeriesCurves(NamedTuple):
    """The curves of series on a grid, (series, points) each, per second; milliseconds of a latency.

    ``observed`` is the mean over a point, ``least`` and ``most`` the extremes of the rows within it, so that
    no spike disappears however long the range is; the highest row began at ``most_at``. NaN where nothing is
    known. ``weight`` is of how many seconds it is known; of a latency, of how many rows. ``verdict`` has the
    first within a point, as places in ``streams.engine.detect.step_record.VERDICTS``.
    """

    observed: Floats
    least: Floats
    most: Floats
    expected: Floats
    lower: Floats
    upper: Floats
    weight: Floats
    most_at: Ints
    verdict: Bytes

    def whole(self, row: int) -> tuple[float, float, int | None]:
        """Return the mean of a series over the grid, its highest row, and when that began."""
        observed, most = self.observed[row], self.most[row]
        known = ~np.isnan(observed)
        if not known.any():
            return np.nan, np.nan, None
        highest = int(np.nanargmax(most))
        mean = float(np.average(observed[known], weights=self.weight[row][known]))
        return mean, float(most[highest]), int(self.most_at[row, highest])


def curves(rows: HistoryRows, series: Ints, levels: Bools, grid: StepGrid) -> SeriesCurves:
    """Return rows as curves.

    Parameters
    ----------
    rows
        Of these series, sorted; those outside of the grid are left out.
    series
        (n,) sorted numbers of series.
    levels
        (n,) whether a series is no sum: the mean of a latency is one over rows, not over seconds.
    """
    shape = len(series), grid.steps
    if len(rows) and not grid.first <= rows.start.min() <= rows.start.max() < grid.end:
        rows = rows.between(grid.first, grid.end)
    if not len(rows):
        nowhere = np.full(shape, np.nan)
        return SeriesCurves(
            *(nowhere,) * 6, np.zeros(shape), np.zeros(shape, np.int64), np.zeros(shape, np.uint8)
        )
    counts = np.searchsorted(rows.series, series, "right") - np.searchsorted(rows.series, series, "left")
    which = np.repeat(np.arange(len(series)), counts)
    place = which * grid.steps + grid.places(rows)
    begins = np.flatnonzero(np.diff(place, prepend=-1))
    at = place[begins]
    weight = np.where(levels[which], np.float32(1), rows.seconds).astype(np.float32)
    rate = rows.observed / weight.astype(np.float64)

    def spread(found: NDArray[Any], fill: float = np.nan) -> NDArray[Any]:
        whole = np.full(len(series) * grid.steps, fill, found.dtype)
        whole[at] = found
        return whole.reshape(shape)

    def added(values: Float32s) -> Floats:
        return np.add.reduceat(values, begins, dtype=np.float64)

    def mean(values: Float32s) -> tuple[Floats, Floats]:
        known = ~np.isnan(values)
        total, weights = added(np.where(known, values, np.float32(0))), added(np.where(known, weight, 0))
        with np.errstate(invalid="ignore", divide="ignore"):
            return spread(np.where(weights > 0, total / weights, np.nan)), weights

    observed, weights = mean(rows.observed)
    highest = np.fmax.reduceat(rate, begins)
    is_highest = rate == np.repeat(highest, np.diff(begins, append=len(rows)))
    verdict = np.zeros(len(series) * grid.steps, np.uint8)
    if rows.verdict.any():
        found = np.where(rows.verdict > 0, np.arange(len(rows)), len(rows))
        verdict[at] = np.append(rows.verdict, 0)[np.minimum.reduceat(found, begins)]
    return SeriesCurves(
        observed,
        spread(np.fmin.reduceat(rate, begins)),
        spread(highest),
        mean(rows.expected)[0],
        mean(rows.lower)[0],
        mean(rows.upper)[0],
        spread(weights, 0),
        spread(np.minimum.reduceat(np.where(is_highest, rows.start, _NEVER), begins), 0),
        verdict.reshape(shape),
    )

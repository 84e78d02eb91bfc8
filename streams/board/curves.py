"""SeriesCurves of series over a range of time: observed and expected, on the points of a chart."""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from streams.board.scope_range import WEEK
from streams.board.step_grid import Floats, StepGrid
from streams.store.coarser import TEN_MINUTES
from streams.store.history_files import MINUTES, TENS
from streams.store.history_rows import HistoryRows, Singles, merged
from streams.store.history_view import HistoryView

MOST_ROWS: Final = 600_000
"""Rows of minutes that are read for one answer; of more, those of ten minutes are."""

Ids = NDArray[np.int64]
Flags = NDArray[np.bool_]


class SeriesCurves(NamedTuple):
    """What is known of series on a grid, (series, points) each, per second; milliseconds of a latency.

    ``observed`` is the mean over a point, ``least`` and ``most`` the extremes of the rows within it, so that
    no spike disappears however long the range is. NaN where nothing is known. ``verdict`` has the first
    within a point, as places in ``streams.detect.step_record.VERDICTS``.
    """

    observed: Floats
    least: Floats
    most: Floats
    expected: Floats
    lower: Floats
    upper: Floats
    verdict: NDArray[np.uint8]


def curves(rows: HistoryRows, series: Ids, levels: Flags, grid: StepGrid) -> SeriesCurves:
    """Return rows as curves.

    Parameters
    ----------
    rows
        Of these series, sorted; those outside of the grid are left out.
    series
        (n,) sorted numbers of series.
    levels
        (n,) whether a series is no sum: the mean of a latency is one over rows, not over seconds.
    grid
        The points.
    """
    rows = rows.between(grid.first, grid.end)
    which = np.searchsorted(series, rows.series)
    place = which * grid.steps + grid.places(rows)
    begins = np.flatnonzero(np.diff(place, prepend=-1))
    at = place[begins]
    weight = np.where(levels[which], 1.0, rows.seconds) if len(series) else np.zeros(0)

    def spread(found: NDArray[np.float64]) -> Floats:
        whole = np.full(len(series) * grid.steps, np.nan)
        whole[at] = found
        return whole.reshape(len(series), grid.steps)

    def mean(values: Singles) -> Floats:
        known = ~np.isnan(values)
        total = np.add.reduceat(np.where(known, values, 0).astype(np.float64), begins)
        weights = np.add.reduceat(np.where(known, weight, 0), begins)
        with np.errstate(invalid="ignore", divide="ignore"):
            return spread(np.where(weights > 0, total / weights, np.nan))

    verdict = np.zeros(len(series) * grid.steps, np.uint8)
    if not len(rows):
        nowhere = np.full((len(series), grid.steps), np.nan)
        return SeriesCurves(*(nowhere,) * 6, verdict.reshape(nowhere.shape))
    rate = rows.observed / weight
    found = np.where(rows.verdict > 0, np.arange(len(rows)), len(rows))
    verdict[at] = np.append(rows.verdict, 0)[np.minimum.reduceat(found, begins)]
    return SeriesCurves(
        mean(rows.observed),
        spread(np.fmin.reduceat(rate, begins)),
        spread(np.fmax.reduceat(rate, begins)),
        mean(rows.expected),
        mean(rows.lower),
        mean(rows.upper),
        verdict.reshape(len(series), grid.steps),
    )


class CurveReader:
    """Reads the rows behind curves, in the resolution that a range needs.

    Parameters
    ----------
    view
        What the history holds now.
    at
        The end of the newest step, epoch seconds.
    """

    def __init__(self, view: HistoryView, at: int) -> None:
        self._view = view
        self._at = at

    def is_fine(self, grid: StepGrid, series: int) -> bool:
        """Return whether rows of steps are read for so many series: where they are kept, and not too many."""
        if grid.step < TEN_MINUTES:
            return True
        reach = self._view.reach(MINUTES)
        kept = reach is None or reach.first <= grid.first
        return kept and series * (grid.end - grid.first) <= MOST_ROWS * 60

    def rows(self, series: Ids, first: int, end: int, *, fine: bool) -> HistoryRows:
        """Return the rows of series with ``first <= start < end``.

        Rows of ten minutes begin with their own ten minutes, and reach as far as there are files of them;
        what came since is of steps.
        """
        reach = None if fine else self._view.reach(TENS)
        since = first if reach is None else min(max(first, min(reach.end, self._at)), end)
        parts = [self._view.rows(MINUTES, since, end, series)] if since < end else []
        if since > first:
            parts.append(self._view.rows(TENS, first, since, series))
        return merged(parts)

    def twice(self, series: Ids, first: int, end: int, *, fine: bool) -> tuple[HistoryRows, HistoryRows]:
        """Return the rows of a range, and those of a week before, read at once if they overlap."""
        if end - WEEK <= first:
            return (
                self.rows(series, first, end, fine=fine),
                self.rows(series, first - WEEK, end - WEEK, fine=fine),
            )
        rows = self.rows(series, first - WEEK, end, fine=fine)
        return rows.between(first, end), rows.between(first - WEEK, end - WEEK)

    def known_seconds(self, first: int, end: int) -> int:
        """Return for how much of a range there are files or steps, seconds."""
        reaches = [reach for each in (MINUTES, TENS) if (reach := self._view.reach(each)) is not None]
        begin = min((reach.first for reach in reaches), default=self._at)
        return max(0, min(end, self._at) - max(first, begin))

"""Reads what a page needs of a range and of the same range a week before, and nothing else."""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, TypeVar

import numpy as np

from detectors.model.array_types import Floats, Ints
from streams.record.history.history_files import MINUTES, TENS
from streams.record.history.history_reader import HistoryView
from streams.record.history.history_rows import TEN_MINUTES, HistoryRows, merged, nothing
from streams.screens.board.scope_pages.scope_range import WEEK
from streams.screens.board.step_grid import StepGrid

MOST_ROWS: Final = 600_000
"""Rows of minutes that are read for one page; of more, those of ten minutes are."""

_T = TypeVar("_T")


class SeriesSums(NamedTuple):
    """The sums of series over a time: (n,) each."""

    series: Ints  # sorted
    total: Floats  # of all that is known; no row is zero
    seconds: Floats  # that the rows cover

    def of(self, number: int | None) -> tuple[float, float]:
        """Return total and seconds of a series; zero of one that is not here."""
        if number is None or not len(self.series):
            return 0.0, 0.0
        at = min(int(np.searchsorted(self.series, number)), len(self.series) - 1)
        here = self.series[at] == number
        return (float(self.total[at]), float(self.seconds[at])) if here else (0.0, 0.0)


class RangeRead(NamedTuple):
    """Rows and sums of a range, and of the same range a week before."""

    rows: HistoryRows  # of the series whose curves are shown, in the range
    rows_before: HistoryRows
    sums: SeriesSums  # of all series, in the range
    sums_before: SeriesSums
    seconds: int  # how much of the range there are files or steps of
    seconds_before: int
    compared: bool  # with the week before, of which a longer range has a part itself


class _Part(NamedTuple):
    """The part of one file: rows to show, and the sums of both weeks."""

    shown: HistoryRows
    now: tuple[Floats, Floats]
    then: tuple[Floats, Floats]


class RangeReader:
    """Reads a range in the resolution that it needs.

    ``at`` is the end of the newest step, epoch seconds.
    """

    def __init__(self, view: HistoryView, at: int) -> None:
        self._view = view
        self._at = at
        self._reaches = {resolution: view.reach(resolution) for resolution in (MINUTES, TENS)}
        self.beginning = view.beginning()
        """Where the history begins, epoch seconds; None while there are no files."""

    def read(self, shown: Ints, others: Ints, grid: StepGrid, end: int) -> RangeRead:
        """Read rows of the series that are shown, and sums of these and of others.

        Each file is read once, and only what is shown of it is kept.

        Parameters
        ----------
        shown, others
            Sorted numbers of series.
        end
            The end of the range; sums end there, or with the last ten minutes before it.
        """
        fine, fine_sums = self._is_fine(grid, len(shown)), grid.step < TEN_MINUTES
        last = end if fine_sums else end - (end - grid.first) % TEN_MINUTES
        series, first = np.union1d(shown, others), grid.first
        if fine == fine_sums:
            parts = self._weeks(series, shown, (first, last, end), fine=fine)
            rows = merged([part.shown for part in parts])
        else:
            parts = self._weeks(series, shown[:0], (first, last, end), fine=fine_sums)
            of_shown = self._weeks(shown, shown, (first, last, end), fine=fine)
            rows = merged([part.shown for part in of_shown])
        return RangeRead(
            rows.between(first, end),
            rows.between(first - WEEK, end - WEEK),
            _added(series, [part.now for part in parts]),
            _added(series, [part.then for part in parts]),
            self._known(first, last),
            self._known(first - WEEK, last - WEEK),
            end - first < WEEK + grid.step,
        )

    def totals(self, series: Ints, first: int, end: int) -> SeriesSums:
        """Return the sums of series over a short time."""
        reach = self._reaches[MINUTES]
        fine = reach is None or reach.first <= first
        found = self._each(series, first, end, lambda rows: _sums(rows, series, first, end), fine=fine)
        return _added(series, found)

    def newest(self, series: Ints, end: int, step: int) -> HistoryRows:
        """Return the rows of the step before a time."""
        return self._view.rows(MINUTES, end - step, end, series)

    def _is_fine(self, grid: StepGrid, series: int) -> bool:
        """Return whether rows of steps are read: where they are kept, and not too many."""
        if grid.step < TEN_MINUTES:
            return True
        reach = self._reaches[MINUTES]
        kept = reach is None or reach.first <= grid.first
        return kept and series * (grid.end - grid.first) <= MOST_ROWS * 60

    def _known(self, first: int, end: int) -> int:
        begin = self._at if self.beginning is None else self.beginning
        return max(0, min(end, self._at) - max(first, begin))

    def _weeks(self, series: Ints, shown: Ints, span: tuple[int, int, int], *, fine: bool) -> list[_Part]:
        """Read the range and the week before: at once, or only them where there is time between.

        ``span`` is the beginning of both, the end of sums, and the end of what is shown.
        """
        first, last, end = span

        def part(rows: HistoryRows) -> _Part:
            return _Part(
                _of(rows, shown),
                _sums(rows, series, first, last),
                _sums(rows, series, first - WEEK, last - WEEK),
            )

        apart = end - WEEK < first
        spans = [(first - WEEK, end - WEEK), (first, end)] if apart else [(first - WEEK, end)]
        return [piece for begin, stop in spans for piece in self._each(series, begin, stop, part, fine=fine)]

    def _each(
        self, series: Ints, first: int, end: int, use: Callable[[HistoryRows], _T], *, fine: bool
    ) -> list[_T]:
        """Use the rows of each file.

        Rows of ten minutes reach as far as there are files of them; what came since is of steps.
        """
        reach = None if fine else self._reaches[TENS]
        since = first if reach is None else min(max(first, min(reach.end, self._at)), end)
        found = self._view.map_rows(TENS, first, since, series, use) if since > first else []
        return found + (self._view.map_rows(MINUTES, since, end, series, use) if since < end else [])


def _of(rows: HistoryRows, series: Ints) -> HistoryRows:
    """Return the rows of some series, all of which are sorted."""
    begins, ends = (np.searchsorted(rows.series, series, side).tolist() for side in ("left", "right"))
    runs = [np.arange(begin, end) for begin, end in zip(begins, ends, strict=True) if begin < end]
    return rows.select(np.concatenate(runs)) if runs else nothing()


def _sums(rows: HistoryRows, series: Ints, first: int, end: int) -> tuple[Floats, Floats]:
    """Return total and seconds of series within a time, (n,) each."""
    found = np.zeros(len(series)), np.zeros(len(series))
    if not len(rows):
        return found
    known = ~np.isnan(rows.observed)
    if not first <= rows.start.min() <= rows.start.max() < end:
        known &= (rows.start >= first) & (rows.start < end)
    begins, ends = (np.searchsorted(rows.series, series, side) for side in ("left", "right"))
    there = np.flatnonzero(begins < ends)  # the rows of these follow each other without gaps
    for into, values in zip(found, (rows.observed, rows.seconds), strict=True):
        into[there] = np.add.reduceat(np.where(known, values, 0), begins[there], dtype=np.float64)
    return found


def _added(series: Ints, parts: Sequence[tuple[Floats, Floats]]) -> SeriesSums:
    total, seconds = np.zeros(len(series)), np.zeros(len(series))
    for of_total, of_seconds in parts:
        total += of_total
        seconds += of_seconds
    return SeriesSums(series, total, seconds)

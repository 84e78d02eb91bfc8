"""Weeks and months on the wall: made every ten minutes, because they read much."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Final, Literal, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np

from detectors.model.array_types import Ints
from detectors.model.measures import LATENCIES, Measure
from detectors.model.scope import ACCOUNT, ROUTE
from streams.record.history.history_files import MINUTES, TENS
from streams.record.history.history_reader import HistoryView
from streams.record.history.history_rows import HistoryRows, merged
from streams.record.history.series_names import SeriesKey
from streams.screens.board.step_grid import StepGrid, listed
from streams.screens.board.wall.wall import WallMonth, WallRanked, WallRankings, WallValue

HOUR: Final = 3600
DAY: Final = 86400
WEEK: Final = 7 * DAY
PLACES: Final = 8
"""Of a ranking."""

WHOLE: Final = 0.98
"""The part of a time that is known, from which on its sum is compared with another."""

_VALUE: Final = "value:"


class Months(NamedTuple):
    """The parts of the wall that cover weeks and months."""

    month: WallMonth
    rankings: WallRankings
    values: list[WallValue]


def month_start(at: float, zone: ZoneInfo, back: int = 0) -> int:
    """Return the first moment of the month of ``at``, or of one ``back`` months before; epoch seconds.

    Examples
    --------
    >>> day = datetime(2026, 3, 5, tzinfo=ZoneInfo("Asia/Tokyo")).timestamp()
    >>> [month_start(day, ZoneInfo("Asia/Tokyo"), back) for back in (0, 1)]
    [1772290800, 1769871600]
    """
    first = datetime.fromtimestamp(at, zone).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    for _ in range(back):
        first = (first - timedelta(days=1)).replace(day=1)
    return int(first.timestamp())


class WallMonths:
    """Makes them from a view of the history up to ``at``, epoch seconds; months begin in ``zone``."""

    def __init__(self, view: HistoryView, at: int, zone: ZoneInfo) -> None:
        self._view = view
        self._at = at
        self._zone = zone

    def make(self) -> Months:
        """Return all parts."""
        return Months(self._month(), self._rankings(), self._values())

    def _rows(self, series: Ints, first: int) -> HistoryRows:
        """Return rows from ``first`` on: of ten minutes where there are, of steps since then."""
        reach = self._view.reach(TENS)
        since = first if reach is None else max(first, min(reach.end, self._at))
        parts = [self._view.rows(MINUTES, since, self._at, series)]
        if since > first:
            parts.append(self._view.rows(TENS, first, since, series))
        return merged(parts)

    def _series(self, wanted: Callable[[SeriesKey], bool]) -> Ints:
        return self._view.series(lambda key: not key.source.kind and wanted(key))

    def _month(self) -> WallMonth:
        start, before = (month_start(self._at - 1, self._zone, back) for back in (0, 1))
        series = self._series(lambda key: key.scope.kind == ACCOUNT and key.measure == Measure.REQUESTS)
        rows = self._rows(series, before)
        return WallMonth(
            start=start,
            step=HOUR,
            observed=_rates(rows, StepGrid(start, HOUR, -(-(self._at - start) // HOUR))),
            before=_rates(rows, StepGrid(before, HOUR, (start - before) // HOUR)),
        )

    def _rankings(self) -> WallRankings:
        series = self._series(
            lambda key: key.scope.kind == ROUTE and key.measure in (Measure.REQUESTS, Measure.LATENCY)
        )
        week = self._rows(series, self._at - WEEK)
        hours = self._view.rows(MINUTES, self._at - 4 * HOUR, self._at, series)
        return WallRankings(
            used_4h=self._ranked(hours, Measure.REQUESTS),
            used_week=self._ranked(week, Measure.REQUESTS),
            slowest_4h=self._ranked(hours, Measure.LATENCY),
            slowest_week=self._ranked(week, Measure.LATENCY),
        )

    def _ranked(self, rows: HistoryRows, measure: Measure) -> list[WallRanked]:
        """Return the scopes with the most: the rate over the seconds that are known, or the worst time."""
        known_rows = rows.select(~np.isnan(rows.observed))
        if not len(known_rows):
            return []
        numbers, place = np.unique(known_rows.series, return_inverse=True)
        if measure in LATENCIES:
            found = np.zeros(len(numbers))
            np.maximum.at(found, place, known_rows.observed)
        else:
            found = np.bincount(place, known_rows.observed) / known_seconds(known_rows)
        unit: Literal["1/s", "ms"] = "ms" if measure in LATENCIES else "1/s"
        ranked = []
        for at in np.argsort(-found, kind="stable").tolist():
            key = self._view.names[int(numbers[at])]
            if key.measure == measure and found[at] > 0:
                ranked.append(
                    WallRanked(
                        scope=key.scope.as_answer(), label=key.scope.label, value=float(found[at]), unit=unit
                    )
                )
        return ranked[:PLACES]

    def _values(self) -> list[WallValue]:
        series = self._series(lambda key: key.scope.kind == ACCOUNT and _is_value(key.measure))
        if not len(series):  # of services, if accounts have none
            series = self._series(lambda key: _is_value(key.measure))
        start, before = (month_start(self._at - 1, self._zone, back) for back in (0, 1))
        rows = self._rows(series, min(before, self._at - 2 * DAY))
        keys = sorted({self._view.names[number].measure for number in series.tolist()})
        return [self._value(measure, rows, series.tolist(), start, before) for measure in keys]

    def _value(
        self, measure: str, rows: HistoryRows, series: Iterable[int], start: int, before: int
    ) -> WallValue:
        mine = [number for number in series if self._view.names[number].measure == measure]
        rows = rows.select(np.isin(rows.series, mine) & ~np.isnan(rows.observed))

        def between(first: int, end: int) -> _Sum:
            within = rows.between(first, end)
            known = known_seconds(within) / (end - first)
            return _Sum(float(within.observed.sum()) if len(within) else None, known)

        day, month = between(self._at - DAY, self._at), between(start, self._at)
        grid = StepGrid(self._at - DAY, HOUR, DAY // HOUR)
        within = rows.between(grid.first, grid.end)
        return WallValue(
            key=measure.removeprefix(_VALUE),
            day=day.total,
            day_known=day.known,
            day_before=day.comparable(between(self._at - 2 * DAY, self._at - DAY)),
            month=month.total,
            month_known=month.known,
            month_before=month.comparable(between(before, min(before + self._at - start, start))),
            trend=listed(grid.total(within)),
        )


class _Sum(NamedTuple):
    """A sum over some time, of which a part is known, from 0 to 1."""

    total: float | None
    known: float

    def comparable(self, before: "_Sum") -> float | None:
        """Return an earlier sum, None if too little is known of either to compare them."""
        return before.total if min(self.known, before.known) >= WHOLE else None


def known_seconds(rows: HistoryRows) -> float:
    """Return the seconds of which any series has a row, some of which have none for a part of the time."""
    starts, place = np.unique(rows.start, return_inverse=True)
    found = np.zeros(len(starts))
    np.maximum.at(found, place, rows.seconds)
    return float(found.sum())


def _is_value(measure: str) -> bool:
    return measure.startswith(_VALUE) or measure == Measure.COST


def _rates(rows: HistoryRows, grid: StepGrid) -> list[float | None]:
    within = rows.between(grid.first, grid.end)
    starts, at = np.unique(within.start, return_index=True)  # accounts have rows of the same steps
    places = (starts - grid.first) // grid.step
    seconds = np.bincount(places, within.seconds[at], grid.steps)
    return listed(np.where(seconds > 0, grid.total(within) / np.maximum(seconds, 1), np.nan))

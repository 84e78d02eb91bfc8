"""Reads the samples of a query from the history: values, each with the steps at which it holds."""

from collections.abc import Collection
from typing import Final, NamedTuple

import numpy as np

from detectors.model.array_types import Bools, Bytes, Floats, Ints
from streams.record.history.history_files import MINUTES, TENS
from streams.record.history.history_reader import HistoryView
from streams.record.history.history_rows import (
    AMOUNTS,
    TEN_MINUTES,
    VALUES,
    HistoryRows,
    merged,
    to_ten_minutes,
)
from streams.record.history.parquet_rows import RowReading
from streams.record.query.query_bounds import PART_ROWS, QueryBounds
from streams.record.query.query_times import QueryTimes
from streams.record.query.series_index import SeriesIndex

LOOKBACK: Final = 300
"""Seconds for which a value holds while no newer one is known, as in Prometheus."""


def _longest(seconds: int) -> int:
    return max(2 * seconds, LOOKBACK)


class SampleRows(NamedTuple):
    """Samples, sorted by series and time, (n,) each."""

    series: Ints
    since: Ints  # the first step of the query at which it holds
    until: Ints  # the step after the last one
    amounts: dict[str, Floats]  # such as ``observed``: per second, or milliseconds; NaN where unknown
    verdict: Bytes  # places in ``VERDICTS``


class RowTiming(NamedTuple):
    """The steps at which rows hold.

    A row holds from its beginning until the next one. Of series that have no rows for zeros, it holds for its
    own seconds, so that they are seen to stop; the newest rows hold until more is known.
    """

    times: QueryTimes
    newest: int  # the end of the newest step, epoch seconds

    def points(self, rows: HistoryRows, sparse: Bools | bool, *, tens: bool) -> tuple[Ints, Ints]:
        """Return (n,) the first step at which rows hold, and the step after the last one."""
        start, length = rows.start, rows.seconds.astype(np.int64)
        if tens:  # perhaps still those of steps, which become one
            start, length = start // TEN_MINUTES * TEN_MINUTES, np.full(len(rows), TEN_MINUTES)
        holds = np.where(
            np.asarray(sparse) & (start + length < self.newest), length, np.maximum(2 * length, LOOKBACK)
        )
        return self.times.places(start * 1000), self.times.places((start + holds) * 1000)

    def needed(self, rows: HistoryRows, *, tens: bool, become: bool = False) -> HistoryRows:
        """Return the rows that hold at any step.

        With ``become``, they become rows of ten minutes, for which all rows of steps are needed.
        """
        since, until = self.points(rows, sparse=False, tens=tens)
        needed = since < until
        if not become:
            needed[:-1] &= (rows.series[1:] != rows.series[:-1]) | (since[1:] != since[:-1])
        return rows.select(needed)


def _samples_of(rows: HistoryRows, index: SeriesIndex, timing: RowTiming, *, tens: bool) -> SampleRows:
    """Return sorted rows, of ten minutes if ``tens``, as samples, which may still overlap."""
    places = index.places(rows.series)
    sparse = index.is_sparse(places)
    since, until = timing.points(rows, sparse, tens=tens)
    weight = rows.seconds.astype(np.float64)
    if tens:  # such a row has the seconds in which it was not zero
        weight[sparse] = np.clip(timing.newest - rows.start[sparse], 1, TEN_MINUTES)
    weight[index.is_latency(places)] = 1
    amounts = {name: getattr(rows, name) / weight for name in AMOUNTS}
    return SampleRows(rows.series, since, until, amounts, rows.verdict)


def _in_order(parts: list[SampleRows]) -> SampleRows:
    """Return the samples of parts that follow each other: each holds until the next one of its series."""
    series, since, until, verdict = (
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("series", "since", "until", "verdict")
    )
    amounts = {name: np.concatenate([part.amounts[name] for part in parts]) for name in AMOUNTS}
    if len(parts) > 1:
        order = np.argsort(series, kind="stable")
        series, since, until, verdict = series[order], since[order], until[order], verdict[order]
        amounts = {name: values[order] for name, values in amounts.items()}
    following = series[1:] == series[:-1]
    until[:-1] = np.where(following, np.minimum(until[:-1], since[1:]), until[:-1])
    return SampleRows(series, since, until, amounts, verdict)


class SampleReader:
    """Reads samples of series; ``step`` is that of the judge, seconds."""

    def __init__(self, view: HistoryView, index: SeriesIndex, step: int, bounds: QueryBounds) -> None:
        self._view = view
        self._index = index
        self._step = step
        self._bounds = bounds
        self._reaches = {resolution: view.reach(resolution) for resolution in (MINUTES, TENS)}
        self._kept = 0
        self._values: tuple[str, ...] = VALUES

    def read(self, series: Ints, times: QueryTimes, columns: Collection[str]) -> SampleRows | None:
        """Return the samples of series at the steps of a query; None if there are none.

        Only the ``columns`` of metrics are read, and observations: expectations of ten minutes depend on how
        long these are known.

        Steps of ten minutes or more, and times before the rows of steps, are read from rows of ten minutes.

        Raises
        ------
        QueryError
            When it takes too long, or needs too much.
        """
        self._values = tuple(name for name in VALUES if name in {"observed", *columns})
        newest, tens = self._view.end, self._reaches[TENS]
        if newest is None and tens is not None:  # its steps are too old to be kept
            newest = tens.end
        if newest is None or not len(series):
            return None
        timing = RowTiming(times, newest)
        coarse = times.points > 1 and times.step >= TEN_MINUTES * 1000
        first, end = times.first // 1000, min(times.last // 1000, newest) + 1
        early = (first - _longest(TEN_MINUTES)) // TEN_MINUTES * TEN_MINUTES
        if coarse:
            end = (end // TEN_MINUTES + 1) * TEN_MINUTES
            since = self._coarse_until(early, end)
        else:
            since = self._fine_since(first - _longest(self._step), end)
        parts = []
        if early < since and (coarse or self._is_old(first)):
            parts.append((self._rows(TENS, early, since, series, timing), True))
        if since < end:
            fine = self._rows(MINUTES, since, end, series, timing, tens=coarse)
            parts.append((self._coarse(fine) if coarse else fine, coarse))
        samples = [_samples_of(rows, self._index, timing, tens=tens) for rows, tens in parts if len(rows)]
        return _in_order(samples) if samples else None

    def _fine_since(self, first: int, end: int) -> int:
        """Return the time from which rows of steps are read; before, rows of ten minutes."""
        minutes, tens = self._reaches[MINUTES], self._reaches[TENS]
        if tens is None:
            return first
        kept = tens.end if minutes is None else minutes.first
        return min(max(first, kept), end)

    def _is_old(self, first: int) -> bool:
        minutes = self._reaches[MINUTES]
        return minutes is None or first - _longest(self._step) < minutes.first

    def _coarse_until(self, first: int, end: int) -> int:
        """Return the time up to which there are rows of ten minutes; later ones are of steps."""
        tens = self._reaches[TENS]
        return first if tens is None else min(max(first, tens.end), end)

    def _rows(
        self,
        resolution: str,
        first: int,
        end: int,
        series: Ints,
        timing: RowTiming,
        *,
        tens: bool = False,
    ) -> HistoryRows:
        as_tens = tens or resolution == TENS

        def use(rows: HistoryRows) -> HistoryRows:
            self._bounds.check_time()
            needed = timing.needed(rows, tens=as_tens, become=tens)
            self._kept += len(needed)
            self._bounds.allow_rows(self._kept)
            return needed

        how = RowReading(PART_ROWS, self._values)
        return merged(self._view.map_rows(resolution, first, end, series, use, how=how))

    def _coarse(self, rows: HistoryRows) -> HistoryRows:
        latencies = self._index.ids[self._index.is_latency(np.arange(len(self._index.ids)))]
        return to_ten_minutes(rows, latencies)

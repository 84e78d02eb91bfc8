"""Rows of the history as samples: each with the time from which it holds, and until when."""

from typing import Final, NamedTuple

import numpy as np

from detectors.model.array_types import Bools, Bytes, Floats, Ints
from streams.record.history.coarser import TEN_MINUTES
from streams.record.history.history_rows import AMOUNTS, HistoryRows
from streams.record.query.query_times import QueryTimes
from streams.record.query.series_index import SeriesIndex

LOOKBACK: Final = 300
"""Seconds for which a value holds while no newer one is known, as in Prometheus."""


def longest(seconds: int) -> int:
    """Return how long a row of so many seconds holds while no newer one is known."""
    return max(2 * seconds, LOOKBACK)


class SampleRows(NamedTuple):
    """Samples, sorted by series and time, (n,) each."""

    series: Ints
    since: Ints  # the first step of the query at which it holds
    until: Ints  # the step after the last one
    amounts: dict[str, Floats]  # ``observed`` …, per second; milliseconds of a latency; NaN where unknown
    verdict: Bytes  # places in ``VERDICTS``


class RowTiming(NamedTuple):
    """When rows hold.

    A row holds from its beginning on, until the next one. Where no row is zero, it holds for as long as it
    tells of, so that what has stopped is not shown as if it went on; the newest ones hold until more is
    known.
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
        """Return the rows that hold at any step, as far as these tell.

        With ``become``, rows of steps are to become rows of ten minutes, and all of those are needed.
        """
        since, until = self.points(rows, sparse=False, tens=tens)
        needed = since < until
        if not become:
            needed[:-1] &= (rows.series[1:] != rows.series[:-1]) | (since[1:] != since[:-1])
        return rows.taken(needed)


def samples_of(rows: HistoryRows, index: SeriesIndex, timing: RowTiming, *, tens: bool) -> SampleRows:
    """Return rows as samples, which may still overlap.

    Parameters
    ----------
    rows
        Sorted; of ten minutes if ``tens``.
    """
    places = index.places(rows.series)
    sparse = index.is_sparse(places)
    since, until = timing.points(rows, sparse, tens=tens)
    weight = rows.seconds.astype(np.float64)
    if tens:  # such a row tells of the seconds in which it was not zero
        weight[sparse] = np.clip(timing.newest - rows.start[sparse], 1, TEN_MINUTES)
    weight[index.is_latency(places)] = 1
    amounts = {name: getattr(rows, name) / weight for name in AMOUNTS}
    return SampleRows(rows.series, since, until, amounts, rows.verdict)


def in_order(parts: list[SampleRows]) -> SampleRows:
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

"""Rows of the history in memory: a series and a time each, sorted by both; and rows of ten minutes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from detectors.model.array_types import Bools, Bytes, Float32s, Floats, Int32s, Ints, Places

COLUMNS: Final = ("series", "start", "seconds", "observed", "expected", "lower", "upper", "verdict")
AMOUNTS: Final = ("observed", "expected", "lower", "upper")

VALUES: Final = COLUMNS[3:]
"""Columns of values, beside the series and its time."""

TEN_MINUTES: Final = 600


@dataclass(frozen=True, slots=True)
class HistoryRows:
    """Rows sorted by series and start, (n,) each. No two rows of a series have the same start."""

    series: Ints  # of ``series_id``
    start: Ints  # epoch seconds
    seconds: Int32s  # that the row sums up
    observed: Float32s  # a sum over these seconds; milliseconds of a latency; NaN where unknown
    expected: Float32s
    lower: Float32s
    upper: Float32s
    verdict: Bytes  # places in ``VERDICTS``

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.series)

    def select(self, rows: Any) -> "HistoryRows":
        """Return some of the rows: indices, a mask or a slice."""
        return HistoryRows(*(getattr(self, name)[rows] for name in COLUMNS))

    def between(self, first: int, end: int) -> "HistoryRows":
        """Return the rows with ``first <= start < end``."""
        return self.select((self.start >= first) & (self.start < end))


def nothing() -> HistoryRows:
    """Return no rows."""
    longs = np.zeros(0, np.int64)
    return bare(longs, longs, np.zeros(0, np.int32), np.zeros(0, np.float32))


def bare(series: Ints, start: Ints, seconds: Int32s, observed: Float32s) -> HistoryRows:
    """Return rows of which nothing was expected."""
    unknown = np.full(len(series), np.nan, np.float32)
    return HistoryRows(
        series, start, seconds, observed, unknown, unknown, unknown, np.zeros(len(series), np.uint8)
    )


def merged(parts: Sequence[HistoryRows]) -> HistoryRows:
    """Return the rows of all parts, sorted. Amounts of one series and start add up.

    What was expected of them comes from the first part that knows it: a correction brings an amount alone.
    """
    parts = [part for part in parts if len(part)]
    if not parts:
        return nothing()
    series, start = (np.concatenate([getattr(part, name) for part in parts]) for name in ("series", "start"))
    order = _order(series, start)
    rows = HistoryRows(
        series[order],
        start[order],
        *(np.concatenate([getattr(part, name) for part in parts])[order] for name in COLUMNS[2:]),
    )
    again = (rows.series[1:] == rows.series[:-1]) & (rows.start[1:] == rows.start[:-1])
    return _added_up(rows, again) if again.any() else rows


def joined(parts: Sequence[HistoryRows]) -> HistoryRows:
    """Return ``merged`` of parts that are sorted themselves, and a single one as it is."""
    parts = [part for part in parts if len(part)]
    return parts[0] if len(parts) == 1 else merged(parts)


def _order(series: Ints, start: Ints) -> Places:
    """Return the places of rows, sorted by series and start; equal ones stay as they are.

    Rows of a series mostly stand together and in order: sorting these runs is sorting far fewer.
    """
    begins = np.flatnonzero(np.concatenate(([True], series[1:] != series[:-1])))
    lengths = np.diff(begins, append=len(series))
    runs = np.lexsort((start[begins], series[begins]))
    moved = begins[runs] - np.cumsum(lengths[runs]) + lengths[runs]
    order: Places = np.repeat(moved, lengths[runs]) + np.arange(len(series))
    moved_series, moved_start = series[order], start[order]
    same = moved_series[1:] == moved_series[:-1]
    mixed = same & (moved_start[1:] <= moved_start[:-1])  # the runs of a series overlap
    if mixed.any():
        group = np.concatenate(([0], np.cumsum(~same)))
        among = np.zeros(group[-1] + 1, np.bool_)
        among[group[:-1][mixed]] = True
        places = np.flatnonzero(among[group])
        rows = np.sort(order[places])
        order[places] = rows[np.lexsort((start[rows], series[rows]))]
    return order


def _added_up(rows: HistoryRows, again: Bools) -> HistoryRows:
    """Add up rows of the same series and start: those that come again, (n - 1,)."""
    fresh = np.concatenate(([True], ~again))
    group = np.cumsum(fresh) - 1
    first = rows.select(fresh)
    columns = {name: getattr(first, name).copy() for name in (*AMOUNTS, "verdict")}
    others = np.flatnonzero(~fresh)
    before_it = others - np.flatnonzero(fresh)[group[others]]  # rows of its group
    for number in range(1, int(before_it.max()) + 1):
        some = others[before_it == number]
        into = group[some]
        more, before = rows.observed[some], columns["observed"][into]
        columns["observed"][into] = np.where(np.isnan(more), before, more + np.nan_to_num(before))
        for name in AMOUNTS[1:]:
            known = columns[name][into]
            columns[name][into] = np.where(np.isnan(known), getattr(rows, name)[some], known)
        known = columns["verdict"][into]
        columns["verdict"][into] = np.where(known > 0, known, rows.verdict[some])
    return HistoryRows(first.series, first.start, first.seconds, **columns)


def to_ten_minutes(rows: HistoryRows, latencies: Ints) -> HistoryRows:
    """Return one row per series and ten minutes, of rows of steps; ``latencies`` are numbers of series.

    Amounts add up over the seconds for which they are known; expectations are given for as many seconds.
    Quantiles cannot be added: a latency is that of its worst minute, with the expectation of that minute. The
    verdict is the first one within the time.
    """
    if not len(rows):
        return rows
    slot = rows.start // TEN_MINUTES
    fresh = np.ones(len(rows), np.bool_)
    fresh[1:] = (rows.series[1:] != rows.series[:-1]) | (slot[1:] != slot[:-1])
    first = np.flatnonzero(fresh)
    group = np.cumsum(fresh) - 1
    known = ~np.isnan(rows.observed)
    length = np.where(known, rows.seconds, 0)
    covered = np.add.reduceat(length, first)
    observed = np.add.reduceat(np.where(known, rows.observed, 0).astype(np.float64), first)
    observed[covered == 0] = np.nan
    expected, lower, upper = (
        _expected(values, rows, first, covered) for values in (rows.expected, rows.lower, rows.upper)
    )
    latency = np.isin(rows.series[first], latencies)
    if latency.any():
        worst = _worst(rows, group, first)[latency]
        observed[latency] = rows.observed[worst]
        expected[latency] = rows.expected[worst]
        lower[latency] = rows.lower[worst]
        upper[latency] = rows.upper[worst]
    place = np.where(rows.verdict > 0, np.arange(len(rows)), len(rows))
    with_verdict = np.minimum.reduceat(place, first)
    verdict = np.append(rows.verdict, 0)[with_verdict]
    all_seconds = np.add.reduceat(rows.seconds, first)
    return HistoryRows(
        rows.series[first],
        slot[first] * TEN_MINUTES,
        np.where(covered > 0, covered, all_seconds).astype(np.int32),
        observed.astype(np.float32),
        expected.astype(np.float32),
        lower.astype(np.float32),
        upper.astype(np.float32),
        verdict.astype(np.uint8),
    )


def _expected(values: Float32s, rows: HistoryRows, first: Places, covered: Ints) -> Floats:
    """Return the expectation, at its mean rate, over the seconds for which the amount is known."""
    known = ~np.isnan(values)
    seconds = np.add.reduceat(np.where(known, rows.seconds, 0), first)
    total = np.add.reduceat(np.where(known, values, 0).astype(np.float64), first)
    with np.errstate(invalid="ignore", divide="ignore"):
        rate = total / seconds
    return np.where(seconds > 0, rate * np.where(covered > 0, covered, seconds), np.nan)


def _worst(rows: HistoryRows, group: Places, first: Places) -> Places:
    """Return the place of the largest value of each group."""
    values = np.nan_to_num(rows.observed, nan=-np.inf)
    largest = np.maximum.reduceat(values, first)
    place = np.where(values == largest[group], np.arange(len(rows)), len(rows))
    found: Places = np.minimum.reduceat(place, first)
    return found

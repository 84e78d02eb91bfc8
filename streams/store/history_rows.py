"""Rows of the history in memory: a series and a time each, sorted by both."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detectors.judge.codes import CODES

Singles = NDArray[np.float32]

VERDICTS: Final = tuple("" if code is None else str(code) for code in CODES)
"""The verdict of each number in ``HistoryRows.verdict``; the first is none."""


@dataclass(frozen=True, slots=True)
class HistoryRows:
    """Rows sorted by series and start, (n,) each. No two rows of a series have the same start."""

    series: NDArray[np.int64]  # of ``series_id``
    start: NDArray[np.int64]  # epoch seconds
    seconds: NDArray[np.int32]  # that the row sums up
    observed: Singles  # a sum over these seconds; milliseconds of a latency; NaN where unknown
    expected: Singles
    lower: Singles
    upper: Singles
    verdict: NDArray[np.uint8]  # places in ``VERDICTS``

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.series)

    def taken(self, rows: Any) -> "HistoryRows":
        """Return some of the rows: indices, a mask or a slice."""
        return HistoryRows(*(getattr(self, name)[rows] for name in COLUMNS))


COLUMNS: Final = ("series", "start", "seconds", "observed", "expected", "lower", "upper", "verdict")
AMOUNTS: Final = ("observed", "expected", "lower", "upper")


def nothing() -> HistoryRows:
    """Return no rows."""
    longs = np.zeros(0, np.int64)
    return bare(longs, longs, np.zeros(0, np.int32), np.zeros(0, np.float32))


def bare(
    series: NDArray[np.int64], start: NDArray[np.int64], seconds: NDArray[np.int32], observed: Singles
) -> HistoryRows:
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
    rows = HistoryRows(*(np.concatenate([getattr(part, name) for part in parts]) for name in COLUMNS))
    # of each series the parts are often in order already, which a stable sort is quick about
    rows = rows.taken(np.argsort(rows.series, kind="stable"))
    same = np.diff(rows.series) == 0
    if (same & (np.diff(rows.start) < 0)).any():
        rows = rows.taken(np.lexsort((rows.start, rows.series)))
        same = np.diff(rows.series) == 0
    again = same & (np.diff(rows.start) == 0)
    return _added_up(rows, again) if again.any() else rows


def _added_up(rows: HistoryRows, again: NDArray[np.bool_]) -> HistoryRows:
    """Add up rows of the same series and start: those that come again, (n - 1,), and are few."""
    fresh = np.concatenate(([True], ~again))
    group = np.cumsum(fresh) - 1
    first = rows.taken(fresh)
    columns = {name: getattr(first, name).copy() for name in (*AMOUNTS, "verdict")}
    for row in np.flatnonzero(~fresh).tolist():
        into = group[row]
        if not np.isnan(rows.observed[row]):
            columns["observed"][into] = rows.observed[row] + np.nan_to_num(columns["observed"][into])
        for name in AMOUNTS[1:]:
            if np.isnan(columns[name][into]):
                columns[name][into] = getattr(rows, name)[row]
        columns["verdict"][into] = columns["verdict"][into] or rows.verdict[row]
    return HistoryRows(first.series, first.start, first.seconds, **columns)

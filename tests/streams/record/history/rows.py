"""Rows of a history for tests, and their plain form."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streams.record.history.history_rows import COLUMNS, HistoryRows, merged


def rows_of(many: Iterable[tuple[int, int, float]], seconds: int = 60) -> HistoryRows:
    """Return rows of (series, start, observed), of which ten more were expected."""
    listed = list(many)
    series = np.array([number for number, _, _ in listed], np.int64)
    observed = np.array([amount for _, _, amount in listed], np.float32)
    rows = HistoryRows(
        series,
        np.array([start for _, start, _ in listed], np.int64),
        np.full(len(listed), seconds, np.int32),
        observed,
        observed + 10,
        observed - 1,
        observed + 20,
        (series % 3).astype(np.uint8),
    )
    return merged([rows])


def plain(rows: HistoryRows) -> list[tuple[Any, ...]]:
    """Return the rows as tuples, NaN as None."""

    def column(values: NDArray[Any]) -> list[Any]:
        found: list[Any] = values.tolist()
        for at in np.flatnonzero(np.isnan(values)).tolist():  # few, if any
            found[at] = None
        return found

    return list(zip(*(column(getattr(rows, name)) for name in COLUMNS), strict=True))

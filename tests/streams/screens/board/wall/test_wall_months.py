"""Sums and rates of days, weeks and months are of the time that is known, and say how much of it there is."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from detectors.model.scope import ACCOUNT, ROUTE, Scope
from streams.record.history.history_files import MINUTES, NAMES_FILE, HistoryFile, HistoryFolder
from streams.record.history.history_reader import HistoryView
from streams.record.history.history_rows import bare, merged
from streams.record.history.parquet_rows import write_names, write_rows
from streams.record.history.series_names import NOBODY, SeriesKey, SeriesNames
from streams.screens.board.wall.wall_months import Months, WallMonths

HOUR: Final = 3600
WEEK: Final = 7 * 24 * HOUR
AT: Final = int(datetime(2026, 3, 26, tzinfo=UTC).timestamp())  # begins a week of files
SALES: Final = SeriesKey(Scope(ACCOUNT, "aws", "1", "", "1"), NOBODY, "value:sales")

Hours = Mapping[SeriesKey, Mapping[int, float]]
"""What a series counted in hours, by how many hours before ``AT`` they began."""


def hours(ago: range, amount: float) -> dict[int, float]:
    return dict.fromkeys(ago, amount)


def months(place: Path, counted: Hours) -> Months:
    folder, names = HistoryFolder(str(place)), SeriesNames()
    rows = merged(
        [
            bare(
                np.full(len(of), number),
                AT - HOUR * np.array(sorted(of, reverse=True)),
                np.full(len(of), HOUR, np.int32),
                np.array([of[ago] for ago in sorted(of, reverse=True)], np.float32),
            )
            for number, of in zip(names.add(counted), counted.values(), strict=True)
        ]
    )
    for week in range(1, 10):
        first = AT - week * WEEK
        some = rows.between(first, first + WEEK)
        if len(some):
            folder.write(HistoryFile(MINUTES, first, first + WEEK).path, partial(write_rows, some))
    folder.write(NAMES_FILE, partial(write_names, names))
    return WallMonths(HistoryView(folder), AT, ZoneInfo("UTC")).make()


def test_a_month_is_compared_with_one_that_is_known_as_a_whole(tmp_path: Path) -> None:
    [sales] = months(tmp_path, {SALES: hours(range(1, 25 * 24 + 5 * 24), 2.0)}).values
    assert (sales.month, sales.month_known) == (25 * 24 * 2.0, 1.0)
    assert sales.month_before is None, "of the month before, the last five days are known"
    assert sales.day_before == sales.day == 48.0


def test_what_is_known_of_a_day_is_said(tmp_path: Path) -> None:
    [sales] = months(tmp_path, {SALES: hours(range(1, 7), 2.0) | hours(range(25, 49), 2.0)}).values
    assert (sales.day, sales.day_known, sales.day_before) == (12.0, 0.25, None)
    assert sales.month_known == pytest.approx(30 / (25 * 24))


def test_unknown_hours_are_no_zeros_in_a_ranking(tmp_path: Path) -> None:
    routes = [Scope(ROUTE, "aws", "1", "", name) for name in ("GET /a", "GET /b")]
    known = hours(range(1, 3), 7200.0)
    made = months(
        tmp_path,
        {
            SeriesKey(routes[0], NOBODY, "requests"): known | hours(range(100, 102), 7200.0),
            SeriesKey(routes[1], NOBODY, "requests"): known,
        },
    )
    assert [place.value for place in made.rankings.used_4h] == [2.0, 2.0]
    assert [(place.label, place.value) for place in made.rankings.used_week] == [
        ("GET /a", 2.0),
        ("GET /b", 1.0),
    ]

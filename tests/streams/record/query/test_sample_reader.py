"""Rows of steps and of ten minutes, in several files, as samples."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from detectors.model.scope import Scope
from streams.record.history.history_files import MINUTES, NAMES_FILE, TENS, HistoryFile, HistoryFolder
from streams.record.history.history_reader import HistoryView
from streams.record.history.history_rows import bare
from streams.record.history.parquet_rows import write_names, write_rows
from streams.record.history.series_names import NOBODY, SeriesKey, SeriesNames
from streams.record.query import prometheus_json
from streams.record.query.evaluation import QueryEvaluation
from streams.record.query.promql import parse_query
from streams.record.query.query_bounds import QueryBounds
from streams.record.query.query_times import QueryTimes
from streams.record.query.series_index import SeriesIndex

START = 1_764_201_600  # 2025-11-27T00:00:00Z
HOUR = 3600
DAY = 24 * HOUR
ITEMS = Scope("table", "aws", "1", "eu-west-1", "items")
PUT = Scope("function", "aws", "1", "eu-west-1", "put")
WCU, CALLS, LATENCY = (
    SeriesKey(ITEMS, NOBODY, "wcu"),
    SeriesKey(ITEMS, PUT, "wcu"),
    SeriesKey(ITEMS, NOBODY, "latency"),
)

Row = tuple[SeriesKey, int, int, float]  # series, start, seconds, observed


class Written:
    """A history of given rows."""

    def __init__(self, place: Path) -> None:
        self._folder = HistoryFolder(str(place))
        self._names = SeriesNames()
        self._names.add([WCU, CALLS, LATENCY])
        self._folder.write(NAMES_FILE, lambda into: write_names(self._names, into))

    def write(self, resolution: str, first: int, end: int, rows: Sequence[Row]) -> None:
        """Write a file."""
        numbers = self._names.add([key for key, *_ in rows])
        order = sorted(range(len(rows)), key=lambda place: (numbers[place], rows[place][1]))
        written = bare(
            np.array([numbers[place] for place in order], np.int64),
            np.array([rows[place][1] for place in order], np.int64),
            np.array([rows[place][2] for place in order], np.int32),
            np.array([rows[place][3] for place in order], np.float32),
        )
        self._folder.write(HistoryFile(resolution, first, end).path, lambda into: write_rows(written, into))

    def ask(self, query: str, times: QueryTimes) -> dict[float, float]:
        """Return the values of a query of one series, by time."""
        view = HistoryView(self._folder)
        evaluation = QueryEvaluation(view, SeriesIndex(view.names), times, 60, QueryBounds())
        found = json.loads(
            prometheus_json.matrix(evaluation.answer(parse_query(query)), times, QueryBounds())
        )
        result = found["data"]["result"]
        assert len(result) <= 1
        return {at - START: float(value) for at, value in result[0]["values"]} if result else {}


@pytest.fixture
def written(tmp_path: Path) -> Written:
    return Written(tmp_path)


def over(first: int, end: int, step: int) -> QueryTimes:
    return QueryTimes.over((START + first) * 1000, (START + end) * 1000, step * 1000)


def minutes(key: SeriesKey, first: int, end: int, amount: float) -> list[Row]:
    return [(key, start, 60, amount) for start in range(START + first, START + end, 60)]


TABLE = 'uneri_observed{measure="wcu",source_kind=""}'
CALLER = 'uneri_observed{measure="wcu",source_kind="function"}'
TIMES = 'uneri_observed{measure="latency"}'


def test_what_came_late_is_added_to_the_step_to_which_it_belongs(written: Written) -> None:
    written.write(MINUTES, START, START + HOUR, minutes(WCU, 0, HOUR, 60))
    late = [(WCU, START + 120, 60, 30.0), *minutes(WCU, HOUR, 2 * HOUR, 60)]
    written.write(MINUTES, START + HOUR, START + 2 * HOUR, late)
    assert written.ask(TABLE, over(60, 180, 60)) == {60: 1, 120: 1.5, 180: 1}
    assert written.ask(TABLE, over(0, 600, 600)) == {0: pytest.approx(630 / 600), 600: 1}
    # half of the rows of a long step are not read at all, which must not lose what is added to one that is
    assert written.ask(TABLE, over(0, 240, 120)) == {0: 1, 120: 1.5, 240: 1}


def test_what_is_older_than_the_rows_of_steps_is_answered_from_those_of_ten_minutes(written: Written) -> None:
    written.write(
        TENS, START, START + DAY, [(WCU, start, 600, 600.0) for start in range(START, START + DAY, 600)]
    )
    written.write(MINUTES, START + DAY - HOUR, START + DAY, minutes(WCU, DAY - HOUR, DAY, 120))
    edge = DAY - HOUR
    assert written.ask(TABLE, over(HOUR, HOUR, 1)) == {HOUR: 1}
    assert written.ask(TABLE, over(edge - 120, edge + 60, 60)) == {
        edge - 120: 1,
        edge - 60: 1,
        edge: 2,
        edge + 60: 2,
    }
    assert written.ask(TABLE, over(edge - 600, edge + 600, 600)) == dict.fromkeys(
        (edge - 600, edge, edge + 600), 1
    )


def test_ten_minutes_that_are_not_in_a_file_yet_are_made_of_their_steps(written: Written) -> None:
    written.write(TENS, START, START + DAY, [(WCU, START + DAY - 600, 600, 600.0)])
    written.write(
        MINUTES,
        START + DAY,
        START + DAY + HOUR,
        [row for turn in range(60) for row in minutes(WCU, DAY + 60 * turn, DAY + 60 * turn + 60, 60 * turn)],
    )
    assert written.ask(TABLE, over(DAY - 600, DAY + 1200, 600)) == {
        DAY - 600: 1,
        DAY: 4.5,
        DAY + 600: 14.5,
        DAY + 1200: 24.5,
    }
    assert written.ask(TABLE, over(DAY + 30, DAY + 630, 600)) == {DAY + 30: 4.5, DAY + 630: 14.5}


def test_a_latency_of_ten_minutes_is_that_of_the_worst_minute(written: Written) -> None:
    rows = minutes(LATENCY, 0, HOUR, 20)
    written.write(MINUTES, START, START + HOUR, [*rows[:5], (LATENCY, START + 300, 60, 90.0), *rows[6:]])
    assert written.ask(TIMES, over(0, 600, 600)) == {0: 90, 600: 20}
    assert written.ask(TIMES, over(240, 360, 60)) == {240: 20, 300: 90, 360: 20}


def test_calls_of_one_minute_in_ten_are_spread_over_all_of_them(written: Written) -> None:
    written.write(
        TENS,
        START,
        START + DAY,
        [(CALLS, START, 60, 600.0), *((WCU, START + ten, 600, 1.0) for ten in (0, 600))],
    )
    assert written.ask(CALLER, over(0, 1200, 600)) == {0: 1}
    written.write(MINUTES, START + DAY, START + DAY + HOUR, [(CALLS, START + DAY + 60, 60, 600.0)])
    assert written.ask(CALLER, over(DAY, DAY + 600, 600)) == {DAY: 1}
    assert written.ask(CALLER, over(DAY, DAY + 300, 60)) == {DAY + 60: 10}


def test_calls_of_the_newest_step_hold_until_more_is_known(written: Written) -> None:
    newest = HOUR - 60
    written.write(
        MINUTES,
        START,
        START + HOUR,
        [(CALLS, START, 60, 60.0), (CALLS, START + newest, 60, 120.0), *minutes(WCU, 0, HOUR, 60)],
    )
    assert written.ask(CALLER, over(0, 120, 30)) == {0: 1, 30: 1}
    held = dict.fromkeys(range(newest, newest + 300, 60), 2)
    assert written.ask(CALLER, over(newest - 60, newest + 600, 60)) == held


def test_a_value_of_ten_minutes_holds_for_twenty(written: Written) -> None:
    written.write(TENS, START, START + DAY, [(WCU, START, 600, 600.0)])
    assert written.ask(TABLE, over(0, 3600, 300)) == {0: 1, 300: 1, 600: 1, 900: 1}


def test_a_history_without_steps_has_no_values(written: Written) -> None:
    assert written.ask(TABLE, over(0, 600, 60)) == {}


def test_times_before_and_after_all_that_is_known_have_no_values(written: Written) -> None:
    written.write(MINUTES, START, START + HOUR, minutes(WCU, 0, HOUR, 60))
    assert written.ask(TABLE, over(-DAY, -60, 60)) == {}
    assert written.ask(TABLE, over(HOUR + 300, DAY, 60)) == {}
    assert written.ask(TABLE, QueryTimes(0, 86_400_000, 11_000)) == {}

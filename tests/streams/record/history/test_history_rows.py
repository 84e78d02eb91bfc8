"""Rows are sorted and merged, and become to_ten_minutes, as plain Python would do it."""

import math
from collections import defaultdict

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from streams.record.history.history_rows import HistoryRows, merged, nothing, to_ten_minutes
from tests.streams.record.history.rows import plain, rows_of

AMOUNT = st.one_of(st.integers(0, 1000).map(float), st.just(math.nan))
ROW = st.tuples(st.integers(1, 4), st.integers(0, 40).map(lambda minute: minute * 60), AMOUNT)
PARTS = st.lists(st.lists(ROW, max_size=12), max_size=4)


@given(PARTS)
def test_parts_merge_into_one_row_a_series_and_start_and_amounts_add_up(
    parts: list[list[tuple[int, int, float]]],
) -> None:
    rows = merged([rows_of(part) for part in parts])
    totals: dict[tuple[int, int], list[float]] = defaultdict(list)
    for part in parts:
        for series, start, amount in part:
            totals[series, start].append(amount)
    keys = list(zip(rows.series.tolist(), rows.start.tolist(), strict=True))
    assert keys == sorted(totals)
    for key, amount in zip(keys, rows.observed.tolist(), strict=True):
        known = [total for total in totals[key] if not math.isnan(total)]
        assert amount == sum(known) if known else math.isnan(amount)


@given(PARTS)
def test_merging_twice_changes_nothing_however_it_is_grouped(
    parts: list[list[tuple[int, int, float]]],
) -> None:
    each = [rows_of(part) for part in parts]
    at_once = merged(each)
    assert plain(merged([at_once])) == plain(at_once)
    assert plain(merged([merged(each[:2]), merged(each[2:])])) == plain(at_once)


@given(st.lists(ROW, max_size=40, unique_by=lambda row: row[:2]))
def test_ten_minutes_add_up_what_is_known_and_say_for_how_long(many: list[tuple[int, int, float]]) -> None:
    rows = rows_of(many)
    tens = to_ten_minutes(rows, np.array([4]))
    known: dict[tuple[int, int], list[float]] = defaultdict(list)
    slots = set()
    for series, start, _, amount, *_ in plain(rows):
        slots.add((series, start // 600 * 600))
        if amount is not None:
            known[series, start // 600 * 600].append(amount)
    assert [(series, start) for series, start, *_ in plain(tens)] == sorted(slots)
    for series, start, seconds, observed, expected, *_ in plain(tens):
        amounts = known[series, start]
        if not amounts:
            assert observed is None
        elif series == 4:  # a latency: its worst minute
            assert (observed, expected) == (max(amounts), max(amounts) + 10)
        else:
            assert observed == sum(amounts)
            assert seconds == 60 * len(amounts)
            assert math.isclose(expected, sum(amounts) + 10 * len(amounts), rel_tol=1e-6)


def test_what_was_expected_is_given_for_as_many_seconds_as_the_amount_is_known_of() -> None:
    rows = rows_of([(1, 0, 5.0), (1, 60, 7.0), (1, 120, math.nan)])
    rows.expected[:] = [math.nan, 12.0, 12.0]
    [(_, _, seconds, observed, expected, *_)] = plain(to_ten_minutes(rows, np.zeros(0, np.int64)))
    assert (seconds, observed, expected) == (120, 12.0, 24.0)


def test_a_correction_brings_an_amount_and_takes_no_expectation_away() -> None:
    before, correction = rows_of([(1, 0, 5.0)]), rows_of([(1, 0, 2.0)])
    for name in ("expected", "lower", "upper"):
        getattr(correction, name)[:] = np.nan
    correction.verdict[:] = 0
    [row] = plain(merged([correction, before]))
    assert row[3:7] == (7.0, 15.0, 4.0, 25.0)
    assert row[7] == before.verdict[0]


def test_nothing_merged_is_nothing() -> None:
    assert len(merged([])) == len(merged([nothing(), nothing()])) == 0
    assert isinstance(to_ten_minutes(nothing(), np.zeros(0, np.int64)), HistoryRows)

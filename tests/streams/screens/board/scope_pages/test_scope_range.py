"""The ranges of charts: those that have a name, and those that people give in their own zone."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.record.history.history_rows import TEN_MINUTES
from streams.screens.board.scope_pages.scope_range import (
    DAY,
    HOUR,
    POINTS,
    RANGES,
    AskedRange,
    BadRangeError,
    ShownRange,
)

AT = 1_764_221_520
TOKYO, BERLIN, KATHMANDU = (ZoneInfo(name) for name in ("Asia/Tokyo", "Europe/Berlin", "Asia/Kathmandu"))


@pytest.mark.parametrize("name", RANGES)
@pytest.mark.parametrize("zone", [TOKYO, BERLIN, KATHMANDU])
def test_a_named_range_ends_with_the_newest_step_and_has_as_many_points_as_a_chart(
    name: str, zone: ZoneInfo
) -> None:
    shown = ShownRange.of(AskedRange(name), AT, zone)
    grid = shown.grid(60, zone)
    assert (shown.end, shown.end - shown.first) == (AT, RANGES[name])
    assert 200 <= grid.steps <= POINTS + 2
    assert grid.first <= shown.first < grid.first + grid.step
    assert grid.end - grid.step < shown.end <= grid.end


def test_four_hours_are_minutes_and_thirteen_months_are_days_of_the_zone() -> None:
    four = ShownRange.of(AskedRange("4h"), AT, TOKYO).grid(60, TOKYO)
    assert (four.first, four.step, four.steps, four.end) == (AT - 4 * HOUR, 60, 240, AT)
    year = ShownRange.of(AskedRange("13mo"), AT, TOKYO).grid(60, TOKYO)
    assert year.step == DAY
    assert datetime.fromtimestamp(year.first, TOKYO).strftime("%H:%M") == "00:00"


@given(
    st.integers(0, 400 * DAY),
    st.integers(600, 400 * DAY),
    st.sampled_from([60, 120, 300, 600]),
    st.sampled_from([TOKYO, BERLIN, KATHMANDU]),
)
def test_a_row_lies_within_one_point_whatever_the_range(
    before: int, seconds: int, step: int, zone: ZoneInfo
) -> None:
    shown = ShownRange("", AT - before - seconds, AT - before)
    grid = shown.grid(step, zone)
    assert grid.first <= shown.first
    assert grid.end >= shown.end
    assert grid.steps <= POINTS + 2
    assert grid.first % min(grid.step, TEN_MINUTES) == 0
    assert grid.step % step == 0
    assert grid.step <= TEN_MINUTES or grid.step % TEN_MINUTES == 0


def test_times_are_those_of_the_zone_also_on_the_day_on_which_clocks_change() -> None:
    at = int(datetime(2025, 10, 27, 12, tzinfo=BERLIN).timestamp())
    day = ShownRange.of(AskedRange(since="2025-10-26", until="2025-10-27"), at, BERLIN)
    assert day.end - day.first == 25 * HOUR
    grid = day.grid(60, BERLIN)
    assert grid.step * grid.steps == 25 * HOUR
    spring = ShownRange.of(AskedRange(since="2025-03-30", until="2025-03-31T00:00"), at, BERLIN)
    assert spring.end - spring.first == 23 * HOUR
    same = ShownRange.of(AskedRange(since=str(day.first), until=f"{day.end}.0"), at, BERLIN)
    assert same == day
    assert ShownRange.of(AskedRange(since="2025-10-25T22:00+00:00", until=str(day.end)), at, BERLIN) == day


def test_a_range_without_an_end_or_beyond_the_newest_step_ends_there() -> None:
    for until in ("", str(AT + DAY)):
        shown = ShownRange.of(AskedRange(since=str(AT - DAY), until=until), AT, TOKYO)
        assert (shown.name, shown.first, shown.end) == ("", AT - DAY, AT)
    assert ShownRange.of(AskedRange(), AT, TOKYO).name == "4h"


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (AskedRange("2y"), "range is one of 4h, 1d, 1w, 5w, 13mo, or give from and to"),
        (AskedRange(since="yesterday"), "from is no time: give epoch seconds, or 2026-11-27"),
        (AskedRange(since="-5"), "from is no time"),
        (AskedRange(since=str(AT - DAY), until="1e400"), "to is no time"),
        (AskedRange(since="9" * 400), "from is no time"),
        (AskedRange(since="²"), "from is no time"),
        (AskedRange(until=str(AT)), "to needs from"),
        (AskedRange(since=str(AT)), "at least 10 minutes long"),
        (AskedRange(since=str(AT - 100), until=str(AT - 200)), "at least 10 minutes long"),
        (AskedRange(since=str(AT - 401 * DAY)), "at most 400 days long"),
    ],
)
def test_what_is_no_range_is_refused_with_what_is_allowed(asked: AskedRange, said: str) -> None:
    with pytest.raises(BadRangeError, match=said):
        ShownRange.of(asked, AT, TOKYO)

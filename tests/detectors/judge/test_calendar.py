"""The same local time, holidays and planned events."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import config.settings
from detectors.judge.calendar import Calendar
from detectors.model.finding import Plan
from detectors.model.scope import Edge, Scope
from detectors.state.past_values import DAY, WEEK

HOUR = 3600
ITEMS = Scope("table", "aws", "1", "eu-west-1", "items")
PUT = Scope("function", "aws", "1", "eu-west-1", "put-item")


def calendar(weeks: int = 4, **chosen: Any) -> Calendar:
    return Calendar(config.settings.CalendarSettings.model_validate(chosen), weeks)


def epoch(text: str, zone: str = "UTC") -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp())


def local(at: int, zone: str) -> str:
    return f"{datetime.fromtimestamp(at, ZoneInfo(zone)):%a %Y-%m-%d %H:%M}"


def test_without_settings_a_week_is_a_week() -> None:
    plain = calendar()
    weeks = (DAY, WEEK, 2 * WEEK, 3 * WEEK, 4 * WEEK)
    for start in (0, epoch("2026-03-30T09:00"), epoch("2099-12-31T23:59")):
        assert plain.at(start) == ("", weeks, ("",) * 5, True, weeks)
        assert plain.planned(start) == ()
        assert plain.factor(start, ITEMS) == 1


@pytest.mark.parametrize(
    ("zone", "today", "hours"),
    [
        ("Europe/Berlin", "2026-03-30T09:00", (24, 167, 335)),  # clocks went forward on Sunday
        ("Europe/Berlin", "2026-03-29T09:00", (23, 167, 335)),
        ("Europe/Berlin", "2026-04-05T09:00", (24, 168, 335)),
        ("Europe/Berlin", "2026-10-26T09:00", (24, 169, 337)),  # and back
        ("Europe/Berlin", "2026-10-25T09:00", (25, 169, 337)),
        ("America/New_York", "2026-03-09T09:00", (24, 167, 335)),
        ("America/New_York", "2026-11-02T09:00", (24, 169, 337)),
        ("America/New_York", "2026-11-08T00:30", (24, 169, 337)),
        ("Asia/Tokyo", "2026-03-30T09:00", (24, 168, 336)),
        ("Asia/Tokyo", "2026-10-26T09:00", (24, 168, 336)),
    ],
)
def test_the_same_time_follows_the_clock_changes(zone: str, today: str, hours: tuple[float, ...]) -> None:
    start = epoch(today, zone)
    lags = calendar(weeks=2, timezone=zone).at(start).lags
    assert [lag / HOUR for lag in lags] == list(hours)
    assert {local(start - lag, zone)[-5:] for lag in lags} == {today[-5:]}


def test_both_occurrences_of_a_repeated_hour_are_compared_with_the_same_hour_a_week_ago() -> None:
    berlin = calendar(weeks=1, timezone="Europe/Berlin")
    first = epoch("2026-10-25T00:30")  # 02:30 in summer time; an hour later it is 02:30 again
    assert {local(at - berlin.at(at).lags[1], "Europe/Berlin") for at in (first, first + HOUR)} == {
        "Sun 2026-10-18 02:30"
    }


def test_where_clocks_changed_in_between_it_is_the_same_time_in_utc_too() -> None:
    berlin = calendar(weeks=1, timezone="Europe/Berlin")
    change = epoch("2026-10-25T01:00")
    hours = [
        (berlin.at(at).lags[1] / HOUR, berlin.at(at).others[1] / HOUR)
        for at in (change - 2 * HOUR, change - HOUR, change, change + HOUR, change + WEEK)
    ]
    assert hours == [(168, 168), (168, 169), (169, 168), (169, 168), (169, 168)]
    assert berlin.at(change + WEEK + HOUR).others == berlin.at(change + WEEK + HOUR).lags


def test_a_skipped_hour_is_the_time_as_long_after_the_change() -> None:
    berlin = calendar(weeks=1, timezone="Europe/Berlin")
    start = epoch("2026-04-05T02:30", "Europe/Berlin")
    assert local(start - berlin.at(start).lags[1], "Europe/Berlin") == "Sun 2026-03-29 03:30"


@given(
    st.sampled_from(("Europe/Berlin", "America/New_York", "Asia/Tokyo", "Australia/Lord_Howe")),
    st.integers(epoch("2024-01-01T00:00"), epoch("2029-12-31T00:00")),
    st.integers(1, 56),
)
@example("Europe/Berlin", epoch("2026-04-05T00:30"), 7)
@example("Europe/Berlin", epoch("2026-11-01T01:30"), 7)
def test_a_lag_agrees_with_the_time_zone_database(zone: str, start: int, days: int) -> None:
    wall = datetime.fromtimestamp(start, ZoneInfo(zone)) - timedelta(days=days)
    assert start - calendar(timezone=zone).lag(start, days) == wall.replace(fold=0).timestamp()


@given(st.lists(st.integers(epoch("2025-01-01T00:00"), epoch("2027-12-31T00:00")), min_size=1, max_size=20))
def test_an_answer_does_not_depend_on_earlier_questions(starts: list[int]) -> None:
    chosen: dict[str, Any] = {"timezone": "America/New_York", "holidays": "US"}
    one = calendar(**chosen)
    for start in starts:
        for near in (start, start + 60):
            assert one.at(near) == calendar(**chosen).at(near)


GERMAN: dict[str, Any] = {"timezone": "Europe/Berlin", "holidays": "DE"}


@pytest.mark.parametrize(
    ("today", "spoilt"),
    [
        ("2026-12-27T10:00", ("Second Day of Christmas", "", "", "", "")),
        ("2027-01-02T10:00", ("New Year's Day", "Second Day of Christmas", "", "", "")),
        ("2027-01-08T10:00", ("", "New Year's Day", "Christmas Day", "", "")),
        ("2027-01-09T10:00", ("", "", "Second Day of Christmas", "", "")),
    ],
)
def test_a_holiday_is_not_a_baseline_for_an_ordinary_day(today: str, spoilt: tuple[str, ...]) -> None:
    times = calendar(**GERMAN).at(epoch(today, "Europe/Berlin"))
    weeks = (DAY, WEEK, 2 * WEEK, 3 * WEEK, 4 * WEEK)
    assert times[:3] == ("", weeks, spoilt)


def test_a_holiday_is_compared_with_the_last_holidays_and_sundays() -> None:
    zone = "Europe/Berlin"
    start = epoch("2026-12-26T10:00", zone)
    times = calendar(**GERMAN).at(start)
    assert times.holiday == "Second Day of Christmas"
    assert [local(start - lag, zone) for lag in times.lags] == [
        "Fri 2026-12-25 10:00",
        "Fri 2026-12-25 10:00",
        "Sun 2026-12-20 10:00",
        "Sun 2026-12-13 10:00",
        "Sun 2026-12-06 10:00",
    ]
    assert times.spoilt == ("",) * 5
    before = calendar(**GERMAN).at(start - DAY)
    assert (before.holiday, before.spoilt[0]) == ("Christmas Day", "an ordinary day")


@pytest.mark.parametrize(
    ("today", "alike"),
    [
        ("2026-10-01T10:00", True),
        ("2026-10-02T10:00", True),
        ("2026-10-03T10:00", False),
        ("2026-10-04T10:00", True),
        ("2026-10-05T10:00", False),
        ("2026-12-24T10:00", True),
        ("2026-12-25T10:00", False),
    ],
)
def test_yesterday_is_a_day_of_the_same_kind_within_working_days_and_within_days_off(
    today: str, alike: bool
) -> None:
    assert calendar(**GERMAN).at(epoch(today, "Europe/Berlin")).alike == alike


def test_a_holiday_begins_and_ends_at_local_midnight() -> None:
    tokyo = calendar(timezone="Asia/Tokyo", holidays="JP")
    midnight = epoch("2026-05-05T00:00", "Asia/Tokyo")
    assert [tokyo.at(midnight + 60 * minute).holiday for minute in (-1, 0)] == [
        "Greenery Day",
        "Children's Day",
    ]
    assert tokyo.at(midnight + DAY - 60).holiday == "Children's Day"


def test_new_year_is_found_from_both_sides_of_the_year() -> None:
    for zone in ("Pacific/Auckland", "America/Los_Angeles"):
        there = calendar(timezone=zone, holidays="US")
        for year in range(2020, 2031):
            assert there.at(epoch(f"{year}-01-01T00:00", zone)).holiday
            assert there.at(epoch(f"{year}-01-01T23:59", zone)).holiday


PLANNED = [
    {"name": "Sale", "start": "2026-11-27", "end": "2026-11-28", "factor": 3.0, "scopes": ["table:items"]},
    {"name": "Film", "start": "2026-11-28T20:00", "end": "2026-11-29T02:00", "factor": 2.0},
]


def test_planned_factors_apply_to_their_time_and_scopes_and_multiply() -> None:
    zone = "Europe/Berlin"
    shop = calendar(timezone=zone, planned=PLANNED)
    expected = {
        "2026-11-26T23:59": (1, 1),
        "2026-11-27T00:00": (3, 1),
        "2026-11-28T19:59": (3, 1),
        "2026-11-28T20:00": (6, 2),
        "2026-11-28T23:59": (6, 2),
        "2026-11-29T00:00": (2, 2),
        "2026-11-29T02:00": (1, 1),
    }
    for when, factors in expected.items():
        start = epoch(when, zone)
        assert (shop.factor(start, ITEMS), shop.factor(start, PUT)) == factors, when
        assert shop.factor(start, Edge(PUT, ITEMS)) == factors[0]
    assert [event.name for event in shop.planned(epoch("2026-11-28T21:00", zone))] == ["Sale", "Film"]
    night = epoch("2026-11-28T21:00", zone)
    assert shop.plan(night, ITEMS) == Plan(name="Sale, Film", factor=6)
    assert shop.plan(night, PUT) == Plan(name="Film", factor=2)
    assert shop.plan(epoch("2026-11-27T00:00", zone), PUT) is None

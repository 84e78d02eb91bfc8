"""Time zones and holidays leave the calendar section as numbers that are right."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.sections.calendar import EPOCH, holidays_of, offsets, rest_day_of, span
from config.settings import Planned

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Tokyo", "Australia/Lord_Howe", "Asia/Kathmandu")


def day(text: str) -> int:
    return (date.fromisoformat(text) - EPOCH).days


@given(st.sampled_from(ZONES), st.integers(1_577_836_800, 1_893_455_999))  # the years 2020 to 2029
def test_offsets_are_those_of_the_zone_database(zone: str, at: int) -> None:
    starts, found = offsets(zone, 2020, 2029)
    held = [offset for start, offset in zip(starts, found, strict=True) if start <= at][-1]
    assert timedelta(seconds=held) == datetime.fromtimestamp(at, ZoneInfo(zone)).utcoffset()


def test_a_zone_without_clock_changes_has_one_offset() -> None:
    assert offsets("Asia/Tokyo", 2020, 2029).offsets == (9 * 3600,)


@pytest.mark.parametrize(
    ("region", "when", "name"),
    [
        ("DE", "2026-12-25", "Christmas Day"),
        ("DE/BY", "2026-06-04", "Corpus Christi"),
        ("US", "2026-11-26", "Thanksgiving Day"),
        ("JP", "2026-05-05", "Children's Day"),
    ],
)
def test_holidays_have_their_english_names_whatever_the_language_of_the_machine(
    region: str, when: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    holidays_of.cache_clear()
    monkeypatch.setenv("LANGUAGE", "de")
    assert holidays_of(region, 2026)[day(when)] == name


def test_the_day_of_rest_is_that_of_the_country() -> None:
    assert (rest_day_of("DE"), rest_day_of("JP"), rest_day_of("IL")) == (6, 6, 5)


@pytest.mark.parametrize(
    ("start", "end", "hours"),
    [
        ("2026-11-27", "2026-11-27", 24),
        ("2026-11-27", "2026-11-29", 72),
        ("2026-10-25", "2026-10-25", 25),  # the clocks go back that night
        ("2026-03-29", "2026-03-29", 23),
        ("2026-11-27T18:00", "2026-11-28T06:30", 12.5),
        ("2026-11-27T18:00:00+09:00", "2026-11-27T18:00:00Z", 9),
    ],
)
def test_a_planned_event_lasts_as_long_as_it_does_in_its_time_zone(
    start: str, end: str, hours: float
) -> None:
    first, last = span(Planned(name="Sale", start=start, end=end, factor=2), "Europe/Berlin")
    assert (last - first) / 3600 == hours
    if "+" not in start:
        assert datetime.fromtimestamp(first, ZoneInfo("Europe/Berlin")).isoformat().startswith(start)

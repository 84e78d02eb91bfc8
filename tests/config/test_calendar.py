"""The calendar section is read strictly, and time zones and holidays leave as numbers that are right."""

from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.load import ConfigError, load_settings
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


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "timezone: Europe/Berlim",
            "2:13: calendar.timezone is 'Europe/Berlim': unknown time zone; did you",
        ),
        ("holidays: de", "2:13: calendar.holidays is 'de': unknown country; did you mean 'DE'?"),
        ("holidays: QQ", "2:13: calendar.holidays is 'QQ': unknown country; write a country code such as JP"),
        ("holidays: DE/by", "2:13: calendar.holidays is 'DE/by': unknown part of DE; did you mean 'DE/BY'?"),
        ("holidays: DE/", "2:13: calendar.holidays is 'DE/': unknown part of DE; parts: BB, BE, BW"),
        ("planned: {}", "2:12: calendar.planned is a section: must be a valid list; "),
        ("planned: [1]", "2:13: calendar.planned.0 is 1: must be a valid "),
    ],
)
def test_a_wrong_calendar_is_refused_by_line_and_column(text: str, reason: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(Path("uneri.yaml"), f"calendar:\n  {text}\n")
    assert str(caught.value).startswith(f"uneri.yaml:{reason}")
    assert len(str(caught.value).splitlines()) == 1


GOOD = {
    "name": "Sale",
    "start": "2026-11-27",
    "end": "2026-11-29",
    "factor": "2.5",
    "scopes": "['table:items']",
}


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("start", "27.11.2026", "not a valid date or time; write 2026-11-27"),
        ("start", "2026-11-31", "not a valid date or time; write 2026-11-27"),
        ("start", "1926-11-27", "not in the years 1971 to 2099; "),
        ("start", "20261127", "must be a valid string; 2026-11-27 (its first moment)"),
        ("end", "2026-11-26", "not after start, which is 2026-11-27; swap them?"),
        ("end", "2026-11-27T00:00", "not after start, which is 2026-11-27; swap them?"),
        ("end", "2026-11-29T10:00Z", "in another format than start; write both with an offset, or neither"),
        ("factor", "0", "must be greater than 0; expected load"),
        ("factor", "many", "must be a valid number; expected load"),
        ("scopes", "[items]", "not a scope; write kind:name such as table:items"),
        ("scopes", "['tabel:items']", "not a scope; write kind:name such as table:items"),
        ("name", "''", "must have at least 1 character; name shown in messages"),
    ],
)
def test_a_wrong_planned_event_is_refused_by_line_and_column(key: str, value: str, reason: str) -> None:
    written = GOOD | {key: value}
    lines = [f"{'- ' if at == 0 else '  '}{name}: {each}" for at, (name, each) in enumerate(written.items())]
    text = "calendar:\n  planned:\n" + "\n".join(f"    {line}" for line in lines) + "\n"
    column = 6 + len(key) + 3 + (key == "scopes")
    with pytest.raises(ConfigError) as caught:
        load_settings(Path("uneri.yaml"), text)
    message = str(caught.value)
    assert message.startswith(f"uneri.yaml:{3 + list(GOOD).index(key)}:{column}: calendar.planned.0.{key}")
    assert reason in message
    assert len(message.splitlines()) == 1


@pytest.mark.parametrize("key", ["name", "start", "end", "factor"])
def test_a_missing_key_of_a_planned_event_is_reported_where_the_event_begins(key: str) -> None:
    entry = ", ".join(f"{name}: {value}" for name, value in GOOD.items() if name != key)
    with pytest.raises(ConfigError) as caught:
        load_settings(Path("uneri.yaml"), f"calendar:\n  planned:\n    - {{{entry}}}\n")
    assert str(caught.value).startswith(f"uneri.yaml:3:7: calendar.planned.0 has no '{key}'; ")


def test_a_misspelt_key_of_a_planned_event_is_reported_with_the_right_one() -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(
            Path("u"), "calendar: {planned: [{name: a, start: 2026-01-01, end: 2026-01-02, facter: 2}]}"
        )
    assert str(caught.value) == "u:1:68: unknown key 'facter' in calendar.planned.0; did you mean 'factor'?"

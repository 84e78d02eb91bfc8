"""Local time, public holidays and planned events, and what follows from them as numbers.

Epoch seconds and days since 1970-01-01: ``detectors.judge.calendar`` decides without dates.
"""

import functools
from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple
from zoneinfo import ZoneInfo

from pydantic import Field

from config.sections.section import Section
from config.sections.values import HolidayRegion, Moment, MomentAfterStart, ScopeName, TimeZone, is_date

if TYPE_CHECKING:
    from holidays import HolidayBase


class Planned(Section):
    """An event from ``start`` to ``end`` during which a multiple of the usual load is expected."""

    name: Annotated[str, Field(min_length=1, max_length=100)] = Field(description="name shown in messages")
    start: Moment = Field(
        description="2026-11-27 (its first moment) or 2026-11-27T18:00, in the calendar's time zone "
        "unless it has an offset"
    )
    end: MomentAfterStart = Field(description="in the same format; a date includes the whole day")
    factor: Annotated[float, Field(gt=0, le=1000)] = Field(
        description="expected load as a multiple of the usual one; a rise that does not come is reported"
    )
    scopes: list[ScopeName] = Field(
        default_factory=list, description="kind:name of the scopes involved; all when absent"
    )


class CalendarSettings(Section):
    """Local time, holidays and planned events: which days can be compared with which."""

    timezone: TimeZone = Field("UTC", description="IANA time zone that the traffic follows")
    holidays: HolidayRegion | None = Field(
        None,
        description="country code, or country/part such as DE/BY: its public holidays are compared with "
        "holidays and Sundays, and are not part of other days' baselines",
    )
    planned: list[Planned] = Field(
        default_factory=list, description="events during which another load is expected"
    )


DAY: Final = 86400
EPOCH: Final = date(1970, 1, 1)
SUNDAY: Final = 6  # as date.weekday() counts


class Offsets(NamedTuple):
    """The offset of local time from UTC: ``offsets[i]`` applies from ``starts[i]``."""

    starts: tuple[int, ...]  # epoch seconds, ascending; the first is the start of the range
    offsets: tuple[int, ...]  # seconds to add to UTC


@functools.lru_cache(maxsize=64)
def offsets(timezone: str, first_year: int, last_year: int) -> Offsets:
    """Return the offsets of a time zone from the start of ``first_year`` to the end of ``last_year``, UTC.

    Sampled once a day, then bisected where the offset changed: two changes within one day would be missed,
    which no zone has had since 1970.

    Examples
    --------
    >>> offsets("Europe/Berlin", 2026, 2026)
    Offsets(starts=(1767225600, 1774746000, 1792890000), offsets=(3600, 7200, 3600))
    """
    zone = ZoneInfo(timezone)
    begin = int(datetime(first_year, 1, 1, tzinfo=UTC).timestamp())
    end = int(datetime(last_year + 1, 1, 1, tzinfo=UTC).timestamp())
    starts, found = [begin], [_offset(zone, begin)]
    for day in range(begin, end, DAY):
        after = _offset(zone, day + DAY)
        if after != found[-1]:
            low, high = day, day + DAY
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if _offset(zone, middle) == found[-1] else (low, middle)
            starts.append(high)
            found.append(after)
    return Offsets(tuple(starts), tuple(found))


@functools.lru_cache(maxsize=256)
def holidays_of(region: str, year: int) -> dict[int, str]:
    """Return the public holidays of a region in a year: days since 1970-01-01 → name, in English where known.

    Examples
    --------
    >>> day = (date(2026, 1, 6) - EPOCH).days
    >>> holidays_of("DE/BY", 2026)[day], day in holidays_of("DE", 2026)
    ('Epiphany', False)
    """
    country, _, part = region.partition("/")
    return {
        (day - EPOCH).days: name
        for day, name in _country(country, part or None, year).items()
        if day.year == year
    }


def rest_day_of(region: str) -> int:
    """Return the weekday (Monday is 0) most like a holiday: Sunday, or else the last of the weekend."""
    weekend = weekend_of(region)
    return SUNDAY if SUNDAY in weekend or not weekend else max(weekend)


def weekend_of(region: str | None) -> Collection[int]:
    """Return the weekdays (Monday is 0) of a region's weekend: Saturday and Sunday where none is known."""
    if region is None:
        return {SUNDAY - 1, SUNDAY}
    country, _, part = region.partition("/")
    return _country(country, part or None, 2026).weekend


def span(planned: Planned, timezone: str) -> tuple[int, int]:
    """Return when a planned event starts and ends (not included), epoch seconds.

    Examples
    --------
    >>> sale = Planned(name="Sale", start="2026-11-27", end="2026-11-27", factor=3)
    >>> span(sale, "Europe/Berlin")
    (1795734000, 1795820400)
    """
    zone = ZoneInfo(timezone)
    first, last = datetime.fromisoformat(planned.start), datetime.fromisoformat(planned.end)
    if is_date(planned.end):
        last += timedelta(days=1)
    first, last = (at if at.tzinfo else at.replace(tzinfo=zone) for at in (first, last))
    return int(first.timestamp()), int(last.timestamp())


def _offset(zone: ZoneInfo, at: int) -> int:
    offset = datetime.fromtimestamp(at, zone).utcoffset()
    return round(offset.total_seconds()) if offset is not None else 0


def _country(country: str, part: str | None, year: int) -> "HolidayBase":
    from holidays import country_holidays  # noqa: PLC0415  # takes a quarter of a second

    return country_holidays(country, subdiv=part, years=year, language="en_US")

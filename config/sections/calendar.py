"""Local time, public holidays and planned events."""

from typing import Annotated

from pydantic import Field

from config.sections.section import Section
from config.sections.value_types import HolidayRegion, Moment, MomentAfterStart, ScopeName, TimeZone


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

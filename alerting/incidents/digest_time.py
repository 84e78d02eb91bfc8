"""When the next digest is due, by event time and in the channel's time zone."""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from config.settings import DigestSettings


def zone_of(settings: DigestSettings) -> ZoneInfo:
    """Return the time zone of ``digest.timezone``.

    Raises
    ------
    ValueError
        When it is not the name of a time zone.
    """
    try:
        return ZoneInfo(settings.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(
            f"digest.timezone {settings.timezone!r} is not an IANA time zone; write it like Asia/Tokyo or UTC"
        ) from error


def next_digest(after: int, settings: DigestSettings, zone: ZoneInfo) -> int:
    """Return the first due time after ``after``, both in epoch seconds.

    Examples
    --------
    >>> next_digest(0, DigestSettings(at="09:00", timezone="Asia/Tokyo"), ZoneInfo("Asia/Tokyo")) // 3600
    24
    """
    at = time.fromisoformat(settings.at)
    day = datetime.fromtimestamp(after, zone).date()
    due = after
    while due <= after:  # twice at most: today's has passed, or a clock change moved it
        due = int(datetime.combine(day, at, zone).timestamp())
        day += timedelta(days=1)
    return due

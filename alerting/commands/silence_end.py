"""When a snooze or silence ends: after a duration, tomorrow morning, or on the morning of a date."""

import re
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from config.settings import DigestSettings

SHORTEST: Final = 60
LONGEST: Final = 90 * 86400
"""Most seconds for which a command may silence; longer silences belong in the configuration."""

_UNITS: Final = {
    "m": 60, "min": 60, "mins": 60, "minute": 60, "minutes": 60, "分": 60, "分間": 60,
    "h": 3600, "hr": 3600, "hrs": 3600, "hour": 3600, "hours": 3600, "時間": 3600,
    "d": 86400, "day": 86400, "days": 86400, "日": 86400, "日間": 86400,
    "w": 604_800, "week": 604_800, "weeks": 604_800, "週": 604_800, "週間": 604_800,
}  # fmt: skip
_PART: Final = re.compile(
    rf"([0-9]{{1,4}})({'|'.join(sorted(_UNITS, key=len, reverse=True))})", re.IGNORECASE | re.ASCII
)


def seconds_of(text: str) -> int | None:
    """Return the seconds of a duration such as ``2h``, ``1d12h`` or ``30分``; None if it is not one.

    Examples
    --------
    >>> [seconds_of(text) for text in ("2h", "1h30m", "1D", "2時間", "90", "h", "")]
    [7200, 5400, 86400, 7200, None, None, None]
    """
    total = place = 0
    while place < len(text):
        part = _PART.match(text, place)
        if part is None:
            return None
        total += int(part[1]) * _UNITS[part[2].lower()]
        place = part.end()
    return total or None


def tomorrow(now: int, digest: DigestSettings, zone: ZoneInfo) -> int:
    """Return the time of the digest on the next local day: when people look again.

    Examples
    --------
    >>> tomorrow(0, DigestSettings(at="09:00"), ZoneInfo("UTC")) // 3600
    33
    """
    return morning_of(datetime.fromtimestamp(now, zone).date() + timedelta(days=1), digest, zone)


def morning_of(day: date, digest: DigestSettings, zone: ZoneInfo) -> int:
    """Return the time of the digest on a local day, epoch seconds."""
    return int(datetime.combine(day, time.fromisoformat(digest.at), zone).timestamp())

"""Dates and times on the command line and in notebooks."""

import re
from datetime import UTC, datetime
from numbers import Real

LATEST = 4_102_444_800  # 2100-01-01
_BARE_DATE = re.compile(r"(19[7-9]\d|20\d\d)(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])", re.ASCII)

TimeLike = float | datetime | str
"""Epoch seconds, a datetime with a time zone, or text as on the command line."""


def to_epoch(time: TimeLike) -> float:
    """Return epoch seconds.

    Raises
    ------
    TypeError
        When it is of another type.
    ValueError
        When it is not a valid date or time, or has no time zone.

    Examples
    --------
    >>> to_epoch(datetime(2026, 1, 2, tzinfo=UTC)), to_epoch("2026-01-02"), to_epoch(1767312000)
    (1767312000.0, 1767312000.0, 1767312000.0)
    """
    if isinstance(time, datetime):
        if time.tzinfo is None:
            raise ValueError(f"{time} has no time zone; add one, such as tzinfo=UTC")
        return time.timestamp()
    if isinstance(time, str):
        return parse_time(time)
    if not isinstance(time, Real) or isinstance(time, bool):
        raise TypeError(f"{time!r} is not a time; give epoch seconds, a datetime with a time zone, or text")
    if not 0 <= time < LATEST:
        raise ValueError(f"{time!r} is not between the years 1970 and 2100; give epoch seconds")
    return float(time)


def parse_time(text: str) -> float:
    """Return epoch seconds of an RFC 3339 time, a date (its start in UTC), or a number of seconds.

    Raises
    ------
    ValueError
        When it is none of these.

    Examples
    --------
    >>> parse_time("2026-01-02"), parse_time("2026-01-02T00:00:00Z"), parse_time("1760000000.5")
    (1767312000.0, 1767312000.0, 1760000000.5)
    >>> parse_time("20260131")
    Traceback (most recent call last):
    ...
    ValueError: '20260131' as epoch seconds is in 1970; write 2026-01-31
    >>> parse_time("1969-12-31")
    Traceback (most recent call last):
    ...
    ValueError: '1969-12-31' is not between the years 1970 and 2100
    """
    try:
        seconds = float(text)
    except ValueError:
        pass
    else:
        if _BARE_DATE.fullmatch(text):
            date = f"{text[:4]}-{text[4:6]}-{text[6:]}"
            raise ValueError(f"{text!r} as epoch seconds is in 1970; write {date}")
        return _in_range(seconds, text)
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            f"{text!r} is not a valid date or time; write 2026-01-31T08:00:00Z, 2026-01-31 or epoch seconds"
        ) from None
    return _in_range((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp(), text)


def utc(at: float) -> str:
    """Return a time, epoch seconds, for people."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _in_range(seconds: float, text: str) -> float:
    if 0 <= seconds < LATEST:
        return seconds
    raise ValueError(f"{text!r} is not between the years 1970 and 2100")

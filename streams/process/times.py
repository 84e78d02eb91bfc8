"""Times on the command line and in notebooks."""

import re
from datetime import UTC, datetime
from numbers import Real

LATEST = 4_102_444_800  # 2100-01-01
_BARE_DATE = re.compile(r"(19[7-9]\d|20\d\d)(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])", re.ASCII)

Moment = float | datetime | str
"""Epoch seconds, a time with its zone, or text as the command line takes it."""


def seconds_of(moment: Moment) -> float:
    """Return epoch seconds.

    Raises
    ------
    TypeError
        When it is something else.
    ValueError
        When it says no time, or a time without a zone.

    Examples
    --------
    >>> seconds_of(datetime(2026, 1, 2, tzinfo=UTC)), seconds_of("2026-01-02"), seconds_of(1767312000)
    (1767312000.0, 1767312000.0, 1767312000.0)
    """
    if isinstance(moment, datetime):
        if moment.tzinfo is None:
            raise ValueError(f"{moment} has no time zone; give it one, such as tzinfo=UTC")
        return moment.timestamp()
    if isinstance(moment, str):
        return epoch(moment)
    if not isinstance(moment, Real) or isinstance(moment, bool):
        raise TypeError(f"{moment!r} is no time: epoch seconds, a datetime with its zone or text is one")
    if not 0 <= moment < LATEST:
        raise ValueError(f"{moment!r} is no time between the years 1970 and 2100; write seconds")
    return float(moment)


def epoch(text: str) -> float:
    """Return epoch seconds of an RFC 3339 time, a date (its start in UTC), or a number of seconds.

    Raises
    ------
    ValueError
        When it is none of these.

    Examples
    --------
    >>> epoch("2026-01-02"), epoch("2026-01-02T00:00:00Z"), epoch("1760000000.5")
    (1767312000.0, 1767312000.0, 1760000000.5)
    >>> epoch("20260131")
    Traceback (most recent call last):
    ...
    ValueError: '20260131' as epoch seconds lies in 1970; write 2026-01-31
    >>> epoch("1969-12-31")
    Traceback (most recent call last):
    ...
    ValueError: '1969-12-31' is no time between the years 1970 and 2100
    """
    try:
        seconds = float(text)
    except ValueError:
        pass
    else:
        if _BARE_DATE.fullmatch(text):
            written = f"{text[:4]}-{text[4:6]}-{text[6:]}"
            raise ValueError(f"{text!r} as epoch seconds lies in 1970; write {written}")
        return _possible(seconds, text)
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            f"{text!r} is no time; write 2026-01-31T08:00:00Z, 2026-01-31 or epoch seconds"
        ) from None
    return _possible((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp(), text)


def _possible(seconds: float, text: str) -> float:
    if 0 <= seconds < LATEST:
        return seconds
    raise ValueError(f"{text!r} is no time between the years 1970 and 2100")

"""Times on the command line."""

from datetime import UTC, datetime

LATEST = 4_102_444_800  # 2100-01-01


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

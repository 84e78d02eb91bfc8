"""When a request started, where a source tells when it ended."""


def start_time(ended: float, ms: float | None) -> float:
    """Return the epoch seconds of the start, to the microsecond; the end if the duration is not known.

    Examples
    --------
    >>> start_time(1764000000.25, 395.99)
    1763999999.85401
    """
    return round(ended - (ms or 0.0) / 1000, 6)

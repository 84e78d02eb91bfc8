"""How numbers are written for people: units, rounding, shares, durations."""

from typing import Final

from detectors.model import sentence
from detectors.model.measures import Measure

_UNIT: Final = {
    Measure.REQUESTS: "requests/s",
    Measure.COLD_STARTS: "cold starts/s",
    Measure.ERRORS_USER: "user errors/s",
    Measure.ERRORS_BACKEND: "backend errors/s",
    Measure.ERRORS_FATAL: "fatal errors/s",
    Measure.THROTTLES: "throttles/s",
    Measure.READS: "reads/s",
    Measure.WRITES: "writes/s",
    Measure.RCU: "rcu/s",
    Measure.WCU: "wcu/s",
    Measure.BUSY: "concurrent",
    Measure.LATENCY: "ms",
    Measure.LATENCY_CODE: "ms",
    Measure.LATENCY_AUTH: "ms",
}

_NAME: Final = {
    Measure.REQUESTS: "requests",
    Measure.COLD_STARTS: "cold starts",
    Measure.ERRORS_USER: "user errors",
    Measure.ERRORS_BACKEND: "backend errors",
    Measure.ERRORS_FATAL: "fatal errors",
    Measure.THROTTLES: "throttles",
    Measure.READS: "reads",
    Measure.WRITES: "writes",
    Measure.RCU: "rcu",
    Measure.WCU: "wcu",
    Measure.BUSY: "concurrency",
    Measure.LATENCY: "latency p95",
    Measure.LATENCY_CODE: "latency p95 of its code",
    Measure.LATENCY_AUTH: "latency p95 of its authorizer",
}

_MANY: Final = 10  # beyond this many times, "12 times" reads better than "+1,100 %"


def unit(measure: Measure) -> str:
    """Return the unit a value of the measure is shown in."""
    return f"{measure.key}/s" if measure.key else _UNIT[measure]


def name(measure: Measure) -> str:
    """Return what a person calls the measure."""
    return measure.key or _NAME[measure]


def number(value: float) -> str:
    """Return a number as the sentence of a finding writes it, so that both say the same.

    Examples
    --------
    >>> [number(value) for value in (41.04, 8.249, 0.03371, 1234.6, 0.0, 1_850_000)]
    ['41', '8.2', '0.034', '1,230', '0', '1,850,000']
    """
    return sentence.quantity(value)


def quantity(value: float, measure: Measure) -> str:
    """Return a value with its unit.

    Examples
    --------
    >>> quantity(41.0, Measure.WCU)
    '41 wcu/s'
    """
    return f"{number(value)} {unit(measure)}"


def change(observed: float, expected: float) -> str:
    """Return how far ``observed`` is from ``expected``.

    Examples
    --------
    >>> change(41.0, 8.0), change(2.0, 8.0), change(160.0, 8.0), change(3.0, 0.0), change(8.01, 8.0)
    ('+412 %', '−75 %', '20 times', 'from nothing', '±0 %')
    """
    if expected <= 0:
        return "from nothing" if observed > 0 else "none"
    ratio = observed / expected
    if ratio >= _MANY:
        return f"{number(ratio)} times"
    percent = (ratio - 1) * 100
    whole = int(abs(percent) + 1e-6)  # floor, but 1.2 times is 20 % and not 19
    sign = "±" if not whole else "+" if percent > 0 else "−"
    return f"{sign}{whole} %"


def percent(share: float) -> str:
    """Return a share, rounded so that 100 % is only said of the whole.

    Examples
    --------
    >>> percent(0.912), percent(0.9991), percent(1.0), percent(0.004)
    ('91 %', '99 %', '100 %', '0.4 %')
    """
    value = share * 100
    if 0 < abs(value) < 1:
        return f"{value:.1f} %"
    if 99 < value < 100:  # noqa: PLR2004  nearly all is not all
        return "99 %"
    return f"{value:.0f} %".replace("-", "−")


def per_day(fraction: float) -> str:
    """Return a growth rate.

    Examples
    --------
    >>> per_day(0.031), per_day(-0.002)
    ('+3.1 % a day', '−0.2 % a day')
    """
    return f"{'+' if fraction >= 0 else '−'}{abs(fraction) * 100:.1f} % a day"


def days(value: float) -> str:
    """Return a number of days.

    Examples
    --------
    >>> days(3.24), days(0.98), days(41.2), days(1.0)
    ('3.2 days', '24 hours', '41 days', '1 day')
    """
    if value < 1:
        return f"{max(value * 24, 0):.0f} hours"
    if value >= 9.95:  # noqa: PLR2004  what would round to 10.0
        return f"{value:,.0f} days"
    shown = f"{value:.1f}".removesuffix(".0")
    return "1 day" if shown == "1" else f"{shown} days"


def duration(seconds: int) -> str:
    """Return a duration in at most two units.

    Examples
    --------
    >>> duration(45), duration(1380), duration(7500), duration(86400)
    ('45 s', '23 min', '2 h 5 min', '1 d')
    """
    minutes, hours, whole = round(seconds / 60), seconds // 3600, seconds // 86400
    if seconds < 60:  # noqa: PLR2004  a minute
        return f"{seconds} s"
    if seconds < 3600:  # noqa: PLR2004  an hour
        return f"{minutes} min"
    if whole:
        return f"{whole} d {hours % 24} h" if hours % 24 else f"{whole} d"
    rest = seconds % 3600 // 60
    return f"{hours} h {rest} min" if rest else f"{hours} h"

"""Values with their units, and times with their zone, for an assistant.

Names of measures that events gave are marked as theirs.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from alerting.words import numbers
from alerting.words.locales import ENGLISH
from detectors.model.measures import LATENCIES, Measure
from detectors.model.scope import TABLE, Scope
from detectors.model.sentence import an_hour, in_days
from streams.screens.mcp.untrusted_text import quoted

UNKNOWN: Final = "unknown"
_NAMED: Final[Mapping[str, Measure]] = {measure.value: measure for measure in Measure}
_OF_EVENTS: Final = ("value:", "level:")
_TABLE: Final = Scope(TABLE, "", "", "", "")


def measure_in_words(measure: str, kind: str = "") -> str:
    """Return the name of a measure at a kind of scope.

    Examples
    --------
    >>> measure_in_words("wcu"), measure_in_words("requests", "table"), measure_in_words("value:sales")
    ('wcu', 'calls', '«sales»')
    """
    if measure.startswith(_OF_EVENTS):
        return quoted(measure.partition(":")[2].partition("[")[0])
    known = _NAMED.get(measure)
    return (
        quoted(measure)
        if known is None
        else ENGLISH.figures.measure(known, _TABLE if kind == TABLE else None)
    )


def measures_in_words(measures: Iterable[str]) -> str:
    """Return measures as tools take them.

    Examples
    --------
    >>> measures_in_words(["wcu", "value:sales"]), measures_in_words([])
    ('wcu, «value:sales»', 'no measure')
    """
    names = (measure if measure in _NAMED else quoted(measure) for measure in measures)
    return ", ".join(names) or "no measure"


def amount(value: float | None, measure: str, kind: str = "") -> str:
    """Return a value with its unit.

    Examples
    --------
    >>> amount(41.0, "wcu"), amount(None, "wcu"), amount(120.0, "value:sales"), amount(3.2, "level:age[ms]")
    ('41 wcu/s', 'unknown', '120 «sales»/s', '3.2 «ms»')
    """
    if value is None:
        return UNKNOWN
    shown = numbers.number(value)
    if measure.startswith("value:"):
        return f"{shown} {measure_in_words(measure)}/s"
    if measure.startswith("level:"):
        unit = measure.partition("[")[2].removesuffix("]")
        return f"{shown} {quoted(unit)}" if unit else shown
    known = _NAMED.get(measure)
    if known is None:
        return f"{shown} {quoted(measure)}"
    return ENGLISH.figures.quantity(value, known, _TABLE if kind == TABLE else None)


def share_in_words(share: float | None) -> str:
    """Return a share of 1.

    Examples
    --------
    >>> share_in_words(0.912), share_in_words(None)
    ('91 %', 'unknown')
    """
    return UNKNOWN if share is None else ENGLISH.figures.percent(share)


def change_in_words(value: float | None, before: float | None) -> str:
    """Return the difference of a value from an earlier one.

    Examples
    --------
    >>> [change_in_words(*each) for each in ((41.0, 8.0), (2.0, 8.0), (160.0, 8.0), (3.0, 0.0), (3.0, None))]
    ['+412 %', '−75 %', '20×', 'new', 'unknown']
    """
    if value is None or before is None:
        return UNKNOWN
    if before <= 0:
        return "new" if value > 0 else "unchanged"
    ratio = value / before
    return f"{numbers.number(ratio)}×" if ratio >= numbers.MANY else f"{numbers.signed_percent(ratio)} %"


def is_latency(measure: str) -> bool:
    """Return whether a measure is a time, and no sum."""
    return measure in LATENCIES


def unit_in_words(measure: str, kind: str = "") -> str:
    """Return the unit that ``amount`` writes values in.

    Examples
    --------
    >>> unit_in_words("wcu"), unit_in_words("latency"), unit_in_words("busy"), unit_in_words("cost")
    ('wcu/s', 'ms', 'concurrent', 'USD/h')
    """
    return amount(1.0, measure, kind).partition(" ")[2] or "1"


def unit_of_data(measure: str, kind: str = "") -> str:
    """Return the unit of values as data: those of the engine, which counts a cost a second, too.

    Examples
    --------
    >>> unit_of_data("wcu"), unit_of_data("cost")
    ('wcu/s', 'USD/s')
    """
    return "USD/s" if measure == Measure.COST else unit_in_words(measure, kind)


def in_words_unit(value: float, measure: str) -> str:
    """Return a value in the unit of ``unit_in_words``, with five figures and without it.

    Examples
    --------
    >>> in_words_unit(1.23456789, "wcu"), in_words_unit(0.001, "cost")
    ('1.2346', '3.6')
    """
    return f"{an_hour(value) if measure == Measure.COST else value:.5g}"


def reached_in(days: float | None, early: float | None, late: float | None) -> str:
    """Return when a limit is reached, to go on a sentence; nothing where no day is named.

    Examples
    --------
    >>> reached_in(11, 9, 14), reached_in(0, 0, 0), reached_in(None, None, None)
    (', reached in 9 to 14 days', ', reached', '')
    """
    if days is None:
        return ""
    return f", reached in {in_days(days, early, late)}" if days > 0 else ", reached"


class ToolTimes:
    """Writes times in the zone of a daemon: ISO 8601 as data, with the name of the zone in words."""

    def __init__(self, zone: str) -> None:
        try:
            self.zone = ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError):  # of a daemon with newer zones
            self.zone = ZoneInfo("UTC")

    def data(self, epoch: float) -> str:
        """Return a time as data.

        Examples
        --------
        >>> ToolTimes("Asia/Tokyo").data(1760000000)
        '2025-10-09T17:53:20+09:00'
        """
        return datetime.fromtimestamp(int(epoch), self.zone).isoformat()

    def words(self, epoch: float) -> str:
        """Return a time in words.

        Examples
        --------
        >>> ToolTimes("Asia/Tokyo").words(1760000000)
        '2025-10-09 17:53 JST'
        """
        return ENGLISH.figures.clock(int(epoch), self.zone)

    def span(self, first: float, end: float) -> str:
        """Return a span of time in words.

        Examples
        --------
        >>> ToolTimes("Asia/Tokyo").span(1760000000, 1760014400)
        '2025-10-09 17:53 to 21:53 JST'
        """
        begin, stop = (datetime.fromtimestamp(int(epoch), self.zone) for epoch in (first, end))
        day = "" if begin.date() == stop.date() else f"{stop:%Y-%m-%d} "
        return f"{begin:%Y-%m-%d %H:%M} to {day}{stop:%H:%M %Z}"


def duration(seconds: float) -> str:
    """Return a duration in words.

    Examples
    --------
    >>> duration(1380.4), duration(-3)
    ('23 min', '0 s')
    """
    return ENGLISH.figures.duration(max(0, int(seconds)))

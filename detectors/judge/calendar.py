"""Which days a step is compared with, and which events are planned for it.

The same time is the same local time: where clocks changed in between, a week is an hour longer or shorter.
What is scheduled in UTC goes by the other time, so that both are told. A holiday is compared with the last
holidays and rest days, and is not a baseline for other days.
"""

import math
from bisect import bisect_right
from collections.abc import Mapping
from itertools import islice
from typing import Final, NamedTuple

import config.settings
from config.sections.calendar import Offsets, holidays_of, offsets, rest_day_of, span, weekend_of
from detectors.model.finding import Plan
from detectors.model.scope import Edge, ScopeOrEdge
from detectors.state.past_values import DAY, WEEK

QUARTER: Final = 900
"""Since 1972 every time zone has changed its clocks at, and by, multiples of a quarter of an hour."""

MEAN_YEAR: Final = 31_556_952
"""Average seconds of a Gregorian year: gives the year to within a day, which is sufficient."""

MONDAY: Final = 4
"""Day number of the first Monday after 1970-01-01, which was a Thursday."""

LAST_YEAR: Final = 2100


class SameTimes(NamedTuple):
    """The same time on the days that a step is compared with.

    Entry 0 is yesterday. On an ordinary day entry *k* is *k* weeks ago, on a holiday the *k*-th last day that
    was a holiday or a rest day.
    """

    holiday: str  # name of today's holiday, empty on an ordinary day
    lags: tuple[int, ...]  # seconds back from the step, (1 + weeks,)
    spoilt: tuple[str, ...]  # why a day must be left out, such as its holiday; empty if it is usable
    alike: bool  # whether yesterday was a working day as today, or neither
    others: tuple[int, ...]  # lags by which it may also be the same time, where clocks changed in between


class PlannedEvent(NamedTuple):
    """A planned event. Values during one are not learnt and never a baseline."""

    name: str
    start: int  # epoch seconds
    end: int  # not included
    factor: float  # expected load, in times the usual
    scopes: frozenset[str]  # kind:name; all if empty

    def covers(self, about: ScopeOrEdge) -> bool:
        """Return whether the event applies to a scope, or to the target of an edge."""
        scope = about.target if isinstance(about, Edge) else about
        return not self.scopes or f"{scope.kind}:{scope.name}" in self.scopes


class Calendar:
    """The days of one time zone.

    It has no state. Step after step, an answer costs one comparison, and a few look-ups every quarter of an
    hour.

    Examples
    --------
    On the Monday after clocks went forward in Berlin, the same time last week is an hour nearer:

    >>> berlin = Calendar(config.settings.CalendarSettings(timezone="Europe/Berlin", holidays="DE"), weeks=2)
    >>> monday = 1774854000  # 2026-03-30 09:00
    >>> [lag / 3600 for lag in berlin.at(monday).lags]
    [24.0, 167.0, 335.0]

    Easter Monday is compared with Easter Sunday (yesterday) and with Good Friday:

    >>> easter = berlin.at(monday + 7 * 86400)
    >>> easter.holiday, [lag / 86400 for lag in easter.lags]
    ('Easter Monday', [1.0, 1.0, 3.0])
    """

    def __init__(self, settings: config.settings.CalendarSettings, weeks: int) -> None:
        self._timezone, self._region = settings.timezone, settings.holidays
        self._weekend = weekend_of(settings.holidays)
        self._rest = rest_day_of(settings.holidays) if settings.holidays else 0
        self._weeks = weeks
        self._years, self._offsets = (0, -1), Offsets((0,), (0,))
        self._quarter = -1
        lags = (DAY, *(WEEK * k for k in range(1, weeks + 1)))
        self._at = SameTimes("", lags, ("",) * (weeks + 1), alike=True, others=lags)
        self._plain = settings.timezone == "UTC" and not settings.holidays
        self._events = tuple(
            PlannedEvent(event.name, *span(event, settings.timezone), event.factor, frozenset(event.scopes))
            for event in settings.planned
        )
        self._edges = sorted({edge for event in self._events for edge in (event.start, event.end)})
        self._under_way: Mapping[int, tuple[PlannedEvent, ...]] = {
            at + 1: tuple(event for event in self._events if event.start <= edge < event.end)
            for at, edge in enumerate(self._edges)
        }

    def at(self, start: int) -> SameTimes:
        """Return the days that the step starting at ``start`` (epoch seconds) is compared with."""
        if self._plain or start // QUARTER == self._quarter:
            return self._at
        self._quarter = start // QUARTER
        today = self.day(start)
        holiday = self.holiday(today)
        back = [1, *(self._like(today) if holiday else [7 * k for k in range(1, self._weeks + 1)])]
        lags, again = tuple(self.lag(start, days) for days in back), self._comes_again(start)
        self._at = SameTimes(
            holiday,
            lags,
            tuple(self._spoils(today - days, holiday) for days in back),
            self._is_off(today) == self._is_off(today - 1),
            tuple(lag + again for lag in lags) if again else tuple(days * DAY for days in back),
        )
        return self._at

    def day(self, start: int) -> int:
        """Return the local day, counted from 1970-01-01."""
        return (start + self._offset(start)) // DAY

    def holiday(self, day: int) -> str:
        """Return the name of a day's holiday, empty on an ordinary day."""
        if self._region is None:
            return ""
        about = _year(day * DAY)
        for year in (about, about - 1, about + 1):
            if name := holidays_of(self._region, year).get(day):
                return name
        return ""

    def lag(self, start: int, days: int) -> int:
        """Return how many seconds ago the local clock showed the time of ``start``, ``days`` days earlier.

        If that time occurred twice, the first one counts; if it was skipped, the time as long after the
        change (``fold=0`` of PEP 495).
        """
        return start - self._instant(start + self._offset(start) - days * DAY)

    def hour(self, start: int) -> int:
        """Return the local hour of ``start``, counted from 1970-01-01 00:00."""
        return (start + self._offset(start)) // 3600

    def start_of(self, day: int) -> int:
        """Return when a local day starts, in epoch seconds."""
        return self._instant(day * DAY)

    def planned(self, start: int) -> tuple[PlannedEvent, ...]:
        """Return the planned events in progress at ``start``."""
        if not self._edges:
            return ()
        return self._under_way.get(bisect_right(self._edges, start), ())

    def factor(self, start: int, about: ScopeOrEdge) -> float:
        """Return the planned load of a scope in times the usual: 1 without an event."""
        factor = 1.0
        for event in self.planned(start):
            if event.covers(about):
                factor *= event.factor
        return factor

    def plan(self, start: int, about: ScopeOrEdge) -> Plan | None:
        """Return the plan of a scope at ``start``, None if nothing changes its load."""
        events = [event for event in self.planned(start) if event.covers(about)]
        factor = math.prod(event.factor for event in events)
        return None if factor == 1 else Plan(name=", ".join(event.name for event in events), factor=factor)

    def _offset(self, at: int) -> int:
        year = _year(at)
        if not self._years[0] <= year <= self._years[1]:
            # wider than needed: the next question is about some weeks earlier
            self._years = (year - 1, year + 1)
            self._offsets = offsets(self._timezone, year - 2, year + 2)
        starts, held = self._offsets
        return held[max(bisect_right(starts, at) - 1, 0)]

    def _instant(self, wall: int) -> int:
        """Return when (epoch seconds) the local clock (counted from 1970-01-01) first shows ``wall``."""
        before, after = self._offset(wall - DAY), self._offset(wall + DAY)
        if before == after or self._offset(wall - before) == before:
            return wall - before
        then = wall - after
        return then if self._offset(then) == after else wall - before

    def _comes_again(self, start: int) -> int:
        """Return after how many seconds the local clock shows the time of ``start`` again, 0 if never."""
        apart = self._offset(start) - self._offset(start + DAY)
        repeats = apart > 0 and self._offset(start + apart) == self._offset(start + DAY)
        return apart if repeats else 0

    def _like(self, today: int) -> list[int]:
        """Return how many days ago the last holidays and rest days were, one for each week."""
        rest = (days for days in range(1, 7 * self._weeks + 1) if self._is_rest(today - days))
        return list(islice(rest, self._weeks))

    def _is_rest(self, day: int) -> bool:
        return (day - MONDAY) % 7 == self._rest or bool(self.holiday(day))

    def _is_off(self, day: int) -> bool:
        return (day - MONDAY) % 7 in self._weekend or bool(self.holiday(day))

    def _spoils(self, day: int, holiday: str) -> str:
        """Return why a day is not comparable with today: only one of them is a holiday."""
        if holiday:
            return "" if self._is_rest(day) else "an ordinary day"
        return self.holiday(day)


def _year(at: int) -> int:
    return min(max(1970 + at // MEAN_YEAR, 1970), LAST_YEAR)

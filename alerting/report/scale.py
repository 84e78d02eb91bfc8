"""Axes of drawings: round figures upwards, whole hours and days of a time zone across."""

import math
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

_MINUTES: Final = (5, 10, 15, 30, 60, 120, 180, 360, 720)
_DAYS: Final = (1, 2, 7, 14)
_MONTHS: Final = (1, 2, 3, 6, 12)
_DAY: Final = 86400
_MONTH: Final = 31 * _DAY
_MONDAY: Final = datetime(1969, 12, 29)  # noqa: DTZ001  a wall clock: its zone is the reader's
_FAINT: Final = 1e-12


class Tick(NamedTuple):
    """A position on an axis, in percent of its length, and its label."""

    place: float
    text: str
    day: bool = False  # a day begins here


class Times(NamedTuple):
    """An axis from ``first`` to ``last``, epoch seconds, labelled in ``zone``."""

    first: int
    last: int
    zone: ZoneInfo

    def place(self, at: float) -> float:
        """Return the position of a time in percent; times outside are clamped.

        Examples
        --------
        >>> Times(1000, 2000, ZoneInfo("UTC")).place(1250)
        25.0
        """
        share = (at - self.first) / max(1, self.last - self.first)
        return round(100 * min(1.0, max(0.0, share)), 3)

    def ticks(self, most: int) -> list[Tick]:
        """Return at most ``most`` + 1 ticks, at round times of the zone's clock.

        Examples
        --------
        >>> [tick.text for tick in Times(1_760_000_000, 1_760_014_400, ZoneInfo("Asia/Tokyo")).ticks(5)]
        ['18:00', '19:00', '20:00', '21:00']
        """
        length = self.last - self.first
        for minutes in _MINUTES:
            if length <= most * minutes * 60:
                return self._every(timedelta(minutes=minutes))
        for days in _DAYS:
            if length <= most * days * _DAY:
                return self._every(timedelta(days=days), weekday=days == 1)
        months = next((count for count in _MONTHS if length <= most * count * _MONTH), _MONTHS[-1])
        return self._months(months)

    def _every(self, step: timedelta, *, weekday: bool = True) -> list[Tick]:
        # Wall-clock arithmetic without the zone: a day of 23 or 25 hours is a day.
        wall = datetime.fromtimestamp(self.first, self.zone).replace(tzinfo=None)
        wall = _MONDAY + (wall - _MONDAY) // step * step
        ticks: list[Tick] = []
        former = self.first - 1.0
        while (at := wall.replace(tzinfo=self.zone).timestamp()) <= self.last:
            if at > former and at >= self.first:
                day = (wall.hour, wall.minute) == (0, 0)
                ticks.append(
                    Tick(self.place(at), _day(wall, weekday=weekday) if day else f"{wall:%H:%M}", day)
                )
                former = at
            wall += step
        return ticks

    def _months(self, step: int) -> list[Tick]:
        begin = datetime.fromtimestamp(self.first, self.zone)
        count = (begin.year * 12 + begin.month - 1) // step * step
        ticks: list[Tick] = []
        while True:
            wall = datetime(count // 12, count % 12 + 1, 1, tzinfo=self.zone)
            if wall.timestamp() > self.last:
                return ticks
            if wall.timestamp() >= self.first:
                ticks.append(Tick(self.place(wall.timestamp()), f"{wall:%b %Y}", day=True))
            count += step


class Heights(NamedTuple):
    """An axis from ``bottom`` up to ``top``, with a line at each of ``rungs``."""

    rungs: list[float]

    @classmethod
    def of(cls, low: float, high: float, most: int = 4) -> "Heights":
        """Return an axis that includes 0 and both values, with about ``most`` round figures.

        Examples
        --------
        >>> Heights.of(0, 6.8).rungs, Heights.of(0, 430.0).rungs, Heights.of(0, 0).rungs
        ([0.0, 2.0, 4.0, 6.0, 8.0], [0.0, 200.0, 400.0, 600.0], [0.0, 1.0])
        >>> Heights.of(-3, 9).rungs
        [-5.0, 0.0, 5.0, 10.0]
        """
        low, high = min(low, 0.0), max(high, 0.0)
        if not high - low > _FAINT or not math.isfinite(high - low):
            return cls([0.0, 1.0])
        rough = (high - low) / most
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(part * power for part in (1, 2, 2.5, 5, 10) if part * power >= rough * (1 - 1e-9))
        first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
        return cls([float(f"{step * number:.12g}") for number in range(first, last + 1)])

    def down(self, value: float) -> float:
        """Return the distance of a value from the top, in percent.

        Examples
        --------
        >>> Heights([0.0, 5.0, 10.0]).down(7.5)
        25.0
        """
        bottom, top = self.rungs[0], self.rungs[-1]
        return round(100 * (top - value) / (top - bottom), 2)


def _day(wall: datetime, *, weekday: bool) -> str:
    return f"{wall:%a} {wall.day} {wall:%b}" if weekday else f"{wall.day} {wall:%b}"

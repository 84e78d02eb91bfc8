"""Wall-clock windows of a time zone as epoch seconds, across clock changes."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from config.settings import is_date

WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Span(NamedTuple):
    """From ``start`` to ``end`` (not included), epoch seconds."""

    start: int
    end: int

    def holds(self, at: int) -> bool:
        """Return whether a time lies in it."""
        return self.start <= at < self.end


def moment(text: str, zone: ZoneInfo) -> int:
    """Return a configured time as epoch seconds; without an offset it is local.

    Examples
    --------
    >>> tokyo = ZoneInfo("Asia/Tokyo")
    >>> moment("1970-01-02T09:00", tokyo), moment("1970-01-01T01:00+00:00", tokyo)
    (86400, 3600)
    """
    return _epoch(datetime.fromisoformat(text), zone)


def shown(at: int, zone: ZoneInfo) -> str:
    """Return a time as shown in reasons.

    Examples
    --------
    >>> shown(0, ZoneInfo("Asia/Tokyo"))
    '1970-01-01 09:00 JST'
    """
    return f"{datetime.fromtimestamp(at, zone):%Y-%m-%d %H:%M %Z}"


class Window:
    """A window that occurs once, daily or weekly, at the same local time across clock changes.

    Parameters
    ----------
    start, end
        As in the configuration; an ``end`` that is a date includes that day.
    every
        ``day``, ``week`` or None for once.

    Examples
    --------
    Nine in Berlin is eight UTC in January and seven in July:

    >>> utc = ZoneInfo("UTC")
    >>> daily = Window("2026-01-01T09:00", "2026-01-01T10:00", "day", ZoneInfo("Europe/Berlin"))
    >>> [span] = daily.around(moment("2026-07-01T07:30", utc))
    >>> shown(span.start, utc)
    '2026-07-01 07:00 UTC'
    """

    def __init__(self, start: str, end: str, every: str | None, zone: ZoneInfo) -> None:
        self._zone = zone
        self._first = _local(start, zone)
        self._last = _local(end, zone) + timedelta(days=is_date(end))
        self._period = {"day": timedelta(days=1), "week": timedelta(days=7)}.get(every or "")
        self._once = Span(moment(start, zone), _epoch(self._last, zone))

    def around(self, at: int) -> Iterator[Span]:
        """Yield every occurrence that includes ``at``."""
        if self._period is None:
            if self._once.holds(at):
                yield self._once
            return
        count = (datetime.fromtimestamp(at, self._zone).replace(tzinfo=None) - self._first) // self._period
        longest = (self._last - self._first) // self._period + 1
        for number in range(max(0, count - longest), count + 2):  # one more: a clock change moves the edges
            shift = number * self._period
            span = Span(_epoch(self._first + shift, self._zone), _epoch(self._last + shift, self._zone))
            if span.holds(at):
                yield span


class Hours:
    """Hours of the day on some days of the week; an ``end`` not after ``start`` is on the next day.

    Examples
    --------
    >>> night = Hours("22:00", "07:00", [], ZoneInfo("UTC"))
    >>> night.around(3 * 3600), night.around(12 * 3600)
    (Span(start=-7200, end=25200), None)
    """

    def __init__(self, start: str, end: str, days: list[str], zone: ZoneInfo) -> None:
        self._zone = zone
        self._start, self._end = time.fromisoformat(start), time.fromisoformat(end)
        self._days = {WEEKDAYS.index(day) for day in days} or set(range(len(WEEKDAYS)))

    def around(self, at: int) -> Span | None:
        """Return the hours that include ``at``, None when none do."""
        today = datetime.fromtimestamp(at, self._zone).date()
        for day in (today, today - timedelta(days=1)):
            if day.weekday() in self._days and (span := self._of(day)).holds(at):
                return span
        return None

    def _of(self, day: date) -> Span:
        last = day + timedelta(days=self._end <= self._start)
        return Span(
            _epoch(datetime.combine(day, self._start), self._zone),
            _epoch(datetime.combine(last, self._end), self._zone),
        )


def _local(text: str, zone: ZoneInfo) -> datetime:
    at = datetime.fromisoformat(text)
    return at.astimezone(zone).replace(tzinfo=None) if at.tzinfo else at


def _epoch(at: datetime, zone: ZoneInfo) -> int:
    return int((at if at.tzinfo else at.replace(tzinfo=zone)).timestamp())


def rfc3339(epoch: float) -> str:
    """Return a time in RFC 3339.

    Examples
    --------
    >>> rfc3339(1760000000)
    '2025-10-09T08:53:20Z'
    """
    return f"{datetime.fromtimestamp(epoch, UTC):%Y-%m-%dT%H:%M:%SZ}"

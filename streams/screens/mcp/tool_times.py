"""Times for an assistant: ISO 8601 in data, with the name of the zone in words."""

from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from alerting.words.en import figures


class ToolTimes:
    """Writes times in the zone of a daemon.

    Parameters
    ----------
    zone
        An IANA name.
    """

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
        return figures.clock(int(epoch), self.zone)

    def span(self, first: float, end: float) -> str:
        """Return a span of time in words.

        Examples
        --------
        >>> ToolTimes("Asia/Tokyo").span(1760000000, 1760014400)
        '2025-10-09 17:53 to 21:53 JST'
        """
        begin, stop = (datetime.fromtimestamp(int(each), self.zone) for each in (first, end))
        day = "" if begin.date() == stop.date() else f"{stop:%Y-%m-%d} "
        return f"{begin:%Y-%m-%d %H:%M} to {day}{stop:%H:%M %Z}"


def duration(seconds: float) -> str:
    """Return a duration in words.

    Examples
    --------
    >>> duration(1380.4), duration(-3)
    ('23 min', '0 s')
    """
    return figures.duration(max(0, int(seconds)))

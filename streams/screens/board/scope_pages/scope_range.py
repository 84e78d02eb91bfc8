"""The scope and the range of time that an address asks for, and the points of its charts."""

from datetime import datetime
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from alerting.commands.local_time import moment
from config.links import LATEST
from streams.record.history.history_rows import TEN_MINUTES
from streams.screens.board.step_grid import StepGrid

FEWEST_POINTS: Final = 4
"""The fewest points of a chart that a client may ask for."""


class AskedRange(NamedTuple):
    """A name of ``RANGES``, or a beginning and perhaps an end; empty where the address has none.

    ``points`` is the most points of a chart, for clients with little room; empty for that of the page.
    """

    name: str = ""
    since: str = ""
    until: str = ""
    points: str = ""


class AskedScope(NamedTuple):
    """A scope, and a range."""

    about: str  # kind:name
    given: tuple[tuple[str, str], ...] = ()  # cloud, account, region, version, as far as they are known
    range: AskedRange = AskedRange()


HOUR: Final = 3600
DAY: Final = 86400
WEEK: Final = 7 * DAY

RANGES: Final = {"4h": 4 * HOUR, "1d": DAY, "1w": WEEK, "5w": 5 * WEEK, "13mo": 400 * DAY}
"""The ranges that have a name, in seconds; they end with the newest step."""

SHORTEST: Final = 600
LONGEST: Final = 400 * DAY
POINTS: Final = 600
"""Points of a chart at most."""

_MINUTES: Final = (1, 2, 3, 5, 10, 20, 30, 60, 120, 180, 240, 360, 720, 1440)


class BadRangeError(ValueError):
    """No range of time; one line that names the valid ones."""


class ShownRange(NamedTuple):
    """A range, epoch seconds: ``first <= time < end``. ``name`` is empty for one that has none."""

    name: str
    first: int
    end: int
    points: int = POINTS

    @classmethod
    def of(cls, asked: AskedRange, at: int, zone: ZoneInfo) -> "ShownRange":
        """Return the range that is asked for.

        Parameters
        ----------
        asked
            Times are epoch seconds, or dates and times.
        at
            The end of the newest step: nothing is shown beyond it.
        zone
            Of times without a zone of their own.

        Raises
        ------
        BadRangeError
            When there is no such range.
        """
        points = _points(asked.points)
        if not asked.since and not asked.until:
            name = asked.name or "4h"
            if name not in RANGES:
                raise BadRangeError(f"range is one of {', '.join(RANGES)}, or give from and to")
            return cls(name, at - RANGES[name], at, points)
        if not asked.since:
            raise BadRangeError("to needs from, the beginning of the range")
        first = _moment(asked.since, "from", zone)
        end = min(_moment(asked.until, "to", zone), at) if asked.until else at
        if end - first < SHORTEST:
            raise BadRangeError(
                f"a range is at least {SHORTEST // 60} minutes long, and begins before the newest step "
                f"({datetime.fromtimestamp(at, zone):%Y-%m-%dT%H:%M})"
            )
        if end - first > LONGEST:
            raise BadRangeError(f"a range is at most {LONGEST // DAY} days long")
        return cls("", first, end, points)

    def grid(self, step: int, zone: ZoneInfo) -> StepGrid:
        """Return at most some ``points`` that hold the range.

        Points begin with whole steps, and long ones with hours and days of the zone, as they are at the end
        of the range. ``step`` is the length of a step, seconds.
        """
        least = (self.end - self.first) / self.points
        steps = [60 * minutes for minutes in _MINUTES if 60 * minutes % step == 0] or [step]
        length = next(
            (minutes for minutes in steps if minutes >= least), -(-int(least) // steps[-1]) * steps[-1]
        )
        # a row of ten minutes belongs to one point, in Kathmandu, too
        offset = datetime.fromtimestamp(self.end, zone).utcoffset()
        shift = 0 if offset is None else int(offset.total_seconds()) // TEN_MINUTES * TEN_MINUTES
        if length <= TEN_MINUTES:
            shift = 0
        first = (self.first + shift) // length * length - shift
        return StepGrid(first, length, -(-(self.end - first) // length))


def _points(text: str) -> int:
    if not text:
        return POINTS
    if not (text.isdecimal() and text.isascii() and FEWEST_POINTS <= int(text[:4]) <= POINTS):
        raise BadRangeError(f"points is a number from {FEWEST_POINTS} to {POINTS}")
    return int(text)


def _moment(text: str, name: str, zone: ZoneInfo) -> int:
    try:
        found = float(text) if text.replace(".", "", 1).isdecimal() else moment(text, zone)
    except ValueError:
        found = -1
    if not 0 <= found <= LATEST:
        raise BadRangeError(
            f"{name} is no time: give epoch seconds, or 2026-11-27 or 2026-11-27T14:30 in {zone}"
        )
    return int(found)

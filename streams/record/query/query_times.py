"""The times of a query: what clients send, and the steps at which it is evaluated."""

import math
import re
from datetime import datetime
from typing import Final, NamedTuple, Self

import numpy as np
import promql_parser as promql

from detectors.model.array_types import Ints
from streams.record.query.query_bounds import MOST_POINTS, QueryError, bad_data

LATEST: Final = 253_402_300_799.0
"""The last second of the year 9999: later times have no form that people read."""

_RFC3339: Final = re.compile(
    r"-?\d{4,}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)", re.ASCII
)
_NUMBER: Final = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_DURATION: Final = re.compile(r"(?:\d+(?:ms|[ywdhms]))+", re.ASCII)
_BEYOND: Final = re.compile(r"-|\d{5}|0000-", re.ASCII)  # some clients send these for no bound


def parse_time(name: str, text: str) -> int:
    """Return a time as milliseconds since the epoch.

    ``name`` is the parameter, for the error; ``text`` are seconds, or RFC 3339.

    Raises
    ------
    QueryError
        When it is neither, or before 1970.

    Examples
    --------
    >>> parse_time("time", "1764201600.5"), parse_time("time", "2025-11-27T00:00:00.5Z")
    (1764201600500, 1764201600500)
    """
    if _NUMBER.fullmatch(text):
        seconds = float(text)
    elif _RFC3339.fullmatch(text):
        try:
            seconds = datetime.fromisoformat(text.upper()).timestamp()
        except (ValueError, OverflowError):
            if not _BEYOND.match(text):
                raise _no_time(name, text) from None
            seconds = LATEST if text[0].isdigit() and not text.startswith("0000-") else 0.0
    else:
        raise _no_time(name, text)
    return round(min(max(seconds, 0.0), LATEST) * 1000)


def _no_time(name: str, text: str) -> QueryError:
    return bad_data(
        f'invalid parameter "{name}": {text[:40]!r} is no time; give epoch seconds, or 2026-11-27T14:30:00Z'
    )


def parse_duration(name: str, text: str) -> int:
    """Return a duration in milliseconds.

    Raises
    ------
    QueryError
        When it is no duration, or not positive.

    Examples
    --------
    >>> parse_duration("step", "15"), parse_duration("step", "1h30m")
    (15000, 5400000)
    """
    try:
        if _NUMBER.fullmatch(text):
            seconds = float(text)
        elif _DURATION.fullmatch(text):  # the parser panics at NaN
            seconds = promql.parse_duration(text).total_seconds()
        else:
            raise _no_duration(name, text)
    except (ValueError, OverflowError):
        raise _no_duration(name, text) from None
    found = round(min(seconds, LATEST) * 1000)
    if found <= 0:
        raise bad_data(
            f'invalid parameter "{name}": zero or negative durations are not accepted; try a positive one'
        )
    return found


def _no_duration(name: str, text: str) -> QueryError:
    return bad_data(f'invalid parameter "{name}": {text[:40]!r} is no duration; give seconds or 1h30m')


class QueryTimes(NamedTuple):
    """As many ``points``, each ``step`` after the one before; milliseconds."""

    first: int
    step: int = 1
    points: int = 1

    @classmethod
    def over(cls, first: int, end: int, step: int) -> Self:
        """Return the times of a range, both ends included.

        Raises
        ------
        QueryError
            When it ends before it begins, or has too many points.
        """
        if end < first:
            raise bad_data('invalid parameter "end": end timestamp must not be before start time')
        if (end - first) // step > MOST_POINTS:
            least = math.ceil((end - first) / MOST_POINTS / 1000)
            raise bad_data(
                f"exceeded maximum resolution of {MOST_POINTS:,} points per timeseries; choose a step of "
                f"{least} seconds or more, or a shorter range"
            )
        return cls(first, step, (end - first) // step + 1)

    @property
    def last(self) -> int:
        """The last point."""
        return self.first + self.step * (self.points - 1)

    def before(self, offset: int) -> "QueryTimes":
        """Return the same, ``offset`` earlier."""
        return self._replace(first=self.first - offset)

    def places(self, times: Ints) -> Ints:
        """Return (n,) the first point at each time or after it; ``points`` if there is none.

        Examples
        --------
        >>> QueryTimes(1000, 500, 3).places(np.array([0, 1000, 1001, 1500, 2001])).tolist()
        [0, 0, 1, 1, 3]
        """
        found: Ints = np.clip(-((self.first - times) // self.step), 0, self.points)
        return found

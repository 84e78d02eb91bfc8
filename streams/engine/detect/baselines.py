"""The past behind the baselines: series that are still learnt, and scopes that become judgeable."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
import numpy as np

from config.settings import JudgeSettings
from detectors.model.array_types import Bools, Floats
from detectors.model.measures import JUDGED, Series
from detectors.model.scope import Scope
from detectors.state.declared import Held, Stateful, StatePart
from detectors.watch.maturity import KINDS, Maturity, first_named
from streams.engine.decode.paths import OTHER

DAY = 86400
WEEK = 7 * DAY


def baselines(ages: Iterable[Floats], judge: JudgeSettings) -> dict[str, int]:
    """Return the number of series by the past behind them, the shortest first.

    ``ages`` are the seconds since the first value of each judged series, by shard.

    Examples
    --------
    >>> baselines([np.array([2.5, 2.9, 6]) * DAY, np.array([8, 30, 300]) * DAY], JudgeSettings())
    {'learning (day 3 of 7)': 2, 'learning (day 7 of 7)': 1, 'with 1 week': 1, 'with 4 weeks': 2}
    >>> baselines([np.array([30, 7200])], JudgeSettings(young=3600))
    {'learning (day 1 of 1)': 1, 'with less than a week': 1}
    """
    days = _days(judge.young)
    found = Counter[tuple[int, int]]()  # weeks, days
    for some in ages:
        found.update({(-1, day): count for day, count in enumerate(learning(some, judge.young), 1)})
        old = some[some >= judge.young]
        found.update((int(weeks), 0) for weeks in np.minimum(old // WEEK, judge.weeks))
    return {_name(*group, days): found[group] for group in sorted(found) if found[group]}


def learning(ages: Floats, young: int) -> list[int]:
    """Return the number of series that are still learnt, by day of learning; empty if none is.

    ``ages`` are the seconds since the first value, NaN without any; from the age ``young`` on, a series is
    judged.

    Examples
    --------
    >>> learning(np.array([0, 1.5, 1.7, 3, np.nan]) * DAY, 3 * DAY)
    [1, 2, 0]
    """
    days = (ages[ages < young] // DAY).astype(np.intp)
    return np.bincount(days, minlength=_days(young)).tolist() if len(days) else []


def _days(young: int) -> int:
    """Return the number of days for which a series is learnt, the last of which may be cut short."""
    return max(1, -(-young // DAY))


def _name(weeks: int, day: int, days: int) -> str:
    if weeks < 0:
        return f"learning (day {day} of {days})"
    if not weeks:
        return "with less than a week"
    return f"with {weeks} week{'s' * (weeks > 1)}"


class _Reported(msgspec.Struct, array_like=True):
    at: int  # epoch seconds
    young: int  # ``judge.young`` at that time
    waiting: list[Scope] = []  # reported with the next hour: a judge that took over can judge them


REPORTED: Final = StatePart("judgeable", _Reported)


class HourlyMaturity(Stateful):
    """The scopes of a shard that are old enough to be judged.

    A scope is as old as the first of its judged measures, which is there from its first request on. The
    scopes already reported follow from ages and two numbers, so that a change of ``judge.young`` reports the
    difference.
    """

    STATE = (Held(REPORTED, "_reported", later=True),)

    def __init__(self, young: int) -> None:
        self._young = young  # seconds for which a series is learnt before it is reported
        self._reported = _Reported(0, young)
        self._scopes: list[Scope] = []
        self._rows: list[int] = []

    def add(self, series: Sequence[Series], first: int) -> None:
        """Add new series, whose rows in the judge begin at ``first``."""
        for row, item in enumerate(series, first):
            about = item.about
            if (
                isinstance(about, Scope)
                and about.kind in KINDS
                and item.measure is JUDGED[about.kind][0]
                and about.name != OTHER  # what is folded is many
            ):
                self._scopes.append(about)
                self._rows.append(row)

    def feed(self, at: int, ages: Floats) -> Maturity:
        """Return the scopes that became judgeable since the last call.

        ``at`` is the end of an hour, epoch seconds; ``ages`` (n,) are the seconds from the first value of
        each series of the judge to it, NaN without any.
        """
        age = ages[self._rows]
        fresh = self._reported.waiting + self._those((age >= self._young) & ~self._old(at, ages))
        self._reported = _Reported(at, self._young)
        counts = dict(Counter(scope.kind for scope in fresh))
        return Maturity(at, counts, first_named(fresh), learning(age, self._young))

    def pass_over(self, seconds: int) -> None:
        """Skip seconds in which nothing grew older."""
        self._reported.at += seconds

    def reported(self, at: int, ages: Floats) -> set[Scope]:
        """Return the scopes reported as judgeable; ``at`` and ``ages`` are as in ``feed``, at any time."""
        return set(self._those(self._old(at, ages))) - set(self._reported.waiting)

    def succeed(self, reported: set[Scope], at: int, ages: Floats) -> None:
        """Take the place of a judge with a different history, which has ``reported`` these scopes."""
        self._reported.waiting = sorted(set(self._those(self._old(at, ages))) - reported)

    def _old(self, at: int, ages: Floats) -> Bools:
        """Return which scopes were judgeable at the end of the last hour."""
        old: Bools = ages[self._rows] - (at - self._reported.at) >= self._reported.young
        return old

    def _those(self, which: Bools) -> list[Scope]:
        return [self._scopes[index] for index in np.flatnonzero(which)]

    def begin(self, at: int) -> None:
        """Go on from epoch second ``at``: an older snapshot does not state what was reported."""
        self._reported = _Reported(at, self._young)

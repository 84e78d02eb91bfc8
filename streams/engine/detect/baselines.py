"""How much past stands behind the baselines: what is still learnt, and how many weeks the rest has."""

from collections import Counter
from collections.abc import Iterable

import numpy as np

from config.settings import JudgeSettings
from detectors.model.array_types import Floats

DAY = 86400
WEEK = 7 * DAY


def baselines(ages: Iterable[Floats], judge: JudgeSettings) -> dict[str, int]:
    """Return how many series there are by what is known of them, the least known first.

    Parameters
    ----------
    ages
        Seconds since the first value of each judged series, of each shard.

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
    return {_name(*each, days): found[each] for each in sorted(found) if found[each]}


def learning(ages: Floats, young: int) -> list[int]:
    """Return how many of these are still learnt on each of the days that it takes; empty if none is.

    Parameters
    ----------
    ages
        Seconds since the first value; NaN without any, which does not count.
    young
        The age from which a series is judged, seconds.

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

"""How much past stands behind the baselines: what is still learnt, and how many weeks the rest has."""

from collections import Counter
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from config.settings import JudgeSettings

DAY = 86400
WEEK = 7 * DAY


def baselines(ages: Iterable[NDArray[np.float64]], judge: JudgeSettings) -> dict[str, int]:
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
    days = max(1, -(-judge.young // DAY))
    found = Counter[tuple[int, int]]()  # weeks, days
    for some in ages:
        young = some < judge.young
        found.update((-1, int(day)) for day in np.minimum(some[young] // DAY + 1, days))
        found.update((int(weeks), 0) for weeks in np.minimum(some[~young] // WEEK, judge.weeks))
    return {_name(*each, days): found[each] for each in sorted(found)}


def _name(weeks: int, day: int, days: int) -> str:
    if weeks < 0:
        return f"learning (day {day} of {days})"
    if not weeks:
        return "with less than a week"
    return f"with {weeks} week{'s' * (weeks > 1)}"

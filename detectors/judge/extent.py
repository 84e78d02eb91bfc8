"""What a deviation came to: its furthest step, its last step, and the part of the requests that failed."""

from typing import Final, NamedTuple

import numpy as np

from detectors.judge.evidence import Course
from detectors.model.array_types import Bools, Floats
from detectors.model.finding import Failures

PART: Final = 1 / 3
"""Part of its usual size from which on a step belongs to the deviation: less is the noise around it."""

FEW_REQUESTS: Final = 30.0
"""Among fewer requests a share says little: all of the deviation is counted, not its newest minutes only."""

REACH_SECONDS: Final = 1800
"""How long before its verdict a deviation may have begun: verdicts of few calls are those of half an hour."""

NEWEST_SECONDS: Final = 600
"""How much of a long deviation is counted while it lasts: people ask how bad it is now."""


class Extent(NamedTuple):
    """What a course came to."""

    last: int  # steps up to the end of the deviation, at least one
    furthest: float | None  # the largest value up to there, of a fall the smallest; None if nothing is known


def extent(course: Course, *, rises: bool, absent: int = 0) -> Extent:
    """Return how far a deviation reached and where it ended.

    A verdict ends some steps after its deviation: it waits until the mean of the last minutes is calm. A step
    belongs to the deviation if it lies beyond the expected interval, by at least a third of what the others
    do. Where no step does, because the deviation shows in sums only, those count that are on its side.

    Parameters
    ----------
    course
        From the start of the deviation to the watermark at which its verdict ended, or to now.
    rises
        Whether it is a rise.
    absent
        Of an absence: the consecutive steps without a request that still belong to it; otherwise 0.
    """
    observed = np.nan_to_num(course.observed) if absent else course.observed
    if absent:
        beyond = (observed < course.lower) | _in_gaps(observed, absent)
    else:
        beyond = _beyond(course, rises=rises)
    last = int(np.flatnonzero(beyond)[-1]) + 1 if beyond.any() else len(observed)
    known = observed[:last][~np.isnan(observed[:last])]
    if not known.size:
        return Extent(max(last, 1), None)
    return Extent(max(last, 1), float(known.max() if rises else known.min()))


def onset(course: Course, reported: int, *, rises: bool) -> int:
    """Return the step at which a deviation began, at or before the one that its verdict dates it to.

    Few calls make a verdict certain only in the sum of many minutes. The change is where the cumulative sum
    of what exceeds a third of the deviation is largest, counted back from now (Page 1954): a stray failure
    some minutes before does not make up for the calm after it.

    Parameters
    ----------
    course
        From ``REACH_SECONDS`` before the verdict's own start on, up to now.
    reported
        The step of the course with which the verdict starts.
    rises
        Whether it is a rise.
    """
    by = course.observed - course.expected if rises else course.expected - course.observed
    usual = float(np.nan_to_num(by[reported:]).mean()) if reported < len(by) else 0.0
    if usual <= 0:
        return reported
    more = np.minimum(np.nan_to_num(by[:reported]), 2 * usual) - PART * usual  # no minute speaks for all
    sums = np.cumsum(more[::-1])[::-1]
    return int(np.argmax(sums)) if sums.size and sums.max() > 0 else reported


def lag(requests: Course, last: int, step: int, window: float) -> int:
    """Return for how many steps a quantile of the newest calls shows a deviation that is over.

    It rests on ``window`` calls at least, and looks back as far as it needs: the deviation fades when so many
    calls have come since.
    """
    calls = np.cumsum(np.nan_to_num(requests.observed[:last])[::-1]) * step
    return min(int(np.searchsorted(calls, window)), max(last - 1, 0))


def _beyond(course: Course, *, rises: bool) -> Bools:
    """Return which steps deviate: beyond the interval, by at least a part of the usual deviation."""
    observed = course.observed
    by = observed - course.expected if rises else course.expected - observed
    beyond: Bools = (observed > course.upper if rises else observed < course.lower) & (by > 0)
    if not beyond.any():
        beyond = by > 0
    if beyond.any():
        beyond &= by >= PART * float(np.median(by[beyond]))
    return beyond


def _in_gaps(observed: Floats, least: int) -> Bools:
    """Return which steps belong to ``least`` consecutive ones without a request."""
    gap = np.zeros(len(observed), bool)
    run = 0
    for at, value in enumerate((observed > 0).tolist()):
        run = 0 if value else run + 1
        if run >= least:
            gap[at - run + 1 : at + 1] = True
    return gap


def failures(failed: Course, requests: Course, step: int, *, ended: bool) -> Failures | None:
    """Return how many of the requests failed in a deviation, or in its newest minutes.

    Parameters
    ----------
    failed, requests
        Courses of the same steps, from the start of the deviation on.
    step
        Seconds of a step.
    ended
        Count all of the deviation, and not only its newest minutes.

    Returns
    -------
    Failures or None
        None without any request.
    """
    bad, of = (np.nan_to_num(course.observed) * step for course in (failed, requests))
    newest = max(len(bad) - NEWEST_SECONDS // step, 0)
    first = 0 if ended or of[newest:].sum() < FEW_REQUESTS else newest
    count, whole = float(bad[first:].sum()), float(of[first:].sum())
    if max(count, whole) <= 0:
        return None
    expected = float(np.nansum(failed.expected[first:]))
    among = float(np.nansum(requests.expected[first:]))
    usual = min(expected / among, 1.0) if among > 0 else 0.0
    return Failures(
        failed=count, requests=max(count, whole), seconds=(len(bad) - first) * step, usual=max(usual, 0.0)
    )

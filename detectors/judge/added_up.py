"""What minutes added up to: the mean since a deviation began, where no minute alone shows it."""

from typing import Final

import numpy as np

from detectors.judge.evidence import Course
from detectors.model.array_types import Floats
from detectors.model.finding import AddedUp

MINUTES_TELL: Final = 2 / 3
"""Part of a deviation in steps beyond their own interval from which on these steps tell it themselves."""


def added_up(course: Course, reported: int, step: int, *, rises: bool) -> AddedUp | None:
    """Return what a deviation came to on average, None if its steps show it themselves.

    What few calls show only in the sum of many minutes lies within the interval in most of them: the newest
    minute may be at the expected value, or on the other side of it.

    Parameters
    ----------
    course
        From the beginning of the deviation up to now.
    reported
        The step of the course at which it was reported; negative if that was before the course.
    step
        Seconds of a step.
    rises
        Whether it is a rise.
    """
    observed, expected = course.observed, _as_before(course.expected, reported, rises=rises)
    known = ~(np.isnan(observed) | np.isnan(expected))
    if np.count_nonzero(known) < 2:  # noqa: PLR2004  one step adds nothing up
        return None
    by = np.where(known, observed - expected if rises else expected - observed, 0.0)
    beyond = observed > course.upper if rises else observed < course.lower
    if by.sum() <= 0 or by[beyond].sum() >= MINUTES_TELL * by.sum():
        return None
    mean, usual = float(observed[known].mean()), float(expected[known].mean())
    return AddedUp(observed=mean, expected=usual, seconds=len(observed) * step)


def _as_before(expected: Floats, reported: int, *, rises: bool) -> Floats:
    """Return what was expected without what the level followed before the deviation was reported.

    That step is compared with the level before it again: what it differs by from the step before is what the
    level had followed by then, steadily.
    """
    if not 0 < reported < len(expected):
        return expected
    before, after = expected[reported - 1 : reported + 1]
    if not (before > 0 and after > 0):
        return expected
    taken_back = min(after / before, 1.0) if rises else max(after / before, 1.0)
    followed: Floats = np.ones(len(expected))
    followed[:reported] = np.linspace(1.0, taken_back, reported)
    return expected * followed

"""The extent of deviations: where they ended, their furthest step, their means, the requests that failed."""

from typing import Final

import numpy as np

from detectors.judge.evidence import (
    REACH_SECONDS,
    Extent,
    added_up,
    extent,
    failures,
    lag,
    onset,
    served,
    unmet,
)
from detectors.judge.judge import Judge
from detectors.model.finding import AddedUp, Failures, ServedRequests
from detectors.model.measures import LATENCIES
from streams.engine.measure.latency_window import CALLS

_FADES: Final = 0.75 * CALLS
"""Normal calls after which a p95 of the newest calls is about normal again."""


class DeviationExtent:
    """Measures deviations by the courses of their series.

    ``recover`` consecutive steps without a request still belong to an absence; ``step`` is in seconds.
    """

    def __init__(self, judge: Judge, recover: int, step: int) -> None:
        self._judge, self._recover, self._step = judge, recover, step

    def extent_of(
        self, row: int, start: int, until: int, *, rises: bool, absent: bool, before: float | None
    ) -> Extent:
        """Return the extent of a deviation from ``start`` to ``until``, both in epoch seconds.

        Courses reach back some hours: ``before`` is the furthest step known when it was longer ago.
        """
        course = self._judge.evidence.course(row, start, until)
        known = len(course.observed)
        forgotten = max((until - start) // self._step - known, 0)
        if not known:
            return Extent(max(forgotten, 1), before)
        fails = self._judge.whole(row) is not None
        found = extent(course, rises=rises, absent=self._recover if absent else 0, fails=fails)
        furthest = found.furthest
        if forgotten and before is not None and furthest is not None:
            furthest = max(before, furthest) if rises else min(before, furthest)
        last = found.last
        requests = self._judge.requests(row)
        if self._judge.series[row].measure in LATENCIES and requests is not None:
            last -= lag(self._judge.evidence.course(requests, start, until), last, self._step, _FADES)
        return Extent(forgotten + max(last, 1), furthest)

    def onset(self, row: int, start: int, until: int, *, rises: bool) -> int:
        """Return when a deviation began whose verdict starts at ``start``, in epoch seconds."""
        course = self._judge.evidence.course(row, start - REACH_SECONDS, until)
        reported = len(course.observed) - (until - start) // self._step
        if reported <= 0:
            return start
        first = onset(course, reported, rises=rises)
        return start - (reported - first) * self._step

    def added_up(self, row: int, start: int, until: int, *, reported: int, rises: bool) -> AddedUp | None:
        """Return the means of a deviation from ``start`` to ``until``, or over its last hours.

        Times are in epoch seconds; ``reported`` is the start of the step at which it was reported.
        """
        known = max(until, reported + self._step)
        course = self._judge.evidence.course(row, start, known)
        first = known - len(course.observed) * self._step
        if not (rises or self._judge.evidence.latency[row]):  # nothing is measured where nothing came
            course = course._replace(observed=np.nan_to_num(course.observed))
        at = (reported - first) // self._step
        return added_up(course, at, range(first, until, self._step), rises=rises)

    def unmet(self, row: int, start: int, end: int, until: int) -> bool:
        """Return whether a fall ended because less was expected; all in epoch seconds."""
        course = self._judge.evidence.course(row, start, until)
        return unmet(course, len(course.observed) - (until - end) // self._step)

    def failures(self, row: int, start: int, until: int) -> Failures | None:
        """Return how many requests failed, if that is what a series counts."""
        whole = self._judge.whole(row)
        if whole is None:
            return None
        failed, requests = (self._judge.evidence.course(of, start, until) for of in (row, whole))
        start = until - len(failed.observed) * self._step  # what is known of it
        around = start - REACH_SECONDS, until + REACH_SECONDS  # of few calls, none fail in most minutes
        weeks = (self._judge.baseline.usual(of, *around) for of in (row, whole))
        return failures(failed, requests, self._step, *weeks)

    def due(self, row: int, start: int, until: int) -> float:
        """Return the requests that the judge expects in a span and that are no errors of callers.

        0 where its begin is forgotten.
        """
        requests = self._judge.evidence.course(row, start, until)
        if len(requests.expected) < (until - start) // self._step:
            return 0.0
        refused = self._judge.refused(row)
        part = None if refused is None else self._judge.evidence.course(refused, start, until)
        less = 0.0 if part is None else np.nan_to_num(part.expected)
        return float(np.maximum(np.nan_to_num(requests.expected) - less, 0.0).sum()) * self._step

    def served(self, row: int, start: int, until: int) -> ServedRequests | None:
        """Return the requests that are no errors of callers, if requests are what a series counts."""
        refused = self._judge.refused(row)
        if refused is None:
            return None
        requests, part = (self._judge.evidence.course(of, start, until) for of in (row, refused))
        return served(requests, part, self._step)

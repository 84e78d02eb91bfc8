"""The extent of deviations: where they ended, their furthest step, their sum, the requests that failed."""

from typing import Final

from detectors.judge.evidence import REACH_SECONDS, Extent, added_up, extent, failures, lag, means, onset
from detectors.judge.judge import Judge
from detectors.model.finding import AddedUp, Failures
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
        found = extent(course, rises=rises, absent=self._recover if absent else 0)
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

    def means(
        self, span: tuple[int, int], row: int, *, reported: int, rises: bool, hidden: bool
    ) -> AddedUp | None:
        """Return the means of a deviation; if ``hidden``, only where its steps do not show it themselves.

        Times are in epoch seconds; ``reported`` is the start of the step at which it was reported.
        """
        start, until = span
        course = self._judge.evidence.course(row, start, until)
        at = len(course.observed) - (until - reported) // self._step
        return (added_up if hidden else means)(course, at, self._step, rises=rises)

    def failures(self, row: int, start: int, until: int, *, ended: bool = False) -> Failures | None:
        """Return how many requests failed, if that is what a series counts."""
        whole = self._judge.whole(row)
        if whole is None:
            return None
        failed, requests = (self._judge.evidence.course(of, start, until) for of in (row, whole))
        return failures(failed, requests, self._step, ended=ended)

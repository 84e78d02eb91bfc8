"""The evidence behind a verdict: the course of its series, for charts, attribution and figures.

From the course follow where a deviation began and ended, how far it reached, how many requests failed in it,
its mean, and how late records correct a finding.
"""

from typing import Final, NamedTuple

import msgspec
import numpy as np

from detectors.model.array_types import Bools, Floats
from detectors.model.finding import AddedUp, Failures, Finding, ServedRequests, Trace, Verdict
from detectors.model.sentence import explain_withdrawal
from detectors.state.past_values import EXPECTED, LOWER, UPPER, WEEK, PastExpectations, PastValues

CHART_SECONDS: Final = 4 * 3600
"""The hours of a chart."""

PART: Final = 1 / 3
"""Part of its usual size from which on a step belongs to the deviation: less is the noise around it."""

REACH_SECONDS: Final = 1800
"""How long before its verdict a deviation may have begun: verdicts of few calls are those of half an hour."""

CORRECTED_SECONDS: Final = 6 * 3600
"""How far back late records change findings: less than what is kept step by step."""

ENDING: Final = 5
"""The last steps of a fall, with which those behind its end are compared."""

CALM: Final = 1 / 3
"""Part of the reported deviation below which nothing is left of it, as at the end of a verdict."""


class Course(NamedTuple):
    """The observed and expected values of a series, (steps,) each, as rates; NaN where unknown."""

    observed: Floats
    expected: Floats
    lower: Floats
    upper: Floats


class Evidence:
    """The observed and expected values of a judge's series; expectations are kept for seven hours."""

    def __init__(self, values: PastValues, recent: PastExpectations, step: int) -> None:
        self._values, self._recent, self._step = values, recent, step
        self.latency = np.zeros(0, bool)  # (n,) rows in milliseconds; all others are sums over a step

    def course(self, row: int, since: int, until: int) -> Course:
        """Return the course of a series from ``since`` up to ``until``: rates per second, ms of a latency."""
        first, last = self._recent.span(since // self._step, -(-until // self._step))
        value = self._values.measured([row], first, last)
        kept = (self._recent.pick(layer, [row], first, last) for layer in (EXPECTED, LOWER, UPPER))
        return Course(*(array[:, 0] / self._seconds(row) for array in (value, *kept)))

    def trace(self, row: int, until: int) -> Trace:
        """Return the hours before ``until`` as a chart shows them."""
        last = -(-until // self._step)
        first = max(last - CHART_SECONDS // self._step, 0)
        week = round(WEEK / self._step)
        per = self._seconds(row)

        def listed(values: Floats) -> list[float | None]:
            return [None if np.isnan(x) else float(x) / per for x in values]

        begin, end = self._recent.span(first, last)
        now = np.full(last - first, np.nan)
        now[begin - first : end - first] = self._values.measured([row], begin, end)[:, 0]
        return Trace(
            start=first * self._step,
            step=self._step,
            now=listed(now),
            last_week=listed(self._values.measured([row], first - week, last - week)[:, 0]),
            lower=listed(self._recent.pick(LOWER, [row], first, last)[:, 0]),
            upper=listed(self._recent.pick(UPPER, [row], first, last)[:, 0]),
        )

    def _seconds(self, row: int) -> float:
        """Return the divisor of a value: a rate is per second, a latency in milliseconds."""
        return 1.0 if self.latency[row] else float(self._step)


class Extent(NamedTuple):
    """The end and the furthest value of a deviation."""

    last: int  # steps up to the end of the deviation, at least one
    furthest: float | None  # the largest value up to there, of a fall the smallest; None if nothing is known


def extent(course: Course, *, rises: bool, absent: int = 0, fails: bool = False) -> Extent:
    """Return how far a deviation reached and where it ended.

    A verdict ends some steps after its deviation: it waits until the mean of the last minutes is calm. A step
    belongs to the deviation if it lies beyond the expected interval, by at least a third of what the others
    do. Where no step does, because the deviation shows in sums only, those count that are on its side.

    The course runs from the start of the deviation to the watermark at which its verdict ended, or to now.
    ``absent`` is the number of consecutive steps without a request that still belong to an absence; otherwise
    0. ``fails``: it counts failures, of which few a step are certain only in sums, and usual ones far fewer:
    the interval decides only how large they are.
    """
    observed = np.nan_to_num(course.observed) if absent else course.observed
    if absent:
        beyond = (observed < course.lower) | _in_gaps(observed, absent)
    else:
        beyond = _beyond(course, rises=rises, within=fails)
    last = int(np.flatnonzero(beyond)[-1]) + 1 if beyond.any() else len(observed)
    known = observed[:last][~np.isnan(observed[:last])]
    if not known.size:
        return Extent(max(last, 1), None)
    return Extent(max(last, 1), float(known.max() if rises else known.min()))


def onset(course: Course, reported: int, *, rises: bool) -> int:
    """Return the step at which a deviation began, at or before the start of its verdict.

    Few calls make a verdict certain only in the sum of many minutes. The change is where the cumulative sum
    of the excess over a third of the deviation is largest, counted back from now (Page 1954): a stray failure
    some minutes before does not make up for the calm after it.

    The course begins ``REACH_SECONDS`` before the verdict's own start, the step ``reported``, and ends now.
    """
    by = course.observed - course.expected if rises else course.expected - course.observed
    usual = float(np.nan_to_num(by[reported:]).mean()) if reported < len(by) else 0.0
    if usual <= 0:
        return reported
    more = np.minimum(np.nan_to_num(by[:reported]), 2 * usual) - PART * usual  # no minute speaks for all
    sums = np.cumsum(more[::-1])[::-1]
    return int(np.argmax(sums)) if sums.size and sums.max() > 0 else reported


def unmet(course: Course, last: int) -> bool:
    """Return whether a fall ended because less was expected, and not because more came.

    The course runs from the start of the fall, which ended with step ``last``, up to where that was certain.
    """
    if last >= len(course.observed):
        return False
    came, expected = (
        float(known[last:].mean() - known[max(last - ENDING, 0) : last].mean())
        for known in map(np.nan_to_num, (course.observed, course.expected))
    )
    return -expected > max(came, 0.0)


def lag(requests: Course, last: int, step: int, window: float) -> int:
    """Return for how many steps a quantile of the newest calls shows a deviation that is over.

    It rests on ``window`` calls at least, and looks back as far as it needs: the deviation fades when so many
    calls have come since.
    """
    calls = np.cumsum(np.nan_to_num(requests.observed[:last])[::-1]) * step
    return min(int(np.searchsorted(calls, window)), max(last - 1, 0))


def _beyond(course: Course, *, rises: bool, within: bool) -> Bools:
    """Return which steps deviate: beyond the interval, or ``within`` it, by a part of the usual deviation."""
    observed = course.observed
    by = observed - course.expected if rises else course.expected - observed
    beyond: Bools = (observed > course.upper if rises else observed < course.lower) & (by > 0)
    if not beyond.any():
        beyond = by > 0
    if beyond.any():
        large = by >= PART * float(np.median(by[beyond]))
        beyond = large if within else beyond & large
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


def failures(
    failed: Course, requests: Course, step: int, of_weeks: float = 0.0, among_weeks: float = 0.0
) -> Failures | None:
    """Return how many of the requests failed in a deviation; None without any request.

    The courses are of the same steps (``step`` in seconds): those of the deviation. ``of_weeks`` of
    ``among_weeks`` failed about this time in the weeks; without a week, what was expected at first counts: no
    more were expected to, though the level that the judge expects has followed the deviation.
    """
    count, whole = (float(np.nansum(course.observed)) * step for course in (failed, requests))
    if max(count, whole) <= 0:
        return None
    expected, among = (float(np.nansum(course.expected)) for course in (failed, requests))
    usual = min(expected / among, 1.0) if among > 0 else 0.0
    if among_weeks <= 0:
        of_weeks, among_weeks = (float(course.expected[0]) for course in (failed, requests))
    if among_weeks > 0:
        usual = min(usual, of_weeks / among_weeks)
    seconds = len(failed.observed) * step
    return Failures(failed=count, requests=max(count, whole), seconds=seconds, usual=max(usual, 0.0))


def served(requests: Course, refused: Course, step: int) -> ServedRequests:
    """Return the requests of a fall that are no errors of callers; steps without a value have none.

    The courses are of the same steps (``step`` in seconds): those of the fall.
    """
    observed, expected = (
        float(np.nansum(whole) - np.nansum(part)) * step
        for whole, part in zip(requests[:2], refused[:2], strict=True)
    )
    return ServedRequests(max(observed, 0.0), max(expected, 0.0))


def added_up(course: Course, reported: int, span: range, *, rises: bool) -> AddedUp | None:
    """Return the means of a deviation; None if nothing of it is known, or if it adds up to nothing.

    The course runs from the start of the deviation to its end or beyond. ``reported`` is the place of the
    step at which it was reported; negative if that was before the course. ``span`` are the times (epoch
    seconds) at which the steps of the deviation start.
    """
    observed = course.observed[: len(span)]
    expected = _as_before(course.expected, reported, rises=rises)[: len(span)]
    known = ~(np.isnan(observed) | np.isnan(expected))
    if not known.any():
        return None
    mean, usual = float(observed[known].mean()), float(expected[known].mean())
    if mean <= usual if rises else mean >= usual:
        return None
    return AddedUp(observed=mean, expected=usual, seconds=span.stop - span.start, until=span.stop)


def _as_before(expected: Floats, reported: int, *, rises: bool) -> Floats:
    """Return the expectation as if the level had not followed the deviation before it was reported.

    The reported step is compared with the level before it again: its difference to the step before is how far
    the level had followed by then, steadily.
    """
    if not 0 < reported < len(expected):
        return expected
    before, after = expected[reported - 1 : reported + 1]
    if not (before > 0 and after > 0):
        return expected
    back = min(after / before, 1.0) if rises else max(after / before, 1.0)
    followed: Floats = np.ones(len(expected))
    followed[:reported] = np.linspace(1.0, back, reported)
    return expected * followed


def corrected(finding: Finding, course: Course, persist: int) -> Finding | None:
    """Return the finding corrected by late records, None if it stands.

    Late records only add. A fall is withdrawn if fewer than ``persist`` steps are left below the interval by
    at least a third of the reported deviation. Other changes update its figures.

    The finding is as reported at its worst; its course runs from its start to its end, or to now.
    """
    falls = finding.observed < finding.expected
    observed = course.observed
    if finding.verdict is Verdict.ABSENCE:  # a step without a request is one without a value
        observed = np.nan_to_num(observed)
    missing = (course.expected - observed) if falls else (observed - course.expected)
    beyond = observed < course.lower if falls else observed > course.upper
    if finding.verdict is Verdict.ABSENCE:
        beyond = observed <= 0
    left = beyond & (missing >= CALM * abs(finding.expected - finding.observed))
    if falls and int(left.sum()) < persist:
        most = float(np.nanmax(observed, initial=0.0))
        return msgspec.structs.replace(finding, state="withdrawn", sentence=explain_withdrawal(finding, most))
    if not left.any():
        return None
    at = int(np.argmax(np.where(left, missing, -np.inf)))
    figures = {name: float(values[at]) for name, values in zip(Course._fields, course, strict=True)}
    figures["observed"] = float(observed[at])
    if not all(map(np.isfinite, figures.values())) or _same(figures["observed"], finding.observed):
        return None
    return msgspec.structs.replace(finding, **figures)


def _same(value: float, other: float) -> bool:
    return abs(value - other) <= 1e-6 * max(abs(value), abs(other), 1e-9)

"""The evidence behind a verdict: how series went in the last hours and weeks, for charts and attribution."""

from typing import Final, NamedTuple

import numpy as np

from detectors.model.array_types import Floats
from detectors.model.finding import Trace
from detectors.state.history import WEEK, ValueHistory
from detectors.state.recent import EXPECTED, LOWER, UPPER, Recent

CHART_SECONDS: Final = 4 * 3600
"""What a chart shows."""


class Course(NamedTuple):
    """What was observed of a series and what was expected, (steps,) each, as rates; NaN where unknown."""

    observed: Floats
    expected: Floats
    lower: Floats
    upper: Floats


class Evidence:
    """What was observed and expected of a judge's series; expectations are kept for seven hours."""

    def __init__(self, history: ValueHistory, recent: Recent, step: int) -> None:
        self._history, self._recent, self._step = history, recent, step
        self.latency = np.zeros(0, bool)  # (n,) rows in milliseconds; all others are sums over a step

    def course(self, row: int, since: int, until: int) -> Course:
        """Return the course of a series from ``since`` up to ``until``: rates per second, ms of a latency."""
        first, last = self._recent.span(since // self._step, -(-until // self._step))
        value = self._history.measured([row], first, last)
        kept = (self._recent.of(what, [row], first, last) for what in (EXPECTED, LOWER, UPPER))
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
        now[begin - first : end - first] = self._history.measured([row], begin, end)[:, 0]
        return Trace(
            start=first * self._step,
            step=self._step,
            now=listed(now),
            last_week=listed(self._history.measured([row], first - week, last - week)[:, 0]),
            lower=listed(self._recent.of(LOWER, [row], first, last)[:, 0]),
            upper=listed(self._recent.of(UPPER, [row], first, last)[:, 0]),
        )

    def _seconds(self, row: int) -> float:
        """Return what a value is divided by: a rate is per second, a latency in milliseconds."""
        return 1.0 if self.latency[row] else float(self._step)

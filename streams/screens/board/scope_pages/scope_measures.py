"""The measures of a scope over a range: observed, expected, a week before; and its limits."""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np

from config.settings import BoardSettings
from detectors.model.array_types import Bytes, Floats
from detectors.model.copy_fields import copy_fields
from detectors.model.finding import Verdict
from detectors.model.measures import LATENCIES, Measure
from detectors.model.scope import FUNCTION, ROUTE, SERVICE, TABLE, Scope
from streams.engine.detect.step_record import VERDICTS
from streams.record.history.history_reader import HistoryView
from streams.record.history.history_rows import HistoryRows
from streams.record.history.series_names import NOBODY
from streams.record.history.step_rows import P50, P99
from streams.screens.board.open_verdicts import OpenVerdicts
from streams.screens.board.scope_pages.range_reader import RangeRead, RangeReader, SeriesSums
from streams.screens.board.scope_pages.scope_page import (
    Points,
    ScopeCurve,
    ScopeLimit,
    ScopeMeasure,
    ScopeVerdict,
)
from streams.screens.board.scope_pages.scope_range import DAY, WEEK
from streams.screens.board.step_grid import SeriesCurves, StepGrid, curves, known
from streams.screens.board.wall.wall import WallThreshold
from streams.screens.board.wall.wall_numbers import threshold_of

_BESIDE: Final = {measure.value + quantile for measure in LATENCIES for quantile in (P50, P99)}
_LATENCIES: Final = {*(measure.value for measure in LATENCIES), *_BESIDE}
_REASON: Final = f"{Measure.THROTTLES}:"
_ORDER: Final[dict[str, int]] = {
    measure: place
    for place, measure in enumerate(
        (
            Measure.REQUESTS,
            Measure.ERRORS_USER,
            Measure.ERRORS_BACKEND,
            Measure.ERRORS_FATAL,
            Measure.WCU,
            Measure.RCU,
            Measure.THROTTLES,
            Measure.LATENCY,
            Measure.LATENCY_CODE,
            Measure.LATENCY_AUTH,
            Measure.BUSY,
            Measure.COST,
        )
    )
}
_TIMES: Final[dict[tuple[str, str], str]] = {
    (SERVICE, Measure.LATENCY): "api_ms",
    (ROUTE, Measure.LATENCY): "api_ms",
    (ROUTE, Measure.LATENCY_AUTH): "auth_ms",
    (FUNCTION, Measure.LATENCY): "function_ms",
    (FUNCTION, Measure.LATENCY_CODE): "code_ms",
    (TABLE, Measure.LATENCY): "table_ms",
}
_SHARES: Final[dict[str, str]] = {
    Measure.ERRORS_USER: "errors_user",
    Measure.ERRORS_BACKEND: "errors_backend",
}
_COUNTS: Final[dict[str, str]] = {Measure.ERRORS_FATAL: "errors_fatal", Measure.THROTTLES: "throttles"}


class ScopeMeasures:
    """Makes the measures of one scope; ``step`` is the length of a step in seconds."""

    def __init__(
        self, view: HistoryView, reader: RangeReader, step: int, scope: Scope, series: Sequence[int]
    ) -> None:
        self._view = view
        self._reader = reader
        self._step = step
        self._scope = scope
        self.series = np.array(sorted(series), np.int64)
        self._measures = [view.names[number].measure for number in self.series.tolist()]
        self._levels = np.array([measure in _LATENCIES for measure in self._measures], np.bool_)

    def measures(
        self,
        read: RangeRead,
        grid: StepGrid,
        end: int,
        *,
        verdicts: OpenVerdicts,
        incidents: Mapping[str, str],
        settings: BoardSettings,
    ) -> list[ScopeMeasure]:
        """Return the measures over a range that ends at ``end``, what deviates before the rest.

        ``incidents`` has the ids of open incidents, by the measure of this scope that they name.
        """
        if not len(self.series):
            return []
        week = StepGrid(grid.first - WEEK, grid.step, grid.steps)
        now, then = self._curves(read.rows, grid), self._curves(read.rows_before, week)
        newest = self._newest(end)
        shown = _Shown(
            self._measures,
            now=now,
            then=then,
            newest=newest,
            newest_before=self._newest(end - WEEK),
            grid=grid,
            one_step=grid.step == self._step,
            with_week=grid.step < DAY,
            compared=read.compared,
        )
        found = [
            shown.measure(
                row,
                verdict=verdicts.worst(self._about(measure)),
                threshold=self._threshold(measure, newest.observed[:, 0], settings),
                incident=incidents.get(measure),
                reasons=self._reasons(read.sums) if measure == Measure.THROTTLES else {},
            )
            for row, measure in enumerate(self._measures)
            if measure not in _BESIDE and not measure.startswith(_REASON)
        ]
        return sorted(found, key=_place)

    def _curves(self, rows: HistoryRows, grid: StepGrid) -> SeriesCurves:
        return curves(rows, self.series, self._levels, grid)

    def _newest(self, end: int) -> SeriesCurves:
        """Return the step before a time: one point."""
        rows = self._reader.newest(self.series, end, self._step)
        return self._curves(rows, StepGrid(end - self._step, self._step, 1))

    def _about(self, measure: str) -> Callable[[Scope, Measure], bool]:
        return lambda scope, of: scope == self._scope and of.value == measure

    def _reasons(self, sums: SeriesSums) -> dict[str, float]:
        found = [
            (sums.of(number)[0], measure.removeprefix(_REASON))
            for number, measure in zip(self.series.tolist(), self._measures, strict=True)
            if measure.startswith(_REASON)
        ]
        return {reason: total for total, reason in sorted(found, reverse=True) if total > 0}

    def _threshold(self, measure: str, newest: Floats, settings: BoardSettings) -> WallThreshold:
        value = newest[self._measures.index(measure)]
        if np.isnan(value):
            return None
        if time := _TIMES.get((self._scope.kind, measure)):
            return threshold_of(float(value), getattr(settings, time))
        if count := _COUNTS.get(measure):
            return threshold_of(float(value) * self._step, getattr(settings, count))
        if (share := _SHARES.get(measure)) and Measure.REQUESTS in self._measures:
            requests = newest[self._measures.index(Measure.REQUESTS)]
            return threshold_of(float(value / requests), getattr(settings, share)) if requests > 0 else None
        return None

    def limits(self, verdicts: OpenVerdicts, settings: BoardSettings) -> list[ScopeLimit]:
        """Return the use of its limits in the newest step, the nearest to its limit first."""
        found = []
        for series in self._view.limited():
            if series.key.scope != self._scope or series.key.source != NOBODY:
                continue
            used = known(np.float64(series.observed) / self._step)
            share = None if used is None else used / series.limit
            about = self._about(series.key.measure)
            found.append(
                copy_fields(
                    ScopeLimit,
                    verdicts.days_left(about),
                    measure=series.key.measure,
                    used=used,
                    limit=series.limit,
                    share=share,
                    verdict=verdicts.worst(about),
                    threshold=threshold_of(share, settings.share),
                )
            )
        return sorted(found, key=lambda limit: -(limit.share or 0.0))


class _Shown(NamedTuple):
    """The curves of all measures of a scope, a row each."""

    measures: Sequence[str]
    now: SeriesCurves
    then: SeriesCurves
    newest: SeriesCurves
    newest_before: SeriesCurves
    grid: StepGrid
    one_step: bool
    with_week: bool
    compared: bool

    def measure(
        self,
        row: int,
        *,
        verdict: Verdict | None,
        threshold: WallThreshold,
        incident: str | None,
        reasons: dict[str, float],
    ) -> ScopeMeasure:
        newest, name = self.newest, self.measures[row]
        mean, most, most_at = self.now.whole(row)
        return ScopeMeasure(
            measure=name,
            value=known(newest.observed[row, 0]),
            expected=known(newest.expected[row, 0]),
            lower=known(np.maximum(newest.lower[row, 0], 0)),
            upper=known(newest.upper[row, 0]),
            week_before=known(self.newest_before.observed[row, 0]),
            mean=known(np.float64(mean)),
            mean_before=self._mean_before(row),
            most=known(np.float64(most)),
            most_at=most_at,
            p50=self._beside(name + P50),
            p99=self._beside(name + P99),
            verdict=verdict,
            threshold=threshold,
            incident=incident,
            reasons=reasons,
            curve=self._curve(row),
        )

    def _mean_before(self, row: int) -> float | None:
        """Return the mean of the week before, if at least half of it is known: the history may be young."""
        if not self.compared or self.then.weight[row].sum() < self.now.weight[row].sum() / 2:
            return None
        return known(np.float64(self.then.whole(row)[0]))

    def _beside(self, name: str) -> float | None:
        if name not in self.measures:
            return None
        return known(self.newest.observed[self.measures.index(name), 0])

    def _curve(self, row: int) -> ScopeCurve:
        now = self.now
        return ScopeCurve(
            observed=points(now.observed[row]),
            least=[] if self.one_step else points(now.least[row]),
            most=[] if self.one_step else points(now.most[row]),
            expected=points(now.expected[row]),
            lower=points(np.maximum(now.lower[row], 0)),
            upper=points(now.upper[row]),
            before=points(self.then.observed[row]) if self.with_week else [],
            verdicts=runs(now.verdict[row], self.grid),
        )


def runs(codes: Bytes, grid: StepGrid) -> list[ScopeVerdict]:
    """Return the verdicts of points, (points,) places in ``VERDICTS``; points with the same one are one run.

    Examples
    --------
    >>> runs(np.array([0, 1, 1, 0], np.uint8), StepGrid(0, 60, 4))
    [ScopeVerdict(verdict=<Verdict.SPIKE: 'spike'>, start=60, end=180)]
    """
    begins = np.flatnonzero(np.diff(codes, prepend=0, append=0))
    return [
        ScopeVerdict(
            Verdict(VERDICTS[codes[begin]]),
            grid.first + int(begin) * grid.step,
            grid.first + int(end) * grid.step,
        )
        for begin, end in pairwise(begins)
        if codes[begin]
    ]


def points(values: Floats) -> Points:
    """Return values for JSON, with five significant figures; nothing where none is known.

    Examples
    --------
    >>> points(np.array([1.234567, np.nan, 0.0])), points(np.array([np.nan]))
    ([1.2346, None, 0.0], [])
    """
    there = ~np.isnan(values)
    if not there.any():
        return []
    size = np.abs(np.where(there & (values != 0), values, 1.0))
    unit = 10.0 ** (4 - np.floor(np.log10(size)))
    return [None if value != value else value for value in (np.round(values * unit) / unit).tolist()]  # noqa: PLR0124


def _place(of: ScopeMeasure) -> tuple[bool, bool, int, str]:
    calm = of.verdict is None and of.threshold is None
    return calm, not of.curve.verdicts, _ORDER.get(of.measure, len(_ORDER)), of.measure

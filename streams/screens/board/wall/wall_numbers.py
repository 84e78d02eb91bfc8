"""The big numbers of the wall, the calls of four hours, and the times of the layers."""

from collections.abc import Mapping
from typing import Final

import numpy as np

from config.settings import BoardSettings, ThresholdSettings
from detectors.latency.histogram import N_BINS, quantile
from detectors.model.array_types import Floats
from detectors.model.measures import LATENCIES, Measure
from detectors.model.scope import ACCOUNT, FUNCTION, ROUTE, SERVICE, TABLE, Scope, ScopeAnswer
from streams.record.history.history_files import MINUTES
from streams.record.history.history_reader import HistoryView
from streams.record.history.history_rows import HistoryRows
from streams.screens.board.open_verdicts import OpenVerdicts
from streams.screens.board.step_grid import StepGrid, known, listed
from streams.screens.board.wall.wall import (
    WallCalls,
    WallLayer,
    WallLayerId,
    WallNumber,
    WallNumberId,
    WallThreshold,
    WallUnit,
)

HOUR: Final = 3600
WEEK: Final = 7 * 86400
TREND_SECONDS: Final = 4 * 3600
LAYER_SECONDS: Final = 300

_Kinds = tuple[str, ...]
_Shown = tuple[WallNumberId, Measure, _Kinds, WallUnit]

_NUMBERS: Final[tuple[_Shown, ...]] = (
    ("requests", Measure.REQUESTS, (ACCOUNT,), "1/s"),
    ("errors_user", Measure.ERRORS_USER, (SERVICE,), "share"),  # accounts have no series of these
    ("errors_backend", Measure.ERRORS_BACKEND, (ACCOUNT,), "share"),
    ("errors_fatal", Measure.ERRORS_FATAL, (ACCOUNT,), "1"),
    ("throttles", Measure.THROTTLES, (ACCOUNT, TABLE), "1"),  # accounts have no calls of tables in these
)
_LAYERS: Final[tuple[tuple[WallLayerId, str, Measure, tuple[str, ...]], ...]] = (
    ("api", SERVICE, Measure.LATENCY, (SERVICE, ROUTE)),
    ("function", FUNCTION, Measure.LATENCY, (FUNCTION,)),
    ("code", FUNCTION, Measure.LATENCY_CODE, (FUNCTION,)),
    ("auth", ROUTE, Measure.LATENCY_AUTH, (ROUTE,)),
    ("table", TABLE, Measure.LATENCY, (TABLE,)),
)


def threshold_of(value: float | None, settings: ThresholdSettings) -> WallThreshold:
    """Return the threshold that a value has reached.

    Examples
    --------
    >>> settings = ThresholdSettings(warning=1, critical=10)
    >>> [threshold_of(value, settings) for value in (None, 0.5, 1, 10)]
    [None, None, 'warning', 'critical']
    """
    if value is None:
        return None
    if settings.critical is not None and value >= settings.critical:
        return "critical"
    return "warning" if settings.warning is not None and value >= settings.warning else None


class WallNumbers:
    """Makes them from a view of the history; the newest step has ``step`` seconds and ends at ``at``."""

    def __init__(self, view: HistoryView, at: int, step: int) -> None:
        self._view = view
        self._grid = StepGrid.before(at, step, TREND_SECONDS)
        self._before = StepGrid.before(at - WEEK, step, TREND_SECONDS)
        self._rows: dict[tuple[_Kinds, Measure, int], HistoryRows] = {}

    def _of(self, kinds: _Kinds, measure: Measure, grid: StepGrid) -> HistoryRows:
        """Return the rows of a measure of all scopes of some kinds."""
        read = kinds, measure, grid.first
        if read not in self._rows:
            series = self._view.series(
                lambda key: key.scope.kind in kinds and key.measure == measure and not key.source.kind
            )
            self._rows[read] = self._view.rows(MINUTES, grid.first, grid.end, series)
        return self._rows[read]

    def numbers(
        self, verdicts: OpenVerdicts, settings: BoardSettings, accounts: Mapping[str, str]
    ) -> list[WallNumber]:
        """Return the numbers of the newest step; ``accounts`` has the name of each account by its id."""
        return [self._number(shown, verdicts, settings, accounts) for shown in _NUMBERS]

    def _number(
        self, shown: _Shown, verdicts: OpenVerdicts, settings: BoardSettings, accounts: Mapping[str, str]
    ) -> WallNumber:
        name, measure, kinds, unit = shown
        rows, grid = self._of(kinds, measure, self._grid), self._grid
        per, per_before, per_expected = self._per(unit, kinds)
        total, total_before = (
            grid.total(rows),
            self._before.total(self._of(kinds, measure, self._before)),
        )
        trend, before = total / per, total_before / per_before
        hour, hour_before = self._hours((total, per), (total_before, per_before))
        expected = grid.total(rows, "expected")
        lower, upper = expected - grid.spread(rows, "lower"), expected + grid.spread(rows, "upper")
        value = known(trend[-1])

        def about(scope: Scope, of: Measure) -> bool:
            return of == measure and (scope.kind in kinds or measure is not Measure.REQUESTS)

        verdict = verdicts.worst(about)
        of = verdicts.of_accounts(about, verdict) if verdict and len(accounts) > 1 else []
        return WallNumber(
            id=name,
            unit=unit,
            value=value,
            expected=known((expected / per_expected)[-1]) if unit != "share" or expected[-1] >= 1 else None,
            lower=known((np.maximum(lower, 0) / per_expected)[-1]),
            upper=known((upper / per_expected)[-1]),
            week_before=known(before[-1]),
            hour=hour,
            hour_week_before=hour_before,
            verdict=verdict,
            verdict_of=", ".join(accounts.get(account, account) for account in of) or None,
            incident=verdicts.incident(about, verdict),
            scope=self._most(rows),
            threshold=None if name == "requests" else threshold_of(value, getattr(settings, name)),
            trend=listed(trend),
            trend_week_before=listed(before),
        )

    def _most(self, rows: HistoryRows) -> ScopeAnswer | None:
        """Return the scope with the largest amount in the newest step."""
        newest = rows.between(self._grid.end - self._grid.step, self._grid.end)
        amounts = np.nan_to_num(newest.observed)
        if not amounts.any():
            return None
        return self._view.names[int(newest.series[amounts.argmax()])].scope.as_answer()

    def _hours(
        self, now: tuple[Floats, Floats], before: tuple[Floats, Floats]
    ) -> tuple[float | None, float | None]:
        """Return the value of the last hour and that of a week before, over the steps known of both.

        ``now`` and ``before`` are totals and their divisors. Both are None where that is less than half.
        """
        steps = max(1, HOUR // self._grid.step)
        columns = [values[-steps:] for values in (*now, *before)]
        there = ~np.isnan(columns).any(axis=0)
        if 2 * there.sum() < steps:
            return None, None
        total, per, total_before, per_before = (float(values[there].sum()) for values in columns)
        return total / per, total_before / per_before

    def _per(self, unit: WallUnit, kinds: _Kinds) -> tuple[Floats, Floats, Floats]:
        """Return the divisors of values, (steps,) each: now, a week before, and of what is expected."""
        if unit != "share":
            per = np.full(self._grid.steps, float(self._grid.step if unit == "1/s" else 1))
            return per, per, per
        requests = self._of(kinds, Measure.REQUESTS, self._grid)
        found = (
            self._grid.total(requests),
            self._before.total(self._of(kinds, Measure.REQUESTS, self._before)),
            self._grid.total(requests, "expected"),
        )
        now, before, expected = (np.where(total > 0, total, np.nan) for total in found)
        return now, before, expected

    def calls(self) -> WallCalls:
        """Return the requests of four hours."""
        rows, grid = self._of((ACCOUNT,), Measure.REQUESTS, self._grid), self._grid
        before = self._before.total(self._of((ACCOUNT,), Measure.REQUESTS, self._before))
        expected = grid.total(rows, "expected")
        return WallCalls(
            start=grid.first,
            step=grid.step,
            observed=listed(grid.total(rows) / grid.step),
            week_before=listed(before / grid.step),
            lower=listed(np.maximum(expected - grid.spread(rows, "lower"), 0) / grid.step),
            upper=listed((expected + grid.spread(rows, "upper")) / grid.step),
        )

    def layers(self, verdicts: OpenVerdicts, settings: BoardSettings) -> list[WallLayer]:
        """Return the times of the layers over the last five minutes."""
        since = self._grid.end - LAYER_SECONDS
        found = []
        for name, kind, measure, kinds in _LAYERS:
            counts = np.zeros(N_BINS)
            for layer in self._view.layers(since):
                if (layer.kind, layer.measure) == (kind, measure):
                    counts[layer.bins] += layer.counts
            p50, p95, p99 = (known(float(quantile(counts, q))) for q in (0.5, 0.95, 0.99))

            def about(scope: Scope, of: Measure, kinds: _Kinds = kinds, measure: Measure = measure) -> bool:
                return scope.kind in kinds and of == measure and of in LATENCIES

            verdict = verdicts.worst(about)
            found.append(
                WallLayer(
                    id=name,
                    p50=p50,
                    p95=p95,
                    p99=p99,
                    verdict=verdict,
                    incident=verdicts.incident(about, verdict),
                    threshold=threshold_of(p95, getattr(settings, f"{name}_ms")),
                )
            )
        return found

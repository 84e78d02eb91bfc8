"""The use of limits: the hottest table of each account, concurrency, quotas."""

from collections.abc import Callable, Iterable
from typing import Final, Literal, NamedTuple

import numpy as np

from config.settings import BoardSettings
from detectors.model.copy_fields import copy_fields
from detectors.model.measures import Measure
from detectors.model.scope import ACCOUNT, FUNCTION, TABLE, Scope, ScopeAnswer
from streams.record.history.history_files import MINUTES
from streams.record.history.history_reader import HistoryView, LimitedSeries
from streams.screens.board.open_verdicts import OpenVerdicts
from streams.screens.board.step_grid import StepGrid, listed
from streams.screens.board.wall.wall import (
    WallConcurrency,
    WallHolder,
    WallQuota,
    WallTable,
    WallThreshold,
)
from streams.screens.board.wall.wall_numbers import TREND_SECONDS, threshold_of

HOLDERS: Final = 3
MOST: Final = 12
"""Tables, accounts and quotas that a wall has room for, and more."""

_UNITS: Final[dict[str, Literal["rcu", "wcu"]]] = {"rcu": "rcu", "wcu": "wcu"}


class _Used(NamedTuple):
    """The use of a limit in the newest step."""

    of: LimitedSeries
    account: str
    scope: ScopeAnswer
    used: float | None
    limit: float
    share: float | None
    threshold: WallThreshold


class WallLimits:
    """Makes the limits of the wall.

    ``at`` is the end of the newest step, epoch seconds, ``step`` its length. ``account_name`` returns the
    name that people gave an account, by its id.
    """

    def __init__(
        self,
        view: HistoryView,
        at: int,
        step: int,
        account_name: Callable[[str], str],
        settings: BoardSettings,
    ) -> None:
        self._view = view
        self._grid = StepGrid.before(at, step, TREND_SECONDS)
        self._name = account_name
        self._settings = settings
        self._used = [self._of(series) for series in view.limited()]

    def _of(self, series: LimitedSeries) -> _Used:
        scope = series.key.scope
        used = None if np.isnan(series.observed) else series.observed / self._grid.step
        share = None if used is None else used / series.limit
        threshold = threshold_of(share, self._settings.share)
        return _Used(
            series, self._name(scope.account), scope.as_answer(), used, series.limit, share, threshold
        )

    def used(self) -> dict[tuple[ScopeAnswer, str], float]:
        """Return what is used of limits a second, by scope and measure."""
        return {(used.scope, used.of.key.measure): used.used for used in self._used if used.used is not None}

    def tables(self, verdicts: OpenVerdicts) -> list[WallTable]:
        """Return the hottest table of each account, the hottest first."""
        hottest: dict[tuple[str, str], _Used] = {}
        for used in self._sorted(
            lambda used: used.of.key.scope.kind == TABLE and used.of.key.measure in _UNITS
        ):
            hottest.setdefault(used.of.key.scope.cloud_account, used)
        return [self._table(used, verdicts) for used in list(hottest.values())[:MOST]]

    def _sorted(self, wanted: Callable[[_Used], bool]) -> list[_Used]:
        found = [used for used in self._used if wanted(used)]
        return sorted(
            found, key=lambda used: (-(used.share if used.share is not None else -1.0), used.of.key)
        )

    def _table(self, used: _Used, verdicts: OpenVerdicts) -> WallTable:
        scope, measure = used.of.key.scope, used.of.key.measure

        def about(other: Scope, of: Measure) -> bool:
            return other == scope and of.value in (measure, Measure.THROTTLES)

        return copy_fields(
            WallTable,
            used,
            verdicts.days_left(about),
            label=scope.label,
            measure=_UNITS[measure],
            verdict=(verdict := verdicts.worst(about)),
            incident=verdicts.incident(about, verdict),
            trend=self._trend([used.of.series]),
        )

    def _trend(self, series: Iterable[int]) -> list[float | None]:
        numbers = np.array(sorted(series), np.int64)
        rows = self._view.rows(MINUTES, self._grid.first, self._grid.end, numbers)
        return listed(self._grid.total(rows) / self._grid.step)

    def concurrency(self, verdicts: OpenVerdicts) -> list[WallConcurrency]:
        """Return the concurrency of each account with a limit, and the functions that hold it."""
        found = self._sorted(
            lambda used: (used.of.key.scope.kind, used.of.key.measure) == (ACCOUNT, Measure.BUSY)
        )
        return [self._concurrency(used, verdicts) for used in found[:MOST]]

    def _concurrency(self, used: _Used, verdicts: OpenVerdicts) -> WallConcurrency:
        scope, measure = used.of.key.scope, used.of.key.measure
        return copy_fields(
            WallConcurrency,
            used,
            verdicts.days_left(lambda other, of: (other, of.value) == (scope, measure)),
            holders=self._holders(used),
            trend=self._trend([used.of.series]),
        )

    def _holders(self, used: _Used) -> list[WallHolder]:
        """Return the functions that are busiest in the newest step, and their shares."""
        whole = used.of.observed
        if not whole > 0:
            return []
        busiest = sorted(
            (
                (-amount, key.scope.label, key.scope)
                for key, amount in self._view.newest(
                    lambda key: (
                        key.scope.kind == FUNCTION
                        and key.measure == Measure.BUSY
                        and key.scope.cloud_account == used.of.key.scope.cloud_account
                    )
                )
                if amount > 0
            ),
        )
        return [
            WallHolder(label, -amount / whole, scope.as_answer())
            for amount, label, scope in busiest[:HOLDERS]
        ]

    def quotas(self) -> list[WallQuota]:
        """Return the sampled levels with a limit, the nearest to it first."""
        found = self._sorted(lambda used: bool(_measure(used).level))
        return [
            copy_fields(WallQuota, used, label=f"{used.of.key.scope.label} {_measure(used).level}".strip())
            for used in found[:MOST]
        ]


def _measure(used: _Used) -> Measure:
    return Measure(used.of.key.measure)

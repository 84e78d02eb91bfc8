"""What is used of limits: the hottest table of each account, concurrency, quotas."""

from collections.abc import Callable, Iterable
from typing import Final, Literal, NamedTuple

import numpy as np

from config.settings import BoardSettings
from detectors.model.measures import Measure
from detectors.model.scope import ACCOUNT, FUNCTION, TABLE, Scope
from streams.record.history.history_files import MINUTES
from streams.record.history.history_reader import HistoryView, LimitedSeries
from streams.screens.board.open_verdicts import OpenVerdicts
from streams.screens.board.step_grid import StepGrid, listed
from streams.screens.board.wall.wall import WallConcurrency, WallHolder, WallQuota, WallTable
from streams.screens.board.wall.wall_numbers import TREND_SECONDS, threshold_of

HOLDERS: Final = 3
MOST: Final = 12
"""Tables, accounts and quotas that a wall has room for, and more."""

_UNITS: Final[dict[str, Literal["rcu", "wcu"]]] = {"rcu": "rcu", "wcu": "wcu"}


class _Used(NamedTuple):
    """How much of a limit the newest step used."""

    of: LimitedSeries
    used: float | None
    share: float | None


class WallLimits:
    """Makes them from a view of the history.

    Parameters
    ----------
    view
        What the history holds now.
    at, step
        The end of the newest step, epoch seconds, and its length.
    account_name
        Returns what people call an account, by its id.
    """

    def __init__(self, view: HistoryView, at: int, step: int, account_name: Callable[[str], str]) -> None:
        self._view = view
        self._grid = StepGrid.before(at, step, TREND_SECONDS)
        self._name = account_name
        self._used = [self._of(series) for series in view.limited()]

    def _of(self, one: LimitedSeries) -> _Used:
        used = None if np.isnan(one.observed) else one.observed / self._grid.step
        return _Used(one, used, None if used is None else used / one.limit)

    def tables(self, verdicts: OpenVerdicts, settings: BoardSettings) -> list[WallTable]:
        """Return the hottest table of each account, the hottest first."""
        hottest: dict[tuple[str, str], _Used] = {}
        for one in self._sorted(lambda one: one.of.key.scope.kind == TABLE and one.of.key.measure in _UNITS):
            hottest.setdefault(one.of.key.scope.cloud_account, one)
        return [self._table(one, verdicts, settings) for one in list(hottest.values())[:MOST]]

    def _sorted(self, wanted: Callable[[_Used], bool]) -> list[_Used]:
        found = [one for one in self._used if wanted(one)]
        return sorted(found, key=lambda one: (-(one.share if one.share is not None else -1.0), one.of.key))

    def _table(self, one: _Used, verdicts: OpenVerdicts, settings: BoardSettings) -> WallTable:
        scope, measure = one.of.key.scope, one.of.key.measure

        def about(other: Scope, of: Measure) -> bool:
            return other == scope and of.value in (measure, Measure.THROTTLES)

        left = verdicts.days_left(about)
        return WallTable(
            scope=scope.to_json(),
            label=scope.label,
            account=self._name(scope.account),
            measure=_UNITS[measure],
            used=one.used,
            limit=one.of.limit,
            share=one.share,
            days_left=left.middle,
            days_left_early=left.early,
            days_left_late=left.late,
            verdict=verdicts.worst(about),
            threshold=threshold_of(one.share, settings.share),
            trend=self._trend([one.of.series]),
        )

    def _trend(self, series: Iterable[int]) -> list[float | None]:
        numbers = np.array(sorted(series), np.int64)
        rows = self._view.rows(MINUTES, self._grid.first, self._grid.end, numbers)
        return listed(self._grid.total(rows) / self._grid.step)

    def concurrency(self, settings: BoardSettings) -> list[WallConcurrency]:
        """Return the concurrency of each account with a limit, and who holds it."""
        found = self._sorted(
            lambda one: (one.of.key.scope.kind, one.of.key.measure) == (ACCOUNT, Measure.BUSY)
        )
        return [
            WallConcurrency(
                account=self._name(one.of.key.scope.account),
                scope=one.of.key.scope.to_json(),
                used=one.used,
                limit=one.of.limit,
                share=one.share,
                holders=self._holders(one),
                threshold=threshold_of(one.share, settings.share),
                trend=self._trend([one.of.series]),
            )
            for one in found[:MOST]
        ]

    def _holders(self, one: _Used) -> list[WallHolder]:
        """Return the functions that are busiest in the newest step, and their shares."""
        whole = one.of.observed
        if not whole > 0:
            return []
        busiest = sorted(
            (
                (-amount, key.scope.label, key.scope)
                for key, amount in self._view.newest(
                    lambda key: (
                        key.scope.kind == FUNCTION
                        and key.measure == Measure.BUSY
                        and key.scope.cloud_account == one.of.key.scope.cloud_account
                    )
                )
                if amount > 0
            ),
        )
        return [
            WallHolder(label, -amount / whole, scope.to_json()) for amount, label, scope in busiest[:HOLDERS]
        ]

    def quotas(self, settings: BoardSettings) -> list[WallQuota]:
        """Return the sampled levels with a limit, the nearest to it first."""
        found = self._sorted(lambda one: bool(_measure(one).level))
        return [
            WallQuota(
                label=f"{one.of.key.scope.label} {_measure(one).level}".strip(),
                account=self._name(one.of.key.scope.account),
                scope=one.of.key.scope.to_json(),
                used=one.used,
                limit=one.of.limit,
                share=one.share,
                threshold=threshold_of(one.share, settings.share),
            )
            for one in found[:MOST]
        ]


def _measure(one: _Used) -> Measure:
    return Measure(one.of.key.measure)

"""What scopes cost, for the digest: the last day against last week, and 30 days against the 30 before."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detectors.model.array_types import Float32s
from detectors.model.measures import Measure
from detectors.model.scope import ACCOUNT, FUNCTION, TABLE, Scope
from detectors.state.state import pack, unpack
from detectors.watch.standings import TOP, Use
from streams.engine.detect.hourly_totals import DAY, HOUR, KEPT, ends_hour, leaders
from streams.engine.measure.step import Step

MONTH: Final = 30  # days
_DAYS: Final = 2 * MONTH + 1  # that of today is not complete
_PART: Final = "costs"
_TOLD: Final = (ACCOUNT, FUNCTION, TABLE)


class CostTotals:
    """The costs of accounts, functions and tables, by hour of eight days and by day of two months.

    A scope takes 1 kB. Days are those of UTC.

    Parameters
    ----------
    step
        Seconds of a step.
    """

    VERSION = 1

    def __init__(self, step: int) -> None:
        self._step = step
        self._scopes: list[Scope] = []
        self._rows = np.zeros(0, np.intp)
        self._hours = np.zeros((0, KEPT), np.float32)
        self._days = np.zeros((0, _DAYS), np.float32)
        self._known_hours = np.zeros(KEPT, np.bool_)
        self._known_days = np.zeros(_DAYS, np.bool_)
        self._hour = -1  # the current one, since the epoch

    def add(self, costs: Mapping[int, Scope]) -> None:
        """Add scopes that begin to cost something, by their rows in a step."""
        fresh = {row: scope for row, scope in costs.items() if scope.kind in _TOLD}
        self._scopes += fresh.values()
        self._rows = np.concatenate((self._rows, np.array(list(fresh), np.intp)))
        self._hours = np.concatenate((self._hours, np.zeros((len(fresh), KEPT), np.float32)))
        self._days = np.concatenate((self._days, np.zeros((len(fresh), _DAYS), np.float32)))

    def feed(self, step: Step, *, known: bool) -> list[Use]:
        """Add a step; if it ends an hour, return what can appear in a digest.

        ``known`` is False when the pipeline had a gap: the step does not count.
        """
        self._start_hour(step.start // HOUR)
        if known:
            costs = step.costs[self._rows]
            hour, day = self._hour % KEPT, self._hour // DAY % _DAYS
            self._hours[:, hour] += costs
            self._days[:, day] += costs
            self._known_hours[hour] = self._known_days[day] = True
        return list(self._uses()) if ends_hour(step.start, self._step) else []

    def _start_hour(self, hour: int) -> None:
        if hour == self._hour:
            return
        first = max(self._hour + 1, hour - KEPT + 1)
        slots = np.arange(first, hour + 1) % KEPT
        self._hours[:, slots] = 0
        self._known_hours[slots] = False
        day, before = hour // DAY, self._hour // DAY
        slots = np.arange(max(before + 1, day - _DAYS + 1), day + 1) % _DAYS
        self._days[:, slots] = 0
        self._known_days[slots] = False
        self._hour = hour

    def _uses(self) -> Iterator[Use]:
        now = self._hours[:, np.arange(self._hour - DAY + 1, self._hour + 1) % KEPT].sum(axis=1)
        before = np.arange(self._hour - KEPT + 1, self._hour - KEPT + DAY + 1) % KEPT
        week_ago = self._hours[:, before].sum(axis=1) if self._known_hours[before].all() else None
        today = self._hour // DAY
        months = [np.arange(today - (back + 1) * MONTH, today - back * MONTH) % _DAYS for back in (0, 1)]
        month, month_before = (
            self._days[:, days].sum(axis=1) if self._known_days[days].all() else None for days in months
        )

        def of(row: int, totals: Float32s | None) -> float | None:
            return None if totals is None or not totals[row] > 0 else float(totals[row])

        for row in leaders(now, [(scope, Measure.COST) for scope in self._scopes], TOP):
            yield Use(
                self._scopes[row],
                Measure.COST,
                float(now[row]),
                of(row, week_ago),
                of(row, month),
                of(row, month_before),
            )

    def snapshot(self) -> dict[str, bytes]:
        """Return the totals, the hours of each day as one part; ``add`` the scopes before ``restore``."""
        parts = {}
        oldest = self._hour - KEPT + 1
        for day in range(oldest // DAY, self._hour // DAY + 1) if self._hour >= 0 else ():
            hours = np.arange(max(day * DAY, oldest), min((day + 1) * DAY, self._hour + 1))
            slots = hours % KEPT
            if self._known_hours[slots].any():
                arrays: dict[str, NDArray[Any]] = {
                    "hours": hours,
                    "costs": self._hours[:, slots],
                    "known": self._known_hours[slots],
                }
                parts[f"{_PART}/{day}"] = pack(_PART, self.VERSION, None, arrays)
        if self._hour >= 0:
            arrays = {"days": self._days, "known": self._known_days}
            parts[_PART] = pack(_PART, self.VERSION, self._hour, arrays)
        return parts

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Restore a snapshot; state of versions before 0.3 has none."""
        if _PART not in parts:
            return
        self._hour, arrays = unpack(parts[_PART], _PART, self.VERSION, int)
        self._days[: len(arrays["days"])], self._known_days = arrays["days"], arrays["known"].copy()
        for name, part in parts.items():
            if name.startswith(f"{_PART}/"):
                _, arrays = unpack(part, _PART, self.VERSION, type(None))
                slots = arrays["hours"] % KEPT
                self._hours[: len(arrays["costs"]), slots] = arrays["costs"]
                self._known_hours[slots] = arrays["known"]

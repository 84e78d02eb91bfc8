"""Totals for the digest: consumption (the hottest table), use of APIs (rankings), and costs."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from config.capacity import Capacity
from detectors.model.array_types import Float32s, Floats, Ints, Places
from detectors.model.measures import COLUMN, Measure
from detectors.model.scope import ACCOUNT, FUNCTION, ROUTE, TABLE, Scope
from detectors.state.state import pack, unpack
from detectors.watch.rankings import TOP, VALUES, Load, Use
from streams.engine.measure.step import Step

HOUR: Final = 3600
DAY: Final = 24  # hours
KEPT: Final = 8 * DAY  # hours: includes the last day, and the same hours a week earlier

_CONSUMED: Final = {TABLE: (Measure.RCU, Measure.WCU), FUNCTION: (Measure.BUSY,), ACCOUNT: (Measure.BUSY,)}
_PART: Final = "use"


class HourlyLoads:
    """Consumption of tables, functions and accounts in the current hour.

    Concurrency without a known limit is not reported: it is a share of nothing.
    """

    VERSION = 1

    def __init__(self, capacity: Capacity, step: int) -> None:
        self._capacity = capacity
        self._step = step  # seconds
        self._seconds = 0  # measured, of the current hour
        self._amount = np.zeros(0)
        self._series: list[tuple[Scope, Measure, float | None]] = []
        self._row = np.zeros(0, np.intp)
        self._column = np.zeros(0, np.intp)

    def add(self, scopes: Mapping[int, Scope], at: int) -> None:
        """Add new scopes, by their rows in a step that starts at epoch second ``at``."""
        rows, columns = [], []
        for row, scope in scopes.items():
            for measure in _CONSUMED.get(scope.kind, ()):
                limit = _limit(self._capacity, scope, measure, at)
                if limit is not None or scope.kind == TABLE:
                    self._series.append((scope, measure, limit))
                    rows.append(row)
                    columns.append(COLUMN[measure])
        self._row = _extended(self._row, rows)
        self._column = _extended(self._column, columns)
        self._amount = np.concatenate((self._amount, np.zeros(len(rows))))

    def limit(self, capacity: Capacity, at: int) -> None:
        """Go on with the limits of tables that are in force at epoch second ``at``."""
        self._capacity = capacity
        self._series = [
            (scope, measure, _limit(capacity, scope, measure, at) if scope.kind == TABLE else limit)
            for scope, measure, limit in self._series
        ]

    def feed(self, step: Step, *, known: bool) -> list[Load]:
        """Add a step; if it ends an hour, return the loads of that hour that are not zero.

        ``known`` is False when the pipeline had a gap: the step does not count.
        """
        if known:
            amounts: Floats = step.sums[self._row, self._column]
            self._amount += amounts
            self._seconds += self._step
        if not ends_hour(step.start, self._step):
            return []
        loads = [
            Load(scope, measure, amount / self._seconds, limit)
            for (scope, measure, limit), amount in zip(self._series, self._amount.tolist(), strict=True)
            if amount > 0
        ]
        self._amount[:], self._seconds = 0.0, 0
        return loads

    def snapshot(self) -> dict[str, bytes]:
        """Return the sums; ``add`` the scopes again before ``restore``."""
        return {"loads": pack("loads", self.VERSION, self._seconds, {"amount": self._amount})}

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Restore a snapshot.

        If limits were added or removed since, the series differ: the hour restarts.
        """
        seconds, arrays = unpack(parts["loads"], "loads", self.VERSION, int)
        if len(arrays["amount"]) == len(self._amount):
            self._seconds, self._amount = seconds, arrays["amount"]


class HourlyUse:
    """Requests, largest p95 and business values of the APIs, by hour of the last eight days.

    Eight days of an API take 1.5 kB. Each day is a part of its own in a snapshot, so that past days are not
    written again.
    """

    VERSION = 1

    def __init__(self, step: int) -> None:
        self._step = step  # seconds
        self._apis: list[Scope] = []
        self._rows = np.zeros(0, np.intp)
        self._values: list[tuple[Scope, Measure]] = []
        self._numbers = np.zeros(0, np.intp)
        self._hours = {name: np.zeros((0, KEPT), np.float32) for name in ("requests", "worst", "amounts")}
        self._seconds = np.zeros(KEPT, np.int32)  # measured, by hour
        self._hour = -1  # the current one, since the epoch

    def add(self, scopes: Mapping[int, Scope], values: Mapping[int, tuple[Scope, Measure]]) -> None:
        """Add new scopes, by their rows in a step, and new business values, by their numbers."""
        apis = {row: scope for row, scope in scopes.items() if scope.kind in (ROUTE, FUNCTION)}
        of_accounts = {number: of for number, of in values.items() if of[0].kind == ACCOUNT}
        self._apis += apis.values()
        self._rows = _extended(self._rows, list(apis))
        self._values += of_accounts.values()
        self._numbers = _extended(self._numbers, list(of_accounts))
        for name, more in (("requests", apis), ("worst", apis), ("amounts", of_accounts)):
            self._hours[name] = np.concatenate((self._hours[name], np.zeros((len(more), KEPT), np.float32)))

    def feed(self, step: Step, p95: Floats, *, known: bool) -> list[Use]:
        """Add a step; if it ends an hour, return the uses that can appear in a ranking.

        ``p95`` (scopes,) are milliseconds of the whole request, NaN where there is none. ``known`` is False
        when the pipeline had a gap: the step does not count.
        """
        self._start_hour(step.start // HOUR)
        slot = self._hour % KEPT
        if known:
            requests, worst, amounts = (hours[:, slot] for hours in self._hours.values())
            requests += step.sums[self._rows, COLUMN[Measure.REQUESTS]]
            worst[:] = np.fmax(worst, p95[self._rows])
            amounts += step.values[self._numbers]
            self._seconds[slot] += self._step
        return list(self._uses()) if ends_hour(step.start, self._step) else []

    def _start_hour(self, hour: int) -> None:
        if hour == self._hour:
            return
        first = max(self._hour + 1, hour - KEPT + 1)
        slots = np.arange(first, hour + 1) % KEPT
        for hours in self._hours.values():
            hours[:, slots] = 0.0
        self._seconds[slots] = 0
        self._hour = hour

    def _uses(self) -> Iterator[Use]:
        last = np.arange(self._hour - DAY + 1, self._hour + 1) % KEPT
        before = np.arange(self._hour - KEPT + 1, self._hour - KEPT + DAY + 1) % KEPT
        whole = bool(np.all(self._seconds[before] > 0))
        kinds = (
            [(scope, Measure.REQUESTS) for scope in self._apis],
            [(scope, Measure.LATENCY) for scope in self._apis],
            self._values,
        )
        for (name, hours), of in zip(self._hours.items(), kinds, strict=True):
            total = np.max if name == "worst" else np.sum
            now, then = (total(hours[:, slots].astype(np.float64), axis=1) for slots in (last, before))
            for row in leaders(now, of, VALUES if name == "amounts" else TOP):
                week_ago = float(then[row]) if whole and then[row] > 0 else None
                yield Use(*of[row], float(now[row]), week_ago)

    def snapshot(self) -> dict[str, bytes]:
        """Return the hours, one part per day; ``add`` the scopes again before ``restore``."""
        parts = {}
        for day, hours, slots in _hours_by_day(self._hour):
            if self._seconds[slots].any():
                arrays: dict[str, NDArray[Any]] = {"hours": hours, "seconds": self._seconds[slots]}
                arrays |= {name: _used(held[:, slots]) for name, held in self._hours.items()}
                parts[f"{_PART}/{day}"] = pack(_PART, self.VERSION, None, arrays)
        return parts

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Restore a snapshot."""
        days = sorted(int(name.rpartition("/")[2]) for name in parts if name.startswith(f"{_PART}/"))
        for day in days:
            _, arrays = unpack(parts[f"{_PART}/{day}"], _PART, self.VERSION, type(None))
            self._start_hour(int(arrays["hours"][-1]))
            slots = arrays["hours"] % KEPT
            for name, held in self._hours.items():
                held[: len(arrays[name]), slots] = arrays[name]
            self._seconds[slots] = arrays["seconds"]


def _hours_by_day(newest: int) -> Iterator[tuple[int, Ints, Ints]]:
    """Yield each day that has kept hours up to ``newest``, these, since the epoch, and their slots."""
    oldest = newest - KEPT + 1
    for day in range(oldest // DAY, newest // DAY + 1) if newest >= 0 else ():
        hours = np.arange(max(day * DAY, oldest), min((day + 1) * DAY, newest + 1))
        yield day, hours, hours % KEPT


def _extended(rows: Places, more: list[int]) -> Places:
    return np.concatenate((rows, np.array(more, np.intp)))


def _limit(capacity: Capacity, scope: Scope, measure: Measure, at: int) -> float | None:
    return capacity.limit_of(scope.kind, scope.account, scope.name, measure, region=scope.region, at=at)


def ends_hour(start: int, step: int) -> bool:
    """Return whether an hour ends with the step of ``step`` seconds that begins at ``start``."""
    return (start + step) // HOUR > start // HOUR


def leaders(amount: Floats, of: list[tuple[Scope, Measure]], most: int) -> Iterator[int]:
    """Yield the rows of the largest amounts, ``most`` per account and kind: all that a ranking may show."""
    counts: dict[tuple[str, str, str], int] = {}
    for row in sorted(np.flatnonzero(amount > 0).tolist(), key=lambda row: (-amount[row], of[row])):
        scope = of[row][0]
        group = scope.cloud, scope.account, scope.kind
        counts[group] = counts.get(group, 0) + 1
        if counts[group] <= most:
            yield row


def _used(hours: Float32s) -> Float32s:
    """Drop the rows that were added later, so that the part of a past day does not change."""
    return hours[: int(np.flatnonzero(hours.any(axis=1)).max(initial=-1)) + 1]


MONTH: Final = 30  # days
_DAYS: Final = 2 * MONTH + 1  # that of today is not complete
_COSTS_PART: Final = "costs"
_COSTLY: Final = (ACCOUNT, FUNCTION, TABLE)


class CostTotals:
    """The costs of accounts, functions and tables, by hour of eight days and by day of two months.

    They compare the last day with last week, and 30 days with the 30 before.

    A scope takes 1 kB. Days are those of UTC.
    """

    VERSION = 1

    def __init__(self, step: int) -> None:
        self._step = step  # seconds
        self._scopes: list[Scope] = []
        self._rows = np.zeros(0, np.intp)
        self._hours = np.zeros((0, KEPT), np.float32)
        self._days = np.zeros((0, _DAYS), np.float32)
        self._known_hours = np.zeros(KEPT, np.bool_)
        self._known_days = np.zeros(_DAYS, np.bool_)
        self._hour = -1  # the current one, since the epoch

    def add(self, costs: Mapping[int, Scope]) -> None:
        """Add scopes that begin to cost something, by their rows in a step."""
        fresh = {row: scope for row, scope in costs.items() if scope.kind in _COSTLY}
        self._scopes += fresh.values()
        self._rows = np.concatenate((self._rows, np.array(list(fresh), np.intp)))
        self._hours = np.concatenate((self._hours, np.zeros((len(fresh), KEPT), np.float32)))
        self._days = np.concatenate((self._days, np.zeros((len(fresh), _DAYS), np.float32)))

    def feed(self, step: Step, *, known: bool) -> list[Use]:
        """Add a step; if it ends an hour, return the costs that can appear in a digest.

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
        for day, hours, slots in _hours_by_day(self._hour):
            if self._known_hours[slots].any():
                arrays: dict[str, NDArray[Any]] = {
                    "hours": hours,
                    "costs": self._hours[:, slots],
                    "known": self._known_hours[slots],
                }
                parts[f"{_COSTS_PART}/{day}"] = pack(_COSTS_PART, self.VERSION, None, arrays)
        if self._hour >= 0:
            arrays = {"days": self._days, "known": self._known_days}
            parts[_COSTS_PART] = pack(_COSTS_PART, self.VERSION, self._hour, arrays)
        return parts

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Restore a snapshot; state of versions before 0.3 has none."""
        if _COSTS_PART not in parts:
            return
        self._hour, arrays = unpack(parts[_COSTS_PART], _COSTS_PART, self.VERSION, int)
        self._days[: len(arrays["days"])], self._known_days = arrays["days"], arrays["known"].copy()
        for name, part in parts.items():
            if name.startswith(f"{_COSTS_PART}/"):
                _, arrays = unpack(part, _COSTS_PART, self.VERSION, type(None))
                slots = arrays["hours"] % KEPT
                self._hours[: len(arrays["costs"]), slots] = arrays["costs"]
                self._known_hours[slots] = arrays["known"]

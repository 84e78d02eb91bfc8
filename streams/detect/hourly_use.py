"""What the APIs of one shard did in each hour of the last eight days: what the digest ranks them by."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detectors.model.measures import COLUMN, Measure
from detectors.model.scope import ACCOUNT, FUNCTION, ROUTE, Scope
from detectors.state.state import pack, unpack
from detectors.watch.standings import TOP, VALUES, Use
from streams.measure.steps import Step

HOUR: Final = 3600
DAY: Final = 24  # hours
KEPT: Final = 8 * DAY  # the last day and the same hours of last week lie within

_PART: Final = "use"


class HourlyUse:
    """Totals of requests and business values, and the largest p95, by hour.

    An hour of an API costs 8 bytes: 1.5 kB for eight days. Each day lies in a part of its own, so that those
    that are over are not written again.

    Parameters
    ----------
    step
        Seconds of a step.
    """

    VERSION = 1

    def __init__(self, step: int) -> None:
        self._step = step
        self._apis: list[Scope] = []
        self._rows = np.zeros(0, np.intp)
        self._values: list[tuple[Scope, Measure]] = []
        self._numbers = np.zeros(0, np.intp)
        self._hours = {name: np.zeros((0, KEPT), np.float32) for name in ("requests", "worst", "amounts")}
        self._seconds = np.zeros(KEPT, np.int32)  # of each hour, those that were measured
        self._hour = -1  # under way, since the epoch

    def add(self, scopes: Mapping[int, Scope], values: Mapping[int, tuple[Scope, Measure]]) -> None:
        """Learn of new scopes, by their rows in a step, and of new business values, by their numbers."""
        apis = {row: scope for row, scope in scopes.items() if scope.kind in (ROUTE, FUNCTION)}
        of_accounts = {number: of for number, of in values.items() if of[0].kind == ACCOUNT}
        self._apis += apis.values()
        self._rows = np.concatenate((self._rows, np.array(list(apis), np.intp)))
        self._values += of_accounts.values()
        self._numbers = np.concatenate((self._numbers, np.array(list(of_accounts), np.intp)))
        for name, more in (("requests", apis), ("worst", apis), ("amounts", of_accounts)):
            self._hours[name] = np.concatenate((self._hours[name], np.zeros((len(more), KEPT), np.float32)))

    def take(self, step: Step, p95: NDArray[np.float64], *, known: bool) -> list[Use]:
        """Take a step in; when it ends an hour, return the uses that can be in a ranking.

        Parameters
        ----------
        step
            The step.
        p95
            (scopes,) milliseconds of the whole request, NaN where there is none.
        known
            False for a step in which the pipeline had a gap: it counts for nothing.
        """
        self._begin(step.start // HOUR)
        slot = self._hour % KEPT
        if known:
            requests, worst, amounts = (hours[:, slot] for hours in self._hours.values())
            requests += step.sums[self._rows, COLUMN[Measure.REQUESTS]]
            worst[:] = np.fmax(worst, p95[self._rows])
            amounts += step.values[self._numbers]
            self._seconds[slot] += self._step
        return list(self._uses()) if (step.start + self._step) // HOUR > self._hour else []

    def _begin(self, hour: int) -> None:
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
            over = np.max if name == "worst" else np.sum
            now, then = (over(hours[:, slots].astype(np.float64), axis=1) for slots in (last, before))
            for row in _leaders(now, of, VALUES if name == "amounts" else TOP):
                ago = float(then[row]) if whole and then[row] > 0 else None
                yield Use(*of[row], float(now[row]), ago)

    def snapshot(self) -> dict[str, bytes]:
        """Return the hours, a part for each day; scopes are given again with ``add`` before ``restore``."""
        parts = {}
        oldest = self._hour - KEPT + 1
        for day in range(oldest // DAY, self._hour // DAY + 1) if self._hour >= 0 else ():
            hours = np.arange(max(day * DAY, oldest), min((day + 1) * DAY, self._hour + 1))
            slots = hours % KEPT
            if self._seconds[slots].any():
                arrays: dict[str, NDArray[Any]] = {"hours": hours, "seconds": self._seconds[slots]}
                arrays |= {name: _used(held[:, slots]) for name, held in self._hours.items()}
                parts[f"{_PART}/{day}"] = pack(_PART, self.VERSION, None, arrays)
        return parts

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Go on from a snapshot."""
        days = sorted(int(name.rpartition("/")[2]) for name in parts if name.startswith(f"{_PART}/"))
        for day in days:
            _, arrays = unpack(parts[f"{_PART}/{day}"], _PART, self.VERSION, type(None))
            self._begin(int(arrays["hours"][-1]))
            slots = arrays["hours"] % KEPT
            for name, held in self._hours.items():
                held[: len(arrays[name]), slots] = arrays[name]
            self._seconds[slots] = arrays["seconds"]


def _leaders(amount: NDArray[np.float64], of: list[tuple[Scope, Measure]], most: int) -> Iterator[int]:
    """Yield the rows of the largest, ``most`` of each account and kind: what no ranking can leave out."""
    counts: dict[tuple[str, str, str], int] = {}
    for row in sorted(np.flatnonzero(amount > 0).tolist(), key=lambda row: (-amount[row], of[row])):
        scope = of[row][0]
        group = scope.cloud, scope.account, scope.kind
        counts[group] = counts.get(group, 0) + 1
        if counts[group] <= most:
            yield row


def _used(hours: NDArray[np.float32]) -> NDArray[np.float32]:
    """Leave out the rows that came later: so a day that is over stays as it was written."""
    return hours[: int(np.flatnonzero(hours.any(axis=1)).max(initial=-1)) + 1]

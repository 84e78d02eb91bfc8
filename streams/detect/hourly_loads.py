"""What tables, functions and accounts of one shard took in each hour: what the hottest is found from."""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from config.capacity import Capacity
from detectors.model.measures import COLUMN, Measure
from detectors.model.scope import ACCOUNT, FUNCTION, TABLE, Scope
from detectors.state.state import pack, unpack
from detectors.watch.hottest import Load
from streams.measure.steps import Step

HOUR: Final = 3600

_WATCHED: Final = {
    TABLE: (Measure.RCU, Measure.WCU),
    FUNCTION: (Measure.BUSY,),
    ACCOUNT: (Measure.BUSY,),
}


class HourlyLoads:
    """Sums of the hour that is under way.

    Parameters
    ----------
    capacity
        What limits are known. Concurrency without one is not told: it is a share of nothing.
    step
        Seconds of a step.
    """

    VERSION = 1

    def __init__(self, capacity: Capacity, step: int) -> None:
        self._capacity = capacity
        self._step = step
        self._seconds = 0  # of the hour that were measured
        self._amount = np.zeros(0)
        self._of: list[tuple[Scope, Measure, float | None]] = []
        self._row = np.zeros(0, np.intp)
        self._column = np.zeros(0, np.intp)

    def add(self, scopes: Mapping[int, Scope]) -> None:
        """Learn of new scopes, by their rows in a step."""
        rows, columns = [], []
        for row, scope in scopes.items():
            for measure in _WATCHED.get(scope.kind, ()):
                limit = self._capacity.of(scope.kind, scope.account, scope.name, measure)
                if limit is not None or scope.kind == TABLE:
                    self._of.append((scope, measure, limit))
                    rows.append(row)
                    columns.append(COLUMN[measure])
        self._row = np.concatenate((self._row, np.array(rows, np.intp)))
        self._column = np.concatenate((self._column, np.array(columns, np.intp)))
        self._amount = np.concatenate((self._amount, np.zeros(len(rows))))

    def take(self, step: Step, *, known: bool) -> list[Load]:
        """Take a step in; return the loads of the hour that it ends, of what had any.

        ``known`` is False for a step in which the pipeline had a gap: it counts for nothing.
        """
        if known:
            amounts: NDArray[np.float64] = step.sums[self._row, self._column]
            self._amount += amounts
            self._seconds += self._step
        if (step.start + self._step) // HOUR == step.start // HOUR:
            return []
        loads = [
            Load(scope, measure, amount / self._seconds, limit)
            for (scope, measure, limit), amount in zip(self._of, self._amount.tolist(), strict=True)
            if amount > 0
        ]
        self._amount[:], self._seconds = 0.0, 0
        return loads

    def snapshot(self) -> dict[str, bytes]:
        """Return the sums; the scopes are given again with ``add`` before ``restore``."""
        return {"loads": pack("loads", self.VERSION, self._seconds, {"amount": self._amount})}

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Go on from a snapshot.

        Limits that came or went in the settings since then change what is watched: the hour begins anew.
        """
        seconds, arrays = unpack(parts["loads"], "loads", self.VERSION, int)
        if len(arrays["amount"]) == len(self._amount):
            self._seconds, self._amount = seconds, arrays["amount"]

"""Adds the business values of services up to series: of the service, and of its account."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from detectors.model.array_types import Floats, Ints
from detectors.model.measures import Measure, value_of
from streams.engine.decode.values import COLUMNS, Value, scopes_of
from streams.engine.measure.fan_out import FanOut
from streams.engine.rollup.blocks.grouping import add_rows

_SCOPES: Final = 2


class ValueRows:
    """Series of values by number, and the series that each value is added to.

    Parameters
    ----------
    fan_out
        Has the rows of the scopes of this shard, for the path of every value.
    """

    def __init__(self, fan_out: FanOut) -> None:
        self.series: list[tuple[int, Measure]] = []  # row of the scope, and measure
        self.order: list[int] = []  # ids as they were added, which determine the numbers
        self._fan_out = fan_out
        self._added = np.zeros(0, np.bool_)
        self._number: dict[tuple[int, Measure], int] = {}
        self._places = np.zeros((0, _SCOPES), np.int64)  # series counted from 1; 0 for another shard

    def add(self, names: Sequence[Value], ids: Ints) -> None:
        """Add the values of a step, by id; known ones stay as they are."""
        more = len(names) - len(self._places)
        if more > 0:
            self._places = np.pad(self._places, ((0, more), (0, 0)))
            self._added = np.pad(self._added, (0, more))
        fresh = ids[~self._added[ids]]
        for at in np.unique(fresh).tolist():  # sorted, because a snapshot in between may have sorted them
            value = names[at]
            for kind, scope in enumerate(scopes_of(value)):
                row = self._fan_out.row_of(scope)
                if row is None:
                    continue
                series = row, value_of(value.key)
                number = self._number.setdefault(series, len(self.series))
                if number == len(self.series):
                    self.series.append(series)
                self._places[at, kind] = number + 1
            self.order.append(at)
        self._added[fresh] = True

    def has(self, ids: Ints) -> bool:
        """Return whether all of these values were added."""
        known = self._added
        return not len(ids) or (int(ids.max()) < len(known) and bool(known[ids].all()))

    def amounts(self, ids: Ints, sums: Floats) -> Floats:
        """Add (k, COLUMNS) sums of values up to (series,) amounts. Ids may repeat."""
        if not len(ids):
            return np.zeros(len(self.series))
        places = self._places[ids].ravel()
        wanted = np.flatnonzero(places)
        added = add_rows(places[wanted] - 1, sums.reshape(-1, COLUMNS)[wanted // _SCOPES], len(self.series))
        whole: Floats = added.sum(axis=1)
        return whole

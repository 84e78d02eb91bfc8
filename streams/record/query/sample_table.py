"""Series with their values at the steps of a query."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.model.array_types import Bools, Floats
from streams.record.query.label_table import LabelTable
from streams.record.query.query_error import execution


class SampleTable(NamedTuple):
    """Values of series (series, points). A value that is not ``there`` is no number that means anything."""

    labels: LabelTable
    values: Floats
    there: Bools

    @property
    def points(self) -> int:
        """How many steps there are."""
        return int(self.values.shape[1])

    def taken(self, rows: NDArray[np.generic]) -> "SampleTable":
        """Return some of the series: indices or a mask."""
        return SampleTable(self.labels.taken(rows), self.values[rows], self.there[rows])

    def known(self) -> "SampleTable":
        """Return the series that have any value."""
        some: Bools = np.logical_or.reduce(self.there, axis=1)
        return self if some.all() else self.taken(some)

    def united(self) -> "SampleTable":
        """Return the table in which no two series have the same labels.

        Raises
        ------
        QueryError
            When two of them have a value at the same step.
        """
        groups, first = self.labels.groups()
        if len(first) == self.labels.size:
            return self
        order = np.argsort(groups, kind="stable")
        begins = np.searchsorted(groups[order], np.arange(len(first)))
        if (np.add.reduceat(self.there[order], begins, axis=0, dtype=np.int32) > 1).any():
            raise execution("vector cannot contain metrics with the same labelset")
        values = np.where(self.there, self.values, 0)[order]
        return SampleTable(
            self.labels.taken(first),
            np.add.reduceat(values, begins, axis=0),
            np.logical_or.reduceat(self.there[order], begins, axis=0),
        )

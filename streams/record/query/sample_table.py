"""Series with their labels, as codes, and their values at the steps of a query."""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from detectors.model.array_types import Bools, Floats, Int32s, Places
from streams.record.query.query_bounds import execution
from streams.record.query.query_plan import NAME


class LabelTable(NamedTuple):
    """The labels of series: a code each, of which 0 is an absent label.

    ``texts`` returns the texts of a label by code; it is the same for all tables of a query.
    """

    size: int
    columns: Mapping[str, Int32s]
    texts: Callable[[str], pa.Array]

    def only(self, labels: Iterable[str]) -> "LabelTable":
        """Return the table with these labels."""
        kept = {label: self.columns[label] for label in labels if label in self.columns}
        return self._replace(columns=kept)

    def without(self, labels: Iterable[str]) -> "LabelTable":
        """Return the table without these labels."""
        gone = set(labels)
        kept = {label: codes for label, codes in self.columns.items() if label not in gone}
        return self._replace(columns=kept)

    def unnamed(self) -> "LabelTable":
        """Return the table without the names of metrics."""
        return self.without((NAME,))

    def select(self, rows: NDArray[np.generic]) -> "LabelTable":
        """Return the labels of some series: indices or a mask."""
        columns = {label: codes[rows] for label, codes in self.columns.items()}
        size = int(np.count_nonzero(rows)) if rows.dtype == np.bool_ else len(rows)
        return self._replace(size=size, columns=columns)

    def groups(self) -> tuple[Places, Places]:
        """Return (n,) the group of each series, with the same labels, and (g,) the first series of each."""
        present = [codes for codes in self.columns.values() if codes.any()]
        if not present or not self.size:
            return np.zeros(self.size, np.intp), np.zeros(min(self.size, 1), np.intp)
        order = np.lexsort(present)
        fresh = np.ones(self.size, np.bool_)
        fresh[1:] = np.logical_or.reduce([np.diff(codes[order]) != 0 for codes in present])
        groups = np.empty(self.size, np.intp)
        groups[order] = np.cumsum(fresh) - 1
        return groups, order[fresh]

    def to_dicts(self) -> list[dict[str, str]]:
        """Return the labels of each series."""
        found: list[dict[str, str]] = [{} for _ in range(self.size)]
        for label in sorted(self.columns):
            codes = self.columns[label]
            there = np.flatnonzero(codes)
            texts = self.texts(label).take(pa.array(codes[there])).to_pylist()
            for row, text in zip(there.tolist(), texts, strict=True):
                found[row][label] = text
        return found


def beneath(upper: LabelTable, lower: LabelTable) -> LabelTable:
    """Return the series of one table and, after them, those of another."""
    nothing = np.zeros(upper.size, np.int32), np.zeros(lower.size, np.int32)
    columns = {
        label: np.concatenate((upper.columns.get(label, nothing[0]), lower.columns.get(label, nothing[1])))
        for label in {**upper.columns, **lower.columns}
    }
    return LabelTable(upper.size + lower.size, columns, upper.texts)


class SampleTable(NamedTuple):
    """Values of series (series, points). A value that is not ``there`` has no meaning."""

    labels: LabelTable
    values: Floats
    there: Bools

    @property
    def points(self) -> int:
        """The number of steps."""
        return int(self.values.shape[1])

    def select(self, rows: NDArray[np.generic]) -> "SampleTable":
        """Return some of the series: indices or a mask."""
        return SampleTable(self.labels.select(rows), self.values[rows], self.there[rows])

    def known(self) -> "SampleTable":
        """Return the series that have any value."""
        some: Bools = np.logical_or.reduce(self.there, axis=1)
        return self if some.all() else self.select(some)

    def united(self) -> "SampleTable":
        """Merge series with the same labels.

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
            self.labels.select(first),
            np.add.reduceat(values, begins, axis=0),
            np.logical_or.reduceat(self.there[order], begins, axis=0),
        )

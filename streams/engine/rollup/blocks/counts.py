"""Counts per id that can be merged: of the paths and calls of a bucket, and of the blocks of a step.

Amounts are whole multiples of a quantum, so every order of adding gives the same bits. ``add_events``,
``add_calls`` and ``add_bins`` are the reference implementation of ``rollup/live_counts.py``, which replaces
them in open buckets wherever code can be compiled.
"""

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detectors.model.array_types import Bools, Floats, Ints
from detectors.model.measures import (
    CALLING_REQUESTS,
    COLUMN,
    MOST_SQUARED,
    SQUARED_CALLS,
    SUMMED,
    Measure,
)
from streams.engine.decode.cells import cells_of
from streams.engine.decode.columns import BACKEND, FATAL, USER, Columns
from streams.engine.decode.operations import READS, WRITES
from streams.engine.decode.paths import OTHER
from streams.engine.decode.values import COLUMNS
from streams.engine.rollup.blocks.packing import (
    columns_of,
    narrowed,
    narrowed_columns,
    packed_cells,
    packed_table,
    unpacked_cells,
    unpacked_table,
)

DENSE: Final = 4
"""Counting beats sorting up to this many possible values per key."""


def group(keys: Ints, size: int) -> tuple[Ints, Ints]:
    """Return the distinct keys, ascending, and (n,) the place of each key among them.

    The keys (n,) are in 0..size-1; the smaller ``size``, the faster.

    Examples
    --------
    >>> [part.tolist() for part in group(np.array([7, 2, 7]), 10)]
    [[2, 7], [1, 0, 1]]
    """
    if size > DENSE * len(keys) + 1024:
        distinct, place = np.unique(keys, return_inverse=True)
        return distinct, place
    present = np.zeros(size, np.bool_)
    present[keys] = True
    distinct = np.flatnonzero(present)
    place_of = np.empty(size, np.int64)
    place_of[distinct] = np.arange(len(distinct))
    return distinct, place_of[keys]


def add_rows(place: NDArray[np.integer[Any]], rows: Floats, n: int) -> Floats:
    """Return (n, c) sums of the (k, c) rows that share a place 0..n-1.

    One count over all columns is several times faster than ``np.add.at`` on whole rows.

    Examples
    --------
    >>> add_rows(np.array([1, 0, 1]), np.array([[1.0, 0.0], [2.0, 5.0], [3.0, 1.0]]), 2).tolist()
    [[2.0, 5.0], [4.0, 1.0]]
    """
    width = rows.shape[1]
    cells = (place[:, None] * width + np.arange(width)).ravel()
    return np.bincount(cells, rows.ravel(), n * width).astype(np.float64, copy=False).reshape(n, width)


ROOM: Final = 1024
"""Pieces are merged once they hold this many rows more than twice the rows of the last merge."""

MAX_TAGS: Final = 1000
"""Distinct tags of a bucket; later ones are counted under ``other``.

Which tags those are depends on the order of the records; the total of each row and key does not.
"""


class Sums:
    """Sums by id, kept as pieces until they are needed."""

    __slots__ = ("_columns", "_ids", "_room", "_values")  # three per bucket: halves the time to create one

    def __init__(self, columns: int = len(SUMMED)) -> None:
        self._columns = columns
        self._ids: list[Ints] = []
        self._values: list[Floats] = []
        self._room = ROOM  # rows until the next merge, so that each row is merged a bounded number of times

    def add(self, ids: Ints, values: Floats) -> None:
        """Add (k, columns) sums of k distinct ids."""
        self._ids.append(ids)
        self._values.append(values)
        self._room -= len(ids)
        if self._room < 0:
            self._room = ROOM + len(self.merged()[0])

    def add_events(self, columns: Columns, rows: Ints, paths: int) -> None:
        """Add the events at ``rows``; their paths are below ``paths``."""
        error, weight = columns.error[rows], columns.weight[rows]
        self._add_counted(
            columns.path[rows],
            paths,
            {
                Measure.REQUESTS: weight,
                Measure.COLD_STARTS: columns.cold[rows] * weight,
                Measure.ERRORS_USER: (error == USER) * weight,
                Measure.ERRORS_BACKEND: (error == BACKEND) * weight,
                Measure.ERRORS_FATAL: (error == FATAL) * weight,
                Measure.THROTTLES: columns.throttled[rows] * weight,
                Measure.BUSY: columns.busy[rows],
            },
        )

    def add_calls(self, columns: Columns, rows: Ints, calls: int) -> None:
        """Add the table calls at ``rows``; their ids are below ``calls``."""
        weight, ids = columns.call_weight[rows], columns.call[rows]
        event = columns.call_event[rows]
        calling, squares = _by_record(event * calls + ids, weight)
        self._add_counted(
            ids,
            calls,
            {
                Measure.REQUESTS: weight,
                CALLING_REQUESTS: calling * (columns.weight[event] > 0),
                SQUARED_CALLS: squares,
                Measure.READS: did_read(columns)[rows] * weight,
                Measure.WRITES: did_write(columns)[rows] * weight,
                Measure.THROTTLES: columns.call_throttled[rows] * weight,
                Measure.RCU: columns.call_rcu[rows],
                Measure.WCU: columns.call_wcu[rows],
            },
        )

    def _add_counted(self, ids: Ints, size: int, amounts: dict[Measure, Floats]) -> None:
        distinct, place = group(ids, size)
        sums = np.zeros((len(distinct), self._columns))
        for measure, amount in amounts.items():
            sums[:, COLUMN[measure]] = np.bincount(place, amount, len(distinct))
        self.add(distinct, sums)

    def merged(self) -> tuple[Ints, Floats]:
        """Return the distinct ids, ascending if those of every piece are, and their sums."""
        if not self._ids:
            return np.zeros(0, np.int64), np.zeros((0, self._columns))
        if len(self._ids) > 1:
            every = np.concatenate(self._ids)
            ids, place = group(every, int(every.max(initial=0)) + 1)
            self._values = [add_rows(place, np.concatenate(self._values), len(ids))]
            self._ids = [ids]
        return self._ids[0], self._values[0]

    def listed(self) -> tuple[Ints, Floats]:
        """Return the same sums as ``merged``, faster while there are few; ids may then repeat."""
        if len(self._ids) <= 1 or sum(map(len, self._ids)) > ROOM:
            return self.merged()
        return np.concatenate(self._ids), np.concatenate(self._values)


def _by_record(keys: Ints, weight: Floats) -> tuple[Floats, Floats]:
    """Return what (m,) calls add to the records that have them, and to the squares of how many each has.

    Calls of one record to one table have the same key; the first stands for all.

    Examples
    --------
    >>> [part.tolist() for part in _by_record(np.array([4, 7, 4]), np.ones(3))]
    [[1.0, 1.0, 0.0], [4.0, 1.0, 0.0]]
    """
    _, first, place = np.unique(keys, return_index=True, return_inverse=True)
    made = np.bincount(place, weight, len(first))
    calling, squares = np.zeros((2, len(keys)))
    calling[first], squares[first] = made > 0, np.ceil(np.minimum(made, MOST_SQUARED) ** 2)
    return calling, squares


def no_values() -> Sums:
    """Return empty sums of business values, or of one of them by path (``streams.engine.decode.values``)."""
    return Sums(COLUMNS)


class Histograms:
    """Counts by cell (``streams.engine.decode.cells``), kept as pieces until they are needed."""

    __slots__ = ("_cells", "_counts", "_room")

    def __init__(self) -> None:
        self._cells: list[Ints] = []
        self._counts: list[Floats] = []
        self._room = ROOM

    def add(self, cells: Ints, counts: Floats) -> None:
        """Add counts of k distinct cells."""
        self._cells.append(cells)
        self._counts.append(counts)
        self._room -= len(cells)
        if self._room < 0:
            self._room = ROOM + len(self.merged()[0])

    def add_bins(self, rows: Ints, ids: Ints, bins: NDArray[np.int16], weight: Floats) -> None:
        """Add the (n, layers) bins of (n,) ids with weights at ``rows``; a bin of -1 was not measured."""
        found = bins[rows]
        cells = cells_of(ids[rows, None], np.arange(bins.shape[1]), found)[found >= 0]
        amounts = np.broadcast_to(weight[rows, None], found.shape)[found >= 0]
        if len(cells) and cells.max() <= np.iinfo(np.int32).max:
            cells = cells.astype(np.int32)  # half as wide sorts faster
        distinct, place = np.unique(cells, return_inverse=True)
        self.add(distinct.astype(np.int64), np.bincount(place, amounts, len(distinct)).astype(np.float64))

    def merged(self) -> tuple[Ints, Floats]:
        """Return the distinct cells, ascending, and their counts."""
        if not self._cells:
            return np.zeros(0, np.int64), np.zeros(0)
        if len(self._cells) > 1:
            cells, place = np.unique(np.concatenate(self._cells), return_inverse=True)
            self._counts = [np.bincount(place, np.concatenate(self._counts), len(cells)).astype(np.float64)]
            self._cells = [cells]
        return self._cells[0], self._counts[0]

    def listed(self) -> tuple[Ints, Floats]:
        """Return the same counts as ``merged``, faster while there are few; cells may then repeat."""
        if len(self._cells) <= 1 or sum(map(len, self._cells)) > ROOM:
            return self.merged()
        return np.concatenate(self._cells), np.concatenate(self._counts)


def did_read(columns: Columns) -> Bools:
    """Return which calls read: those that consumed read units, or whose operation is named after a read.

    The name matters for calls that were billed nothing: they were throttled, or their store does not report
    units.
    """
    read: Bools = (columns.call_rcu > 0) | (columns.call_kind == READS)
    return read


def did_write(columns: Columns) -> Bools:
    """Return which calls wrote, by the same rule as for reads."""
    wrote: Bools = (columns.call_wcu > 0) | (columns.call_kind == WRITES)
    return wrote


Tags = dict[tuple[int, str, str], float]
"""Row, key, text: how often."""


def count_tag(tags: Tags, row: int, key: str, text: str, weight: float = 1.0) -> None:
    """Count the tag of one record, under ``other`` once there are too many distinct ones."""
    place = (row, key, text)
    if place not in tags and len(tags) >= MAX_TAGS:
        place = (row, key, OTHER)  # bounded: one per row and key
    tags[place] = tags.get(place, 0.0) + weight


@dataclass(slots=True)
class Counts:
    """Sums, latency and tags by id."""

    sums: Sums = field(default_factory=Sums)
    latency: Histograms = field(default_factory=Histograms)
    tags: Tags = field(default_factory=dict)

    def arrays(self, stem: str) -> dict[str, NDArray[Any]]:
        """Return the arrays of a snapshot, by names that begin with the stem; tags are not among them."""
        ids, sums = self.sums.merged()
        cells, counts = self.latency.merged()
        return {
            f"{stem}/ids": narrowed(ids),
            **narrowed_columns(f"{stem}/sums", sums),
            f"{stem}/cells": narrowed(cells),
            f"{stem}/counts": narrowed(counts),
        }

    def packed(self, stem: str) -> dict[str, NDArray[Any]]:
        """Return the same in fewer bytes."""
        ids, sums = self.sums.merged()
        cells, counts = self.latency.merged()
        arrays: dict[str, NDArray[Any]] = {f"{stem}/ids": narrowed(ids), f"{stem}/table": packed_table(sums)}
        times = packed_cells(cells, counts)
        if times is None:
            return {**arrays, f"{stem}/cells": narrowed(cells), f"{stem}/counts": narrowed(counts)}
        return {**arrays, f"{stem}/times": times}

    def restore(
        self, arrays: dict[str, NDArray[Any]], stem: str, tags: list[tuple[int, str, str, float]]
    ) -> "Counts":
        """Add, while empty, the output of ``arrays`` or ``packed``, and of ``listed_tags``; return self."""
        self.tags = {(number, key, text): count for number, key, text, count in tags}
        ids = arrays[f"{stem}/ids"].astype(np.int64)
        if f"{stem}/table" in arrays:
            sums = unpacked_table(arrays[f"{stem}/table"], len(ids), len(SUMMED))
        else:
            sums = columns_of(f"{stem}/sums", arrays, len(ids), len(SUMMED))
        self.sums.add(ids, sums)
        if f"{stem}/times" in arrays:
            self.latency.add(*unpacked_cells(arrays[f"{stem}/times"]))
        else:
            cells, counts = arrays[f"{stem}/cells"], arrays[f"{stem}/counts"]
            self.latency.add(cells.astype(np.int64), counts.astype(np.float64))
        return self

    def listed_tags(self) -> list[tuple[int, str, str, float]]:
        """Return the tags as a list."""
        return [(*key, count) for key, count in self.tags.items()]

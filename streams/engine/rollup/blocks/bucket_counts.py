"""The counts of a bucket as arrays, and in halves: no broker takes a record of any size."""

from typing import NamedTuple

import numpy as np

from detectors.model.array_types import Floats, Ints
from streams.engine.decode.cells import PER_ID
from streams.engine.decode.values import Value

Tag = tuple[int, str, str, float]
Cells = tuple[Ints, Floats]
"""Cells of ids, ascending, and the count of each."""


class BucketCounts(NamedTuple):
    """The counts of a bucket: rows are paths, and calls."""

    path_ids: Ints
    call_ids: Ints
    callers: Ints  # the row of each call's path
    sums: tuple[Floats, Floats]
    gb_seconds: tuple[Floats, Floats]
    path_cells: Cells  # of ids
    call_cells: Cells
    tags: list[Tag]
    values: list[Value]
    amounts: Floats

    @property
    def size(self) -> int:
        """The number of names."""
        return len(self.path_ids) + len(self.call_ids) + len(self.values)


def in_halves(counts: BucketCounts) -> tuple[BucketCounts, BucketCounts]:
    """Return two parts whose sum is the whole.

    Each has half of the paths, with their calls, and of the values; of a single path, half of its calls.
    """
    paths, calls = np.arange(len(counts.path_ids)), np.arange(len(counts.call_ids))
    middle, value = len(paths) // 2, len(counts.values) // 2
    values = slice(0, value), slice(value, len(counts.values))
    if middle:
        first = counts.callers < middle
        return (
            _part(counts, paths[:middle], calls[first], values[0]),
            _part(counts, paths[middle:], calls[~first], values[1]),
        )
    middle = len(calls) // 2
    return (
        _part(counts, paths, calls[:middle], values[0]),
        _part(_of_calls(counts), paths, calls[middle:], values[1]),
    )


def _of_calls(counts: BucketCounts) -> BucketCounts:
    """Return the counts of calls alone: their paths are there, and have nothing."""
    return counts._replace(
        sums=(np.zeros_like(counts.sums[0]), counts.sums[1]),
        gb_seconds=(np.zeros_like(counts.gb_seconds[0]), counts.gb_seconds[1]),
        path_cells=(np.zeros(0, np.int64), np.zeros(0)),
        tags=[tag for tag in counts.tags if tag[0] >= len(counts.path_ids)],
    )


def _part(counts: BucketCounts, paths: Ints, calls: Ints, values: slice) -> BucketCounts:
    path_ids, call_ids = counts.path_ids[paths], counts.call_ids[calls]
    kept = [*paths.tolist(), *(calls + len(counts.path_ids)).tolist()]
    rows = {row: number for number, row in enumerate(kept)}
    return BucketCounts(
        path_ids,
        call_ids,
        np.searchsorted(paths, counts.callers[calls]),
        (counts.sums[0][paths], counts.sums[1][calls]),
        (counts.gb_seconds[0][paths], counts.gb_seconds[1][calls]),
        _cells_of(counts.path_cells, path_ids),
        _cells_of(counts.call_cells, call_ids),
        [(rows[row], key, text, count) for row, key, text, count in counts.tags if row in rows],
        counts.values[values],
        counts.amounts[values],
    )


def _cells_of(cells: Cells, ids: Ints) -> Cells:
    kept = np.isin(cells[0] // PER_ID, ids)
    return cells[0][kept], cells[1][kept]

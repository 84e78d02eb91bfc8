"""The counts of an open bucket, to which compiled code adds event by event.

They stand in for ``Sums`` and ``Histograms`` of ``rollup/counts.py``, the reference implementation, which
keeps the sums of each run and merges them on demand; here each event is merged at once. All amounts are
whole multiples of a quantum, so the order of adding does not change a bit.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.latency.histogram import N_BINS
from detectors.model.measures import COLUMN, SUMMED, Measure
from detectors.state.compiled import part, unlocked
from streams.decode.cells import LAYERS
from streams.decode.columns import BACKEND, FATAL, USER, Columns
from streams.decode.operations import READS, WRITES
from streams.rollup.counts import Counts, Tags
from streams.rollup.summary import Summary

Ints = NDArray[np.int64]
Rows = NDArray[np.int32]
Floats = NDArray[np.float64]
Codes = NDArray[np.int8]
Flags = NDArray[np.bool_]

_ROOM: Final = 64
_NONE: Final = -1
_COUNT_BITS: Final = 20  # leaves 43 bits for the cell, more than enough
_PACKED: Final = (1 << _COUNT_BITS) - 1
_EMPTY: Final = np.full(_ROOM, _NONE, np.int64)  # copied at a fifth of the time to make it
_NO_ROWS: Final = np.full(_ROOM, _NONE, np.int32)
_SPREAD: Final = np.uint64(0x9E3779B97F4A7C15)  # 2**64 divided by the golden ratio, odd

_WIDTH: Final = len(SUMMED)
_REQUESTS, _COLD, _USER, _BACKEND, _FATAL, _THROTTLES, _READS, _WRITES, _RCU, _WCU, _BUSY = (
    COLUMN[measure]
    for measure in (
        Measure.REQUESTS, Measure.COLD_STARTS, Measure.ERRORS_USER, Measure.ERRORS_BACKEND,
        Measure.ERRORS_FATAL, Measure.THROTTLES, Measure.READS, Measure.WRITES, Measure.RCU, Measure.WCU,
        Measure.BUSY,
    )
)  # fmt: skip


class LiveSums:
    """Sums of the measures by id."""

    __slots__ = ("_ids", "_row_of", "_sums", "_used")

    def __init__(self) -> None:
        self._row_of = _NO_ROWS.copy()  # by id
        self._ids = np.zeros(_ROOM, np.int64)
        self._sums = np.zeros((_ROOM, _WIDTH))
        self._used = 0

    def _make_room(self, most: int, more: int) -> None:
        """Make room for ids below ``most``, up to ``more`` of them new."""
        if most > len(self._row_of):
            row_of = np.full(most + most // 4, _NONE, np.int32)
            row_of[: len(self._row_of)] = self._row_of
            self._row_of = row_of
        needed = self._used + min(more, most - self._used)
        if needed > len(self._ids):
            room = needed + needed // 2
            ids, sums = np.zeros(room, np.int64), np.zeros((room, _WIDTH))
            ids[: self._used], sums[: self._used] = self._ids[: self._used], self._sums[: self._used]
            self._ids, self._sums = ids, sums

    def add(self, ids: Ints, values: NDArray[np.float64]) -> None:
        """Add (k, columns) sums of k ids."""
        self._make_room(int(ids.max(initial=-1)) + 1, len(ids))
        self._used = _add_rows(ids, values, self._row_of, self._ids, self._sums, self._used)

    def add_events(self, columns: Columns, rows: Ints, paths: int) -> None:
        """Add the events at ``rows``; their paths are below ``paths``."""
        self._make_room(paths, len(rows))
        self._used = _add_events(
            rows, columns.path, columns.weight, columns.error, columns.cold, columns.throttled, columns.busy,
            self._row_of, self._ids, self._sums, self._used,
        )  # fmt: skip

    def add_calls(self, columns: Columns, rows: Ints, calls: int) -> None:
        """Add the table calls at ``rows``; their ids are below ``calls``."""
        self._make_room(calls, len(rows))
        self._used = _add_calls(
            rows, columns.call, columns.call_weight, columns.call_kind, columns.call_throttled,
            columns.call_rcu, columns.call_wcu,
            self._row_of, self._ids, self._sums, self._used,
        )  # fmt: skip

    def merged(self) -> tuple[Ints, NDArray[np.float64]]:
        """Return the distinct ids, ascending, and their sums."""
        ids = self._ids[: self._used]
        order = np.argsort(ids)
        return ids[order], self._sums[order]


class LiveHistograms:
    """Counts by cell (``streams.decode.cells``)."""

    __slots__ = ("_cells", "_counts", "_used")

    def __init__(self, expected: int = 0) -> None:
        self._used = 0
        if 2 * expected <= _ROOM:
            self._cells = _EMPTY.copy()  # open addressing
            self._counts = np.zeros(_ROOM)
        else:
            self._resize(1 << (2 * expected - 1).bit_length())

    def __len__(self) -> int:
        return self._used

    def add(self, cells: Ints, counts: NDArray[np.float64]) -> None:
        """Add counts of k cells."""
        done = 0
        while done < len(cells):
            done, self._used = _add_cells(cells, counts, done, self._cells, self._counts, self._used)
            if done < len(cells):
                self._grow()

    def add_bins(self, rows: Ints, ids: Ints, bins: NDArray[np.int16], weight: Floats) -> None:
        """Add the (n, layers) bins of (n,) ids with weights at ``rows``; a bin of -1 was not measured."""
        done = 0
        while done < len(rows):
            done, self._used = _add_bins(rows, ids, bins, weight, done, self._cells, self._counts, self._used)
            if done < len(rows):
                self._grow()

    def _grow(self) -> None:
        here = np.flatnonzero(self._cells >= 0)
        cells, counts = self._cells[here], self._counts[here]
        self._resize(4 * len(self._cells))
        self.add(cells, counts)

    def _resize(self, room: int) -> None:
        self._cells, self._counts, self._used = np.full(room, _NONE, np.int64), np.zeros(room), 0

    def merged(self) -> tuple[Ints, NDArray[np.float64]]:
        """Return the distinct cells, ascending, and their counts."""
        both = np.empty(self._used, np.int64)
        if _pack(self._cells, self._counts, both):  # one number sorts several times faster than a pair
            both.sort()
            return both >> _COUNT_BITS, (both & _PACKED).astype(np.float64)
        here = np.flatnonzero(self._cells >= 0)
        cells, counts = self._cells[here], self._counts[here]
        order = np.argsort(cells)
        return cells[order], counts[order]


def live_summary(expected: tuple[int, int] = (0, 0)) -> Summary:
    """Return an empty summary to which compiled code adds; it expects so many cells of paths and of calls."""
    paths, calls = (Counts(LiveSums(), LiveHistograms(cells), Tags()) for cells in expected)
    return Summary(paths=paths, calls=calls)


def cells_in(summary: Summary) -> tuple[int, int]:
    """Return how many cells of paths and of calls a summary holds."""
    paths, calls = (
        len(each) if isinstance(each, LiveHistograms) else 0
        for each in (summary.paths.latency, summary.calls.latency)
    )
    return paths, calls


@part
def _row(ids: Ints, row_of: Rows, number: int, used: int) -> int:
    row = row_of[number]
    if row < 0:
        row = used
        row_of[number] = row
        ids[row] = number
    return row


@unlocked
def _add_rows(numbers: Ints, values: Floats, row_of: Rows, ids: Ints, sums: Floats, used: int) -> int:
    for at in range(len(numbers)):
        row = _row(ids, row_of, numbers[at], used)
        used = max(used, row + 1)
        for column in range(values.shape[1]):
            sums[row, column] += values[at, column]
    return used


@unlocked
def _add_events(
    rows: Ints, path: Ints, weight: Floats, error: Codes, cold: Flags, throttled: Flags, busy: Floats,
    row_of: Rows, ids: Ints, sums: Floats, used: int,
) -> int:  # fmt: skip
    for at in rows:
        row = _row(ids, row_of, path[at], used)
        used = max(used, row + 1)
        amount = weight[at]
        sums[row, _REQUESTS] += amount
        sums[row, _COLD] += cold[at] * amount
        sums[row, _THROTTLES] += throttled[at] * amount
        sums[row, _BUSY] += busy[at]
        kind = error[at]
        if kind == USER:
            sums[row, _USER] += amount
        elif kind == BACKEND:
            sums[row, _BACKEND] += amount
        elif kind == FATAL:
            sums[row, _FATAL] += amount
    return used


@unlocked
def _add_calls(
    rows: Ints, call: Ints, weight: Floats, kind: Codes, throttled: Flags, rcu: Floats, wcu: Floats,
    row_of: Rows, ids: Ints, sums: Floats, used: int,
) -> int:  # fmt: skip
    for at in rows:
        row = _row(ids, row_of, call[at], used)
        used = max(used, row + 1)
        amount = weight[at]
        sums[row, _REQUESTS] += amount
        if rcu[at] > 0 or kind[at] == READS:
            sums[row, _READS] += amount
        if wcu[at] > 0 or kind[at] == WRITES:
            sums[row, _WRITES] += amount
        sums[row, _THROTTLES] += throttled[at] * amount
        sums[row, _RCU] += rcu[at]
        sums[row, _WCU] += wcu[at]
    return used


@part
def _slot_of(cells: Ints, cell: int) -> int:
    """Return the slot of a cell, or the free slot that it would take."""
    mask = len(cells) - 1
    slot = np.int64((np.uint64(cell) * _SPREAD) >> np.uint64(20)) & mask
    while cells[slot] >= 0 and cells[slot] != cell:
        slot = (slot + 1) & mask
    return slot


@unlocked
def _add_cells(
    new: Ints, added: Floats, begin: int, cells: Ints, counts: Floats, used: int
) -> tuple[int, int]:
    """Add from ``begin`` until half of the slots are used; return where that was, and the slots used."""
    for at in range(begin, len(new)):
        if 2 * used >= len(cells):
            return at, used
        slot = _slot_of(cells, new[at])
        if cells[slot] < 0:
            cells[slot] = new[at]
            used += 1
        counts[slot] += added[at]
    return len(new), used


@unlocked
def _add_bins(
    rows: Ints, ids: Ints, bins: NDArray[np.int16], weight: Floats,
    begin: int, cells: Ints, counts: Floats, used: int,
) -> tuple[int, int]:  # fmt: skip
    """Add the bins of each layer, as ``_add_cells`` adds cells."""
    layers = bins.shape[1]
    for at in range(begin, len(rows)):
        if 2 * (used + layers) > len(cells):
            return at, used
        row = rows[at]
        first = ids[row] * LAYERS
        for layer in range(layers):
            found = bins[row, layer]
            if found >= 0:
                cell = (first + layer) * N_BINS + found
                slot = _slot_of(cells, cell)
                if cells[slot] < 0:
                    cells[slot] = cell
                    used += 1
                counts[slot] += weight[row]
    return len(rows), used


@unlocked
def _pack(cells: Ints, counts: Floats, both: Ints) -> bool:
    """Write every used cell and its count as one number each.

    Return False when a count is too large, or not whole.
    """
    at = 0
    for slot in range(len(cells)):
        if cells[slot] >= 0:
            count = np.int64(counts[slot])
            if count > _PACKED or count != counts[slot]:
                return False
            both[at] = (cells[slot] << _COUNT_BITS) | count
            at += 1
    return True

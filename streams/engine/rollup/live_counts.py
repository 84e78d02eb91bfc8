"""The counts of an open bucket, to which compiled code adds event by event.

They stand in for ``Sums`` and ``Histograms`` of ``blocks/counts.py``, the reference implementation, which
keeps the sums of each run and merges them on demand; here each event is merged at once. All amounts are
whole multiples of a quantum, so the order of adding does not change a bit.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.latency.histogram import N_BINS
from detectors.model.array_types import Bools, Floats, Int32s, Ints
from detectors.model.measures import (
    CALLING_REQUESTS,
    COLUMN,
    MOST_SQUARED,
    SQUARED_CALLS,
    SUMMED,
    Measure,
)
from detectors.state.compiled import part, unlocked
from streams.engine.decode.cells import LAYERS, PER_ID
from streams.engine.decode.columns import BACKEND, FATAL, USER, Columns
from streams.engine.decode.operations import READS, WRITES
from streams.engine.rollup.blocks.bucket import Bucket
from streams.engine.rollup.blocks.counts import Counts, Tags

Codes = NDArray[np.int8]

_ROOM: Final = 64
_NONE: Final = -1
_FEW: Final = 1024  # cells that are not worth merging
_SPARE: Final = 4  # room for so many times the cells that are there
_SORTED: Final = 32  # cells of one id up to which sorting beats looking at every bin
_UNSEEN: Final = -1.0
_NO_ROWS: Final = np.full(_ROOM, _NONE, np.int32)

_WIDTH: Final = len(SUMMED)
_REQUESTS, _COLD, _USER, _BACKEND, _FATAL, _THROTTLES, _READS, _WRITES, _RCU, _WCU, _BUSY = (
    COLUMN[measure]
    for measure in (
        Measure.REQUESTS, Measure.COLD_STARTS, Measure.ERRORS_USER, Measure.ERRORS_BACKEND,
        Measure.ERRORS_FATAL, Measure.THROTTLES, Measure.READS, Measure.WRITES, Measure.RCU, Measure.WCU,
        Measure.BUSY,
    )
)  # fmt: skip
_CALLING, _SQUARES = COLUMN[CALLING_REQUESTS], COLUMN[SQUARED_CALLS]


class _Events(NamedTuple):
    path: Ints
    weight: Floats
    error: Codes
    cold: Bools
    throttled: Bools
    busy: Floats


class _Calls(NamedTuple):
    requests: Floats  # by event: those that it is
    event: Ints
    call: Ints
    weight: Floats
    kind: Codes
    throttled: Bools
    rcu: Floats
    wcu: Floats


class _Table(NamedTuple):
    row_of: Int32s  # by id
    ids: Ints  # by row
    sums: Floats  # (rows, measures)
    newest: Ints  # by row: the last event that called
    made: Floats  # by row: the calls of that event


class LiveSums:
    """Sums of the measures by id."""

    __slots__ = ("_events", "_table", "_used")

    def __init__(self) -> None:
        self._table = _Table(_NO_ROWS.copy(), *_rows(_ROOM))
        self._used = 0  # rows
        self._events = 0  # that have called: each has a number of its own, from 1 on

    def _make_room(self, most: int, more: int) -> None:
        """Make room for ids below ``most``, up to ``more`` of them new."""
        row_of, *rows = self._table
        ids, sums = rows[:2]
        used = self._used
        needed = used + min(more, most - used)
        if most <= len(row_of) and needed <= len(ids):
            return
        if most > len(row_of):
            row_of = np.full(most + most // 4, _NONE, np.int32)
            row_of[: len(self._table.row_of)] = self._table.row_of
        if needed > len(ids):
            room = needed + needed // 2
            rows = _rows(room)
            rows[0][:used], rows[1][:used] = ids[:used], sums[:used]
        self._table = _Table(row_of, *rows)

    def add(self, ids: Ints, values: Floats) -> None:
        """Add (k, columns) sums of k ids."""
        self._make_room(int(ids.max(initial=-1)) + 1, len(ids))
        self._used = _add_rows(ids, values, self._table, self._used)

    def add_events(self, columns: Columns, rows: Ints, paths: int) -> None:
        """Add the events at ``rows``; their paths are below ``paths``."""
        self._make_room(paths, len(rows))
        events = _Events(
            columns.path, columns.weight, columns.error, columns.cold, columns.throttled, columns.busy
        )
        self._used = _add_events(rows, events, self._table, self._used)

    def add_calls(self, columns: Columns, rows: Ints, calls: int) -> None:
        """Add the table calls at ``rows``; their ids are below ``calls``."""
        self._make_room(calls, len(rows))
        of = _Calls(
            columns.weight, columns.call_event, columns.call, columns.call_weight, columns.call_kind,
            columns.call_throttled, columns.call_rcu, columns.call_wcu,
        )  # fmt: skip
        self._used = _add_calls(rows, of, self._table, self._used, self._events)
        self._events += len(columns)

    def merged(self) -> tuple[Ints, Floats]:
        """Return the distinct ids, ascending, and their sums."""
        ids, sums = np.empty(self._used, np.int64), np.empty((self._used, _WIDTH))
        _in_order(self._table.row_of, self._table.sums, ids, sums)
        return ids, sums


def _rows(room: int) -> tuple[Ints, Floats, Ints, Floats]:
    """Return room for so many rows of a table."""
    return np.zeros(room, np.int64), np.zeros((room, _WIDTH)), np.zeros(room, np.int64), np.zeros(room)


class LiveHistograms:
    """Counts by cell (``streams.engine.decode.cells``).

    They are noted one after the other, and merged by sorting once there are many. Where most events have a
    bin of their own, that takes half of the time of a hash table, in which every look-up misses the cache.
    """

    __slots__ = ("_cells", "_counts", "_merged", "_used")

    def __init__(self, expected: int = 0) -> None:
        room = max(_ROOM, _SPARE * expected)
        self._cells, self._counts = np.empty(room, np.int64), np.empty(room)
        self._used = 0  # of these
        self._merged = 0  # of the used, from the first on: ascending, each once

    def __len__(self) -> int:
        """Return the number of distinct cells."""
        self._merge()
        return self._used

    def add(self, cells: Ints, counts: Floats) -> None:
        """Add counts of k cells."""
        end = self._make_room(len(cells))
        self._cells[self._used : end], self._counts[self._used : end] = cells, counts
        self._used = end

    def add_bins(self, rows: Ints, ids: Ints, bins: NDArray[np.int16], weight: Floats) -> None:
        """Add the (n, layers) bins of (n,) ids with weights at ``rows``; a bin of -1 was not measured."""
        self._make_room(len(rows) * bins.shape[1])
        self._used = _add_bins(rows, ids, bins, weight, self._cells, self._counts, self._used)

    def _make_room(self, more: int) -> int:
        """Make room for so many, and return where they end."""
        if self._used + more > len(self._cells):
            if self._used - self._merged > max(self._merged, _FEW):
                self._merge()
            if _SPARE * self._used + more > len(self._cells):
                self._resize(_SPARE * (self._used + more))
        return self._used + more

    def _resize(self, room: int) -> None:
        cells, counts = np.empty(room, np.int64), np.empty(room)
        cells[: self._used], counts[: self._used] = self._cells[: self._used], self._counts[: self._used]
        self._cells, self._counts = cells, counts

    def _merge(self) -> None:
        if self._merged == self._used:
            return
        cells, counts = np.empty(len(self._cells), np.int64), np.empty(len(self._cells))
        low, high = _ids_in(self._cells, self._used)
        if high - low < _SPARE * self._used + _FEW:
            starts = np.zeros(high - low + 2, np.int64)
            _by_id(self._cells, self._counts, self._used, low, starts, cells, counts)
            used = _merge_bins(cells, counts, starts, low, np.full(PER_ID, _UNSEEN))
        else:
            order = np.argsort(self._cells[: self._used])
            cells[: self._used], counts[: self._used] = self._cells[order], self._counts[order]
            used = _merge_sorted(cells, counts, 0, self._used, 0)
        self._cells, self._counts = cells, counts
        self._used = self._merged = used

    def merged(self) -> tuple[Ints, Floats]:
        """Return the distinct cells, ascending, and their counts."""
        self._merge()
        return self._cells[: self._used], self._counts[: self._used]


def live_bucket(expected: tuple[int, int] = (0, 0)) -> Bucket:
    """Return an empty bucket to which compiled code adds; it expects so many cells of paths and of calls."""
    paths, calls = (Counts(LiveSums(), LiveHistograms(cells), Tags()) for cells in expected)
    return Bucket(paths=paths, calls=calls)


def cells_in(bucket: Bucket) -> tuple[int, int]:
    """Return how many cells of paths and of calls a bucket holds."""
    paths, calls = (
        len(histograms) if isinstance(histograms, LiveHistograms) else 0
        for histograms in (bucket.paths.latency, bucket.calls.latency)
    )
    return paths, calls


@part
def _row(table: _Table, number: int, used: int) -> int:
    row = table.row_of[number]
    if row < 0:
        row = used
        table.row_of[number] = row
        table.ids[row] = number
    return row


@unlocked
def _in_order(row_of: Int32s, sums: Floats, ids: Ints, found: Floats) -> None:
    """Put the ids that have a row, and their sums, in order of the ids."""
    at = 0
    for number in range(len(row_of)):
        row = row_of[number]
        if row >= 0:
            ids[at] = number
            for column in range(sums.shape[1]):
                found[at, column] = sums[row, column]
            at += 1


@unlocked
def _add_rows(numbers: Ints, values: Floats, table: _Table, used: int) -> int:
    sums = table.sums
    for at in range(len(numbers)):
        row = _row(table, numbers[at], used)
        used = max(used, row + 1)
        for column in range(values.shape[1]):
            sums[row, column] += values[at, column]
    return used


@unlocked
def _add_events(rows: Ints, events: _Events, table: _Table, used: int) -> int:
    path, weight, error, cold, throttled, busy = events
    sums = table.sums
    for at in rows:
        row = _row(table, path[at], used)
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


@part
def _squared(calls: float) -> float:
    return np.ceil(min(calls, MOST_SQUARED) ** 2)


@unlocked
def _add_calls(rows: Ints, calls: _Calls, table: _Table, used: int, events: int) -> int:
    requests, event, call, weight, kind, throttled, rcu, wcu = calls
    sums, newest, made = table.sums, table.newest, table.made
    for at in rows:
        row = _row(table, call[at], used)
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
        number = events + event[at] + 1
        before = made[row] if newest[row] == number else 0.0
        newest[row], made[row] = number, before + amount
        if before == 0.0 and amount > 0.0 and requests[event[at]] > 0.0:
            sums[row, _CALLING] += 1.0
        sums[row, _SQUARES] += _squared(before + amount) - _squared(before)
    return used


@unlocked
def _add_bins(
    rows: Ints, ids: Ints, bins: NDArray[np.int16], weight: Floats, cells: Ints, counts: Floats, used: int
) -> int:
    """Note the bins of each layer; return how many are noted."""
    for row in rows:
        first = ids[row] * LAYERS
        for layer in range(bins.shape[1]):
            found = bins[row, layer]
            if found >= 0:
                cells[used] = (first + layer) * N_BINS + found
                counts[used] = weight[row]
                used += 1
    return used


@unlocked
def _ids_in(cells: Ints, used: int) -> tuple[int, int]:
    low = high = cells[0]
    for at in range(used):
        low, high = min(low, cells[at]), max(high, cells[at])
    return low // PER_ID, high // PER_ID


@unlocked
def _by_id(
    cells: Ints, counts: Floats, used: int, low: int, starts: Ints, found: Ints, times: Floats
) -> None:
    """Put cells in order of their ids; ``starts`` is 0 before, and after it has the end of each id."""
    for at in range(used):
        starts[cells[at] // PER_ID - low + 1] += 1
    for owner in range(1, len(starts)):
        starts[owner] += starts[owner - 1]
    for at in range(used):
        owner = cells[at] // PER_ID - low
        found[starts[owner]] = cells[at]
        times[starts[owner]] = counts[at]
        starts[owner] += 1


@unlocked
def _merge_bins(cells: Ints, counts: Floats, ends: Ints, low: int, seen: Floats) -> int:
    """Sort and merge the cells of each id; return how many there are. ``seen`` has room for those of one."""
    used = begin = 0
    for owner in range(len(ends) - 1):
        end = ends[owner]
        if end - begin <= _SORTED:
            for at in range(begin + 1, end):  # few are sorted by moving each to its place
                cell, count = cells[at], counts[at]
                place = at
                while place > begin and cells[place - 1] > cell:
                    cells[place], counts[place] = cells[place - 1], counts[place - 1]
                    place -= 1
                cells[place], counts[place] = cell, count
            used = _merge_sorted(cells, counts, begin, end, used)
        else:
            first = (low + owner) * PER_ID
            for at in range(begin, end):
                bin_ = cells[at] - first
                seen[bin_] = counts[at] + (0.0 if seen[bin_] == _UNSEEN else seen[bin_])
            for bin_ in range(len(seen)):
                if seen[bin_] != _UNSEEN:
                    cells[used], counts[used] = first + bin_, seen[bin_]
                    seen[bin_] = _UNSEEN
                    used += 1
        begin = end
    return used


@unlocked
def _merge_sorted(cells: Ints, counts: Floats, begin: int, end: int, used: int) -> int:
    """Merge equal cells that follow each other, and put them at ``used``; return where they end."""
    first = used
    for at in range(begin, end):
        if used > first and cells[used - 1] == cells[at]:
            counts[used - 1] += counts[at]
        else:
            cells[used], counts[used] = cells[at], counts[at]
            used += 1
    return used

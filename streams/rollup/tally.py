"""Tally: the columns of a run, summed into the buckets they belong to."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from detectors.model.measures import SUMMED, Measure
from streams.decode.cells import LAYERS, PER_ID, TOTAL, cells_of
from streams.decode.columns import BACKEND, FATAL, USER, Columns
from streams.decode.operations import READS, WRITES
from streams.decode.values import ValueIds, parts_of
from streams.rollup.grouping import add_rows, group
from streams.rollup.live_counts import tally_live
from streams.rollup.summary import Histograms, Summary, count_tag

Ints = NDArray[np.int64]


def tally(
    columns: Columns,
    slot: Ints,
    into: Sequence[Summary],
    *,
    paths: int,
    calls: int,
    values: ValueIds,
    compiled: bool,
) -> None:
    """Add the columns to the summaries.

    Parameters
    ----------
    columns
        n events.
    slot
        (n,) the summary that each event belongs to, -1 for one that is not counted.
    into
        The summaries, by slot.
    paths, calls
        How many paths and calls there are: the ids of the columns are below.
    values
        Knows the ids of business values.
    compiled
        Whether the summaries are live ones, which compiled code adds to (``streams.rollup.live_counts``).
    """
    if compiled:
        tally_live(columns, slot, into, paths=paths, calls=calls)
    else:
        _tally_events(columns, slot, into, paths)
        _tally_calls(columns, slot, into, calls)
    _tally_values(columns, slot, into, values)
    _count_tags(columns, slot, into)


def _tally_events(columns: Columns, slot: Ints, into: Sequence[Summary], paths: int) -> None:
    rows = np.flatnonzero(slot >= 0)
    slots, ids = slot[rows], columns.path[rows]
    for summary, records in zip(into, np.bincount(slots, minlength=len(into)).tolist(), strict=True):
        summary.records += records
    cells, place = group(slots * paths + ids, len(into) * paths)
    sums = np.zeros((len(cells), len(SUMMED)))

    def fill(measure: Measure, weights: NDArray[np.generic] | None = None) -> None:
        sums[:, SUMMED.index(measure)] = np.bincount(place, weights, len(cells))

    error = columns.error[rows]
    fill(Measure.REQUESTS)
    fill(Measure.COLD_STARTS, columns.cold[rows])
    for measure, code in (
        (Measure.ERRORS_USER, USER),
        (Measure.ERRORS_BACKEND, BACKEND),
        (Measure.ERRORS_FATAL, FATAL),
    ):
        fill(measure, error == code)
    fill(Measure.THROTTLES, columns.throttled[rows])
    fill(Measure.BUSY, columns.busy[rows])
    of, ids = np.divmod(cells, max(paths, 1))
    for number, here in _slices(of, len(into)):
        into[number].paths.sums.add(ids[here], sums[here])
    _measure_paths(columns, rows, slots, into, paths)


def did_read(columns: Columns) -> NDArray[np.bool_]:
    """Return which calls read: those that consumed read units.

    A call that was billed for nothing (it was throttled, or its store does not say) counts by its name.
    """
    read: NDArray[np.bool_] = (columns.call_rcu > 0) | (columns.call_kind == READS)
    return read


def did_write(columns: Columns) -> NDArray[np.bool_]:
    """Return which calls wrote, by the same rule as for reads."""
    wrote: NDArray[np.bool_] = (columns.call_wcu > 0) | (columns.call_kind == WRITES)
    return wrote


def _measure_paths(columns: Columns, rows: Ints, slots: Ints, into: Sequence[Summary], paths: int) -> None:
    bins = columns.bins[rows]
    first = slots * paths + columns.path[rows]  # as if the paths of each slot were others
    cells = cells_of(first[:, None], np.arange(LAYERS), bins)[bins >= 0]
    _measure(cells, paths * PER_ID, [summary.paths.latency for summary in into])


def _tally_calls(columns: Columns, slot: Ints, into: Sequence[Summary], calls: int) -> None:
    slots = slot[columns.call_event]
    rows = np.flatnonzero(slots >= 0)
    if not len(rows):
        return
    slots, ids = slots[rows], columns.call[rows]
    cells, place = group(slots * calls + ids, len(into) * calls)
    sums = np.zeros((len(cells), len(SUMMED)))
    sums[:, SUMMED.index(Measure.REQUESTS)] = np.bincount(place, minlength=len(cells))
    for measure, weights in (
        (Measure.READS, did_read(columns)),
        (Measure.WRITES, did_write(columns)),
        (Measure.THROTTLES, columns.call_throttled),
        (Measure.RCU, columns.call_rcu),
        (Measure.WCU, columns.call_wcu),
    ):
        sums[:, SUMMED.index(measure)] = np.bincount(place, weights[rows], len(cells))
    of, ids_of = np.divmod(cells, calls)
    for number, here in _slices(of, len(into)):
        into[number].calls.sums.add(ids_of[here], sums[here])
    bins = columns.call_bin[rows]
    measured = bins >= 0
    size = calls * PER_ID
    found = slots[measured] * size + cells_of(ids[measured], TOTAL, bins[measured])
    _measure(found, size, [summary.calls.latency for summary in into])


def _tally_values(columns: Columns, slot: Ints, into: Sequence[Summary], values: ValueIds) -> None:
    slots = slot[columns.value_event]
    rows = np.flatnonzero(slots >= 0)
    if not len(rows):
        return
    ids = values.ids(columns.path[columns.value_event[rows]], columns.value_key[rows])
    cells, place = group(slots[rows] * values.bound + ids, len(into) * values.bound)
    sums = add_rows(place, parts_of(columns.value[rows]), len(cells))
    of, ids = np.divmod(cells, values.bound)
    for number, here in _slices(of, len(into)):
        into[number].values.add(ids[here], sums[here])


def _measure(cells: Ints, size: int, into: Sequence[Histograms]) -> None:
    if size * len(into) <= np.iinfo(np.int32).max:
        short, times = np.unique(cells.astype(np.int32), return_counts=True)  # half as wide sorts faster
        found = short.astype(np.int64)
    else:
        found, times = np.unique(cells, return_counts=True)
    counts = times.astype(np.float64)
    of, found = np.divmod(found, max(size, 1))
    for number, here in _slices(of, len(into)):
        into[number].add(found[here], counts[here])


def _count_tags(columns: Columns, slot: Ints, into: Sequence[Summary]) -> None:
    for row, key, text in columns.tags:
        if slot[row] >= 0:
            count_tag(into[slot[row]].paths.tags, int(columns.path[row]), key, text)
    for row, key, text in columns.call_tags:
        number = slot[columns.call_event[row]]
        if number >= 0:
            count_tag(into[number].calls.tags, int(columns.call[row]), key, text)


def _slices(ascending: Ints, n: int) -> list[tuple[int, slice]]:
    """Return where each number 0..n-1 that is there lies among ascending numbers."""
    bounds = np.searchsorted(ascending, np.arange(n + 1)).tolist()
    return [(number, slice(a, b)) for number, (a, b) in enumerate(pairwise(bounds)) if a < b]

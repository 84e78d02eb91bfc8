"""Spreads what paths and calls counted over the scopes, edges and parts that they count towards; compiled.

Int32s are rows counted from 1; 0 stands for nothing, or for what belongs to another shard.
"""

from typing import NamedTuple

import numpy as np

from detectors.latency.histogram import N_BINS
from detectors.model.array_types import Bools, Floats, Int32s, Ints
from detectors.state.compiled import compiled, part, without_arrays
from streams.engine.decode.cells import LAYERS


@without_arrays
def spread_sums(places: Int32s, ids: Ints, step: Ints, sums: Floats, kept: Floats, into: Floats) -> None:
    """Add the sums of paths and calls of several steps up by row.

    Parameters
    ----------
    places
        (ids, kinds) by id.
    ids, step, sums
        (k,) ids, the step of each, and (k, columns) what it counted.
    kept
        (rows, columns) 1 where a row has a column, else 0.
    into
        (steps, rows, columns) receives the sums.
    """
    for at in range(len(ids)):
        for kind in range(places.shape[1]):
            row = places[ids[at], kind] - 1
            if row >= 0:
                for column in range(sums.shape[1]):
                    into[step[at], row, column] += sums[at, column] * kept[row, column]


class SpreadCosts(NamedTuple):
    """Where the costs of paths and calls go."""

    places: Int32s  # (ids, kinds) of what is billed there
    part: Ints  # (kinds,) which part of the costs of a path that is, -1 for none
    called: Bools  # (ids,) which are calls
    at_tables: int  # the part of the costs of a call
    kinds: int  # the first so many kinds have it
    whole: Int32s  # (ids, more) of what has all that a path costs


@without_arrays
def spread_costs(to: SpreadCosts, ids: Ints, step: Ints, costs: Floats, whole: Floats, into: Floats) -> None:
    """Add the costs of paths and calls of several steps up by row.

    Parameters
    ----------
    to
        Where they go.
    ids, step, costs, whole
        (k,) ids, the step of each, (k, parts) what it costs, and (k,) their sum.
    into
        (steps, rows) receives the sums.
    """
    for at in range(len(ids)):
        number = ids[at]
        for kind in range(to.places.shape[1]):
            part = to.at_tables if to.called[number] and kind < to.kinds else to.part[kind]
            row = to.places[number, kind] - 1
            if row >= 0 and part >= 0:
                into[step[at], row] += costs[at, part]
        for more in range(to.whole.shape[1]):
            row = to.whole[number, more] - 1
            if row >= 0:
                into[step[at], row] += whole[at]


class Spread(NamedTuple):
    """Where the cells of paths and calls go: to groups, each a measure of rows or of parts."""

    whole: Int32s  # (ids, LAYERS, most) places of each layer of an id
    part: Int32s  # (ids, wholes) parts
    group: Ints  # (LAYERS,) of the places
    whole_of: Ints  # (LAYERS,) of which of ``wholes`` a layer is a part
    group_of_part: Ints  # (LAYERS,) -1 for a layer of which no parts are known


@compiled
def spread_cells(
    cells: Ints, counts: Floats, ends: Ints, to: Spread, groups: int
) -> tuple[Ints, Ints, Floats, Ints]:
    """Return the rows, bins and counts of cells, those of a group together, and in it those of a step.

    Parameters
    ----------
    cells, counts
        (k,) of ``streams.engine.decode.cells``, one step behind the other.
    ends
        (steps,) where those of each step end.
    to, groups
        Where they go, and the number of groups.

    Returns
    -------
    rows, bins, counts
        (m,) each.
    bounds
        (groups, steps + 1) where each step begins, and where the last ends.
    """
    bounds = np.zeros((groups, len(ends) + 1), np.int64)
    rows, bins, amounts = np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0)
    place_of = bounds
    for fills in range(2):  # first they are counted
        if fills:
            before = 0
            for group in range(groups):
                for step in range(len(ends) + 1):
                    bounds[group, step], before = before, before + bounds[group, step]
            rows, bins, amounts = np.empty(before, np.int64), np.empty(before, np.int64), np.empty(before)
            place_of = bounds.copy()
        first = 0
        for step in range(len(ends)):
            for at in range(first, ends[step]):
                for place in range(to.whole.shape[2] + 1):
                    row, group = _place(cells[at] // N_BINS, place, to)
                    if row < 0 or group < 0:
                        continue
                    if fills:
                        into = place_of[group, step]
                        rows[into], bins[into], amounts[into] = row, cells[at] % N_BINS, counts[at]
                    place_of[group, step] += 1
            first = ends[step]
    return rows, bins, amounts, bounds


@part
def _place(owner: int, place: int, to: Spread) -> tuple[int, int]:
    """Return the row and the group of a place of a layer, its part behind the others; -1 for none."""
    number, layer = owner // LAYERS, owner % LAYERS
    if place < to.whole.shape[2]:
        return to.whole[number, layer, place] - 1, to.group[layer]
    return to.part[number, to.whole_of[layer]] - 1, to.group_of_part[layer]

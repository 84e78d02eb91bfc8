"""The rows and cells of a bucket that one shard gets, by their numbers in its block."""

from typing import Final

import numpy as np

from detectors.model.array_types import Bools, Floats, Ints
from detectors.state.compiled import unlocked
from streams.engine.decode.cells import PER_ID

LEFT_OUT: Final = -1


def rows_in(shard: int, path_ids: Ints, call_ids: Ints, callers: Ints, here: tuple[Bools, Bools]) -> Ints:
    """Return (paths + calls,) the row of each path and call in a block, ``LEFT_OUT`` where it has none.

    Parameters
    ----------
    path_ids, call_ids
        (paths,) and (calls,), ascending.
    callers
        (calls,) the path of each call, by its place among these.
    here
        (ids, shards) which paths, and which calls, touch which shards. The path of a call goes with it.
    """
    rows = np.empty(len(path_ids) + len(call_ids), np.int64)
    _number(shard, path_ids, call_ids, callers, *here, rows)
    return rows


def rows_of(rows: Ints, several: tuple[Floats, Floats]) -> Floats:
    """Return the rows of two tables of paths and calls that have a row in a block."""
    found = np.empty((len(rows), several[0].shape[1]))
    return found[: _gather(rows, *several, found)]


@unlocked
def _number(
    shard: int, path_ids: Ints, call_ids: Ints, callers: Ints, paths: Bools, calls: Bools, rows: Ints
) -> None:
    first = len(path_ids)
    for path in range(first):
        rows[path] = 0 if paths[path_ids[path], shard] else LEFT_OUT
    for call in range(len(call_ids)):
        rows[first + call] = LEFT_OUT
        if calls[call_ids[call], shard]:
            rows[first + call] = rows[callers[call]] = 0
    number = 0
    for row in range(len(rows)):
        if rows[row] >= 0:
            rows[row] = number
            number += 1


@unlocked
def _gather(rows: Ints, paths: Floats, calls: Floats, found: Floats) -> int:
    number = 0
    for row in range(len(rows)):
        if rows[row] >= 0:
            for column in range(found.shape[1]):
                found[number, column] = (
                    paths[row, column] if row < len(paths) else calls[row - len(paths), column]
                )
            number += 1
    return number


Cells = tuple[Ints, Floats]


def placed(
    several: tuple[Cells, Cells], ids: tuple[Ints, Ints], rows: tuple[Ints, Ints]
) -> tuple[Ints, Floats]:
    """Return the cells of the rows that are kept, with their counts: those of paths, then those of calls.

    Parameters
    ----------
    several
        (k,) cells of the ids of paths, ascending, and the count of each; and those of calls.
    ids
        (n,) ascending, all that cells belong to: of paths, and of calls.
    rows
        (n,) the row of each id, -1 if it is not kept; the rows of calls follow those of paths.

    Examples
    --------
    >>> paths, none = np.array([2, 7, 7 + 1]) * PER_ID + 5, (np.zeros(0, np.int64), np.zeros(0))
    >>> cells = (paths, np.array([1.0, 2.0, 3.0]))
    >>> found = placed((cells, none), (np.array([2, 7, 8]), none[0]), (np.array([0, -1, 1]), none[0]))
    >>> found[0].tolist() == [5, PER_ID + 5]
    True
    """
    most = sum(len(cells) for cells, _ in several)
    found, times = np.empty(most, np.int64), np.empty(most)
    kept = 0
    for (cells, counts), owners, row in zip(several, ids, rows, strict=True):
        if len(cells):
            kept += _place(cells, counts, owners, row, found[kept:], times[kept:])
    return found[:kept], times[:kept]


@unlocked
def _place(cells: Ints, counts: Floats, ids: Ints, rows: Ints, found: Ints, times: Floats) -> int:
    kept = at = 0
    for place in range(len(cells)):
        owner = cells[place] // PER_ID
        while ids[at] < owner:
            at += 1
        if rows[at] >= 0:
            found[kept] = cells[place] + (rows[at] - owner) * PER_ID
            times[kept] = counts[place]
            kept += 1
    return kept

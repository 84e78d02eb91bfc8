"""Cells and counts as bytes, one or two for most: the step from the cell before, and the count unless 1."""

from typing import Any, Final

import numpy as np

from detectors.model.array_types import Bytes, Floats, Ints
from detectors.state.compiled import inlined, unlocked

LARGEST: Final = 1 << 48
"""What cells and counts have to stay below; a number takes up to seven bytes then."""

_MOST: Final = 14  # bytes of a cell and its count
_MORE: Final = 128  # set in every byte of a number but the last


def packed_cells(cells: Ints, counts: Floats) -> Bytes | None:
    """Return the bytes; None when the cells do not ascend from 0, or a count is not whole or below 1.

    Examples
    --------
    >>> packed_cells(np.array([3, 9, 200]), np.array([1.0, 5.0, 1.0])).tolist()
    [6, 13, 5, 254, 2]
    """
    into = np.empty(_MOST * len(cells), np.uint8)
    size = _write(cells, counts, into)
    return None if size < 0 else into[:size]


def unpacked_cells(packed: Bytes) -> tuple[Ints, Floats]:
    """Return the cells and their counts."""
    cells, counts = np.empty(len(packed), np.int64), np.empty(len(packed))
    number = _read(packed, cells, counts)
    return cells[:number], counts[:number]


@inlined
def _put(into: Bytes, at: int, number: Any) -> int:
    while number >= _MORE:
        into[at] = np.uint8(number & (_MORE - 1) | _MORE)
        number >>= 7
        at += 1
    into[at] = np.uint8(number)
    return at + 1


@unlocked
def _write(cells: Ints, counts: Floats, into: Bytes) -> int:
    """Return how many bytes were written, -1 when these numbers cannot be."""
    at = before = 0
    for each in range(len(cells)):
        step, count = cells[each] - before, np.int64(counts[each])
        before = cells[each]
        if step < 0 or before >= LARGEST or count != counts[each] or not 1 <= count < LARGEST:
            return -1
        if count == 1:
            at = _put(into, at, step << 1)
        else:
            at = _put(into, at, (step << 1) | 1)
            at = _put(into, at, count)
    return at


@unlocked
def _read(packed: Bytes, cells: Ints, counts: Floats) -> int:
    """Return how many cells were read."""
    at = before = each = 0
    while at < len(packed):
        step: Any = np.int64(packed[at])
        shift = 7
        while packed[at] >= _MORE:
            at += 1
            step += (np.int64(packed[at]) - 1) << shift
            shift += 7
        at += 1
        before += step >> 1
        cells[each] = before
        counts[each] = 1.0
        if step & 1:
            count: Any = np.int64(packed[at])
            shift = 7
            while packed[at] >= _MORE:
                at += 1
                count += (np.int64(packed[at]) - 1) << shift
                shift += 7
            at += 1
            counts[each] = count
        each += 1
    return each

"""Sorts the numbers of many series over a few steps by what they take, and lays out what is no count."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.model.array_types import Bytes, Float32s
from detectors.state.compiled import inlined, without_arrays

Words = NDArray[np.uint32]

MISSING: Final = 255
"""The byte for NaN; numbers written as bytes are smaller."""

GONE, ZERO, OTHER, WHOLES, HALVES = 0, 1, 2, 3, 128
"""Kinds of rows: all missing, all zero, for zstd, and with a table, whose number is added."""

_NEGATIVE_ZERO: Final = 0x8000_0000
"""The bits of the one zero that is not written as a byte."""


@inlined
def _is_count(value: float, bits: int) -> bool:
    """Return whether a number is written as a byte: NaN is not."""
    return 0.0 <= value < MISSING and value == np.floor(value) and bits != _NEGATIVE_ZERO


@without_arrays
def sort_rows(  # noqa: C901  # every kind in one pass
    values: Float32s, bits: Words, kinds: Bytes, counts: Bytes
) -> int:
    """Write the kind of each row, and the counts of those that have some; return how many these are.

    Parameters
    ----------
    values : (rows, steps) float32
    bits : (rows, steps) uint32
        The same memory.
    kinds : (rows,) uint8
        ``WHOLES`` and ``HALVES`` stand for all with a table.
    counts : (rows, steps) uint8
        Of those rows, one behind the other; halves as if they were counts.
    """
    rows, steps = values.shape
    counted = 0
    for row in range(rows):
        gone, whole, half, zero = True, True, True, True
        for step in range(steps):
            value = values[row, step]
            if not np.isnan(value):
                gone = False
            if value != 0:
                zero = False
            if not _is_count(value, bits[row, step]):
                whole = False
            if not (value < MISSING and _is_count(value + value, bits[row, step])):
                half = False
        if gone:
            kinds[row] = GONE
        elif whole and zero:
            kinds[row] = ZERO
        elif whole or half:
            kinds[row] = WHOLES if whole else HALVES
            for step in range(steps):
                value = values[row, step]
                counts[counted, step] = np.uint8(value) if whole else np.uint8(value + value)
            counted += 1
        else:
            kinds[row] = OTHER
    return counted


@without_arrays
def lay_out(  # noqa: C901  # the places of all kinds in one pass
    values: Float32s, bits: Words, kinds: Bytes, flags: Bytes, body: Bytes
) -> int:
    """Write what tells kinds apart, and the rows of ``OTHER``; return how many bytes these take.

    Parameters
    ----------
    values, bits, kinds
        As in ``sort_rows``.
    flags : (3, rows / 8) uint8
        Zeros, that become a bit for each row: with a table, zero, other.
    body : (rows / 8 + 4 rows steps,) uint8
        Zeros, that become a bit for each such row, whether all of it fits into bytes; these bytes; and the
        four bytes of all other numbers in planes, the lowest first.
    """
    rows, steps = len(values), values.shape[1]
    others, fitting = 0, 0
    for row in range(rows):
        which = 2 if kinds[row] == OTHER else 1 if kinds[row] == ZERO else 0
        if kinds[row] == GONE:
            continue
        flags[which, row >> 3] |= 128 >> (row & 7)
        if kinds[row] != OTHER:
            continue
        fits = True
        for step in range(steps):
            value = values[row, step]
            if not (np.isnan(value) or _is_count(value, bits[row, step])):
                fits = False
        if fits:
            body[others >> 3] |= 128 >> (others & 7)
            fitting += 1
        others += 1
    small = (others + 7) >> 3
    plane = small + fitting * steps
    size, other = (others - fitting) * steps, 0
    for row in range(rows):
        if kinds[row] != OTHER:
            continue
        fits = body[other >> 3] & (128 >> (other & 7)) != 0
        other += 1
        for step in range(steps):
            if fits:
                value = values[row, step]
                body[small] = MISSING if np.isnan(value) else np.uint8(value)
                small += 1
            else:
                word = bits[row, step]
                for byte in range(4):
                    body[plane + byte * size] = (word >> np.uint32(8 * byte)) & np.uint32(255)
                plane += 1
    return int(small + 4 * size)

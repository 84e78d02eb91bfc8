"""A table of sums as bytes: every column in the narrowest whole numbers that hold it, none where all is 0.

Sums are whole multiples of a power of two; a column says which, so halves and quarters are narrow, too.
"""

from typing import Any, Final

import numpy as np

from detectors.model.array_types import Bytes, Floats, Words
from detectors.state.compiled import inlined, unlocked

FINEST: Final = 20
"""Columns of multiples of 2**-FINEST become whole; what is finer, negative or too large stays as it is.

It is ``streams.engine.decode.columns.QUANTUM``, of which all sums are multiples.
"""

_HEAD: Final = 2  # bytes before the columns, for each: its width in bytes, and its power of two
_FLOAT: Final = 8  # the width of a column of float64; whole numbers are narrower
_LARGEST: Final = float(1 << 50)  # of a number as the multiple of 2**-FINEST that it is


def packed_table(table: Floats) -> Bytes:
    """Return the (rows, columns) table as bytes.

    Examples
    --------
    >>> packed_table(np.array([[0.0, 1.5], [0.0, 300.0]])).tolist()
    [0, 0, 2, 1, 3, 0, 88, 2]
    """
    rows, columns = table.shape
    into: Bytes = np.empty(_HEAD * columns + _FLOAT * rows * columns, np.uint8)
    table = np.ascontiguousarray(table)
    return into[: _write(table, table.view(np.uint64), into)]


def unpacked_table(packed: Bytes, rows: int, columns: int) -> Floats:
    """Return the (rows, columns) table."""
    table = np.zeros((rows, columns))
    _read(packed, table, table.view(np.uint64))
    return table


@unlocked
def _write(table: Floats, bits: Words, into: Bytes) -> int:
    """Return how many bytes were written."""
    rows, columns = table.shape
    end: int = _HEAD * columns
    for column in range(columns):
        width, power = _form(table, column)
        into[_HEAD * column], into[_HEAD * column + 1] = width, power
        if width == _FLOAT:
            for row in range(rows):
                end = _put(into, end, bits[row, column], width)
        elif width:
            scale = float(1 << power)
            for row in range(rows):
                end = _put(into, end, np.uint64(table[row, column] * scale), width)
    return end


@inlined
def _form(table: Floats, column: int) -> tuple[int, int]:
    """Return the bytes of each number of a column, and the power of two that makes them whole."""
    seen = np.int64(0)
    finest = float(1 << FINEST)
    for row in range(len(table)):
        amount = table[row, column] * finest
        if not 0 <= amount < _LARGEST or amount != np.floor(amount):
            return _FLOAT, 0
        seen |= np.int64(amount)
    power = FINEST if seen else 0
    while power and not seen & 1:
        seen >>= 1
        power -= 1
    width = 0
    while seen:
        seen >>= 8
        width += 1
    return width, power


@inlined
def _put(into: Bytes, at: int, value: Any, width: int) -> int:
    for each in range(width):
        into[at + each] = np.uint8((value >> np.uint64(8 * each)) & np.uint64(255))
    return at + width


@unlocked
def _read(packed: Bytes, table: Floats, bits: Words) -> None:
    rows, columns = table.shape
    at = _HEAD * columns
    for column in range(columns):
        width, power = int(packed[_HEAD * column]), int(packed[_HEAD * column + 1])
        scale = 1.0 / float(1 << power)
        for row in range(rows):
            value = np.uint64(0)
            for each in range(width):
                value |= np.uint64(packed[at + each]) << np.uint64(8 * each)
            at += width
            if width == _FLOAT:
                bits[row, column] = value
            elif width:
                table[row, column] = float(value) * scale

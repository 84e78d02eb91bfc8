"""Stores arrays in few bytes: most numbers in topics and checkpoints are small and whole.

Tables have each column in the narrowest whole numbers, none where all is 0. Sums are whole multiples of a
power of two, which the column states, so halves and quarters are narrow, too. Cells and counts take one or
two bytes mostly: the step from the cell before, and the count unless it is 1.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detectors.model.array_types import Bytes, Floats, Ints, Words
from detectors.state.compiled import inlined, unlocked

FEW: Final = 64
"""Shorter arrays stay as they are: inspecting them costs more than their bytes."""

_WHOLE: Final = (np.uint8, np.uint16, np.uint32)


def narrowed(values: NDArray[Any]) -> NDArray[Any]:
    """Return the same numbers in the narrowest type that holds them exactly.

    Examples
    --------
    >>> [narrowed(np.repeat(number, FEW)).dtype.name for number in (200.0, 70_000, 0.5, -1)]
    ['uint8', 'uint32', 'float64', 'int64']
    """
    if len(values) < FEW:
        return values
    largest = values.max()
    if not (values.min() >= 0 and largest <= np.iinfo(np.uint32).max):
        return values
    kind = next(kind for kind in _WHOLE if largest <= np.iinfo(kind).max)
    whole = values.astype(kind)
    return whole if values.dtype.kind in "iu" or np.array_equal(whole, values) else values


def narrowed_columns(stem: str, table: Floats) -> dict[str, NDArray[Any]]:
    """Return the columns of a table that are not all 0, each narrowed, as arrays ``stem/column``.

    A short table is one array ``stem``.

    Examples
    --------
    >>> sorted(narrowed_columns("sums", np.repeat([[0.0, 2.0]], FEW, axis=0)))
    ['sums/1']
    """
    if len(table) < FEW:
        return {stem: table}
    return {
        f"{stem}/{column}": narrowed(np.ascontiguousarray(table[:, column]))
        for column in np.flatnonzero(table.any(axis=0)).tolist()
    }


def columns_of(stem: str, arrays: dict[str, NDArray[Any]], rows: int, columns: int) -> Floats:
    """Return the (rows, columns) table that ``narrowed_columns`` was given."""
    if stem in arrays:
        return arrays[stem]
    table = np.zeros((rows, columns))
    for column in range(columns):
        found = arrays.get(f"{stem}/{column}")
        if found is not None:
            table[:, column] = found
    return table


LARGEST: Final = 1 << 48
"""Bound of cells and counts; a number takes up to seven bytes then."""

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
    size = _write_cells(cells, counts, into)
    return None if size < 0 else into[:size]


def unpacked_cells(packed: Bytes) -> tuple[Ints, Floats]:
    """Return the cells and their counts."""
    cells, counts = np.empty(len(packed), np.int64), np.empty(len(packed))
    number = _read_cells(packed, cells, counts)
    return cells[:number], counts[:number]


@inlined
def _put_number(into: Bytes, at: int, number: Any) -> int:
    while number >= _MORE:
        into[at] = np.uint8(number & (_MORE - 1) | _MORE)
        number >>= 7
        at += 1
    into[at] = np.uint8(number)
    return at + 1


@unlocked
def _write_cells(cells: Ints, counts: Floats, into: Bytes) -> int:
    """Return how many bytes were written, -1 when these numbers cannot be."""
    at = before = 0
    for cell in range(len(cells)):
        step, count = cells[cell] - before, np.int64(counts[cell])
        before = cells[cell]
        if step < 0 or before >= LARGEST or count != counts[cell] or not 1 <= count < LARGEST:
            return -1
        if count == 1:
            at = _put_number(into, at, step << 1)
        else:
            at = _put_number(into, at, (step << 1) | 1)
            at = _put_number(into, at, count)
    return at


@unlocked
def _read_cells(packed: Bytes, cells: Ints, counts: Floats) -> int:
    at = before = cell = 0
    while at < len(packed):
        step: Any = np.int64(packed[at])
        shift = 7
        while packed[at] >= _MORE:
            at += 1
            step += (np.int64(packed[at]) - 1) << shift
            shift += 7
        at += 1
        before += step >> 1
        cells[cell] = before
        counts[cell] = 1.0
        if step & 1:
            count: Any = np.int64(packed[at])
            shift = 7
            while packed[at] >= _MORE:
                at += 1
                count += (np.int64(packed[at]) - 1) << shift
                shift += 7
            at += 1
            counts[cell] = count
        cell += 1
    return cell


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
    return into[: _write_table(table, table.view(np.uint64), into)]


def unpacked_table(packed: Bytes, rows: int, columns: int) -> Floats:
    """Return the (rows, columns) table."""
    table = np.zeros((rows, columns))
    _read_table(packed, table, table.view(np.uint64))
    return table


@unlocked
def _write_table(table: Floats, bits: Words, into: Bytes) -> int:
    rows, columns = table.shape
    end: int = _HEAD * columns
    for column in range(columns):
        width, power = _form(table, column)
        into[_HEAD * column], into[_HEAD * column + 1] = width, power
        if width == _FLOAT:
            for row in range(rows):
                end = _put_bytes(into, end, bits[row, column], width)
        elif width:
            scale = float(1 << power)
            for row in range(rows):
                end = _put_bytes(into, end, np.uint64(table[row, column] * scale), width)
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
def _put_bytes(into: Bytes, at: int, value: Any, width: int) -> int:
    for byte in range(width):
        into[at + byte] = np.uint8((value >> np.uint64(8 * byte)) & np.uint64(255))
    return at + width


@unlocked
def _read_table(packed: Bytes, table: Floats, bits: Words) -> None:
    rows, columns = table.shape
    at = _HEAD * columns
    for column in range(columns):
        width, power = int(packed[_HEAD * column]), int(packed[_HEAD * column + 1])
        scale = 1.0 / float(1 << power)
        for row in range(rows):
            value = np.uint64(0)
            for byte in range(width):
                value |= np.uint64(packed[at + byte]) << np.uint64(8 * byte)
            at += width
            if width == _FLOAT:
                bits[row, column] = value
            elif width:
                table[row, column] = float(value) * scale

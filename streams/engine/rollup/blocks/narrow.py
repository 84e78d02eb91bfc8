"""Stores arrays in few bytes: most numbers in topics and checkpoints are small and whole."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detectors.model.array_types import Floats

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
    kind = next(each for each in _WHOLE if largest <= np.iinfo(each).max)
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

"""A chart in text: a curve in braille dots, for a terminal."""

import math
from collections.abc import Sequence
from typing import Final

_DOTS: Final = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # rows of a braille cell, top first
_BLANK: Final = 0x2800


def curve(values: Sequence[float | None], top: float, *, width: int, height: int) -> list[str]:
    """Draw values from 0 to ``top`` as ``height`` lines of ``width`` cells, each two dots wide and four high.

    Several values in one column of dots draw the span between them, so that a short peak is not lost.

    Examples
    --------
    >>> curve([0, 1, 2, 3, 4, 5, 6, 7], 7, width=4, height=2)
    ['⠀⠀⡠⠊', '⡠⠊⠀⠀']
    """
    columns, rows = width * 2, height * 4
    cells = [[_BLANK] * width for _ in range(height)]
    former: int | None = None
    for column in range(columns):
        first = column * len(values) // columns
        last = max(first + 1, (column + 1) * len(values) // columns)
        known = [value for value in values[first:last] if value is not None and math.isfinite(value)]
        if not known:
            former = None
            continue
        low, high = (_row(value, top, rows) for value in (min(known), max(known)))
        if former is not None and former < low:  # join it to the column before
            low = former + 1
        elif former is not None and former > high:
            high = former - 1
        former = _row(known[-1], top, rows)
        for row in range(low, high + 1):
            down = rows - 1 - row
            cells[down // 4][column // 2] |= _DOTS[down % 4][column % 2]
    return ["".join(map(chr, line)) for line in cells]


def _row(value: float, top: float, rows: int) -> int:
    return min(rows - 1, max(0, round(value / top * (rows - 1)))) if top > 0 else 0

"""The lines of an NDJSON chunk as records, without an object per line."""

from typing import Final

import numpy as np

from detectors.model.array_types import Bytes, Ints
from streams.engine.decode.records import Records

_LINE_END: Final = ord("\n")
_RETURN: Final = ord("\r")


def lines_of(data: bytes) -> Records:
    r"""Return the lines, without blank ones and without the ``\r`` of line ends.

    Examples
    --------
    >>> list(lines_of(b'{"ts":1}\r\n\n{"ts":2}'))
    [b'{"ts":1}', b'{"ts":2}']
    """
    held = np.frombuffer(data, np.uint8)
    breaks = np.flatnonzero(held == _LINE_END)
    starts = np.concatenate([[0], breaks + 1])
    ends = _stripped(held, starts, np.concatenate([breaks, [len(data)]]))
    kept = ends > starts
    return Records(data, starts[kept], ends[kept])


def _stripped(held: Bytes, starts: Ints, ends: Ints) -> Ints:
    """Return the ends moved before trailing carriage returns."""
    while True:
        returned = ends > starts
        returned[returned] = held[ends[returned] - 1] == _RETURN
        if not returned.any():
            return ends
        ends = ends - returned

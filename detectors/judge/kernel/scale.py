"""The scale on which noise is alike everywhere, and the statistics of values on it.

Near the square root for counts, near the logarithm for everything else.
"""

from math import asinh, expm1, log, log1p, sinh, sqrt
from typing import Final

import numpy as np

from detectors.judge.kernel.arrays import COUNT, OF_CALLS, Memory, Rows
from detectors.model.array_types import Floats
from detectors.state.compiled import inlined, without_arrays

OFFSET: Final = 0.1
"""Part of the usual level below which a difference counts as such, and not as a ratio."""

LEAST_OFFSET: Final = 1e-290
"""Keeps the ratio of the largest value to it finite."""

COUNTS_OF_ROOT: Final = 25.0
"""Counts up to which Poisson noise dominates; above, noise is relative, a tenth of the level."""

LARGEST: Final = 1e15
"""Values are clipped to this: more than any measure."""

NEARLY: Final = 0.99
"""Ratio from which on a value no longer counts as a fall."""

LEAST_DEVIATION: Final = 1e-9
"""Smaller deviations are rounding errors."""

NORMAL_TAIL: Final = 1.96
"""95 % of a standard normal lie within."""

TAIL: Final = 0.05
"""Share of the deviations that lie beyond the unit times ``NORMAL_TAIL``."""


@without_arrays
def to_scale(value: float, offset: float, counted: bool) -> float:
    """Return the position of a value on the scale of its noise.

    Counts: ``2 asinh(sqrt(x / 4o))``, the transform that makes the variance of a negative binomial
    constant (Anscombe 1948); it grows as ``sqrt(x / o)`` for small x and as ``log(x / o)`` for large x.
    Others: ``log(1 + x / o)``, odd about zero.
    """
    if counted:
        return 2 * asinh(sqrt(value / (4 * offset))) if not value <= 0 else 0.0  # NaN stays NaN
    return log1p(value / offset) if value >= 0 else -log1p(-value / offset)


@without_arrays
def from_scale(y: float, offset: float, counted: bool) -> float:
    """Return the value at a position on the scale; counts are never negative."""
    if np.isnan(y):
        return y
    if counted:
        half = sinh(min(max(y, 0.0), 60.0) / 2)
        return 4 * offset * half * half
    y = min(max(y, -60.0), 60.0)
    return offset * expm1(y) if y >= 0 else -offset * expm1(-y)


@inlined
def falling(ratio: float) -> float:
    """Return the factor that corrects the size of a fall of a count to ``ratio`` times the expected.

    Far below the mean the root overstates: by its deviance, a Poisson zero lies sqrt(2 m) from its mean m
    (McCullagh and Nelder 1989, section 2.4.3), not 2 sqrt(m) as on the root scale. The factor is the
    quotient of the two.
    """
    if not 0 <= ratio < NEARLY:
        return 1.0
    deviance = (ratio * log(ratio) if ratio > 0 else 0.0) - ratio + 1
    return sqrt(2 * deviance) / (2 * (1 - sqrt(ratio)))


@inlined
def more_than(seen: float, expected: float) -> float:
    """Return by how many standard deviations more was seen than expected, 0 where it was not more.

    The signed root of Poisson's deviance (McCullagh and Nelder 1989, section 2.4.3): unlike the
    root scale it also holds for a handful of events.
    """
    if not seen > expected:
        return 0.0
    return sqrt(max(2 * (seen * log(seen / expected) - seen + expected), 0.0))


@without_arrays
def median(values: Floats, count: int) -> float:
    """Sort the first ``count`` values in place and return their median, NaN of none."""
    if count == 0:
        return np.nan
    for at in range(1, count):
        value = values[at]
        to = at - 1
        while to >= 0 and values[to] > value:
            values[to + 1] = values[to]
            to -= 1
        values[to + 1] = value
    if count % 2:
        return float(values[count // 2])
    return float(0.5 * (values[count // 2 - 1] + values[count // 2]))


@inlined
def grain_and_offset(row: int, value: float, rows: Rows, memory: Memory) -> tuple[float, float]:
    """Return the amount of one event, 0 where unknown, and the offset of the scale of a series."""
    usual = memory.usual[row]
    grain = 0.0
    if rows.counted[row] == COUNT:
        grain = 1.0
    elif rows.counted[row] == OF_CALLS and memory.usual[rows.calls[row]] > 0:
        grain = usual / memory.usual[rows.calls[row]]
    if grain > 0:
        return grain, COUNTS_OF_ROOT * grain
    offset = OFFSET * (usual if usual > 0 else abs(value))
    if offset > LEAST_OFFSET:
        return 0.0, offset
    return 0.0, LEAST_OFFSET if usual > 0 or abs(value) > 0 else 1.0

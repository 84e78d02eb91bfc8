"""Reads a JSON number as the nearest float64, the same bits as Python's ``float``. Compiled.

Method: Clinger's fast path for numbers that are exact anyway; else Lemire, "Number parsing at a gigabyte per
second" (Software: Practice and Experience 51(8), 2021, sections 5-8): one or two 64x64 bit products with a
table of powers of five, and a proof of when that is enough. Where it is not, and where a number is larger or
more precise than measurements are, the record is left to the plain decoder.
"""

from typing import Any, Final

import numpy as np

from detectors.state.compiled import part, unlocked
from streams.engine.decode.scan.machine_words import as_float, high_product, leading_zeros, load8

FURTHEST: Final = 60
"""The table covers powers of ten from 10**-60 to 10**60."""

_EXACT: Final = np.array([10.0**power for power in range(23)])
"""Powers of ten that a float64 holds exactly."""


def _powers_of_five() -> Any:
    """Return (2 * FURTHEST + 1, 2) the top 128 bits of each power, as high and low words.

    They are truncated for 5**q with q >= 0 and rounded up for the others, as the proof requires.
    """
    table = np.zeros((2 * FURTHEST + 1, 2), np.uint64)
    for q in range(-FURTHEST, FURTHEST + 1):
        if q >= 0:
            wide = 5**q
            wide = (
                wide << 128 - wide.bit_length()
                if wide.bit_length() < 128
                else wide >> wide.bit_length() - 128
            )
        else:
            power = 5**-q
            bits = power.bit_length()
            wide = (1 << 2 * bits + 128) // power + 1
            wide >>= wide.bit_length() - 128
        table[q + FURTHEST] = wide >> 64, wide & (1 << 64) - 1
    return table


_FIVES: Final = _powers_of_five()

_MINUS, _PLUS, _DOT, _ZERO, _NINE, _E, _e = (ord(sign) for sign in "-+.09Ee")
_MOST_DIGITS: Final = 19  # all of them fit into 64 bits


@unlocked
def read_number(at: int, end: int) -> tuple[float, int]:
    """Read the JSON number that begins at the address ``at`` and ends before ``end``.

    Returns
    -------
    The float64, and the address behind the number; -1 when it is not a number, or is left to the plain
    decoder.
    """
    negative = at < end and load8(at) == _MINUS
    if negative:
        at += 1
    if at >= end:
        return 0.0, -1
    whole = np.uint64(0)
    first = at
    while at < end and _ZERO <= load8(at) <= _NINE:
        whole = whole * np.uint64(10) + np.uint64(load8(at) - _ZERO)
        at += 1
    digits = at - first
    if digits == 0 or (digits > 1 and load8(first) == _ZERO):
        return 0.0, -1
    power = 0
    if at < end and load8(at) == _DOT:
        at += 1
        dot = at
        while at < end and _ZERO <= load8(at) <= _NINE:
            whole = whole * np.uint64(10) + np.uint64(load8(at) - _ZERO)
            at += 1
        power = dot - at
        if power == 0:
            return 0.0, -1
        digits -= power
    if digits > _MOST_DIGITS:
        return 0.0, -1
    if at < end and (load8(at) == _E or load8(at) == _e):
        at += 1
        below = at < end and load8(at) == _MINUS
        if at < end and (below or load8(at) == _PLUS):
            at += 1
        first = at
        written = 0
        while at < end and _ZERO <= load8(at) <= _NINE:
            written = written * 10 + (load8(at) - _ZERO)
            at += 1
            if written > 1000:
                return 0.0, -1
        if at == first:
            return 0.0, -1
        power += -written if below else written
    if whole == 0:
        return 0.0, at
    if -22 <= power <= 22 and whole <= np.uint64(1 << 53):
        value = float(whole)
        value = value / _EXACT[-power] if power < 0 else value * _EXACT[power]
        return (-value if negative else value), at
    value = _nearest(whole, power)
    if value < 0:
        return 0.0, -1
    return (-value if negative else value), at


@part
def _nearest(whole: np.uint64, power: int) -> float:
    """Return the float64 nearest to whole * 10**power; -1 where this method cannot decide."""
    if power < -FURTHEST or power > FURTHEST:
        return -1.0
    zeros = leading_zeros(whole)
    whole <<= zeros
    five = _FIVES[power + FURTHEST]
    low = whole * five[0]
    high = high_product(whole, five[0])
    if high & np.uint64(0x1FF) == np.uint64(0x1FF):  # the deciding bits might still change
        more = high_product(whole, five[1])
        low += more
        if more > low:
            high += np.uint64(1)
    if low == np.uint64(0xFFFFFFFFFFFFFFFF) and not -27 <= power <= 55:
        return -1.0
    top = high >> np.uint64(63)
    cut = top + np.uint64(9)
    mantissa = high >> cut
    exponent = ((217706 * power) >> 16) + 63 + np.int64(top) - np.int64(zeros) + 1023
    if exponent <= 0 or exponent >= 2046:
        return -1.0
    if (
        low <= np.uint64(1)
        and -4 <= power <= 23
        and mantissa & np.uint64(3) == np.uint64(1)
        and mantissa << cut == high
    ):
        mantissa &= ~np.uint64(1)  # a tie: round to even
    mantissa += mantissa & np.uint64(1)
    mantissa >>= np.uint64(1)
    if mantissa >= np.uint64(1 << 53):
        mantissa = np.uint64(1 << 52)
        exponent += 1
    return as_float((np.uint64(exponent) << np.uint64(52)) | (mantissa & np.uint64((1 << 52) - 1)))

"""Counts of many series over a few steps, in hardly more bits than they hold.

A count that comes at random takes as many bits as its distribution is wide: three for five calls a minute.
Each series is coded with the table, of some dozens, under which its values take the fewest; a byte names the
table. The coder is range asymmetric numeral systems (Duda 2013): one state, written 16 bits at a time.
"""

from functools import cache
from math import isqrt
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.model.array_types import Bytes, Int32s
from detectors.state.compiled import without_arrays

Words = NDArray[np.uint16]

NO_TABLE: Final = 255
"""The table of a series that none suits."""

_BITS: Final = 12
_WHOLE: Final = 1 << _BITS  # frequencies of a table add up to it
_LEAST: Final = 1 << 16  # of the state; a word is written when it would exceed 32 bits
_VALUES: Final = 255  # that are coded: 0 to 254
_NEVER: Final = 1 << 20  # cost of a value that a table does not have

_SPREADS: Final = (1, 4, 16)
"""Variance in times the mean: events that come alone, in clumps, and in bursts."""


class Tables(NamedTuple):
    """One row for each table."""

    often: Int32s  # (tables, 255) frequency of each value
    below: Int32s  # (tables, 255) sum of those of smaller values
    value_at: Bytes  # (tables, _WHOLE)
    costs: Int32s  # (tables, 255) bits / 256
    firsts: Int32s  # (spreads + 1,) first table of each spread


@cache
def tables() -> Tables:
    """Return the tables: they are part of the encoding, hence made of whole numbers, and never change."""
    often: list[list[int]] = []
    firsts = [0]
    for spread in _SPREADS:
        step = isqrt(spread)  # of the root of the mean, in half units: half a standard deviation
        often += [_frequencies(((2 * number + 1) * step) ** 2, 16, spread) for number in range(32 // step)]
        firsts.append(len(often))
    found = np.array(often, np.int32)
    costs = np.full(found.shape, _NEVER, np.int32)
    costs[found > 0] = np.rint(256 * (_BITS - np.log2(found[found > 0])))
    value_at = np.array([np.repeat(np.arange(_VALUES), row) for row in found], np.uint8)
    below = np.cumsum(found, axis=1, dtype=np.int32) - found
    return Tables(found, below, value_at, costs, np.array(firsts, np.int32))


def _frequencies(mean: int, per: int, spread: int) -> list[int]:
    """Return how often each value comes in ``_WHOLE`` events of a mean of ``mean / per``, 0 for hardly ever.

    A Poisson distribution, or the negative binomial one of this variance.
    """
    most = min(mean // per, _VALUES - 1)
    weights = [0] * _VALUES
    weights[most] = 1 << 48

    def ratio(value: int) -> tuple[int, int]:  # of the weight of ``value + 1`` to that of ``value``
        if spread == 1:
            return mean, per * (value + 1)
        return mean + value * per * (spread - 1), (value + 1) * per * spread

    for value in range(most, _VALUES - 1):
        more, less = ratio(value)
        weights[value + 1] = weights[value] * more // less
    for value in range(most, 0, -1):
        more, less = ratio(value - 1)
        weights[value - 1] = weights[value] * less // more
    whole = sum(weights)
    found = [weight * _WHOLE // whole or int(weight * _WHOLE * 4 > whole) for weight in weights]
    found[found.index(max(found))] += _WHOLE - sum(found)
    return found


def encode(values: Bytes) -> tuple[Bytes, Words]:
    """Return the table of each row of (rows, steps) values, ``NO_TABLE`` for some, and the code of the rest.

    Examples
    --------
    >>> some = np.array([[0, 2, 1, 0], [90, 95, 97, 90], [0, 250, 0, 1]], np.uint8)
    >>> table, words = encode(some)
    >>> table == NO_TABLE
    array([False, False,  True])
    >>> np.array_equal(decode(table[:2], words, 4), some[:2])
    True
    """
    rows, steps = values.shape
    known = tables()
    table = np.empty(rows, np.uint8)
    _choose(values, known, table)
    words = np.empty(rows * steps + 2, np.uint16)
    begin = _encode(values, table, known, words)
    return table, words[begin:]


def decode(table: Bytes, words: Words, steps: int) -> Bytes:
    """Return the (rows, steps) values of rows that have a table."""
    known = tables()
    values = np.empty((len(table), steps), np.uint8)
    _decode(words, table, known, values)
    return values


@without_arrays
def _choose(values: Bytes, known: Tables, table: Bytes) -> None:
    """Choose the table under which each row takes the fewest bits."""
    rows, steps = values.shape
    for row in range(rows):
        total = np.int64(0)
        for step in range(steps):
            total += np.int64(values[row, step])
        root = np.sqrt(total / steps)
        fewest, best = _NEVER, NO_TABLE
        for spread in range(len(known.firsts) - 1):
            about = known.firsts[spread] + int(root * 2) // (1 << spread)
            for one in range(max(about - 1, known.firsts[spread]), min(about + 2, known.firsts[spread + 1])):
                cost = 0
                for step in range(steps):
                    cost += known.costs[one, values[row, step]]
                if cost < fewest:
                    fewest, best = cost, one
        table[row] = best


@without_arrays
def _encode(values: Bytes, table: Bytes, known: Tables, words: Words) -> int:
    """Write the code to the end of ``words``, last value first; return where it begins."""
    rows, steps = values.shape
    state, at = np.int64(_LEAST), len(words)
    for row in range(rows - 1, -1, -1):
        one = table[row]
        if one == NO_TABLE:
            continue
        for step in range(steps - 1, -1, -1):
            value = values[row, step]
            count = np.int64(known.often[one, value])
            if state >= count << (32 - _BITS):
                at -= 1
                words[at] = state & 0xFFFF
                state >>= 16
            state = ((state // count) << _BITS) + state % count + np.int64(known.below[one, value])
    words[at - 1] = state >> 16
    words[at - 2] = state & 0xFFFF
    return at - 2


@without_arrays
def _decode(words: Words, table: Bytes, known: Tables, values: Bytes) -> None:
    rows, steps = values.shape
    state, at = np.int64(words[0]) + (np.int64(words[1]) << 16), 2
    for row in range(rows):
        one = table[row]
        for step in range(steps):
            place = state & (_WHOLE - 1)
            value = known.value_at[one, place]
            values[row, step] = value
            state = np.int64(known.often[one, value]) * (state >> _BITS) + place
            state -= np.int64(known.below[one, value])
            if state < _LEAST:
                state = (state << 16) + np.int64(words[at])
                at += 1

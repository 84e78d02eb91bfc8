"""Lossless compression of the numbers of many series over a few steps.

Most series are zero most of the time, and most others are counts, which take as many bits as they are random
(``encode``); so do amounts in halves, such as capacity units. The rest is compressed by zstd: whole numbers
as a byte each, of every other float32 the four bytes in separate planes, since the leading ones hardly differ
and similar bytes belong side by side.

A count that comes at random takes as many bits as its distribution is wide: three for five calls a minute.
Each series is coded with the table, of some dozens, under which its values take the fewest; a byte names the
table. The coder is range asymmetric numeral systems (Duda 2013): one state, written 16 bits at a time.
"""

import struct
from functools import cache
from itertools import accumulate
from math import isqrt
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.model.array_types import Bytes, Float32s, Int32s, Places
from detectors.state import zstd
from detectors.state.compiled import inlined, without_arrays

Words = NDArray[np.uint16]
Bits = NDArray[np.uint32]

LEVEL: Final = 1  # of zstd: higher ones take three times as long to save a tenth

_HEAD: Final = struct.Struct("<BIII")  # the layout, the lengths of the kinds of rows, the tables, the counts

_LAYOUT: Final = 2
"""The first byte. Until 0.2 zstd compressed everything, and began with another."""


def compress(values: Float32s) -> bytes:
    """Return (rows, steps) numbers as bytes, none if all are missing.

    Examples
    --------
    >>> some = np.array([[0, 2, np.nan], [0.5, 1e9, 3], [4, 2, 3], [0.5, 2, 0]], np.float32)
    >>> np.array_equal(decompress(compress(some), (4, 3)), some, equal_nan=True)
    True
    >>> compress(np.full((2, 3), np.nan, np.float32))
    b''
    """
    rows, steps = values.shape
    kinds, bits = np.empty(rows, np.uint8), values.view(np.uint32)
    counts = np.empty((rows, steps), np.uint8)
    counted = sort_rows(values, bits, kinds, counts)
    if not kinds.any():
        return b""
    has = np.flatnonzero(kinds >= WHOLES)
    table, words = encode(counts[:counted])
    kinds[has] = np.where(table == NO_TABLE, OTHER, kinds[has] + table)
    code, names = b"", b""
    if (table != NO_TABLE).any():
        code, names = words.astype("<u2").tobytes(), zstd.compress(kinds[kinds >= WHOLES].tobytes(), LEVEL)
    # bits separate zeros from the rest, so that zstd sees the tables alone, not zeros among them
    flags = np.zeros((3, -(-rows // 8)), np.uint8)
    body = np.zeros(flags.shape[1] + 4 * values.size, np.uint8)
    rest = lay_out(values, bits, kinds, flags, body)
    which = zstd.compress(flags.tobytes(), LEVEL)
    head = _HEAD.pack(_LAYOUT, len(which), len(names), len(code))
    others = zstd.compress(body[:rest].tobytes(), LEVEL) if rest else b""
    return b"".join((head, which, names, code, others))


class NarrowRows(NamedTuple):
    """Decompressed rows, not yet as float32 where a byte holds a value."""

    kinds: Bytes  # (rows,)
    counts: Bytes  # (counted, steps) counts, and halves as if they were counts
    rest: Float32s  # (others, steps)

    @property
    def counted(self) -> Places:
        """The rows in ``counts``."""
        return np.flatnonzero(self.kinds >= WHOLES)

    @property
    def halves(self) -> Places:
        """The rows of which a count is half of one."""
        return np.flatnonzero(self.kinds >= HALVES)

    @property
    def gone(self) -> Places:
        """The rows of which all is missing."""
        return np.flatnonzero(self.kinds == GONE)

    @property
    def others(self) -> Places:
        """The rows in ``rest``; those that are nowhere are zero."""
        return np.flatnonzero(self.kinds == OTHER)


def decompress(body: bytes | memoryview, shape: tuple[int, int]) -> Float32s:
    """Return the (rows, steps) numbers that ``compress`` wrote, of this version or an earlier one."""
    found = opened(body, shape)
    values = np.zeros(shape, np.float32)
    values[found.counted] = found.counts
    values[found.halves] *= np.float32(0.5)
    values[found.gone] = np.nan
    values[found.others] = found.rest
    return values


def opened(body: bytes | memoryview, shape: tuple[int, int]) -> NarrowRows:
    """Return (rows, steps) numbers as ``decompress`` does, in fewer bytes."""
    rows, steps = shape
    nothing = np.empty((0, steps), np.uint8)
    if not len(body):
        return NarrowRows(np.full(rows, GONE, np.uint8), nothing, nothing.astype(np.float32))
    if body[0] != _LAYOUT:
        return NarrowRows(np.full(rows, OTHER, np.uint8), nothing, _from_planes(body, shape))
    view = memoryview(body)
    _, *lengths = _HEAD.unpack_from(view)
    which, names, code, end = accumulate(lengths, initial=_HEAD.size)
    bits = _bytes(view[which:names]).reshape(3, -1)
    has, zero, other = np.unpackbits(bits, axis=1, count=rows).astype(np.bool_)
    kinds = np.full(rows, GONE, np.uint8)
    kinds[zero], kinds[other] = ZERO, OTHER
    counts, rest = nothing, nothing.astype(np.float32)
    if code < end:
        kinds[has] = named = _bytes(view[names:code])
        table = named - np.where(named >= HALVES, np.uint8(HALVES), np.uint8(WHOLES))
        counts = decode(table, np.frombuffer(view[code:end], "<u2").astype(np.uint16), steps)
    if other.any():
        rest = _from_planes(view[end:], (int(other.sum()), steps))
    return NarrowRows(kinds, counts, rest)


def _bytes(body: bytes | memoryview) -> Bytes:
    return np.frombuffer(zstd.decompress(body), np.uint8)


def _from_planes(body: bytes | memoryview, shape: tuple[int, int]) -> Float32s:
    values = np.full(shape, np.nan, np.float32)
    rows, steps = shape
    raw = _bytes(body)
    head = -(-rows // 8)
    whole = np.unpackbits(raw[:head], count=rows).astype(np.bool_)
    end = head + int(whole.sum()) * steps
    small = raw[head:end].astype(np.float32)
    small[small == MISSING] = np.nan
    values[whole] = small.reshape(-1, steps)
    planes = np.ascontiguousarray(raw[end:].reshape(4, -1).T)
    values[~whole] = planes.view(np.float32).reshape(-1, steps)
    return values


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
    values: Float32s, bits: Bits, kinds: Bytes, counts: Bytes
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
    values: Float32s, bits: Bits, kinds: Bytes, flags: Bytes, body: Bytes
) -> int:
    """Write the flags of kinds, and the rows of ``OTHER``; return how many bytes these take.

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
    """Make the tables: they are part of the encoding, hence of whole numbers, and never change."""
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
            first, end = max(about - 1, known.firsts[spread]), min(about + 2, known.firsts[spread + 1])
            for number in range(first, end):
                cost = 0
                for step in range(steps):
                    cost += known.costs[number, values[row, step]]
                if cost < fewest:
                    fewest, best = cost, number
        table[row] = best


@without_arrays
def _encode(values: Bytes, table: Bytes, known: Tables, words: Words) -> int:
    """Write the code to the end of ``words``, last value first; return where it begins."""
    rows, steps = values.shape
    state, at = np.int64(_LEAST), len(words)
    for row in range(rows - 1, -1, -1):
        number = table[row]
        if number == NO_TABLE:
            continue
        for step in range(steps - 1, -1, -1):
            value = values[row, step]
            count = np.int64(known.often[number, value])
            if state >= count << (32 - _BITS):
                at -= 1
                words[at] = state & 0xFFFF
                state >>= 16
            state = ((state // count) << _BITS) + state % count + np.int64(known.below[number, value])
    words[at - 1] = state >> 16
    words[at - 2] = state & 0xFFFF
    return at - 2


@without_arrays
def _decode(words: Words, table: Bytes, known: Tables, values: Bytes) -> None:
    rows, steps = values.shape
    state, at = np.int64(words[0]) + (np.int64(words[1]) << 16), 2
    for row in range(rows):
        number = table[row]
        for step in range(steps):
            place = state & (_WHOLE - 1)
            value = known.value_at[number, place]
            values[row, step] = value
            state = np.int64(known.often[number, value]) * (state >> _BITS) + place
            state -= np.int64(known.below[number, value])
            if state < _LEAST:
                state = (state << 16) + np.int64(words[at])
                at += 1

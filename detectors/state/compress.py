"""Lossless compression of the numbers of many series over a few steps.

Most series are zero most of the time, and most others are counts, which take as many bits as they are random
(``counts``); so do amounts in halves, such as capacity units. What else there is, zstd compresses: whole
numbers as a byte each, of every other float32 the four bytes in separate planes, since the leading ones
hardly differ and similar bytes belong side by side.
"""

import struct
from itertools import accumulate
from typing import Final, NamedTuple

import numpy as np

from detectors.model.array_types import Bytes, Float32s, Places
from detectors.state import zstd
from detectors.state.counts import NO_TABLE, decode, encode
from detectors.state.row_kinds import GONE, HALVES, MISSING, OTHER, WHOLES, ZERO, lay_out, sort_rows

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
        code, names = words.astype("<u2").tobytes(), _zstd(kinds[kinds >= WHOLES].tobytes())
    # bits tell apart what is zero from what is not, so that zstd sees the tables alone, not zeros among them
    flags = np.zeros((3, -(-rows // 8)), np.uint8)
    body = np.zeros(flags.shape[1] + 4 * values.size, np.uint8)
    rest = lay_out(values, bits, kinds, flags, body)
    which = _zstd(flags.tobytes())
    head = _HEAD.pack(_LAYOUT, len(which), len(names), len(code))
    return b"".join((head, which, names, code, _zstd(body[:rest].tobytes()) if rest else b""))


class NarrowRows(NamedTuple):
    """What was compressed, not yet as float32 where a byte holds it."""

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


def _zstd(body: bytes) -> bytes:
    return zstd.compress(body, LEVEL)


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

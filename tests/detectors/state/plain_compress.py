"""The bytes of ``compress``, made of whole arrays: the oracle of its compiled parts."""

import struct

import numpy as np

from detectors.model.array_types import Bools, Bytes, Float32s
from detectors.state import zstd
from detectors.state.compress import GONE, HALVES, LEVEL, MISSING, NO_TABLE, OTHER, WHOLES, ZERO, encode


def plain_compress(values: Float32s) -> bytes:
    """Return (rows, steps) numbers as bytes, none if all are missing."""
    gone = np.isnan(values).all(axis=1)
    if gone.all():
        return b""
    kinds = np.full(len(values), OTHER, np.uint8)
    kinds[gone] = GONE
    small, whole = _counts(values)
    halves = np.flatnonzero(~whole & ~gone)
    with np.errstate(over="ignore"):
        of_halves, fit = _counts(values[halves] * np.float32(2))
    halves = halves[fit]
    small[halves] = of_halves[fit]
    first = np.full(len(values), WHOLES, np.uint8)
    first[halves] = HALVES
    whole[halves] = True
    zero = whole & ~small.any(axis=1)
    kinds[zero] = ZERO
    counted = np.flatnonzero(whole & ~zero)
    table, words = encode(small[counted])
    kinds[counted] = np.where(table == NO_TABLE, OTHER, first[counted] + table)
    has = kinds >= WHOLES
    code = words.astype("<u2").tobytes() if has.any() else b""
    flags = (has, kinds == ZERO, kinds == OTHER)
    which = zstd.compress(b"".join(np.packbits(flag).tobytes() for flag in flags), LEVEL)
    names = zstd.compress(kinds[has].tobytes(), LEVEL) if code else b""
    other = values[kinds == OTHER]
    head = struct.pack("<BIII", 2, len(which), len(names), len(code))
    return b"".join((head, which, names, code, _planes(other) if len(other) else b""))


def _counts(values: Float32s) -> tuple[Bytes, Bools]:
    """Return numbers as bytes, and for each row whether they are the same: 255 and negative zero are not."""
    with np.errstate(invalid="ignore"):
        small = values.astype(np.uint8, casting="unsafe")
    same = (small == values) & (small != MISSING) & ~((small == 0) & np.signbit(values))
    return small, same.all(axis=1)


def _planes(values: Float32s) -> bytes:
    missing = np.isnan(values)
    filled = np.where(missing, np.float32(MISSING), values)
    with np.errstate(invalid="ignore"):
        small = filled.astype(np.uint8, casting="unsafe")
    fits = (small == filled) & ((small != MISSING) | missing) & ~((small == 0) & np.signbit(filled))
    whole = fits.all(axis=1)
    rest = np.ascontiguousarray(values[~whole])
    planes = rest.view(np.uint8).reshape(-1, 4).T
    body = np.packbits(whole).tobytes() + small[whole].tobytes() + planes.tobytes()
    return zstd.compress(body, LEVEL)

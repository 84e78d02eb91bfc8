"""Machine instructions for compiled code: memory by address, wide products, bit counts.

Only compiled functions can call these; where nothing compiles, their callers are not used either
(``scanner.py``). An address is an int64. The caller makes sure that the memory behind it exists, and
holds the arrays meanwhile: passing arrays from function to function costs more than most of these functions
do.
"""

# mypy: disable-error-code="no-untyped-call"

from typing import Any, Final

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from detectors.state.compiled import inlined

_intrinsic: Any = intrinsic  # its types do not describe how the functions are called

WIDE: Final = 64
"""Bytes that are compared at once."""
BEHIND: Final = WIDE
"""Bytes that must exist behind a text whose quotes are noted."""

_WORD: Final = ir.IntType(64)
_WIDE: Final = ir.IntType(128)


def _loading(kind: Any, extend: str = "") -> Any:
    """Return a generator of code that loads a value of this type, extended to 64 bits if need be."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        value = builder.load(builder.inttoptr(arguments[0], kind.as_pointer()), align=1)
        return getattr(builder, extend)(value, _WORD) if extend else value

    return generate


@_intrinsic
def load8(_: Any, at: Any) -> Any:
    """Return the byte at an address."""
    return types.int64(types.int64), _loading(ir.IntType(8), "zext")


@_intrinsic
def load16(_: Any, at: Any) -> Any:
    """Return the uint16 at an address."""
    return types.int64(types.int64), _loading(ir.IntType(16), "zext")


@_intrinsic
def load32(_: Any, at: Any) -> Any:
    """Return the int32 at an address."""
    return types.int64(types.int64), _loading(ir.IntType(32), "sext")


@_intrinsic
def load64(_: Any, at: Any) -> Any:
    """Return the uint64 at an address, in the byte order of the machine."""
    return types.uint64(types.int64), _loading(_WORD)


@_intrinsic
def load_int(_: Any, at: Any) -> Any:
    """Return the int64 at an address."""
    return types.int64(types.int64), _loading(_WORD)


@_intrinsic
def load_float(_: Any, at: Any) -> Any:
    """Return the float64 at an address."""
    return types.float64(types.int64), _loading(ir.DoubleType())


def _storing(kind: Any) -> Any:
    """Return a generator of code that stores a value, the lowest bits of an int64, as this type."""

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        value = arguments[1]
        if value.type != kind:
            value = builder.trunc(value, kind)
        builder.store(value, builder.inttoptr(arguments[0], kind.as_pointer()))
        return context.get_dummy_value()

    return generate


@_intrinsic
def store8(_: Any, at: Any, value: Any) -> Any:
    """Store the lowest 8 bits of an int64 at an address."""
    return types.void(types.int64, types.int64), _storing(ir.IntType(8))


@_intrinsic
def store16(_: Any, at: Any, value: Any) -> Any:
    """Store the lowest 16 bits of an int64 at an address."""
    return types.void(types.int64, types.int64), _storing(ir.IntType(16))


@_intrinsic
def store32(_: Any, at: Any, value: Any) -> Any:
    """Store the lowest 32 bits of an int64 at an address."""
    return types.void(types.int64, types.int64), _storing(ir.IntType(32))


@_intrinsic
def store64(_: Any, at: Any, value: Any) -> Any:
    """Store an int64 at an address."""
    return types.void(types.int64, types.int64), _storing(_WORD)


@_intrinsic
def store_float(_: Any, at: Any, value: Any) -> Any:
    """Store a float64 at an address."""
    return types.void(types.int64, types.float64), _storing(ir.DoubleType())


@_intrinsic
def high_product(_: Any, a: Any, b: Any) -> Any:
    """Return the upper 64 bits of the product of two uint64."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        wide = builder.mul(builder.zext(arguments[0], _WIDE), builder.zext(arguments[1], _WIDE))
        return builder.trunc(builder.lshr(wide, ir.Constant(_WIDE, 64)), _WORD)

    return types.uint64(types.uint64, types.uint64), generate


@_intrinsic
def leading_zeros(_: Any, x: Any) -> Any:
    """Return the number of zero bits above the highest set bit of a uint64 that is not 0."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.ctlz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.uint64(types.uint64), generate


@_intrinsic
def trailing_zeros(_: Any, x: Any) -> Any:
    """Return the number of zero bits below the lowest set bit of a uint64; 64 for 0."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 0))

    return types.int64(types.uint64), generate


def _finding(sign: str, letter: int, *, signed: bool = False) -> Any:
    """Return a generator of code that sets a bit for each of ``WIDE`` bytes that compares so."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        kind = ir.VectorType(ir.IntType(8), WIDE)
        letters = builder.load(builder.inttoptr(arguments[0], kind.as_pointer()), align=1)
        compare = builder.icmp_signed if signed else builder.icmp_unsigned
        return builder.bitcast(compare(sign, letters, ir.Constant(kind, [letter] * WIDE)), _WORD)

    return generate


@_intrinsic
def quotes_at(_: Any, at: Any) -> Any:
    """Return which of the ``WIDE`` bytes at an address are quotes, as bits."""
    return types.uint64(types.int64), _finding("==", ord('"'))


@_intrinsic
def backslashes_at(_: Any, at: Any) -> Any:
    """Return which of the ``WIDE`` bytes at an address are backslashes, as bits."""
    return types.uint64(types.int64), _finding("==", ord("\\"))


@_intrinsic
def controls_at(_: Any, at: Any) -> Any:
    """Return which of the ``WIDE`` bytes at an address are control characters, as bits."""
    return types.uint64(types.int64), _finding("<", ord(" "))


@_intrinsic
def high_bytes_at(_: Any, at: Any) -> Any:
    """Return which of the ``WIDE`` bytes at an address are not ASCII, as bits."""
    return types.uint64(types.int64), _finding("<", 0, signed=True)


@_intrinsic
def differences(_: Any, at: Any, other: Any) -> Any:
    """Return which of the ``WIDE`` bytes at two addresses differ, as bits."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        kind = ir.VectorType(ir.IntType(8), WIDE)
        left, right = (
            builder.load(builder.inttoptr(place, kind.as_pointer()), align=1) for place in arguments
        )
        return builder.bitcast(builder.icmp_unsigned("!=", left, right), _WORD)

    return types.uint64(types.int64, types.int64), generate


@_intrinsic
def count_ones(_: Any, x: Any) -> Any:
    """Return the number of set bits of a uint64."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.int64(types.uint64), generate


@_intrinsic
def as_float(_: Any, bits: Any) -> Any:
    """Return the float64 with these bits."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.DoubleType())

    return types.float64(types.uint64), generate


@_intrinsic
def as_bits(_: Any, number: Any) -> Any:
    """Return the bits of a float64."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], _WORD)

    return types.uint64(types.float64), generate


@inlined
def first_bits(count: int) -> np.uint64:
    """Return a word whose lowest bits are set, all of them from 64 on."""
    return (np.uint64(1) << np.uint64(count)) - np.uint64(1) if count < WIDE else ~np.uint64(0)

"""Reads the units that a call consumed, from the JSON of a ConsumedCapacity as SDKs write it. Compiled."""

from typing import Final

import numpy as np

from detectors.state.compiled import part
from streams.engine.decode.event import LARGEST
from streams.engine.decode.scan.machine_words import load8
from streams.engine.decode.scan.scan_json import BRACE, next_key, skip_space, string_end
from streams.engine.decode.scan.scan_number import read_number
from streams.ingest.formats.otlp.scan.scan_keys import (
    CAPACITY_FROM,
    OF_GLOBAL,
    OF_LOCAL,
    OF_TABLE,
    READ_UNITS,
    TABLE_NAME,
    UNITS,
    WRITE_UNITS,
    key_number,
)

_QUOTE: Final = ord('"')
_MOST_DIGITS: Final = 20  # bytes of an amount


@part
def consumed(
    at: int, end: int, table: int, length: int, keys: int, factor: np.uint64
) -> tuple[bool, int, int, int, int, int, int]:
    """Read the units in the text up to ``end`` that the table of this name consumed.

    Returns
    -------
    Whether it could be read, and address and length of the units of a plain amount, of reads, of writes.
    """
    none = np.int64(0)
    plain, plain_length, reads, reads_length, writes, writes_length = none, none, none, none, none, none
    if at >= end or load8(at) != BRACE:
        return False, none, none, none, none, none, none
    at += 1
    first, named, seen = True, False, 0
    while True:
        key, size, _, value = next_key(at, end, first)
        if value < 0:
            at = key
            break
        first = False
        number = key_number(keys, factor, key, size)
        if number < CAPACITY_FROM or (seen >> (number - CAPACITY_FROM)) & 1:
            at = np.int64(-1)
            break
        seen |= 1 << (number - CAPACITY_FROM)
        if number == TABLE_NAME:
            at = _same_text(value, end, table, length)
            named = at >= 0
        elif number == UNITS or number == READ_UNITS or number == WRITE_UNITS:
            amount, at = read_number(value, end)
            if at < 0 or not 0 <= amount <= LARGEST or at - value > _MOST_DIGITS:
                at = np.int64(-1)
            elif number == UNITS:
                plain, plain_length = value, at - value
            elif number == READ_UNITS:
                reads, reads_length = value, at - value
            else:
                writes, writes_length = value, at - value
        elif number == OF_TABLE:
            at = _skip_part(value, end, keys, factor)
        elif number == OF_GLOBAL or number == OF_LOCAL:
            at = _skip_parts(value, end, keys, factor)
        else:
            at = np.int64(-1)
        if at < 0:
            break
    usual = at >= 0 and named and (plain_length > 0 or reads_length > 0 or writes_length > 0)
    usual = usual and skip_space(at, end) == end
    return usual, plain, plain_length, reads, reads_length, writes, writes_length


@part
def _same_text(at: int, end: int, text: int, length: int) -> int:
    """Return the address behind a string that is this text, -1 if it is none."""
    if load8(at) != _QUOTE:
        return np.int64(-1)
    close, high = string_end(at + 1, end)
    if close < 0 or high or close - at - 1 != length:
        return np.int64(-1)
    for place in range(length):
        if load8(at + 1 + place) != load8(text + place):
            return np.int64(-1)
    return close + 1


@part
def _skip_part(at: int, end: int, keys: int, factor: np.uint64) -> int:
    """Return the address behind an object of amounts."""
    if load8(at) != BRACE:
        return np.int64(-1)
    at += 1
    first = True
    while True:
        key, size, _, value = next_key(at, end, first)
        if value < 0:
            return key
        first = False
        number = key_number(keys, factor, key, size)
        if number != UNITS and number != READ_UNITS and number != WRITE_UNITS:
            return np.int64(-1)
        _, at = read_number(value, end)
        if at < 0:
            return at


@part
def _skip_parts(at: int, end: int, keys: int, factor: np.uint64) -> int:
    """Return the address behind an object of such objects."""
    if load8(at) != BRACE:
        return np.int64(-1)
    at += 1
    first = True
    while True:
        key, _, _, value = next_key(at, end, first)
        if value < 0:
            return key
        first = False
        at = _skip_part(value, end, keys, factor)
        if at < 0:
            return at

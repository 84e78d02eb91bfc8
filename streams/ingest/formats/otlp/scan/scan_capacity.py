"""Reads the units that a call consumed, from the JSON of a ConsumedCapacity as SDKs write it. Compiled."""

from typing import Final

import numpy as np

from detectors.state.compiled import part
from streams.engine.decode.event import LARGEST
from streams.engine.decode.scan.machine_words import load8
from streams.engine.decode.scan.scan_json import BRACE, next_key, note_quotes, read_text, skip_space
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

_MOST_DIGITS: Final = 20  # bytes of an amount


@part
def consumed(
    at: int, end: int, table: int, length: int, keys: int, factor: np.uint64, quote: int
) -> tuple[bool, int, int, int, int, int, int]:
    """Read the units in the text up to ``end`` that the table of this name consumed.

    ``quote`` is the address of room for its quotes.

    Returns
    -------
    Whether it could be read, and address and length of the units of a plain amount, of reads, of writes.
    """
    none = np.int64(0)
    plain, plain_length, reads, reads_length, writes, writes_length = none, none, none, none, none, none
    if at >= end or load8(at) != BRACE or note_quotes(at, end, quote) != 0:
        return False, none, none, none, none, none, none
    first, named, seen = True, False, 0
    while True:
        key, size, _, value, quote = next_key(at, quote, end, first)
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
            at, quote = _same_text(value, quote, end, table, length)
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
            at, quote = _skip_part(value, quote, end, keys, factor)
        elif number == OF_GLOBAL or number == OF_LOCAL:
            at, quote = _skip_parts(value, quote, end, keys, factor)
        else:
            at = np.int64(-1)
        if at < 0:
            break
    usual = at >= 0 and named and (plain_length > 0 or reads_length > 0 or writes_length > 0)
    usual = usual and skip_space(at, end) == end
    return usual, plain, plain_length, reads, reads_length, writes, writes_length


@part
def _same_text(at: int, quote: int, end: int, text: int, length: int) -> tuple[int, int]:
    """Return what is behind a string that is this text, as ``read_text`` does; the address -1 if none is."""
    place, size, at, quote = read_text(at, quote, end)
    if size != length:
        return np.int64(-1), quote
    for letter in range(length):
        if load8(place + letter) != load8(text + letter):
            return np.int64(-1), quote
    return at, quote


@part
def _skip_part(at: int, quote: int, end: int, keys: int, factor: np.uint64) -> tuple[int, int]:
    """Return what is behind an object of amounts, as ``skip_value`` does."""
    if load8(at) != BRACE:
        return np.int64(-1), quote
    first = True
    while True:
        key, size, _, value, quote = next_key(at, quote, end, first)
        if value < 0:
            return key, quote
        first = False
        number = key_number(keys, factor, key, size)
        if number != UNITS and number != READ_UNITS and number != WRITE_UNITS:
            return np.int64(-1), quote
        _, at = read_number(value, end)
        if at < 0:
            return at, quote


@part
def _skip_parts(at: int, quote: int, end: int, keys: int, factor: np.uint64) -> tuple[int, int]:
    """Return what is behind an object of such objects, as ``skip_value`` does."""
    if load8(at) != BRACE:
        return np.int64(-1), quote
    first = True
    while True:
        key, _, _, value, quote = next_key(at, quote, end, first)
        if value < 0:
            return key, quote
        first = False
        at, quote = _skip_part(value, quote, end, keys, factor)
        if at < 0:
            return at, quote

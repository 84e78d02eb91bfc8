"""The tokens of JSON in memory: strings, numbers, keys, and values to skip. Compiled.

Everything is strict: at anything malformed, at an escape, and at deep nesting the address returned is -1,
which leaves the record to the plain decoder. Addresses are those of ``machine_words.py``; ``end`` is
the address behind the record, and nothing is read from there on.
"""

from typing import Final

import numpy as np

from detectors.state.compiled import part
from streams.engine.decode.event import LARGEST
from streams.engine.decode.scan.machine_words import load8, load64, store8, trailing_zeros
from streams.engine.decode.scan.scan_number import read_number

MOST_NESTED: Final = 32
"""Deepest nesting that ``skip_value`` follows; it needs a byte of working space per level."""

QUOTE, BACKSLASH, COMMA, COLON = (ord(sign) for sign in '"\\,:')
BRACE, BRACE_END, BRACKET, BRACKET_END = (ord(sign) for sign in "{}[]")
MINUS, ZERO, NINE, SPACE = (ord(sign) for sign in "-09 ")
_TAB, _LINE, _RETURN, _F = (ord(sign) for sign in "\t\n\rf")
_ONES: Final = np.uint64(0x0101010101010101)
_HIGHS: Final = np.uint64(0x8080808080808080)
_QUOTES: Final = np.uint64(QUOTE) * _ONES
_BACKSLASHES: Final = np.uint64(BACKSLASH) * _ONES
_SPACES: Final = np.uint64(SPACE) * _ONES
_NO_WORD: Final = np.uint64(0)


def word_of(text: str) -> np.uint64:
    """Return the first eight bytes of a text as ``word_at`` returns them."""
    return np.uint64(int.from_bytes(text.encode()[:8], "little"))


_TRUE, _ALSE, _NULL = map(word_of, ("true", "alse", "null"))


@part
def word_at(at: int, length: int, end: int) -> np.uint64:
    """Return up to eight bytes of a record, zeros behind ``length``."""
    if at + 8 <= end:
        word = load64(at)
        if length < 8:
            word &= (np.uint64(1) << np.uint64(8 * length)) - np.uint64(1)
        return word
    word = _NO_WORD
    for index in range(length):
        word |= np.uint64(load8(at + index)) << np.uint64(8 * index)
    return word


@part
def skip_space(at: int, end: int) -> int:
    """Return the address of the next byte that is not white space, or ``end``."""
    while at < end and load8(at) <= SPACE:
        letter = load8(at)
        if letter != SPACE and letter != _LINE and letter != _RETURN and letter != _TAB:
            return at
        at += 1
    return at


@part
def string_end(at: int, end: int) -> tuple[int, bool]:
    """Return the end of the string whose first character is at ``at``, and whether it is not ASCII."""
    high = _NO_WORD
    while at + 8 <= end:
        word = load64(at)
        quotes = word ^ _QUOTES
        escapes = word ^ _BACKSLASHES
        # the lowest set bit marks the first quote, backslash or control character
        stop = ((quotes - _ONES) & ~quotes) | ((escapes - _ONES) & ~escapes) | ((word - _SPACES) & ~word)
        stop &= _HIGHS
        if stop:
            bit = trailing_zeros(stop) & ~7
            high |= word & _HIGHS & ((np.uint64(1) << np.uint64(bit)) - np.uint64(1))
            at += bit >> 3
            return (at if load8(at) == QUOTE else np.int64(-1)), high != 0
        high |= word & _HIGHS
        at += 8
    while at < end:
        letter = load8(at)
        if letter == QUOTE:
            return at, high != 0
        if letter == BACKSLASH or letter < SPACE:
            return np.int64(-1), False
        high |= np.uint64(letter & 0x80)
        at += 1
    return np.int64(-1), False


@part
def next_key(at: int, end: int, first: bool) -> tuple[int, int, np.uint64, int]:
    """Find the next key of an object, from behind its brace (``first``) or behind a value.

    Returns
    -------
    The address of the key, its length, its first eight bytes, and the address of its value. The last is -1
    when no key follows; then the first is the address behind the object, or -1.
    """
    if (
        not first and at + 24 < end and load8(at) == COMMA
    ):  # the form of compact writers: a short key in one word
        key = at + 2 + (load8(at + 1) == SPACE)
        word = load64(key)
        quotes = word ^ _QUOTES
        stop = ((quotes - _ONES) & ~quotes) & _HIGHS
        if load8(key - 1) == QUOTE and stop:
            bit = trailing_zeros(stop) & ~7
            word &= (np.uint64(1) << np.uint64(bit)) - np.uint64(1)
            escapes = word ^ _BACKSLASHES
            low = (np.uint64(1) << np.uint64(bit)) - np.uint64(1)
            odd = (((escapes - _ONES) & ~escapes) | ((word - _SPACES) & ~word) | word) & _HIGHS & low
            close = key + (bit >> 3)
            value = close + 2 + (load8(close + 2) == SPACE)
            if odd == 0 and load8(close + 1) == COLON and load8(value) > SPACE:
                return key, close - key, word, value
    at = skip_space(at, end)
    if at < end and load8(at) == BRACE_END:
        return at + 1, np.int64(0), _NO_WORD, np.int64(-1)
    if not first:
        if at >= end or load8(at) != COMMA:
            return np.int64(-1), np.int64(0), _NO_WORD, np.int64(-1)
        at = skip_space(at + 1, end)
    if at >= end or load8(at) != QUOTE:
        return np.int64(-1), np.int64(0), _NO_WORD, np.int64(-1)
    key = at + 1
    close, high = string_end(key, end)
    if close < 0 or high:
        return np.int64(-1), np.int64(0), _NO_WORD, np.int64(-1)
    at = skip_space(close + 1, end)
    if at >= end or load8(at) != COLON:
        return np.int64(-1), np.int64(0), _NO_WORD, np.int64(-1)
    at = skip_space(at + 1, end)
    if at >= end:
        return np.int64(-1), np.int64(0), _NO_WORD, np.int64(-1)
    length = close - key
    return key, length, word_at(key, min(length, 8), end), at


@part
def is_null(at: int, end: int) -> bool:
    """Whether ``null`` begins here."""
    return at + 4 <= end and word_at(at, 4, end) == _NULL


@part
def read_flag(at: int, end: int) -> tuple[bool, int]:
    """Read true, false or null (false); return the flag and the address behind it."""
    if at + 4 <= end:
        word = word_at(at, 4, end)
        if word == _TRUE or word == _NULL:
            return word == _TRUE, at + 4
        if at + 5 <= end and load8(at) == _F and word_at(at + 1, 4, end) == _ALSE:
            return False, at + 5
    return False, np.int64(-1)


@part
def read_text(at: int, end: int) -> tuple[int, int, bool, int]:
    """Read a string or null.

    Returns
    -------
    Its address, its length (-1 for null), whether it is not ASCII, and the address behind it.
    """
    if load8(at) == QUOTE:
        close, high = string_end(at + 1, end)
        return at + 1, close - at - 1, high, (close + 1 if close >= 0 else np.int64(-1))
    if is_null(at, end):
        return at, np.int64(-1), False, at + 4
    return at, np.int64(-1), False, np.int64(-1)


@part
def read_amount(at: int, end: int) -> tuple[float, int]:
    """Read a number from 0 to LARGEST, or null (NaN); return it and the address behind it."""
    letter = load8(at)
    if ZERO <= letter <= NINE or letter == MINUS:
        value, at = read_number(at, end)
        if not 0 <= value <= LARGEST:
            at = np.int64(-1)
        return value, at
    return np.nan, (at + 4 if is_null(at, end) else np.int64(-1))


@part
def skip_value(at: int, end: int, stack: int) -> int:
    """Return the address behind a JSON value; ``stack`` is the address of MOST_NESTED bytes to work with."""
    depth = 0
    while True:
        # a value begins here
        letter = load8(at)
        first = False
        if letter == QUOTE:
            close, high = string_end(at + 1, end)
            if close < 0 or high:
                return np.int64(-1)
            at = close + 1
        elif letter == BRACE or letter == BRACKET:
            if depth >= MOST_NESTED:
                return np.int64(-1)
            store8(stack + depth, letter)
            depth += 1
            at += 1
            first = True
        elif letter == MINUS or ZERO <= letter <= NINE:
            _, at = read_number(at, end)
        else:
            _, at = read_flag(at, end)
        if at < 0:
            return at
        # go to the next value, or leave what has ended
        while True:
            if depth == 0:
                return at
            if load8(stack + depth - 1) == BRACE:
                place, _, _, value = next_key(at, end, first)
                if value >= 0:
                    at = value
                    break
                if place < 0:
                    return place
                at = place
            else:
                at = skip_space(at, end)
                if at >= end:
                    return np.int64(-1)
                if load8(at) == BRACKET_END:
                    at += 1
                else:
                    if not first:
                        if load8(at) != COMMA:
                            return np.int64(-1)
                        at = skip_space(at + 1, end)
                    if at >= end:
                        return np.int64(-1)
                    break
            depth -= 1
            first = False

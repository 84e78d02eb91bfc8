"""The tokens of JSON in memory: strings, numbers, keys, and values to skip. Compiled.

Everything is strict: at anything malformed, at an escape, and at deep nesting the address returned is -1,
which leaves the record to the plain decoder. Addresses are those of ``machine_words.py``; ``end`` is
the address behind the record. What lies behind it changes nothing, but ``BEHIND`` bytes of it are read.
"""

from typing import Final

import numpy as np

from detectors.state.compiled import inlined, part
from streams.engine.decode.event import LARGEST
from streams.engine.decode.scan.machine_words import (
    WIDE,
    backslashes_at,
    controls_at,
    count_ones,
    first_bits,
    high_bytes_at,
    load8,
    load64,
    load_int,
    quotes_at,
    store8,
    store64,
    trailing_zeros,
)
from streams.engine.decode.scan.scan_number import read_number

MOST_QUOTES: Final = 1 << 15
"""Room for the quotes of a text; one with more is left to the plain decoder."""
_AT_ONCE: Final = 8  # quotes noted without looking how many there are

MOST_NESTED: Final = 32
"""Deepest nesting that ``skip_value`` follows; it needs a byte of working space per level."""

QUOTE, COMMA, COLON = (ord(sign) for sign in '",:')
BRACE, BRACE_END, BRACKET, BRACKET_END = (ord(sign) for sign in "{}[]")
MINUS, ZERO, NINE, SPACE = (ord(sign) for sign in "-09 ")
_TAB, _LINE, _RETURN, _F = (ord(sign) for sign in "\t\n\rf")
_NO_WORD, _ONE = np.uint64(0), np.uint64(1)


def word_of(text: str) -> np.uint64:
    """Return the first eight bytes of a text as ``word_at`` returns them."""
    return np.uint64(int.from_bytes(text.encode()[:8], "little"))


_TRUE, _ALSE, _NULL = map(word_of, ("true", "alse", "null"))


@inlined
def word_at(at: int, length: int) -> np.uint64:
    """Return up to eight bytes, zeros behind ``length``."""
    return load64(at) & first_bits(8 * length)


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
def note_quotes(at: int, end: int, quotes: int) -> int:
    """Note the address of every quote of a text, and behind these ``end``.

    So keys and strings are found without a search from one to the next, for which each would wait.

    Parameters
    ----------
    at, end
        Where the text begins and ends.
    quotes
        Address of room for ``MOST_QUOTES`` addresses.

    Returns
    -------
    How many of its bytes are not ASCII; -1 where a string has an escape or a control character, or does not
    end, or where there are too many.
    """
    last = quotes + 8 * (MOST_QUOTES - 2 * WIDE)
    inside = False  # a string that goes on
    high = np.int64(0)
    while at < end:
        here = first_bits(end - at)
        found = quotes_at(at) & here
        controls = controls_at(at) & here
        if backslashes_at(at) & here or (controls and controls & _strings(found, inside)) or quotes > last:
            return np.int64(-1)
        high += count_ones(high_bytes_at(at) & here)
        count = count_ones(found)
        inside ^= count & 1 == 1
        behind = quotes + 8 * count
        while quotes < behind:
            for place in range(0, 8 * _AT_ONCE, 8):  # more than there are, which the next ones replace
                store64(quotes + place, at + trailing_zeros(found))
                found &= found - _ONE
            quotes += 8 * _AT_ONCE
        quotes = behind
        at += WIDE
    store64(quotes, end)
    store64(quotes + 8, end)
    return np.int64(-1) if inside else high


@inlined
def _strings(quotes: np.uint64, inside: bool) -> np.uint64:
    """Return which bytes lie in strings, given which are quotes, and whether a string goes on."""
    found = quotes
    for shift in (1, 2, 4, 8, 16, 32):
        found ^= found << np.uint64(shift)
    return ~found if inside else found


@part
def count_high(at: int, length: int) -> int:
    """Return how many bytes of a text are not ASCII."""
    high = np.int64(0)
    while length > 0:
        high += count_ones(high_bytes_at(at) & first_bits(length))
        at += WIDE
        length -= WIDE
    return high


@inlined
def next_key(at: int, quote: int, end: int, first: bool) -> tuple[int, int, np.uint64, int, int]:
    """Find the next key of an object, from its brace (``first``) or from behind a value.

    ``quote`` is where the next quote is noted; it is so for all functions here.

    Returns
    -------
    The address of the key, its length, its first eight bytes, the address of its value, and where the next
    quote is noted. The value's is -1 when no key follows; then the first is the address behind the object, or
    -1.
    """
    key, close = load_int(quote) + 1, load_int(quote + 8)
    # as most write it: no white space, or one space behind a comma and a colon
    near = key == at + 2 or (key == at + 3 and load8(at + 1) == SPACE)
    if near and (first or load8(at) == COMMA) and load8(close + 1) == COLON:
        value = close + 2
        if load8(value) == SPACE:
            value += 1
        if load8(value) > SPACE and value < end:
            length = close - key
            return key, length, word_at(key, length), value, quote + 16
    return _any_key(at, quote, end, first)


@part
def _any_key(at: int, quote: int, end: int, first: bool) -> tuple[int, int, np.uint64, int, int]:
    none = np.int64(-1)
    at = skip_space(at + first, end)
    if at < end and load8(at) == BRACE_END:
        return at + 1, none, _NO_WORD, none, quote
    if not first:
        if at >= end or load8(at) != COMMA:
            return none, none, _NO_WORD, none, quote
        at = skip_space(at + 1, end)
    key, close = load_int(quote) + 1, load_int(quote + 8)
    if at >= end or key != at + 1:
        return none, none, _NO_WORD, none, quote
    at = skip_space(close + 1, end)
    if at >= end or load8(at) != COLON:
        return none, none, _NO_WORD, none, quote
    at = skip_space(at + 1, end)
    if at >= end:
        return none, none, _NO_WORD, none, quote
    return key, close - key, word_at(key, close - key), at, quote + 16


@part
def is_null(at: int, end: int) -> bool:
    """Whether ``null`` begins here."""
    return at + 4 <= end and word_at(at, 4) == _NULL


@part
def read_flag(at: int, end: int) -> tuple[bool, int]:
    """Read true, false or null (false); return the flag and the address behind it."""
    if at + 4 <= end:
        word = word_at(at, 4)
        if word == _TRUE or word == _NULL:
            return word == _TRUE, at + 4
        if at + 5 <= end and load8(at) == _F and word_at(at + 1, 4) == _ALSE:
            return False, at + 5
    return False, np.int64(-1)


@inlined
def read_text(at: int, quote: int, end: int) -> tuple[int, int, int, int]:
    """Read a string or null.

    Returns
    -------
    Its address, its length (-1 for null), the address behind it, and where the quote behind it is noted.
    """
    if load8(at) == QUOTE:
        close = load_int(quote + 8)
        return at + 1, close - at - 1, close + 1, quote + 16
    return at, np.int64(-1), (at + 4 if is_null(at, end) else np.int64(-1)), quote


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
def skip_value(at: int, quote: int, end: int, stack: int) -> tuple[int, int]:
    """Return the address behind a JSON value, and where the quote behind it is noted.

    ``stack`` is the address of MOST_NESTED bytes to work with.
    """
    depth = 0
    while True:
        # a value begins here
        letter = load8(at)
        first = False
        if letter == QUOTE:
            _, _, at, quote = read_text(at, quote, end)
        elif letter == BRACE or letter == BRACKET:
            if depth >= MOST_NESTED:
                return np.int64(-1), quote
            store8(stack + depth, letter)
            depth += 1
            at += letter == BRACKET
            first = True
        elif letter == MINUS or ZERO <= letter <= NINE:
            _, at = read_number(at, end)
        else:
            _, at = read_flag(at, end)
        if at < 0:
            return at, quote
        # go to the next value, or leave what has ended
        while True:
            if depth == 0:
                return at, quote
            if load8(stack + depth - 1) == BRACE:
                place, _, _, value, quote = next_key(at, quote, end, first)
                if value >= 0:
                    at = value
                    break
                if place < 0:
                    return place, quote
                at = place
            else:
                at = skip_space(at, end)
                if at >= end:
                    return np.int64(-1), quote
                if load8(at) == BRACKET_END:
                    at += 1
                else:
                    if not first:
                        if load8(at) != COMMA:
                            return np.int64(-1), quote
                        at = skip_space(at + 1, end)
                    if at >= end:
                        return np.int64(-1), quote
                    break
            depth -= 1
            first = False

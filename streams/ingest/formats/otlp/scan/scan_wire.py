"""The parts of protobuf on the wire, of the messages of OpenTelemetry: numbers, texts, values. Compiled.

Only the form that exporters write is read, and lengths of at most four bytes. The address -1 is
returned for anything else. ``end`` is the address behind a part; ``BEHIND`` bytes behind a payload can be
read.
"""

from typing import Final

import numpy as np

from detectors.state.compiled import inlined, part
from streams.engine.decode.scan.machine_words import load8, load64, store64

_HIGHS: Final = np.uint64(0x8080808080808080)
_TEXT, _FLAG, _NUMBER, _DOUBLE, _LIST, _BYTES = 0x0A, 0x10, 0x18, 0x21, 0x2A, 0x3A

NO_VALUE, IS_TEXT, IS_FLAG, IS_NUMBER, IS_DOUBLE, IS_LIST, IS_BYTES = range(7)
"""Types of values."""


@inlined
def read_length(at: int, end: int) -> tuple[int, int]:
    """Read the length of a part that ends before ``end``; return its address, and the length or -1."""
    found = load8(at)
    at += 1
    if found >= 0x80:
        more = load8(at)
        at += 1
        found = (found & 0x7F) | (more & 0x7F) << 7
        if more >= 0x80:
            more = load8(at)
            at += 1
            found |= (more & 0x7F) << 14
            if more >= 0x80:
                more = load8(at)
                at += 1
                found |= more << 21
                if more >= 0x80:
                    return at, np.int64(-1)
    if found > end - at:
        return at, np.int64(-1)
    return at, found


@part
def skip_number(at: int, end: int) -> int:
    """Return the address behind a number of variable length, -1 if it does not end in ten bytes."""
    last = min(at + 9, end - 1)
    while at <= last:
        if load8(at) < 0x80:
            return at + 1
        at += 1
    return np.int64(-1)


@inlined
def is_text(at: int, end: int) -> bool:
    """Whether bytes are UTF-8."""
    high = np.uint64(0)
    place = at
    while place + 8 <= end:
        high |= load64(place)
        place += 8
    if place < end:
        high |= load64(place) & ((np.uint64(1) << np.uint64(8 * (end - place))) - np.uint64(1))
    return high & _HIGHS == 0 or is_utf8(at, end)


@part
def is_utf8(at: int, end: int) -> bool:
    """Whether bytes, not all ASCII, are UTF-8 (RFC 3629, section 4)."""
    while at < end:
        head = load8(at)
        at += 1
        if head < 0x80:
            continue
        least, most, more = 0x80, 0xBF, 0
        if 0xC2 <= head <= 0xDF:
            more = 1
        elif 0xE0 <= head <= 0xEF:
            more = 2
            if head == 0xE0:
                least = 0xA0
            elif head == 0xED:
                most = 0x9F
        elif 0xF0 <= head <= 0xF4:
            more = 3
            if head == 0xF0:
                least = 0x90
            elif head == 0xF4:
                most = 0x8F
        else:
            return False
        if at + more > end:
            return False
        for _ in range(more):
            if not least <= load8(at) <= most:
                return False
            least, most = 0x80, 0xBF
            at += 1
    return True


@inlined
def read_value(at: int, end: int) -> tuple[int, int, int]:
    """Read a value that fills the bytes up to ``end``.

    Returns
    -------
    Its type (-1 if it is in another form), and of a text or list its address and length, of a flag or a
    number of at most four bytes itself (-1 if it has more) and 0.
    """
    if at == end:
        return NO_VALUE, np.int64(0), np.int64(0)
    tag = load8(at)
    at += 1
    if tag == _TEXT:
        at, length = read_length(at, end)
        if length < 0 or at + length != end or not is_text(at, end):
            return -1, np.int64(0), np.int64(0)
        return IS_TEXT, at, length
    if tag == _LIST or tag == _BYTES:
        at, length = read_length(at, end)
        if length < 0 or at + length != end:
            return -1, np.int64(0), np.int64(0)
        if tag == _BYTES:
            return IS_BYTES, at, length
        return IS_LIST, at, length
    if tag == _FLAG:
        if at + 1 != end or load8(at) > 1:
            return -1, np.int64(0), np.int64(0)
        return IS_FLAG, load8(at), np.int64(0)
    if tag == _NUMBER:
        if skip_number(at, end) != end:
            return -1, np.int64(0), np.int64(0)
        number = np.int64(-1)
        if end - at <= 4:
            _, number = _small(at, end)
        return IS_NUMBER, number, np.int64(0)
    if tag == _DOUBLE and at + 8 == end:
        return IS_DOUBLE, at, np.int64(0)
    return -1, np.int64(0), np.int64(0)


@part
def _small(at: int, end: int) -> tuple[int, int]:
    number, shift = np.int64(0), 0
    while at < end:
        number |= (load8(at) & 0x7F) << shift
        shift += 7
        at += 1
    return at, number


@part
def read_texts(at: int, end: int) -> tuple[int, int, int]:
    """Read a list of values.

    Returns
    -------
    How many it has, -1 if one is in another form or a list itself; and address and length of the last text.
    """
    count, text, length = 0, np.int64(0), np.int64(0)
    while at < end:
        if load8(at) != _TEXT:
            return -1, text, length
        at, size = read_length(at + 1, end)
        if size < 0:
            return -1, text, length
        kind, text, length = read_value(at, at + size)
        if kind < 0 or kind == IS_LIST:
            return -1, text, length
        if kind != IS_TEXT:
            length = np.int64(-1)
        count += 1
        at += size
    return count, text, length


@inlined
def read_key(at: int, end: int) -> tuple[int, int]:
    """Read the key of an attribute that ends at ``end``, which stands at ``at`` + 2.

    Returns
    -------
    The address of the length of its value, -1 if it is in another form; and the length of the key.
    """
    length = load8(at + 1)
    value = at + 2 + length
    if load8(at) != _TEXT or length >= 0x80 or value + 2 > end or load8(value) != 0x12:
        return np.int64(-1), length
    return value + 1, length


@inlined
def copy(to: int, at: int, length: int) -> int:
    """Copy bytes, and up to seven more; return the address behind them in their new place."""
    for place in range(0, length, 8):
        store64(to + place, np.int64(load64(at + place)))
    return to + length

"""Writes rows of spans as native records, one a line. Compiled."""

from typing import Final

import numpy as np

from detectors.state.compiled import inlined, part
from streams.engine.decode.scan.machine_words import load8, load_int, store8, store16, store64
from streams.ingest.formats.otlp.scan import span_memory as memory
from streams.ingest.formats.otlp.scan.scan_span import piece_at
from streams.ingest.formats.otlp.scan.scan_wire import copy


def _words(text: str) -> tuple[np.int64, ...]:
    padded = text.encode().ljust(-(-len(text) // 8) * 8)
    return tuple(
        np.int64(int.from_bytes(padded[at : at + 8], "little", signed=True))
        for at in range(0, len(padded), 8)
    )


_TS: Final = _words('{"ts":')[0]
_ID: Final = _words(',"id":"span:')
_MS_FUNCTION: Final = _words(',"ms":{"function":')
_MS_TOTAL: Final = _words(',"ms":{"total":')
_TABLES: Final = _words(',"tables":[')
_JOINS: Final = _words(',"joins":"')
_TRACE: Final = _words('","trace":"')
_KIND: Final = _words(',"kind":"call"')
_MS, _RCU, _WCU = _words(',"ms":')[0], _words(',"rcu":')[0], _words(',"wcu":')[0]

_SLASH, _QUOTE, _BRACE, _BRACKET, _COMMA, _DOT, _ZERO, _SPACE, _LINE = map(ord, '/"}],.0 \n')
_SECOND: Final = 1_000_000_000
_MILLISECOND: Final = 1_000_000

FIXED: Final = 512
"""Bytes that a line has at most, beside its pieces and its calls."""
OF_CALL: Final = 128
"""Bytes of a call, beside its piece."""


@inlined
def _put2(to: int, words: tuple[np.int64, np.int64], length: int) -> int:
    store64(to, words[0])
    store64(to + 8, words[1])
    return to + length


@inlined
def _put8(to: int, letter: int) -> int:
    store8(to, np.int64(letter))
    return to + 1


@inlined
def _put_hex(to: int, at: int, size: int, digits: int) -> int:
    for place in range(size):
        store16(to + 2 * place, load_int(digits + 8 * load8(at + place)))
    return to + 2 * size


@inlined
def _put_digits(to: int, number: int, digits: int) -> int:
    for place in range(digits - 1, -1, -1):
        rest = number // 10
        store8(to + place, number - 10 * rest + _ZERO)
        number = rest
    return to + digits


@inlined
def _put_whole(to: int, number: int) -> int:
    digits, least = 1, 10
    while number >= least:
        least *= 10
        digits += 1
    return _put_digits(to, number, digits)


@inlined
def _put_millionths(to: int, rest: int) -> int:
    """Put the fraction of a number in millionths, by three digits."""
    if rest == 0:
        return to
    store8(to, np.int64(_DOT))
    thousandths = rest // 1000
    to = _put_digits(to + 1, thousandths, 3)
    rest -= 1000 * thousandths
    return to if rest == 0 else _put_digits(to, rest, 3)


@inlined
def _put_seconds(to: int, nanoseconds: int) -> int:
    seconds = nanoseconds // _SECOND
    to = _put_whole(to, seconds)
    rest = nanoseconds - seconds * _SECOND
    millionths = rest // 1000
    to_ = _put_millionths(to, millionths)
    rest -= 1000 * millionths
    if rest == 0:
        return to_
    if to_ == to:
        store8(to, np.int64(_DOT))
        to_ = _put_digits(to + 1, np.int64(0), 3)
    if millionths % 1000 == 0:
        to_ = _put_digits(to_, np.int64(0), 3)
    return _put_digits(to_, rest, 3)


@inlined
def _put_milliseconds(to: int, took: int) -> int:
    whole = took // _MILLISECOND
    to = _put_whole(to, whole)
    return _put_millionths(to, took - whole * _MILLISECOND)


@inlined
def _put_piece(io: int, to: int, number: int) -> int:
    piece = piece_at(io, number)
    return copy(to, load_int(piece + memory.AT), load_int(piece + memory.LENGTH))


@inlined
def _put_call(io: int, to: int, row: int) -> int:
    """Put a table call: its piece is an object without its closing brace."""
    to = _put_piece(io, to, load_int(row + memory.PIECE))
    took = load_int(row + memory.TOOK)
    if took >= 0:
        store64(to, _MS)
        to = _put_milliseconds(to + 6, took)
    length = load_int(row + memory.RCU_LENGTH)
    if length > 0:
        store64(to, _RCU)
        to = copy(to + 7, load_int(row + memory.RCU), length)
    length = load_int(row + memory.WCU_LENGTH)
    if length > 0:
        store64(to, _WCU)
        to = copy(to + 7, load_int(row + memory.WCU), length)
    return _put8(to, _BRACE)


@part
def bytes_of(io: int, row: int) -> int:
    """Return how long the line of a row may get."""
    rows = load_int(io + memory.ROWS)
    origin = load_int(load_int(row + memory.RESOURCE) + memory.ORIGIN)
    length = FIXED + load_int(piece_at(io, origin) + memory.LENGTH)
    length += load_int(piece_at(io, load_int(row + memory.PIECE)) + memory.LENGTH)
    if load_int(row + memory.MAKES) == memory.A_CALL:
        return length + OF_CALL
    length += load_int(row + memory.INVOCATION_LENGTH)
    if load_int(row + memory.CLIENT) >= 0:
        length += load_int(piece_at(io, load_int(row + memory.CLIENT)) + memory.LENGTH)
    call = load_int(row + memory.CALLS)
    while call >= 0:
        at = rows + memory.ROW_BYTES * call
        length += OF_CALL + load_int(piece_at(io, load_int(at + memory.PIECE)) + memory.LENGTH)
        call = load_int(at + memory.NEXT)
    return length


@part
def put_line(io: int, to: int, row: int) -> int:
    """Write the record of a request or of a call alone; return the address behind it."""
    rows, digits = load_int(io + memory.ROWS), load_int(io + memory.HEX)
    origin = piece_at(io, load_int(load_int(row + memory.RESOURCE) + memory.ORIGIN))
    store64(to, _TS)
    to = _put_seconds(to + 6, load_int(row + memory.START))
    to = _put2(to, _ID, 12)
    trace = to
    to = _put_hex(to, row + memory.TRACE_HIGH, 16, digits)
    to = _put8(to, _SLASH)
    to = _put_hex(to, row + memory.ID, 8, digits)
    to = _put8(to, _QUOTE)
    took = load_int(row + memory.TOOK)
    if load_int(row + memory.MAKES) == memory.A_CALL:
        to = copy(to, load_int(origin + memory.AT), load_int(origin + memory.SHORT))
        to = _put2(to, _KIND, 14)
        to = _put2(to, _TABLES, 11)
        to = _put_call(io, to, row)
        to = _put8(to, _BRACKET)
    else:
        to = copy(to, load_int(origin + memory.AT), load_int(origin + memory.LENGTH))
        to = _put_piece(io, to, load_int(row + memory.PIECE))
        if load_int(row + memory.CLIENT) >= 0:
            to = _put_piece(io, to, load_int(row + memory.CLIENT))
        if took >= 0:
            if load_int(origin + memory.SAYS_MORE):
                store64(to + 16, _MS_FUNCTION[2])
                to = _put2(to, (_MS_FUNCTION[0], _MS_FUNCTION[1]), 18)
            else:
                to = _put2(to, _MS_TOTAL, 15)
            to = _put_milliseconds(to, took)
            to = _put8(to, _BRACE)
        call = load_int(row + memory.CALLS)
        if call >= 0:
            to = _put2(to, _TABLES, 11)
            while call >= 0:
                at = rows + memory.ROW_BYTES * call
                to = _put_call(io, to, at)
                to = _put8(to, _COMMA)
                call = load_int(at + memory.NEXT)
            to = _put8(to - 1, _BRACKET)
    to = _put2(to, _JOINS, 10)
    to = copy(to, trace, np.int64(32))
    length = load_int(row + memory.INVOCATION_LENGTH)
    if length > 0:
        to = copy(_put8(to, _SPACE), load_int(row + memory.INVOCATION), length)
    to = _put2(to, _TRACE, 11)
    to = copy(to, trace, np.int64(32))
    to = _put8(to, _QUOTE)
    to = _put8(to, _BRACE)
    return _put8(to, _LINE)

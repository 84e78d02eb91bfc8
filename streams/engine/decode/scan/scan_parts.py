"""Scans the parts of an event: layers, client, table calls, values, status, error class, id. Compiled.

Each function is given the address of a value and where the next quote is noted, and returns both for what is
behind the value; the address is -1 when the record is to be left to the plain decoder. A field that comes
twice is left to it, since which one counts is its decision.
"""

from typing import Final

import numpy as np

from detectors.latency.histogram import EDGES, N_BINS
from detectors.state.compiled import inlined, part, unlocked
from streams.engine.decode.columns import BACKEND, FATAL, NO_ERROR, QUANTUM, USER
from streams.engine.decode.hashing import ODD, SHORT
from streams.engine.decode.scan import scan_fields as fields
from streams.engine.decode.scan import scan_memory as memory
from streams.engine.decode.scan.machine_words import (
    as_bits,
    load8,
    load_float,
    load_int,
    store16,
    store64,
    store_float,
)
from streams.engine.decode.scan.name_table import NO_TABLE, look_up
from streams.engine.decode.scan.scan_json import (
    BRACE,
    BRACKET,
    BRACKET_END,
    COMMA,
    NINE,
    ZERO,
    is_null,
    next_key,
    read_amount,
    read_text,
    skip_space,
    skip_value,
    word_at,
    word_of,
)
from streams.engine.decode.scan.scan_memory import array_at, keep_text, put, put8, put_float, read_into
from streams.engine.decode.scan.scan_number import read_number
from streams.engine.decode.values import LARGEST

_SHIFT: Final = 45
"""Bits below a table cell. There are 128 cells per power of two, so at most one edge lies in each."""


def _cells() -> tuple[int, np.ndarray]:
    low, high = (EDGES[[0, -1]].view(np.uint64) >> np.uint64(_SHIFT)).tolist()
    begins = (np.arange(low, high + 1, dtype=np.uint64) << np.uint64(_SHIFT)).view(np.float64)
    return low, np.searchsorted(EDGES, begins).astype(np.int16)


_LOW, _FIRST = _cells()


@unlocked
def bin_of(ms: float) -> int:
    """Return the bin of a duration in milliseconds, -1 for NaN; the same as ``histogram.bins_of``."""
    if ms <= EDGES[0]:
        return np.int64(0)
    if ms > EDGES[N_BINS - 2]:
        return np.int64(N_BINS - 1)
    if not ms == ms:
        return np.int64(-1)
    found = np.int64(_FIRST[np.int64(as_bits(ms) >> np.uint64(_SHIFT)) - _LOW])
    return found + (ms > EDGES[found])


UNSEEN: Final = -2.0
"""Milliseconds of a layer that was not read yet."""

_SPACE: Final = ord(" ")
_USER, _BACKEND, _FATAL = map(word_of, ("user", "backend", "fatal"))
_REQUEST, _CALL = map(word_of, ("request", "call"))

OF_REQUEST, OF_CALLS, OF_ANOTHER = range(3)
"""Kinds of a record: a request, calls alone, or one that is left to the plain decoder."""


@part
def _mixed(x: np.uint64) -> np.uint64:
    x ^= x >> np.uint64(33)
    x *= np.uint64(0xFF51AFD7ED558CCD)
    x ^= x >> np.uint64(33)
    x *= np.uint64(0xC4CEB9FE1A85EC53)
    x ^= x >> np.uint64(33)
    return x


@part
def hash_id(at: int, length: int) -> np.uint64:
    """Return the hash of a short ASCII id, the same as ``streams.engine.decode.hashing.hashes_of``."""
    if length <= 0:
        return np.uint64(0)
    found = np.uint64(length) * ODD[SHORT // 8]
    word = 0
    while 8 * word < length:
        found += _mixed(word_at(at + 8 * word, length - 8 * word) * ODD[word])
        word += 1
    found = _mixed(found)
    return found if found != 0 else np.uint64(1)


@part
def scan_joins(at: int, length: int, hashes: int) -> bool:
    """Put the hashes of both keys, the same as ``decode.hashing.joins_of``; False if one is long."""
    stop = at + length
    while at < stop and load8(at) == _SPACE:
        at += 1
    while at < stop and load8(stop - 1) == _SPACE:
        stop -= 1
    behind = at
    while behind < stop and load8(behind) != _SPACE:
        behind += 1
    second = behind
    while second < stop and load8(second) == _SPACE:
        second += 1
    if behind - at > SHORT or stop - second > SHORT:
        return False
    store64(hashes, np.int64(hash_id(at, behind - at)))
    store64(hashes + 8, np.int64(hash_id(second, stop - second)))
    return True


@part
def quantised(amount: float) -> float:
    """Return the nearest multiple of QUANTUM, 0 for NaN."""
    return np.rint(amount / QUANTUM) * QUANTUM if amount == amount else 0.0


@inlined
def scan_layers(at: int, quote: int, end: int, work: int) -> tuple[int, int]:
    """Scan the ``ms`` of an event."""
    if load8(at) != BRACE:
        return (at + 4 if is_null(at, end) else np.int64(-1)), quote
    first = True
    while True:
        key, length, word, value, quote = next_key(at, quote, end, first)
        if value < 0:
            return key, quote
        first = False
        layer = fields.layer_of(length, word)
        if layer >= 0:
            place = work + memory.LAYERS_MS + 8 * layer
            if load_float(place) != UNSEEN:
                return np.int64(-1), quote
            amount, at = read_amount(value, end)
            store_float(place, amount)
        else:
            at, quote = skip_value(value, quote, end, work + memory.STACK)
        if at < 0:
            return at, quote


@inlined
def scan_client(at: int, quote: int, end: int, work: int) -> tuple[int, int]:
    """Scan the client of an event."""
    if load8(at) != BRACE:
        return (at + 4 if is_null(at, end) else np.int64(-1)), quote
    first = True
    seen = 0
    while True:
        key, length, word, value, quote = next_key(at, quote, end, first)
        if value < 0:
            return key, quote
        first = False
        text = fields.client_field(length, word)
        if text != fields.UNKNOWN:
            if (seen >> text) & 1:
                return np.int64(-1), quote
            seen |= 1 << text
            at, quote = read_into(work + 16 * text, value, quote, end)
        else:
            at, quote = skip_value(value, quote, end, work + memory.STACK)
        if at < 0:
            return at, quote


@inlined
def scan_tables(io: int, at: int, quote: int, end: int, begin: int, row: int, work: int) -> tuple[int, int]:
    """Scan the table calls of an event, whose record begins at ``begin``."""
    if load8(at) != BRACKET:
        return (at + 4 if is_null(at, end) else np.int64(-1)), quote
    at = skip_space(at + 1, end)
    if at < end and load8(at) == BRACKET_END:
        return at + 1, quote
    counts = array_at(io, memory.COUNTS)
    table = work + memory.TABLES
    last = work + memory.QUOTES
    while True:
        call = load_int(counts + memory.CALLS)
        if at >= end or load8(at) != BRACE or call >= load_int(counts + memory.ROOM) or table >= last:
            return np.int64(-1), quote
        at, quote = _scan_call(io, at, quote, end, begin, row, table, work)
        if at < 0:
            return at, quote
        table += 16
        store64(counts + memory.CALLS, call + 1)
        at = skip_space(at, end)
        if at >= end:
            return np.int64(-1), quote
        if load8(at) == BRACKET_END:
            return at + 1, quote
        if load8(at) != COMMA:
            return np.int64(-1), quote
        at = skip_space(at + 1, end)


@inlined
def _scan_call(
    io: int, at: int, quote: int, end: int, begin: int, row: int, table: int, work: int
) -> tuple[int, int]:
    """Scan the next table call; its table becomes the text at ``table``."""
    call = load_int(array_at(io, memory.COUNTS) + memory.CALLS)
    ms, rcu, wcu = np.nan, np.nan, np.nan
    first = True
    seen = 0
    kind = np.int64(0)
    throttled = False
    store64(table + 8, np.int64(-1))
    while True:
        key, length, word, value, quote = next_key(at, quote, end, first)
        if value < 0:
            at = key
            break
        first = False
        field = fields.call_field(key, length, word)
        if field == fields.UNKNOWN:
            at, quote = skip_value(value, quote, end, work + memory.STACK)
            if at < 0:
                return at, quote
            continue
        if (seen >> field) & 1:
            return np.int64(-1), quote
        seen |= 1 << field
        if field == fields.CALL_NAME:
            at, quote = read_into(table, value, quote, end)
        elif field == fields.CALL_OP:
            text = work + memory.ONE_TEXT
            at, quote = read_into(text, value, quote, end)
            if at >= 0 and load_int(text + 8) >= 0:
                kind = look_up(text, np.int64(0), array_at(io, memory.KNOWN_OPS))
                if kind < 0:
                    return np.int64(-1), quote
        elif field == fields.CALL_MS:
            ms, at = read_amount(value, end)
        elif field == fields.CALL_RCU:
            rcu, at = read_amount(value, end)
        elif field == fields.CALL_WCU:
            wcu, at = read_amount(value, end)
        else:
            place, length, at, quote = read_text(value, quote, end)
            if at >= 0 and length > 0:
                throttled = True
                if not keep_text(io, call, memory.OF_CALL, place - begin, length):
                    return np.int64(-1), quote
        if at < 0:
            return at, quote
    if at < 0 or load_int(table + 8) < 0:
        return np.int64(-1), quote
    put_call(io, row, call, kind, ms, rcu, wcu, throttled)
    return at, quote


@part
def put_call(
    io: int, row: int, call: int, kind: int, ms: float, rcu: float, wcu: float, throttled: bool
) -> None:
    """Put a table call of the event in this row."""
    put(io, memory.CALL_EVENT, call, row)
    put8(io, memory.CALL_KIND, call, kind)
    store16(array_at(io, memory.CALL_BIN) + 2 * call, bin_of(ms))
    put_float(io, memory.CALL_RCU, call, quantised(rcu))
    put_float(io, memory.CALL_WCU, call, quantised(wcu))
    put8(io, memory.CALL_THROTTLED, call, throttled)


@part
def scan_values(io: int, at: int, quote: int, end: int, row: int, work: int) -> tuple[int, int]:
    """Scan the business values of an event."""
    if load8(at) != BRACE:
        return (at + 4 if is_null(at, end) else np.int64(-1)), quote
    first = True
    counts = array_at(io, memory.COUNTS)
    before = load_int(counts + memory.VALUES)
    known, table = array_at(io, memory.VALUE_KEY), array_at(io, memory.KNOWN_KEYS)
    text = work + memory.ONE_TEXT
    while True:
        key, length, _, value, quote = next_key(at, quote, end, first)
        if value < 0:
            return key, quote
        first = False
        store64(text, key)
        store64(text + 8, length)
        v = load_int(counts + memory.VALUES)
        number = look_up(text, np.int64(0), table) if table != NO_TABLE else v
        if number < 0 or v >= load_int(counts + memory.ROOM):
            return np.int64(-1), quote
        for other in range(before, v):
            if load_int(known + 8 * other) == number:  # perhaps the same key again
                return np.int64(-1), quote
        amount, at = read_number(value, end)
        if at < 0 or not -LARGEST <= amount <= LARGEST:
            return np.int64(-1), quote
        put(io, memory.VALUE_EVENT, v, row)
        store64(known + 8 * v, number)
        put_float(io, memory.VALUE, v, amount)
        store64(counts + memory.VALUES, v + 1)


@inlined
def kind_of(text: int) -> int:
    """Return the kind of a record from the text at ``text``."""
    place, length = load_int(text), load_int(text + 8)
    if length < 0:
        return np.int64(OF_REQUEST)
    if length == 4 and word_at(place, length) == _CALL:
        return np.int64(OF_CALLS)
    if length == 7 and word_at(place, length) == _REQUEST:
        return np.int64(OF_REQUEST)
    return np.int64(OF_ANOTHER)


@part
def weigh(io: int, first_call: int, first_value: int, weight: float) -> None:
    """Let the calls and values of a record, from these on, stand for ``weight`` of them each."""
    counts = array_at(io, memory.COUNTS)
    rcu, wcu = array_at(io, memory.CALL_RCU), array_at(io, memory.CALL_WCU)
    for call in range(first_call, load_int(counts + memory.CALLS)):
        put_float(io, memory.CALL_WEIGHT, call, weight)
        if weight != 1.0:
            store_float(rcu + 8 * call, quantised(load_float(rcu + 8 * call) * weight))
            store_float(wcu + 8 * call, quantised(load_float(wcu + 8 * call) * weight))
    if weight != 1.0:
        value = array_at(io, memory.VALUE)
        for at in range(first_value, load_int(counts + memory.VALUES)):
            store_float(value + 8 * at, load_float(value + 8 * at) * weight)


@inlined
def scan_status(at: int, end: int) -> tuple[int, int]:
    """Scan the status of an event; return it, 0 for null, and the address behind it."""
    if is_null(at, end):
        return np.int64(0), at + 4
    begin = at
    status = np.int64(0)
    while at < end and ZERO <= load8(at) <= NINE:
        status = 10 * status + (load8(at) - ZERO)
        at += 1
    if not 1 <= at - begin <= 3 or (at - begin > 1 and load8(begin) == ZERO):
        return status, np.int64(-1)
    return status, at


@part
def scan_error(at: int, quote: int, end: int) -> tuple[int, int, int]:
    """Scan the error class of an event; return it before what is behind it."""
    if is_null(at, end):
        return np.int64(NO_ERROR), at + 4, quote
    place, length, at, quote = read_text(at, quote, end)
    if at >= 0 and length <= 8:
        word = word_at(place, length)
        if word == _USER:
            return np.int64(USER), at, quote
        if word == _BACKEND:
            return np.int64(BACKEND), at, quote
        if word == _FATAL:
            return np.int64(FATAL), at, quote
    return np.int64(NO_ERROR), np.int64(-1), quote

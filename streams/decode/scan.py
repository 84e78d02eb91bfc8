"""Scan: the bytes of a run of records become numbers in columns, without an object a record. Compiled.

The scanner is a strict recogniser of what events look like when services write them. Whatever is unusual
in a record (an escape, a name that has no number yet, a date as text, anything malformed) it leaves alone
and says so: that record goes to the plain decoder (``decode/parse.py``), which is the judge of what an
event is. So the scanner never decides that a record is bad, and a property test holds it to the plain
decoder record by record (docs/adr/0018).

What it reads and writes lies in the arrays of ``decode/scanner.py``; ``io`` is the address of the list of
their addresses, in the order of the names below.
"""

from typing import Final

import numpy as np

from detectors.state.compiled import unlocked
from streams.decode.cells import IN_AUTH, IN_CODE, IN_FUNCTION, LAYERS, TOTAL
from streams.decode.columns import BACKEND, FATAL, NO_ERROR, QUANTUM, USER
from streams.decode.event import MAX_BYTES
from streams.decode.hashing import ODD, SHORT
from streams.decode.machine_words import load8, load64, load_float, store8, store16, store64, store_float
from streams.decode.name_table import look_up
from streams.decode.parse import EARLIEST, LATEST, MILLISECONDS_FROM
from streams.decode.scan_bins import bin_of
from streams.decode.scan_json import (
    BRACE,
    BRACKET,
    BRACKET_END,
    COMMA,
    MOST_NESTED,
    NINE,
    ZERO,
    is_null,
    next_key,
    read_amount,
    read_flag,
    read_text,
    skip_space,
    skip_value,
    word_at,
    word_of,
)
from streams.decode.scan_number import read_number

# -- what ``io`` lists ------------------------------------------------------------------------------

INPUTS: Final = ("starts", "ends", "paths", "calls_known", "ops", "keys")
OUTPUTS: Final = (
    "read", "ts", "key", "path", "error", "cold", "throttled", "bins", "busy",
    "call_event", "call", "call_kind", "call_bin", "call_rcu", "call_wcu", "call_throttled",
    "value_event", "value_key", "value",
    "text_row", "text_of", "text_at", "text_length",
    "counts", "work",
)  # fmt: skip
(_STARTS, _ENDS, _PATHS, _CALLS_KNOWN, _OPS, _KEYS) = (8 * place for place in range(6))
(
    _READ, _TS, _KEY, _PATH, _ERROR, _COLD, _THROTTLED, _BINS, _BUSY,
    _CALL_EVENT, _CALL, _CALL_KIND, _CALL_BIN, _CALL_RCU, _CALL_WCU, _CALL_THROTTLED,
    _VALUE_EVENT, _VALUE_KEY, _VALUE,
    _TEXT_ROW, _TEXT_OF, _TEXT_AT, _TEXT_LENGTH,
    _COUNTS, _WORK,
) = (8 * (6 + place) for place in range(25))  # fmt: skip

OF_ERROR, OF_THROTTLE, OF_CALL = range(3)
"""What a text belongs to: the type of an event's error, its throttle reason, that of a call."""

CALLS, VALUES, TEXTS, ROOM, TEXT_ROOM = (8 * place for place in range(5))
"""Places in ``counts``: how many calls, values and texts there are; how many calls or values, and how many
texts, there is room for."""

# -- the working space ------------------------------------------------------------------------------

PATH_TEXTS: Final = 9
_CLOUD, _ACCOUNT, _REGION, _SERVICE, _ROUTE, _FUNCTION, _NAME, _VERSION, _TENANT = range(PATH_TEXTS)
_ONE: Final = 16 * PATH_TEXTS  # a single text, behind the pairs of address and length of those of a path
_MS: Final = _ONE + 16  # the layers of a request
_STACK: Final = _MS + 8 * LAYERS
_TABLES: Final = _STACK + MOST_NESTED  # address and length of the table of each call of a record
MOST_CALLS: Final = 4096
"""Table calls of one request that are read here; with more it is left to the plain decoder."""
WORK_BYTES: Final = _TABLES + 16 * MOST_CALLS

_NOT_TOLD: Final = -1  # the event says nothing of an error: it follows from the status
_UNSEEN: Final = -2.0  # a layer that did not come yet
_SHORTEST: Final = 16  # bytes; a record below is no event
_CLIENT_ERROR, _TOO_MANY, _SERVER_ERROR = 400, 429, 500

_K_TS, _K_ID, _K_CLOUD, _K_ACCOUNT, _K_REGION = map(word_of, ("ts", "id", "cloud", "account", "region"))
_K_SERVICE, _K_ROUTE, _K_FUNCTION, _K_CLIENT = map(word_of, ("service", "route", "function", "client"))
_K_STATUS, _K_ERROR, _K_MS, _K_TABLES, _K_VALUES = map(word_of, ("status", "error", "ms", "tables", "values"))
_K_NAME, _K_VERSION, _K_TENANT = map(word_of, ("name", "version", "tenant"))
_K_TOTAL, _K_CODE, _K_AUTH = map(word_of, ("total", "code", "auth"))
_K_OP, _K_RCU, _K_WCU = map(word_of, ("op", "rcu", "wcu"))
_K_THROTTLE, _K_ERROR_TY, _K_COLD_STA = map(word_of, ("throttle", "error_ty", "cold_sta"))
_THROTTLED_END, _ERROR_TYPE_END, _COLD_START_END = ord("d"), word_of("pe"), word_of("rt")
_W_USER, _W_BACKEND, _W_FATAL = map(word_of, ("user", "backend", "fatal"))


@unlocked
def _place(io: int, which: int) -> int:
    return np.int64(load64(io + which))


@unlocked
def _put(io: int, which: int, index: int, value: int) -> None:
    store64(np.int64(load64(io + which)) + 8 * index, np.int64(value))


@unlocked
def _put_float(io: int, which: int, index: int, value: float) -> None:
    store_float(np.int64(load64(io + which)) + 8 * index, value)


@unlocked
def _put8(io: int, which: int, index: int, value: int) -> None:
    store8(np.int64(load64(io + which)) + index, np.int64(value))


@unlocked
def _mixed(x: np.uint64) -> np.uint64:
    x ^= x >> np.uint64(33)
    x *= np.uint64(0xFF51AFD7ED558CCD)
    x ^= x >> np.uint64(33)
    x *= np.uint64(0xC4CEB9FE1A85EC53)
    x ^= x >> np.uint64(33)
    return x


@unlocked
def _hash_id(at: int, length: int, end: int) -> np.uint64:
    """Return what ``streams.decode.hashing.hashes_of`` gives for a short ASCII id."""
    if length <= 0:
        return np.uint64(0)
    found = np.uint64(length) * ODD[SHORT // 8]
    word = 0
    while 8 * word < length:
        found += _mixed(word_at(at + 8 * word, min(length - 8 * word, 8), end) * ODD[word])
        word += 1
    found = _mixed(found)
    return found if found != 0 else np.uint64(1)


@unlocked
def _whole(amount: float) -> float:
    return np.rint(amount / QUANTUM) * QUANTUM if amount == amount else 0.0


@unlocked
def _read_into(text: int, at: int, end: int) -> int:
    """Read a string or null as the text that is described at ``text``; return the address behind it."""
    place, length, _, at = read_text(at, end)
    store64(text, place)
    store64(text + 8, length)
    return at


@unlocked
def _keep_text(io: int, row: int, what: int, at: int, length: int) -> bool:
    """Keep where a text lies, counted from its record; False when there is no room."""
    counts = _place(io, _COUNTS)
    text = np.int64(load64(counts + TEXTS))
    if text >= np.int64(load64(counts + TEXT_ROOM)):
        return False
    _put(io, _TEXT_ROW, text, row)
    _put(io, _TEXT_OF, text, what)
    _put(io, _TEXT_AT, text, at)
    _put(io, _TEXT_LENGTH, text, length)
    store64(counts + TEXTS, text + 1)
    return True


@unlocked
def _layers(at: int, end: int, work: int) -> int:
    """Read the ``ms`` of an event; return the address behind it."""
    if load8(at) != BRACE:
        return at + 4 if is_null(at, end) else np.int64(-1)
    at += 1
    first = True
    while True:
        key, length, word, value = next_key(at, end, first)
        if value < 0:
            return key
        first = False
        layer = -1
        if length <= 8:
            if word == _K_TOTAL:
                layer = TOTAL
            elif word == _K_FUNCTION:
                layer = IN_FUNCTION
            elif word == _K_CODE:
                layer = IN_CODE
            elif word == _K_AUTH:
                layer = IN_AUTH
        if layer >= 0:
            place = work + _MS + 8 * layer
            if load_float(place) != _UNSEEN:  # a second time: which one counts is the plain decoder's to say
                return np.int64(-1)
            amount, at = read_amount(value, end)
            store_float(place, amount)
        else:
            at = skip_value(value, end, work + _STACK)
        if at < 0:
            return at


@unlocked
def _client(at: int, end: int, work: int) -> int:
    """Read the client of an event; return the address behind it."""
    if load8(at) != BRACE:
        return at + 4 if is_null(at, end) else np.int64(-1)
    at += 1
    first = True
    seen = 0
    while True:
        key, length, word, value = next_key(at, end, first)
        if value < 0:
            return key
        first = False
        text = -1
        if length <= 8:
            if word == _K_NAME:
                text = _NAME
            elif word == _K_VERSION:
                text = _VERSION
            elif word == _K_TENANT:
                text = _TENANT
        if text >= 0:
            if (seen >> text) & 1:
                return np.int64(-1)
            seen |= 1 << text
            at = _read_into(work + 16 * text, value, end)
        else:
            at = skip_value(value, end, work + _STACK)
        if at < 0:
            return at


@unlocked
def _call(io: int, at: int, end: int, begin: int, row: int, m: int, table: int, work: int) -> int:
    """Read one table call, at its brace, as call ``m``; return the address behind it."""
    ms, rcu, wcu = np.nan, np.nan, np.nan
    at += 1
    first = True
    seen = 0
    kind = np.int64(0)
    throttled = False
    store64(table + 8, np.int64(-1))
    while True:
        key, length, word, value = next_key(at, end, first)
        if value < 0:
            at = key
            break
        first = False
        field = 0
        if length <= 8:
            if word == _K_NAME:
                field = 1
            elif word == _K_OP:
                field = 2
            elif word == _K_MS:
                field = 3
            elif word == _K_RCU:
                field = 4
            elif word == _K_WCU:
                field = 5
        elif length == 9 and word == _K_THROTTLE and load8(key + 8) == _THROTTLED_END:
            field = 6
        if field == 0:
            at = skip_value(value, end, work + _STACK)
            if at < 0:
                return at
            continue
        if (seen >> field) & 1:
            return np.int64(-1)
        seen |= 1 << field
        if field == 1:
            at = _read_into(table, value, end)
        elif field == 2:
            at = _read_into(work + _ONE, value, end)
            if at >= 0 and np.int64(load64(work + _ONE + 8)) >= 0:
                kind = look_up(work + _ONE, np.int64(0), _place(io, _OPS))
                if kind < 0:
                    return np.int64(-1)
        elif field == 3:
            ms, at = read_amount(value, end)
        elif field == 4:
            rcu, at = read_amount(value, end)
        elif field == 5:
            wcu, at = read_amount(value, end)
        else:
            place, length, high, at = read_text(value, end)
            if at >= 0 and length > 0:
                throttled = True
                if high or not _keep_text(io, m, OF_CALL, place - begin, length):
                    return np.int64(-1)
        if at < 0:
            return at
    if at < 0 or np.int64(load64(table + 8)) < 0:
        return np.int64(-1)
    _put(io, _CALL_EVENT, m, row)
    _put8(io, _CALL_KIND, m, kind)
    store16(_place(io, _CALL_BIN) + 2 * m, bin_of(ms))
    _put_float(io, _CALL_RCU, m, _whole(rcu))
    _put_float(io, _CALL_WCU, m, _whole(wcu))
    _put8(io, _CALL_THROTTLED, m, throttled)
    return at


@unlocked
def _tables(io: int, at: int, end: int, begin: int, row: int, work: int) -> int:
    """Read the table calls of an event; return the address behind them."""
    if load8(at) != BRACKET:
        return at + 4 if is_null(at, end) else np.int64(-1)
    at = skip_space(at + 1, end)
    if at < end and load8(at) == BRACKET_END:
        return at + 1
    counts = _place(io, _COUNTS)
    table = work + _TABLES
    last = work + WORK_BYTES
    while True:
        m = np.int64(load64(counts + CALLS))
        if at >= end or load8(at) != BRACE or m >= np.int64(load64(counts + ROOM)) or table >= last:
            return np.int64(-1)
        at = _call(io, at, end, begin, row, m, table, work)
        if at < 0:
            return at
        table += 16
        store64(counts + CALLS, m + 1)
        at = skip_space(at, end)
        if at >= end:
            return np.int64(-1)
        if load8(at) == BRACKET_END:
            return at + 1
        if load8(at) != COMMA:
            return np.int64(-1)
        at = skip_space(at + 1, end)


@unlocked
def _values(io: int, at: int, end: int, row: int, work: int) -> int:
    """Read the business values of an event; return the address behind them."""
    if load8(at) != BRACE:
        return at + 4 if is_null(at, end) else np.int64(-1)
    at += 1
    first = True
    counts = _place(io, _COUNTS)
    before = np.int64(load64(counts + VALUES))
    known = _place(io, _VALUE_KEY)
    while True:
        key, length, _, value = next_key(at, end, first)
        if value < 0:
            return key
        first = False
        store64(work + _ONE, key)
        store64(work + _ONE + 8, length)
        number = look_up(work + _ONE, np.int64(0), _place(io, _KEYS))
        v = np.int64(load64(counts + VALUES))
        if number < 0 or v >= np.int64(load64(counts + ROOM)):
            return np.int64(-1)
        for other in range(before, v):
            if (
                np.int64(load64(known + 8 * other)) == number
            ):  # perhaps the same key again: the last one counts
                return np.int64(-1)
        amount, at = read_number(value, end)
        if at < 0:
            return at
        _put(io, _VALUE_EVENT, v, row)
        store64(known + 8 * v, number)
        _put_float(io, _VALUE, v, amount)
        store64(counts + VALUES, v + 1)


@unlocked
def _status(at: int, end: int) -> tuple[int, int]:
    """Read the status of an event, 0 when it is null; return it and the address behind it."""
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


@unlocked
def _error(at: int, end: int) -> tuple[int, int]:
    """Read the error class of an event; return it and the address behind it."""
    if is_null(at, end):
        return np.int64(NO_ERROR), at + 4
    place, length, _, at = read_text(at, end)
    if at >= 0 and length <= 8:
        said = word_at(place, length, end)
        if said == _W_USER:
            return np.int64(USER), at
        if said == _W_BACKEND:
            return np.int64(BACKEND), at
        if said == _W_FATAL:
            return np.int64(FATAL), at
    return np.int64(NO_ERROR), np.int64(-1)


@unlocked
def _record(io: int, at: int, end: int, row: int) -> bool:
    """Read one record; False when it is left to the plain decoder."""
    begin = at
    if not _SHORTEST <= end - at <= MAX_BYTES:
        return False
    at = skip_space(at, end)
    if at >= end or load8(at) != BRACE:
        return False
    at += 1
    work = _place(io, _WORK)
    for text in range(PATH_TEXTS):
        store64(work + 16 * text + 8, np.int64(-1))
    for layer in range(LAYERS):
        store_float(work + _MS + 8 * layer, _UNSEEN)
    first_call = np.int64(load64(_place(io, _COUNTS) + CALLS))
    ts = np.nan
    hashed = np.uint64(0)
    status = np.int64(0)
    error = np.int64(_NOT_TOLD)
    cold = False
    throttle, throttle_length = np.int64(0), np.int64(0)
    kind, kind_length = np.int64(0), np.int64(0)
    first = True
    seen = 0
    while True:
        key, length, word, value = next_key(at, end, first)
        if value < 0:
            at = key
            break
        first = False
        field = 0
        if length <= 8:
            if word == _K_TS:
                field = 1
            elif word == _K_ID:
                field = 2
            elif word == _K_CLOUD:
                field = 3
            elif word == _K_ACCOUNT:
                field = 4
            elif word == _K_REGION:
                field = 5
            elif word == _K_SERVICE:
                field = 6
            elif word == _K_ROUTE:
                field = 7
            elif word == _K_FUNCTION:
                field = 8
            elif word == _K_CLIENT:
                field = 9
            elif word == _K_STATUS:
                field = 10
            elif word == _K_ERROR:
                field = 11
            elif word == _K_MS:
                field = 12
            elif word == _K_TABLES:
                field = 13
            elif word == _K_VALUES:
                field = 14
        elif length == 9:
            if word == _K_THROTTLE and load8(key + 8) == _THROTTLED_END:
                field = 15
        elif length == 10:
            if word == _K_ERROR_TY and word_at(key + 8, 2, end) == _ERROR_TYPE_END:
                field = 16
            elif word == _K_COLD_STA and word_at(key + 8, 2, end) == _COLD_START_END:
                field = 17
        if field == 0:
            at = skip_value(value, end, work + _STACK)
            if at < 0:
                return False
            continue
        if (seen >> field) & 1:  # a second time: which one counts is the plain decoder's to say
            return False
        seen |= 1 << field
        if field == 1:
            ts, at = read_number(value, end)
        elif field == 2:
            place, length, high, at = read_text(value, end)
            if high or length > SHORT:
                return False
            if at >= 0:
                hashed = _hash_id(place, length, end)
        elif field <= 8:
            at = _read_into(work + 16 * (field - 3), value, end)
        elif field == 9:
            at = _client(value, end, work)
        elif field == 10:
            status, at = _status(value, end)
        elif field == 11:
            error, at = _error(value, end)
        elif field == 12:
            at = _layers(value, end, work)
        elif field == 13:
            at = _tables(io, value, end, begin, row, work)
        elif field == 14:
            at = _values(io, value, end, row, work)
        elif field == 15:
            throttle, throttle_length, high, at = read_text(value, end)
            if high:
                return False
        elif field == 16:
            kind, kind_length, high, at = read_text(value, end)
            if high:
                return False
        else:
            cold, at = read_flag(value, end)
        if at < 0:
            return False
    if at < 0 or skip_space(at, end) != end:
        return False
    if ts > MILLISECONDS_FROM:
        ts /= 1000
    if not EARLIEST <= ts < LATEST:
        return False
    if (
        np.int64(load64(work + 16 * _SERVICE + 8)) <= 0
        and np.int64(load64(work + 16 * _ROUTE + 8)) <= 0
        and np.int64(load64(work + 16 * _FUNCTION + 8)) <= 0
    ):
        return False
    path = look_up(work, np.int64(0), _place(io, _PATHS))
    if path < 0:
        return False
    table = work + _TABLES
    for m in range(first_call, np.int64(load64(_place(io, _COUNTS) + CALLS))):
        call = look_up(table, path, _place(io, _CALLS_KNOWN))
        if call < 0:
            return False
        _put(io, _CALL, m, call)
        table += 16
    throttled = throttle_length > 0
    if error == _NOT_TOLD:
        error = np.int64(NO_ERROR)
        if status >= _SERVER_ERROR or (status == _TOO_MANY and throttled):
            error = np.int64(BACKEND)
        elif status >= _CLIENT_ERROR:
            error = np.int64(USER)
    if error == FATAL and not _keep_text(io, row, OF_ERROR, kind - begin, max(kind_length, 0)):
        return False
    if throttled and not _keep_text(io, row, OF_THROTTLE, throttle - begin, throttle_length):
        return False
    total = load_float(work + _MS + 8 * TOTAL)
    if not total >= 0:
        total = np.nan
    inside = load_float(work + _MS + 8 * IN_FUNCTION)
    if not inside >= 0:
        inside = total
    if total != total:
        total = inside
    _put_float(io, _TS, row, ts)
    store64(_place(io, _KEY) + 8 * row, np.int64(hashed))
    _put(io, _PATH, row, path)
    _put8(io, _ERROR, row, error)
    _put8(io, _COLD, row, cold)
    _put8(io, _THROTTLED, row, throttled)
    _put_float(io, _BUSY, row, _whole(inside / 1000))
    bins = _place(io, _BINS) + 2 * LAYERS * row
    store16(bins + 2 * TOTAL, bin_of(total))
    store16(bins + 2 * IN_FUNCTION, bin_of(inside))
    for layer in (IN_CODE, IN_AUTH):
        ms = load_float(work + _MS + 8 * layer)
        store16(bins + 2 * layer, bin_of(ms) if ms >= 0 else np.int64(-1))
    return True


@unlocked
def scan(io: int, rows: int) -> None:
    """Scan ``rows`` records.

    Parameters
    ----------
    io
        Address of the addresses of the arrays that ``INPUTS`` and ``OUTPUTS`` name; ``decode.scanner``
        says what each is. ``starts`` and ``ends`` are addresses themselves, and eight bytes behind each
        record can be read.
    """
    starts, ends = _place(io, _STARTS), _place(io, _ENDS)
    counts = _place(io, _COUNTS)
    store64(counts + CALLS, np.int64(0))
    store64(counts + VALUES, np.int64(0))
    store64(counts + TEXTS, np.int64(0))
    for row in range(rows):
        calls, values = load64(counts + CALLS), load64(counts + VALUES)
        texts = load64(counts + TEXTS)
        begin, end = np.int64(load64(starts + 8 * row)), np.int64(load64(ends + 8 * row))
        read = _record(io, begin, end, np.int64(row))
        _put8(io, _READ, row, read)
        if not read:
            store64(counts + CALLS, np.int64(calls))
            store64(counts + VALUES, np.int64(values))
            store64(counts + TEXTS, np.int64(texts))

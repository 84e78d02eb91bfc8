"""Scans the bytes of a run of records into columns, without an object per record. Compiled.

The scanner is a strict recogniser of events in the form in which services write them. It leaves alone
whatever is unusual in a record (an escape, a name that has no number yet, a date as text, anything
malformed), and reports the record as not read. Such a record goes to the plain decoder
(``decode/parse.py``), which alone defines what an event is. So the scanner never decides that a record is
bad, and a property test compares it with the plain decoder record by record (docs/adr/0018).
"""

from typing import Final

import numpy as np

from detectors.state.compiled import inlined, part, unlocked
from streams.decode import scan_fields as fields
from streams.decode import scan_memory as memory
from streams.decode.cells import IN_AUTH, IN_CODE, IN_FUNCTION, LAYERS, TOTAL
from streams.decode.columns import BACKEND, FATAL, NO_ERROR, USER
from streams.decode.event import MAX_BYTES, MOST_WEIGHT
from streams.decode.hashing import JOINS, SHORT
from streams.decode.machine_words import load8, load_float, load_int, store16, store64, store_float
from streams.decode.name_table import look_up
from streams.decode.parse import EARLIEST, LATEST, MILLISECONDS_FROM
from streams.decode.scan_bins import bin_of
from streams.decode.scan_json import (
    BRACE,
    next_key,
    read_amount,
    read_flag,
    read_text,
    skip_space,
    skip_value,
)
from streams.decode.scan_memory import array_at, keep_text, put, put8, put_float, read_into
from streams.decode.scan_number import read_number
from streams.decode.scan_parts import (
    OF_ANOTHER,
    OF_CALLS,
    UNSEEN,
    hash_id,
    kind_of,
    quantised,
    scan_client,
    scan_error,
    scan_joins,
    scan_layers,
    scan_status,
    scan_tables,
    scan_values,
    weigh,
)

_ABSENT: Final = -1  # the event has no error class: it follows from the status
_SHORTEST: Final = 16  # bytes; a shorter record is not an event
_CLIENT_ERROR, _TOO_MANY_REQUESTS, _SERVER_ERROR = 400, 429, 500
_LENGTH_OF_SERVICE, _LENGTH_OF_ROUTE, _LENGTH_OF_FUNCTION = (
    16 * (field - fields.CLOUD) + 8 for field in (fields.SERVICE, fields.ROUTE, fields.FUNCTION)
)


@unlocked
def scan(io: int, rows: int) -> None:
    """Scan ``rows`` records.

    Parameters
    ----------
    io
        As in ``decode/scan_memory.py``. The elements of ``starts`` and ``ends`` are addresses, and eight
        bytes behind each record can be read.
    """
    starts, ends = array_at(io, memory.STARTS), array_at(io, memory.ENDS)
    counts = array_at(io, memory.COUNTS)
    store64(counts + memory.CALLS, np.int64(0))
    store64(counts + memory.VALUES, np.int64(0))
    store64(counts + memory.TEXTS, np.int64(0))
    for row in range(rows):
        calls, values = load_int(counts + memory.CALLS), load_int(counts + memory.VALUES)
        texts = load_int(counts + memory.TEXTS)
        read = _scan_record(io, load_int(starts + 8 * row), load_int(ends + 8 * row), np.int64(row))
        put8(io, memory.READ, row, read)
        if not read:
            store64(counts + memory.CALLS, calls)
            store64(counts + memory.VALUES, values)
            store64(counts + memory.TEXTS, texts)


@part
def _scan_record(io: int, at: int, end: int, row: int) -> bool:
    """Scan one record; False when it is left to the plain decoder."""
    begin = at
    if not _SHORTEST <= end - at <= MAX_BYTES:
        return False
    at = skip_space(at, end)
    if at >= end or load8(at) != BRACE:
        return False
    at += 1
    work = array_at(io, memory.WORK)
    for text in range(memory.PATH_TEXTS):
        store64(work + 16 * text + 8, np.int64(-1))
    for layer in range(LAYERS):
        store_float(work + memory.LAYERS_MS + 8 * layer, UNSEEN)
    first_call = load_int(array_at(io, memory.COUNTS) + memory.CALLS)
    first_value = load_int(array_at(io, memory.COUNTS) + memory.VALUES)
    weight = 1.0
    joins, joins_length = np.int64(0), np.int64(0)
    ts = np.nan
    hashed = np.uint64(0)
    status = np.int64(0)
    error = np.int64(_ABSENT)
    cold = False
    throttle, throttle_length = np.int64(0), np.int64(0)
    error_type, error_type_length = np.int64(0), np.int64(0)
    first = True
    seen = 0
    while True:
        key, length, word, value = next_key(at, end, first)
        if value < 0:
            at = key
            break
        first = False
        field = fields.event_field(key, length, word, end)
        if field == fields.UNKNOWN:
            at = skip_value(value, end, work + memory.STACK)
            if at < 0:
                return False
            continue
        if (seen >> field) & 1:
            return False
        seen |= 1 << field
        if field == fields.TS:
            ts, at = read_number(value, end)
        elif field == fields.ID:
            place, length, high, at = read_text(value, end)
            if high or length > SHORT:
                return False
            if at >= 0:
                hashed = hash_id(place, length, end)
        elif field <= fields.FUNCTION:  # the texts of the path
            at = read_into(work + 16 * (field - fields.CLOUD), value, end)
        elif field == fields.CLIENT:
            at = scan_client(value, end, work)
        elif field == fields.STATUS:
            status, at = scan_status(value, end)
        elif field == fields.ERROR:
            error, at = scan_error(value, end)
        elif field == fields.MS:
            at = scan_layers(value, end, work)
        elif field == fields.TABLES:
            at = scan_tables(io, value, end, begin, row, work)
        elif field == fields.VALUES:
            at = scan_values(io, value, end, row, work)
        elif field == fields.THROTTLED:
            throttle, throttle_length, high, at = read_text(value, end)
            if high:
                return False
        elif field == fields.ERROR_TYPE:
            error_type, error_type_length, high, at = read_text(value, end)
            if high:
                return False
        elif field == fields.KIND:
            at = read_into(work + memory.KIND_TEXT, value, end)
        elif field == fields.COUNTS:
            at = read_into(work + memory.COUNTS_TEXT, value, end)
        elif field == fields.WEIGHT:
            weight, at = read_amount(value, end)
            if weight != weight:
                weight = 1.0
            elif not 1 <= weight <= MOST_WEIGHT:
                return False
        elif field == fields.TRACE or field == fields.SAMPLE:
            _, _, high, at = read_text(value, end)
            if high:
                return False
        elif field == fields.JOINS:
            joins, joins_length, high, at = read_text(value, end)
            if high:
                return False
        elif field == fields.COST:
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
        load_int(work + _LENGTH_OF_SERVICE) <= 0
        and load_int(work + _LENGTH_OF_ROUTE) <= 0
        and load_int(work + _LENGTH_OF_FUNCTION) <= 0
    ):
        return False
    path = look_up(work, np.int64(0), array_at(io, memory.KNOWN_PATHS))
    if path < 0 or not _name_calls(io, first_call, path, work):
        return False
    weight = quantised(weight)
    weigh(io, first_call, first_value, weight)
    kind = kind_of(work + memory.KIND_TEXT, end)
    partial = kind == OF_CALLS or load_int(work + memory.COUNTS_TEXT + 8) > 0
    if kind == OF_ANOTHER or (
        partial and load_int(array_at(io, memory.COUNTS) + memory.VALUES) > first_value
    ):
        return False
    if kind == OF_CALLS:  # they have nothing of a request
        weight, error, cold = 0.0, np.int64(NO_ERROR), False
        throttle_length = np.int64(0)
        for layer in range(LAYERS):
            store_float(work + memory.LAYERS_MS + 8 * layer, UNSEEN)
    throttled = throttle_length > 0
    if error == _ABSENT:
        error = np.int64(NO_ERROR)
        if status >= _SERVER_ERROR or (status == _TOO_MANY_REQUESTS and throttled):
            error = np.int64(BACKEND)
        elif status >= _CLIENT_ERROR:
            error = np.int64(USER)
    if error == FATAL and not keep_text(
        io, row, memory.OF_ERROR, error_type - begin, max(error_type_length, 0)
    ):
        return False
    if throttled and not keep_text(io, row, memory.OF_THROTTLE, throttle - begin, throttle_length):
        return False
    if not scan_joins(joins, joins_length, end, array_at(io, memory.JOINS) + 8 * JOINS * row):
        return False
    put_float(io, memory.TS, row, ts)
    put_float(io, memory.WEIGHT, row, weight)
    store64(array_at(io, memory.KEY) + 8 * row, np.int64(hashed))
    put(io, memory.PATH, row, path)
    put8(io, memory.ERROR, row, error)
    put8(io, memory.COLD, row, cold)
    put8(io, memory.THROTTLED, row, throttled)
    _put_layers(io, row, work + memory.LAYERS_MS, weight)
    return True


@inlined
def _name_calls(io: int, first: int, path: int, work: int) -> bool:
    """Look up the calls from ``first`` on; False when one is not known."""
    table = work + memory.TABLES
    for at in range(first, load_int(array_at(io, memory.COUNTS) + memory.CALLS)):
        call = look_up(table, path, array_at(io, memory.KNOWN_CALLS))
        if call < 0:
            return False
        put(io, memory.CALL, at, call)
        table += 16
    return True


@inlined
def _put_layers(io: int, row: int, layers: int, weight: float) -> None:
    """Put the bin of each layer, and the busy time; total and function stand in for each other."""
    total = load_float(layers + 8 * TOTAL)
    if not total >= 0:
        total = np.nan
    in_function = load_float(layers + 8 * IN_FUNCTION)
    if not in_function >= 0:
        in_function = total
    if total != total:
        total = in_function
    put_float(io, memory.BUSY, row, quantised(quantised(in_function / 1000) * weight))
    bins = array_at(io, memory.BINS) + 2 * LAYERS * row
    store16(bins + 2 * TOTAL, bin_of(total))
    store16(bins + 2 * IN_FUNCTION, bin_of(in_function))
    for layer in (IN_CODE, IN_AUTH):
        ms = load_float(layers + 8 * layer)
        store16(bins + 2 * layer, bin_of(ms) if ms >= 0 else np.int64(-1))

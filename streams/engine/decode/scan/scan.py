"""Scans the bytes of a run of records into columns, without an object per record. Compiled.

The scanner is a strict recogniser of events in the form in which services write them. It reports any unusual
record (an escape, a name that has no number yet, a date as text, anything malformed) as not read. Such a
record goes to the plain decoder (``decode/parse.py``), which alone defines an event. So the scanner
never decides that a record is bad, and a property test compares it with the plain decoder record by record
(docs/adr/0018).
"""

from typing import Final

import numpy as np

from detectors.state.compiled import part, unlocked
from streams.engine.decode.cells import LAYERS
from streams.engine.decode.columns import BACKEND, FATAL, NO_ERROR
from streams.engine.decode.event import MAX_BYTES, MOST_WEIGHT
from streams.engine.decode.hashing import SHORT
from streams.engine.decode.scan import scan_fields as fields
from streams.engine.decode.scan import scan_memory as memory
from streams.engine.decode.scan.machine_words import load8, load_int, store64, store_float
from streams.engine.decode.scan.name_table import NO_TABLE, look_up
from streams.engine.decode.scan.scan_json import (
    BRACE,
    count_high,
    next_key,
    note_quotes,
    read_amount,
    read_flag,
    read_text,
    skip_space,
    skip_value,
)
from streams.engine.decode.scan.scan_memory import array_at, keep_text, put8, read_into
from streams.engine.decode.scan.scan_number import read_number
from streams.engine.decode.scan.scan_parts import (
    OF_ANOTHER,
    OF_CALLS,
    OF_REQUEST,
    UNSEEN,
    hash_id,
    kind_of,
    scan_client,
    scan_error,
    scan_layers,
    scan_status,
    scan_tables,
    scan_values,
)
from streams.engine.decode.scan.scan_row import ABSENT, class_of, put_row

_SHORTEST: Final = 16  # bytes; a shorter record is not an event
_LENGTH_OF_SERVICE, _LENGTH_OF_ROUTE, _LENGTH_OF_FUNCTION = (
    16 * (field - fields.CLOUD) + 8 for field in (fields.SERVICE, fields.ROUTE, fields.FUNCTION)
)


@unlocked
def scan(io: int, rows: int) -> None:
    """Scan ``rows`` records.

    ``io`` is as in ``scan_memory.py``. The elements of ``starts`` and ``ends`` are addresses, and eight bytes
    behind each record can be read.
    """
    starts, ends = array_at(io, memory.STARTS), array_at(io, memory.ENDS)
    counts = array_at(io, memory.COUNTS)
    store64(counts + memory.CALLS, np.int64(0))
    store64(counts + memory.VALUES, np.int64(0))
    store64(counts + memory.TEXTS, np.int64(0))
    for row in range(rows):
        calls, values = load_int(counts + memory.CALLS), load_int(counts + memory.VALUES)
        texts = load_int(counts + memory.TEXTS)
        begin, end = load_int(starts + 8 * row), load_int(ends + 8 * row)
        read = _scan_record(io, begin, end, np.int64(row))
        put8(io, memory.READ, row, read)
        if not read:
            store64(counts + memory.CALLS, calls)
            store64(counts + memory.VALUES, values)
            store64(counts + memory.TEXTS, texts)


@part
def _scan_record(io: int, at: int, end: int, row: int) -> bool:
    """Scan one record; False when it is left to the plain decoder."""
    begin = at
    work = array_at(io, memory.WORK)
    quote = work + memory.QUOTES
    high = note_quotes(at, end, quote) if _SHORTEST <= end - at <= MAX_BYTES else np.int64(-1)
    if high < 0:
        return False
    at = skip_space(at, end)
    if at >= end or load8(at) != BRACE:
        return False
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
    error = np.int64(ABSENT)
    cold = False
    throttle, throttle_length = np.int64(0), np.int64(0)
    error_type, error_type_length = np.int64(0), np.int64(0)
    first = True
    seen = 0
    while True:
        key, length, word, value, quote = next_key(at, quote, end, first)
        if value < 0:
            at = key
            break
        first = False
        field = fields.event_field(key, length, word)
        if field == fields.UNKNOWN:
            at, quote = skip_value(value, quote, end, work + memory.STACK)
            if at < 0:
                return False
            continue
        if (seen >> field) & 1:
            return False
        seen |= 1 << field
        if field == fields.TS:
            ts, at = read_number(value, end)
        elif field == fields.ID:
            place, length, at, quote = read_text(value, quote, end)
            if length > SHORT:
                return False
            hashed = hash_id(place, length)
        elif field <= fields.FUNCTION:  # the texts of the path
            at, quote = read_into(work + 16 * (field - fields.CLOUD), value, quote, end)
        elif field == fields.CLIENT:
            at, quote = scan_client(value, quote, end, work)
        elif field == fields.STATUS:
            status, at = scan_status(value, end)
        elif field == fields.ERROR:
            error, at, quote = scan_error(value, quote, end)
        elif field == fields.MS:
            at, quote = scan_layers(value, quote, end, work)
        elif field == fields.TABLES:
            at, quote = scan_tables(io, value, quote, end, begin, row, work)
        elif field == fields.VALUES:
            at, quote = scan_values(io, value, quote, end, row, work)
        elif field == fields.THROTTLED:
            throttle, throttle_length, at, quote = read_text(value, quote, end)
        elif field == fields.ERROR_TYPE:
            error_type, error_type_length, at, quote = read_text(value, quote, end)
        elif field == fields.KIND:
            at, quote = read_into(work + memory.KIND_TEXT, value, quote, end)
        elif field == fields.COUNTS:
            at, quote = read_into(work + memory.COUNTS_TEXT, value, quote, end)
        elif field == fields.WEIGHT:
            weight, at = read_amount(value, end)
            if weight != weight:
                weight = 1.0
            elif not 1 <= weight <= MOST_WEIGHT:
                return False
        elif field == fields.TRACE or field == fields.SAMPLE:
            _, _, at, quote = read_text(value, quote, end)
        elif field == fields.JOINS:
            joins, joins_length, at, quote = read_text(value, quote, end)
        elif field == fields.COST:
            return False
        else:
            cold, at = read_flag(value, end)
        if at < 0:
            return False
    if at < 0 or skip_space(at, end) != end:
        return False
    if (
        load_int(work + _LENGTH_OF_SERVICE) <= 0
        and load_int(work + _LENGTH_OF_ROUTE) <= 0
        and load_int(work + _LENGTH_OF_FUNCTION) <= 0
    ):
        return False
    known = array_at(io, memory.KNOWN_PATHS)
    if known == NO_TABLE:
        if high > 0 or load_int(work + memory.COUNTS_TEXT + 8) >= 0:
            return False  # only of names that are known is it known whether they are valid
    elif high > 0 and high != _high_in_names(io, work, first_call):
        return False  # only the plain decoder knows whether the rest is valid
    path = look_up(work, np.int64(0), known)
    if path < 0:
        return False
    kind = kind_of(work + memory.KIND_TEXT)
    partial = kind == OF_CALLS or load_int(work + memory.COUNTS_TEXT + 8) > 0
    if kind == OF_ANOTHER or (
        partial and load_int(array_at(io, memory.COUNTS) + memory.VALUES) > first_value
    ):
        return False
    if kind == OF_CALLS:  # they have nothing of a request
        error, throttle_length = np.int64(NO_ERROR), np.int64(0)
        for layer in range(LAYERS):
            store_float(work + memory.LAYERS_MS + 8 * layer, UNSEEN)
    throttled = throttle_length > 0
    error = class_of(error, status, throttled)
    if error == BACKEND and not keep_text(
        io,
        row,
        memory.OF_FAILURE + memory.STATUS_UNIT * status,
        error_type - begin,
        max(error_type_length, 0),
    ):
        return False
    if error == FATAL and not keep_text(
        io, row, memory.OF_ERROR, error_type - begin, max(error_type_length, 0)
    ):
        return False
    if throttled and not keep_text(io, row, memory.OF_THROTTLE, throttle - begin, throttle_length):
        return False
    return put_row(
        io, row, work, ts, hashed, joins, joins_length, path, first_call, first_value,
        weight, error, cold, throttled, kind == OF_REQUEST,
    )  # fmt: skip


@part
def _high_in_names(io: int, work: int, first_call: int) -> int:
    """Return how many bytes are not ASCII in the names of the path and of its tables, which are looked up."""
    high = np.int64(0)
    for text in range(work, work + 16 * memory.PATH_TEXTS, 16):
        high += count_high(load_int(text), load_int(text + 8))
    calls = load_int(array_at(io, memory.COUNTS) + memory.CALLS) - first_call
    for text in range(work + memory.TABLES, work + memory.TABLES + 16 * calls, 16):
        high += count_high(load_int(text), load_int(text + 8))
    return high

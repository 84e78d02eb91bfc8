"""Scans a record that has the form of one before: compares its bytes, and reads only its values. Compiled.

The readers of values are those of ``scan.py``, in the places where it would have called them, so a record is
read alike by both; where its bytes are others, it is left to ``scan.py``.
"""

import numpy as np

from detectors.state.compiled import part
from streams.engine.decode.cells import LAYERS
from streams.engine.decode.event import MAX_BYTES
from streams.engine.decode.hashing import SHORT
from streams.engine.decode.scan import forms as form
from streams.engine.decode.scan import scan_memory as memory
from streams.engine.decode.scan.forms import (
    ARG,
    NEXT,
    NUMBER,
    OF_CALLS,
    OF_NAMES,
    OF_RECORDS,
    READ,
    WHAT,
    follow,
)
from streams.engine.decode.scan.machine_words import load8, load32, load_float, load_int, store64, store_float
from streams.engine.decode.scan.scan_json import read_amount, read_text, skip_value
from streams.engine.decode.scan.scan_memory import array_at, put, put_float
from streams.engine.decode.scan.scan_number import read_number
from streams.engine.decode.scan.scan_parts import UNSEEN, hash_id, put_call, scan_status
from streams.engine.decode.scan.scan_row import put_row


@part
def scan_by_form(io: int, begin: int, end: int, row: int) -> bool:
    """Scan one record; False when it has no form that is known, or is to be left to the plain decoder."""
    forms = array_at(io, memory.FORMS)
    node, at = follow(forms, load32(forms + OF_RECORDS), begin, end)
    if node < 0 or end - begin > MAX_BYTES:
        return False
    counts, work = array_at(io, memory.COUNTS), array_at(io, memory.WORK)
    for layer in range(LAYERS):
        store_float(work + memory.LAYERS_MS + 8 * layer, UNSEEN)
    first_call = load_int(counts + memory.CALLS)
    first_value = load_int(counts + memory.VALUES)
    ts = np.nan
    hashed = np.uint64(0)
    status, path, of_call = np.int64(0), np.int64(0), np.int64(0)
    joins, joins_length = np.int64(0), np.int64(0)
    ms, rcu, wcu = np.nan, np.nan, np.nan
    while True:
        what, arg = load8(node + WHAT), load32(node + ARG)
        if what == form.LAYER:
            amount, at = read_amount(at, end)
            store_float(work + memory.LAYERS_MS + 8 * arg, amount)
        elif what == form.TS:
            ts, at = read_number(at, end)
        elif what == form.ID:
            place, length, high, at = read_text(at, end)
            if high or length > SHORT:
                return False
            if at >= 0:
                hashed = hash_id(place, length, end)
        elif what == form.NAMES:
            run, at = follow(forms, load32(forms + OF_NAMES), at, end)
            if run < 0:
                return False
            at -= load32(run + ARG)
            path = load_int(run + NUMBER)
        elif what == form.STATUS:
            status, at = scan_status(at, end)
        elif what == form.CALL:
            table = work + memory.TABLES + 16 * (load_int(counts + memory.CALLS) - first_call)
            names = at
            run, at = follow(forms, load32(forms + OF_CALLS), at, end)
            if run < 0:
                return False
            at -= load32(run + ARG)
            of_call = load_int(run + NUMBER)
            store64(table, names + ((of_call >> form.KIND_BITS) & form.PLACE))
            store64(table + 8, of_call >> (form.KIND_BITS + form.PLACE_BITS))
        elif what == form.CALL_MS:
            ms, at = read_amount(at, end)
        elif what == form.CALL_RCU:
            rcu, at = read_amount(at, end)
        elif what == form.CALL_WCU:
            wcu, at = read_amount(at, end)
        elif what == form.CALL_END:
            call = load_int(counts + memory.CALLS)
            if call >= load_int(counts + memory.ROOM):
                return False
            put_call(io, row, call, of_call & form.KIND, ms, rcu, wcu, False)
            store64(counts + memory.CALLS, call + 1)
            ms, rcu, wcu = np.nan, np.nan, np.nan
        elif what == form.VALUE:
            amount, at = read_number(at, end)
            value = load_int(counts + memory.VALUES)
            if value >= load_int(counts + memory.ROOM):
                return False
            put(io, memory.VALUE_EVENT, value, row)
            put(io, memory.VALUE_KEY, value, np.int64(arg))
            put_float(io, memory.VALUE, value, amount)
            store64(counts + memory.VALUES, value + 1)
        elif what == form.SKIPPED:
            at = skip_value(at, end, work + memory.STACK)
        elif what == form.TEXT:
            _, _, high, at = read_text(at, end)
            if high:
                return False
        elif what == form.JOINED:
            joins, joins_length, high, at = read_text(at, end)
            if high:
                return False
        else:
            break
        if at < 0:
            return False
        node, at = follow(forms, load32(node + NEXT), at, end)
        if node < 0:
            return False
    if what != form.RECORD_END or at != end:
        return False
    store64(forms + READ, load_int(forms + READ) + 1)
    return put_row(
        io, row, end, work, ts, hashed, joins, joins_length, path, first_call, first_value,
        load_float(node + NUMBER), status, np.int64(arg & (form.COLD - 1)) - 1, arg >= form.COLD, False, True,
    )  # fmt: skip

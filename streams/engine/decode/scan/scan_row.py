"""Writes the row of an event whose parts were read, and those of its table calls. Compiled."""

from typing import Final

import numpy as np

from detectors.state.compiled import inlined, part
from streams.engine.decode.cells import IN_AUTH, IN_CODE, IN_FUNCTION, LAYERS, TOTAL
from streams.engine.decode.columns import BACKEND, NO_ERROR, USER
from streams.engine.decode.event import LONG_MS
from streams.engine.decode.hashing import JOINS
from streams.engine.decode.parse import EARLIEST, LATEST, MILLISECONDS_FROM
from streams.engine.decode.scan import scan_memory as memory
from streams.engine.decode.scan.machine_words import load_float, load_int, store16, store64
from streams.engine.decode.scan.name_table import look_up
from streams.engine.decode.scan.scan_memory import array_at, put, put8, put_float
from streams.engine.decode.scan.scan_parts import bin_of, quantised, scan_joins, weigh

ABSENT: Final = -1
"""The event has no error class: it follows from the status."""

_CLIENT_ERROR, _TOO_MANY_REQUESTS, _SERVER_ERROR = 400, 429, 500


@part
def put_row(
    io: int, row: int, work: int, ts: float, hashed: np.uint64, joins: int, joins_length: int,
    path: int, first_call: int, first_value: int, weight: float, error: int, cold: bool, throttled: bool,
    of_request: bool,
) -> bool:  # fmt: skip
    """Put an event whose parts were read; False when it is left to the plain decoder.

    Parameters
    ----------
    io, row, work
        As for the scanner. Its layers and the tables of its calls are in ``work``.
    ts, hashed, joins, joins_length
        Its time as stated, the hash of its id, and where its keys lie that other sources have too.
    path, first_call, first_value
        The number of its names, and where its calls and values begin.
    weight, error, cold, throttled
        What it states, and its error class.
    of_request
        False when it is calls alone, which have nothing of a request.
    """
    layers = work + memory.LAYERS_MS
    if load_float(layers + 8 * TOTAL) > LONG_MS or load_float(layers + 8 * IN_FUNCTION) > LONG_MS:
        return False  # the plain decoder knows when it ended
    if ts > MILLISECONDS_FROM:
        ts /= 1000
    if not EARLIEST <= ts < LATEST or not _name_calls(io, first_call, path, work):
        return False
    if not scan_joins(joins, joins_length, array_at(io, memory.JOINS) + 8 * JOINS * row):
        return False
    weight = quantised(weight)
    weigh(io, first_call, first_value, weight)
    if not of_request:
        weight, error, cold, throttled = 0.0, np.int64(NO_ERROR), False, False
    put_float(io, memory.TS, row, ts)
    put_float(io, memory.WEIGHT, row, weight)
    store64(array_at(io, memory.KEY) + 8 * row, np.int64(hashed))
    put(io, memory.PATH, row, path)
    put8(io, memory.ERROR, row, error)
    put8(io, memory.COLD, row, cold)
    put8(io, memory.THROTTLED, row, throttled)
    _put_layers(io, row, layers, weight)
    return True


@inlined
def class_of(error: int, status: int, throttled: bool) -> int:
    """Return the error class that an event states, or that follows from its status."""
    if error != ABSENT:
        return error
    if status >= _SERVER_ERROR or (status == _TOO_MANY_REQUESTS and throttled):
        return np.int64(BACKEND)
    return np.int64(USER) if status >= _CLIENT_ERROR else np.int64(NO_ERROR)


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

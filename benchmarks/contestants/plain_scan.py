"""The four fields of the plain aggregation, read by the scanner's own tokens and added up. Compiled."""

import numpy as np

from detectors.model.array_types import Floats, Ints
from detectors.state.compiled import unlocked
from streams.engine.decode.scan.machine_words import load8, load_int, store64, store_float
from streams.engine.decode.scan.name_table import look_up
from streams.engine.decode.scan.scan_json import (
    BRACE,
    MOST_QUOTES,
    next_key,
    note_quotes,
    read_amount,
    read_text,
    skip_space,
    skip_value,
    word_of,
)
from streams.engine.decode.scan.scan_number import read_number

STARTS, ENDS, TABLE, NUMBER, TS, TOTAL, WORK = (8 * place for place in range(7))
_TEXTS, _STACK, _QUOTES = 0, 32, 64  # in the working space
WORK_BYTES = _QUOTES + 8 * MOST_QUOTES

_K_TS, _K_SERVICE, _K_FUNCTION, _K_MS, _K_TOTAL = map(word_of, ("ts", "service", "function", "ms", "total"))


@unlocked
def _total(at: int, quote: int, end: int, stack: int) -> tuple[float, int, int]:
    total = np.nan
    if at >= end or load8(at) != BRACE:
        return total, np.int64(-1), quote
    first = True
    while True:
        key, length, word, value, quote = next_key(at, quote, end, first)
        if value < 0:
            return total, key, quote
        first = False
        if length <= 8 and word == _K_TOTAL:
            total, at = read_amount(value, end)
        else:
            at, quote = skip_value(value, quote, end, stack)
        if at < 0:
            return total, at, quote


@unlocked
def _request(io: int, at: int, end: int, row: int) -> bool:
    work = load_int(io + WORK)
    quote = work + _QUOTES
    if note_quotes(at, end, quote) < 0:
        return False
    at = skip_space(at, end)
    if end - at < 16 or load8(at) != BRACE:
        return False
    store64(work + 8, np.int64(-1))
    store64(work + 24, np.int64(-1))
    ts, total = np.nan, np.nan
    first = True
    while True:
        key, length, word, value, quote = next_key(at, quote, end, first)
        if value < 0:
            break
        first = False
        if length > 8:
            at, quote = skip_value(value, quote, end, work + _STACK)
        elif word == _K_TS:
            ts, at = read_number(value, end)
        elif word == _K_SERVICE:
            place, size, at, quote = read_text(value, quote, end)
            store64(work, place)
            store64(work + 8, size)
        elif word == _K_FUNCTION:
            place, size, at, quote = read_text(value, quote, end)
            store64(work + 16, place)
            store64(work + 24, size)
        elif word == _K_MS:
            total, at, quote = _total(value, quote, end, work + _STACK)
        else:
            at, quote = skip_value(value, quote, end, work + _STACK)
        if at < 0:
            return False
    if key < 0 or ts != ts or total != total:
        return False
    number = look_up(work, np.int64(0), load_int(io + TABLE))
    store64(load_int(io + NUMBER) + 8 * row, number)
    store_float(load_int(io + TS) + 8 * row, ts)
    store_float(load_int(io + TOTAL) + 8 * row, total)
    return number >= 0


@unlocked
def scan_plain(io: int, rows: int) -> None:
    """Read records; the number of a function is -1 where a record is left to the plain decoder."""
    starts, ends = load_int(io + STARTS), load_int(io + ENDS)
    numbers = load_int(io + NUMBER)
    for row in range(rows):
        at, end = load_int(starts + 8 * row), load_int(ends + 8 * row)
        if not _request(io, at, end, np.int64(row)):
            store64(numbers + 8 * row, np.int64(-1))


@unlocked
def add_up(numbers: Ints, windows: Ints, totals: Floats, first: int, cells: Floats) -> None:
    """Add count, sum and maximum into cells (windows, functions, 3)."""
    for row in range(len(numbers)):
        cell = cells[windows[row] - first, numbers[row]]
        cell[0] += 1
        cell[1] += totals[row]
        cell[2] = max(cell[2], totals[row])

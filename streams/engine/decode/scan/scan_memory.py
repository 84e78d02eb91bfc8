"""The memory that the scanner reads and writes: arrays by number, and the layout of its working space.

``io`` is the address of a list of addresses, one for each array named in ``INPUTS`` and ``OUTPUTS``, in
this order. The constants are places in that list. ``scanner.py`` allocates the arrays.
"""

from typing import Final

import numpy as np

from detectors.state.compiled import inlined, part
from streams.engine.decode.cells import LAYERS
from streams.engine.decode.event import MOST_TABLES
from streams.engine.decode.scan.machine_words import load_int, store8, store64, store_float
from streams.engine.decode.scan.scan_json import MOST_NESTED, MOST_QUOTES, read_text

INPUTS: Final = ("starts", "ends", "known_paths", "known_calls", "known_ops", "known_keys")
OUTPUTS: Final = (
    "read", "ts", "weight", "key", "joins", "path", "error", "cold", "throttled", "bins", "busy",
    "call_event", "call", "call_weight", "call_kind", "call_bin", "call_rcu", "call_wcu", "call_throttled",
    "value_event", "value_key", "value",
    "text_row", "text_of", "text_at", "text_length",
    "counts", "work",
)  # fmt: skip
(
    STARTS, ENDS, KNOWN_PATHS, KNOWN_CALLS, KNOWN_OPS, KNOWN_KEYS,
    READ, TS, WEIGHT, KEY, JOINS, PATH, ERROR, COLD, THROTTLED, BINS, BUSY,
    CALL_EVENT, CALL, CALL_WEIGHT, CALL_KIND, CALL_BIN, CALL_RCU, CALL_WCU, CALL_THROTTLED,
    VALUE_EVENT, VALUE_KEY, VALUE,
    TEXT_ROW, TEXT_OF, TEXT_AT, TEXT_LENGTH,
    COUNTS, WORK,
) = (8 * place for place in range(34))  # fmt: skip

OF_ERROR, OF_THROTTLE, OF_CALL, OF_FAILURE = range(4)
"""Kinds of text: an event's error type or throttle reason, a call's throttle reason, how an event failed."""

STATUS_UNIT: Final = 4
"""Factor of the status that is kept with the kind of a failure."""

CALLS, VALUES, TEXTS, ROOM, TEXT_ROOM = (8 * place for place in range(5))
"""Places in ``counts``: calls, values and texts so far; the room for calls or values, and that for texts."""

# The working space of one record, as distances from its start. A text is a pair of address and length.
PATH_TEXTS: Final = (
    11  # cloud, account, region, service, route, function, client, version, tenant, kind, counts
)
KIND_TEXT: Final = 16 * 9
COUNTS_TEXT: Final = 16 * 10
ONE_TEXT: Final = 16 * PATH_TEXTS  # a single text, behind those of the path
LAYERS_MS: Final = ONE_TEXT + 16  # milliseconds of each layer
STACK: Final = LAYERS_MS + 8 * LAYERS  # brackets that ``skip_value`` has entered
TABLES: Final = STACK + MOST_NESTED  # the table of each call, as texts
MOST_CALLS: Final = MOST_TABLES
"""Table calls of one request that are scanned; one with more may have tables that the plain decoder folds."""
QUOTES: Final = TABLES + 16 * MOST_CALLS  # where the quotes of the record lie
WORK_BYTES: Final = QUOTES + 8 * MOST_QUOTES


@part
def array_at(io: int, array: int) -> int:
    """Return the address of an array."""
    return load_int(io + array)


@part
def put(io: int, array: int, index: int, value: int) -> None:
    """Set an element of an array of int64."""
    store64(load_int(io + array) + 8 * index, np.int64(value))


@part
def put_float(io: int, array: int, index: int, value: float) -> None:
    """Set an element of an array of float64."""
    store_float(load_int(io + array) + 8 * index, value)


@part
def put8(io: int, array: int, index: int, value: int) -> None:
    """Set an element of an array of bytes or flags."""
    store8(load_int(io + array) + index, np.int64(value))


@inlined
def read_into(text: int, at: int, quote: int, end: int) -> tuple[int, int]:
    """Read a string or null, keep it as the text at ``text``; return as ``read_text`` does what is behind."""
    place, length, at, quote = read_text(at, quote, end)
    store64(text, place)
    store64(text + 8, length)
    return at, quote


@part
def keep_text(io: int, row: int, what: int, at: int, length: int) -> bool:
    """Keep where a text lies, relative to its record; False when there is no room."""
    counts = array_at(io, COUNTS)
    text = load_int(counts + TEXTS)
    if text >= load_int(counts + TEXT_ROOM):
        return False
    put(io, TEXT_ROW, text, row)
    put(io, TEXT_OF, text, what)
    put(io, TEXT_AT, text, at)
    put(io, TEXT_LENGTH, text, length)
    store64(counts + TEXTS, text + 1)
    return True

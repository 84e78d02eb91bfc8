"""The layout of the memory that the scanner of spans reads and writes. ``span_scanner.py`` allocates it.

``io`` is the address of a list of 64-bit words; the constants are distances in bytes from its start.
"""

from typing import Final

from streams.engine.decode.scan.scan_json import MOST_QUOTES

(
    PAYLOAD, PAYLOAD_END, KEYS, KEYS_FACTOR, RESOURCE_NAMES, SCOPE_NAMES, ORIGIN_NAMES, CALL_NAMES,
    REQUEST_NAMES, CLIENT_NAMES, PIECES, TEMPLATED, HEX, SEED,
    ROWS, ROWS_ROOM, ROW_COUNT, RESOURCES, RESOURCES_ROOM, RESOURCE_COUNT, TRACES, TRACE_COUNT,
    SPAN_SLOTS, TRACE_SLOTS, SLOTS_ROOM, OUT, OUT_ROOM, OUT_LENGTH, LINE_COUNT, LEFT_COUNT,
    MISSES, MISSES_ROOM, MISSES_LENGTH, WORK, NO_TABLE, PRODUCED, INSIDE, NO_DATABASE,
    UNKNOWN_RESOURCES, LINE_ROWS,
) = (8 * place for place in range(40))  # fmt: skip
IO_WORDS: Final = 40

DONE, DECLINED, MORE_ROWS, MORE_OUT, LEARN = range(5)
"""How a scan ended: all is written but spans left; nothing is; too little room; names are to be learnt."""

# A row: one span.
(
    BEGIN, END, TRACE_HIGH, TRACE_LOW, ID, PARENT, KIND, MAKES, RESOURCE, TRACE, PIECE, START, TOOK, CLIENT,
    INVOCATION, INVOCATION_LENGTH, RCU, RCU_LENGTH, WCU, WCU_LENGTH, NEXT, LAST, CALLS, LEFT,
    CALL_COUNT,
) = (8 * place for place in range(25))  # fmt: skip
ROW_BYTES: Final = 25 * 8

NOTHING, A_REQUEST, A_CALL, A_CALL_OF_NO_TABLE, A_CLIENT, A_PRODUCER, AN_INSIDE = range(7)
"""Kinds of record that a span makes."""

# A resource.
(
    TEXT, TEXT_LENGTH, FIRST_ROW, LAST_ROW, IDENTIFIED_ROW, ORIGIN,
) = (8 * place for place in range(6))  # fmt: skip
RESOURCE_BYTES: Final = 6 * 8

# A trace: its first row, whether it is left, its first request, and how many it has.
FIRST_SPAN, IS_LEFT, FIRST_REQUEST, REQUESTS = (8 * place for place in range(4))
TRACE_BYTES: Final = 4 * 8

# A piece: bytes of JSON that names have become once, and their meaning.
AT, LENGTH, MEANS, SAYS, SAYS_MORE, NAMED, SHORT = (8 * place for place in range(7))
PIECE_WORDS: Final = 7
PIECE_BYTES: Final = 8 * PIECE_WORDS

UNUSUAL_NAME: Final = -2

UNUSUAL: Final = 99
"""The meaning of a piece that is left to the plain reader."""

# A name that is not known: its kind, its owner and its length stand before its bytes.
OF_RESOURCE, OF_SCOPE, OF_ORIGIN, OF_CALL, OF_REQUEST, OF_CLIENT = range(6)
MISS_HEAD: Final = 24

# The working space of one span.
MOST_NAME: Final = 1000  # bytes of a key of names
SLOTS: Final = 0  # the address and length of each attribute's value
NAME_TEXTS: Final = 64 * 16  # a key of names, as texts
NAME_BYTES: Final = NAME_TEXTS + 4 * 16
STACKED: Final = NAME_BYTES + MOST_NAME + 24
QUOTES: Final = STACKED + 64  # of the JSON of a consumed capacity
WORK_BYTES: Final = QUOTES + 8 * MOST_QUOTES

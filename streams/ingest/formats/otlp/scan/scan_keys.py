"""Numbers for the attributes that the scanner of spans reads, and the number of a key. Compiled.

A key is found by one product, in a table without collisions.
"""

from typing import Final

import numpy as np

from detectors.model.array_types import Words
from detectors.state.compiled import inlined
from streams.engine.decode.scan.machine_words import load64, load_int
from streams.ingest.formats.otlp.attributes import SPAN_NAMES

NAMES: Final = (*SPAN_NAMES, "exception.type", "exception.message")
"""Attributes; their places are the bits of the masks below."""

OF_CAPACITY: Final = (
    "TableName", "CapacityUnits", "ReadCapacityUnits", "WriteCapacityUnits",
    "Table", "GlobalSecondaryIndexes", "LocalSecondaryIndexes",
)  # fmt: skip
"""Members of ConsumedCapacity, numbered on from ``CAPACITY_FROM``."""

_PLACES: Final = {name: place for place, name in enumerate(NAMES)}
FIRST_NUMBER, LAST_NUMBER = _PLACES["http.response.status_code"], _PLACES["rpc.grpc.status_code"]
ROUTE, INVOCATION, EXECUTION = map(
    _PLACES.__getitem__, ("http.route", "faas.invocation_id", "faas.execution")
)
COLD, TABLE_NAMES, CAPACITY = map(
    _PLACES.__getitem__, ("faas.coldstart", "aws.dynamodb.table_names", "aws.dynamodb.consumed_capacity")
)
RAISED_TYPE, RAISED_MESSAGE = map(_PLACES.__getitem__, ("exception.type", "exception.message"))
MESSAGE, NAME = len(NAMES), len(NAMES) + 1
"""The status's message and the span's name, in a key of names."""

CAPACITY_FROM: Final = 52
TABLE_NAME, UNITS, READ_UNITS, WRITE_UNITS, OF_TABLE, OF_GLOBAL, OF_LOCAL = range(
    CAPACITY_FROM, CAPACITY_FROM + len(OF_CAPACITY)
)

FAILED, RAISED, IS_COLD = (np.int64(1) << bit for bit in (60, 61, 62))
"""Of the owner of a key of names, beside the bits of the attributes that are in it."""


def _mask(*names: str) -> int:
    return sum(1 << _PLACES[name] for name in names)


CALL_MASK: Final = (
    _mask(*NAMES[: LAST_NUMBER + 1], "aws.dynamodb.table_names", "exception.type", "exception.message")
    | 1 << MESSAGE
    | 1 << NAME
)
"""Attributes that decide the names of a table call."""
OF_CALL_ONLY: Final = _mask(*NAMES[41:45])
CHARGE_MASK: Final = _mask(*NAMES[43:45])
REQUEST_MASK: Final = (
    _mask(
        "rpc.service", "rpc.method", "error.type", "rpc.response.status_code", "http.response.status_code",
        "http.status_code", "rpc.grpc.status_code", "http.route", "http.request.method", "http.method",
        "faas.coldstart", "exception.type",
    ) | 1 << MESSAGE
)  # fmt: skip
CLIENT_MASK: Final = _mask(*NAMES[29:34])
INVOCATION_MASK: Final = _mask("faas.invocation_id", "faas.execution")
PATH_MASK: Final = _mask("url.path", "http.target")
IDENTIFIED_FROM: Final = _PLACES["aws.lambda.invoked_arn"]
IDENTIFIED_MASK: Final = _mask(*NAMES[IDENTIFIED_FROM : IDENTIFIED_FROM + 5])
OPERATION_MASK: Final = _mask("rpc.method", "db.operation.name", "db.operation")
NUMBER_MASK: Final = _mask(*NAMES[FIRST_NUMBER : LAST_NUMBER + 1])
LIST_MASK: Final = _mask("aws.dynamodb.table_names", "aws.dynamodb.consumed_capacity")

_BITS: Final = 10
_SHIFT: Final = np.uint64(64 - _BITS)
_ENTRY_WORDS: Final = 8  # number and length, the last eight bytes, and the first forty


def _last_word(name: bytes) -> int:
    return int.from_bytes(name[-8:], "little")


def key_table() -> tuple[Words, int]:
    """Return the table that ``key_number`` reads, and its factor."""
    names = {name.encode(): place for place, name in enumerate(NAMES)}
    names |= {name.encode(): CAPACITY_FROM + place for place, name in enumerate(OF_CAPACITY)}
    factor = 0x9E3779B97F4A7C15
    while True:
        factor = (factor * 6364136223846793005 + 1442695040888963407) % (1 << 64) | 1
        places = {((_last_word(key) ^ len(key)) * factor % (1 << 64)) >> 64 - _BITS for key in names}
        if len(places) == len(names):
            break
    table = np.zeros((1 << _BITS, _ENTRY_WORDS), np.uint64)
    for key, number in names.items():
        entry = table[((_last_word(key) ^ len(key)) * factor % (1 << 64)) >> 64 - _BITS]
        entry[:3] = number, len(key), _last_word(key)
        for word in range(len(key) // 8):
            entry[3 + word] = int.from_bytes(key[8 * word : 8 * word + 8], "little")
    return table, factor


@inlined
def key_number(table: int, factor: np.uint64, key: int, length: int) -> int:
    """Return the number of the attribute that a key names, -1 for one that is not read.

    Eight bytes can be read at the key.
    """
    if length >= 8:
        last = load64(key + length - 8)
    else:
        last = load64(key) & ((np.uint64(1) << np.uint64(8 * length)) - np.uint64(1))
    place = np.int64(((last ^ np.uint64(length)) * factor) >> _SHIFT)
    entry = table + 64 * place
    if load_int(entry + 8) != length or load64(entry + 16) != last:
        return np.int64(-1)
    for word in range(length >> 3):
        if load64(key + 8 * word) != load64(entry + 24 + 8 * word):
            return np.int64(-1)
    return load_int(entry)

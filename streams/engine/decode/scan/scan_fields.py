"""The fields of an event by number, and which field a key names. Compiled.

A key is compared by its first eight bytes, which the scanner has in one word anyway.
"""

import numpy as np

from detectors.state.compiled import inlined
from streams.engine.decode.cells import IN_AUTH, IN_CODE, IN_FUNCTION, TOTAL
from streams.engine.decode.scan.machine_words import load8
from streams.engine.decode.scan.scan_json import word_at, word_of

UNKNOWN = 0
(
    TS, ID, CLOUD, ACCOUNT, REGION, SERVICE, ROUTE, FUNCTION, CLIENT,
    STATUS, ERROR, MS, TABLES, VALUES, THROTTLED, ERROR_TYPE, COLD_START,
    KIND, COUNTS, WEIGHT, JOINS, TRACE, SAMPLE, COST,
) = range(1, 25)  # fmt: skip
"""Of an event."""

CALL_NAME, CALL_OP, CALL_MS, CALL_RCU, CALL_WCU, CALL_THROTTLED = range(1, 7)
"""Of a table call."""

CLIENT_NAME, CLIENT_VERSION, CLIENT_TENANT = range(FUNCTION - CLOUD + 1, FUNCTION - CLOUD + 4)
"""Of a client: their places among the texts of a path, which begin with the event's cloud."""

_TS, _ID, _CLOUD, _ACCOUNT, _REGION = map(word_of, ("ts", "id", "cloud", "account", "region"))
_SERVICE, _ROUTE, _FUNCTION, _CLIENT = map(word_of, ("service", "route", "function", "client"))
_STATUS, _ERROR, _MS, _TABLES, _VALUES = map(word_of, ("status", "error", "ms", "tables", "values"))
_NAME, _VERSION, _TENANT = map(word_of, ("name", "version", "tenant"))
_TOTAL, _CODE, _AUTH = map(word_of, ("total", "code", "auth"))
_KIND, _COUNTS, _WEIGHT, _JOINS, _TRACE, _SAMPLE = map(
    word_of, ("kind", "counts", "weight", "joins", "trace", "sample")
)
_MEMORY_M_B, _BILLED_M_S = map(word_of, ("memory_m", "billed_m"))
_OP, _RCU, _WCU = map(word_of, ("op", "rcu", "wcu"))
_THROTTLE_D, _ERROR_TY_PE, _COLD_STA_RT = map(word_of, ("throttle", "error_ty", "cold_sta"))
_D, _PE, _RT, _B, _S = ord("d"), word_of("pe"), word_of("rt"), ord("b"), ord("s")


@inlined
def event_field(key: int, length: int, word: np.uint64) -> int:
    """Return the field of an event that a key names, or UNKNOWN.

    Parameters
    ----------
    key, length
        Address and length of the key.
    word
        Its first eight bytes.
    """
    field = UNKNOWN
    if length <= 8:
        if word == _TS:
            field = TS
        elif word == _ID:
            field = ID
        elif word == _CLOUD:
            field = CLOUD
        elif word == _ACCOUNT:
            field = ACCOUNT
        elif word == _REGION:
            field = REGION
        elif word == _SERVICE:
            field = SERVICE
        elif word == _ROUTE:
            field = ROUTE
        elif word == _FUNCTION:
            field = FUNCTION
        elif word == _CLIENT:
            field = CLIENT
        elif word == _STATUS:
            field = STATUS
        elif word == _ERROR:
            field = ERROR
        elif word == _MS:
            field = MS
        elif word == _TABLES:
            field = TABLES
        elif word == _VALUES:
            field = VALUES
        elif word == _KIND:
            field = KIND
        elif word == _COUNTS:
            field = COUNTS
        elif word == _WEIGHT:
            field = WEIGHT
        elif word == _JOINS:
            field = JOINS
        elif word == _TRACE:
            field = TRACE
        elif word == _SAMPLE:
            field = SAMPLE
    elif length == 9:
        if word == _THROTTLE_D and load8(key + 8) == _D:
            field = THROTTLED
        elif (word == _MEMORY_M_B and load8(key + 8) == _B) or (word == _BILLED_M_S and load8(key + 8) == _S):
            field = COST
    elif length == 10:
        if word == _ERROR_TY_PE and word_at(key + 8, 2) == _PE:
            field = ERROR_TYPE
        elif word == _COLD_STA_RT and word_at(key + 8, 2) == _RT:
            field = COLD_START
    return field


@inlined
def call_field(key: int, length: int, word: np.uint64) -> int:
    """Return the field of a table call that a key names, or UNKNOWN; parameters as for ``event_field``."""
    field = UNKNOWN
    if length <= 8:
        if word == _NAME:
            field = CALL_NAME
        elif word == _OP:
            field = CALL_OP
        elif word == _MS:
            field = CALL_MS
        elif word == _RCU:
            field = CALL_RCU
        elif word == _WCU:
            field = CALL_WCU
    elif length == 9 and word == _THROTTLE_D and load8(key + 8) == _D:
        field = CALL_THROTTLED
    return field


@inlined
def client_field(length: int, word: np.uint64) -> int:
    """Return the field of a client that a key names, or UNKNOWN."""
    field = UNKNOWN
    if length <= 8:
        if word == _NAME:
            field = CLIENT_NAME
        elif word == _VERSION:
            field = CLIENT_VERSION
        elif word == _TENANT:
            field = CLIENT_TENANT
    return field


@inlined
def layer_of(length: int, word: np.uint64) -> int:
    """Return the layer whose duration a key names, -1 for none."""
    layer = -1
    if length <= 8:
        if word == _TOTAL:
            layer = TOTAL
        elif word == _FUNCTION:
            layer = IN_FUNCTION
        elif word == _CODE:
            layer = IN_CODE
        elif word == _AUTH:
            layer = IN_AUTH
    return layer

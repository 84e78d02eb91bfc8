"""Scans one span of a message into a row. Compiled.

The meaning of a span is not decided here. Its names, as the bytes they are, were given to the plain reader
once, and the piece that it made of them is found again (``span_names.py``).
"""

from typing import Final

import numpy as np

from detectors.state.compiled import inlined, part
from streams.engine.decode.operations import READS, WRITES
from streams.engine.decode.scan.machine_words import load8, load64, load_int, store64, trailing_zeros
from streams.engine.decode.scan.name_table import look_up
from streams.ingest.formats.otlp.scan import scan_keys as key
from streams.ingest.formats.otlp.scan import span_memory as memory
from streams.ingest.formats.otlp.scan.scan_capacity import consumed
from streams.ingest.formats.otlp.scan.scan_keys import key_number
from streams.ingest.formats.otlp.scan.scan_wire import (
    IS_FLAG,
    IS_LIST,
    IS_NUMBER,
    IS_TEXT,
    copy,
    is_text,
    read_key,
    read_length,
    read_texts,
    read_value,
    skip_number,
)
from streams.ingest.formats.otlp.span import (
    CLIENT,
    CONSUMER,
    EARLIEST_NS,
    LATEST_NS,
    LONGEST_NS,
    PRODUCER,
    SERVER,
)

CALL_MEANS_NOTHING, CALL_MEANS_NO_TABLE, CALL_MEANS_ONE = range(3)
"""Meanings of the piece of a client's span."""

_ONE: Final = np.int64(1)
_MOST_INVOCATION: Final = 128
_EXCEPTION: Final = np.uint64(int.from_bytes(b"exceptio", "little"))
_LAST_OF_EXCEPTION: Final = ord("n")
_MALFORMED: Final = -2
_ERROR: Final = 2
_EXCLAMATION, _TILDE, _QUOTE, _BACKSLASH = map(ord, '!~"\\')
_OT: Final = (ord("o"), ord("t"), ord("="))


@part
def scan_span(io: int, row: int, at: int, end: int) -> int:
    """Scan the span between two addresses into the row at an address.

    Returns
    -------
    The bits of the attributes by which it names its function, -1 if its bytes are in another form than
    exporters write, which leaves the whole message to the plain reader.
    """
    work = load_int(io + memory.WORK)
    slots = work + memory.SLOTS
    keys, factor = load_int(io + memory.KEYS), load64(io + memory.KEYS_FACTOR)
    store64(row + memory.BEGIN, at)
    store64(row + memory.END, end)
    # every exporter writes the ids first
    if end - at < 28 or load8(at) != 0x0A or load8(at + 1) != 16 or load8(at + 18) != 0x12:
        return np.int64(-1)
    if load8(at + 19) != 8:
        return np.int64(-1)
    store64(row + memory.TRACE_HIGH, load_int(at + 2))
    store64(row + memory.TRACE_LOW, load_int(at + 10))
    store64(row + memory.ID, load_int(at + 20))
    left = (load64(at + 2) | load64(at + 10)) == 0 or load64(at + 20) == 0
    at += 28
    parent, kind, start, finish = np.int64(0), np.int64(0), np.int64(0), np.int64(0)
    seen, odd, flags = np.int64(0), np.int64(0), np.int64(0)
    capacity, capacity_length = np.int64(0), np.int64(-1)
    while at < end:
        tag = load8(at)
        if tag == 0x4A:  # an attribute, first because most fields are
            at, length = read_length(at + 1, end)
            if length < 0:
                return np.int64(-1)
            last = at + length
            value, size = read_key(at, last)
            if value < 0:
                return np.int64(-1)
            number = key_number(keys, factor, at + 2, size)
            if number < 0 and not is_text(at + 2, value - 1):
                return np.int64(-1)
            value, size = read_length(value, last)
            if size < 0 or value + size != last:
                return np.int64(-1)
            what, place, size = read_value(value, last)
            if what < 0:
                return np.int64(-1)
            if what == IS_LIST:
                what, place, size = read_texts(place, place + size)
                if what < 0:
                    return np.int64(-1)
                what = IS_TEXT if what == 1 and size > 0 else IS_LIST
                if number < 0:
                    at = last
                    continue
                if not (key.LIST_MASK >> number) & 1:
                    what = IS_LIST
            elif number == key.TABLE_NAMES:
                what = IS_LIST
            at = last
            if number < 0 or number >= key.RAISED_TYPE:
                continue
            bit = _ONE << number
            if seen & bit:
                odd |= bit
            seen |= bit
            if number == key.COLD:
                if what != IS_FLAG:
                    odd |= bit
                elif place:
                    flags |= key.IS_COLD
            elif key.FIRST_NUMBER <= number <= key.LAST_NUMBER:
                if what != IS_NUMBER or place < 0:
                    odd |= bit
                store64(slots + 16 * number, place)
            elif number == key.CAPACITY:
                if what != IS_TEXT:
                    odd |= bit
                capacity, capacity_length = place, size
            else:
                if what != IS_TEXT or size == 0:
                    odd |= bit
                store64(slots + 16 * number, place)
                store64(slots + 16 * number + 8, size)
        elif tag == 0x22:
            at, length = read_length(at + 1, end)
            if length == 8:
                parent = load_int(at)
            elif length != 0:
                return np.int64(-1)
            at += length
        elif tag == 0x2A:
            at, length = read_length(at + 1, end)
            if length < 0 or not is_text(at, at + length):
                return np.int64(-1)
            store64(slots + 16 * key.NAME, at)
            store64(slots + 16 * key.NAME + 8, length)
            seen |= _ONE << key.NAME if length else np.int64(0)
            at += length
        elif tag == 0x30:
            kind = load8(at + 1)
            if kind > CONSUMER or at + 2 > end:
                return np.int64(-1)
            at += 2
        elif tag == 0x39 or tag == 0x41:
            if at + 9 > end:
                return np.int64(-1)
            if tag == 0x39:
                start = load_int(at + 1)
            else:
                finish = load_int(at + 1)
            at += 9
        elif tag == 0x1A:
            at, length = read_length(at + 1, end)
            if length < 0 or not is_text(at, at + length):
                return np.int64(-1)
            left = left or _names_sampler(at, at + length)
            at += length
        elif tag == 0x50 or tag == 0x60 or tag == 0x70:
            at = skip_number(at + 1, end)
            if at < 0:
                return at
        elif tag == 0x5A:
            at, length = read_length(at + 1, end)
            if length < 0:
                return np.int64(-1)
            event = _scan_event(at, at + length, slots, keys, factor)
            if event < 0:
                return np.int64(-1)
            if event & key.RAISED:
                seen &= ~((_ONE << key.RAISED_TYPE) | (_ONE << key.RAISED_MESSAGE))
                seen |= event & ~key.RAISED
                flags |= key.RAISED
            at += length
        elif tag == 0x6A:
            at, length = read_length(at + 1, end)
            if length < 0 or not _is_link(at, at + length, keys, factor):
                return np.int64(-1)
            at += length
        elif tag == 0x7A:
            at, length = read_length(at + 1, end)
            if length < 0 or seen >> key.MESSAGE & 1:
                return np.int64(-1)
            failed = _scan_status(at, at + length, slots)
            if failed < 0:
                return np.int64(-1)
            seen |= failed & (_ONE << key.MESSAGE)
            flags |= failed & key.FAILED
            at += length
        elif tag == 0x85 and load8(at + 1) == 0x01 and at + 6 <= end:
            at += 6
        else:
            return np.int64(-1)
    if at != end:
        return np.int64(-1)
    took = np.int64(-1)
    if 0 < start <= finish and finish - start <= LONGEST_NS:
        took = finish - start
    store64(row + memory.PARENT, parent)
    store64(row + memory.KIND, kind)
    store64(row + memory.START, start)
    store64(row + memory.TOOK, took)
    store64(row + memory.CLIENT, np.int64(-1))
    store64(row + memory.INVOCATION_LENGTH, np.int64(0))
    store64(row + memory.RCU_LENGTH, np.int64(0))
    store64(row + memory.WCU_LENGTH, np.int64(0))
    store64(row + memory.NEXT, np.int64(-1))
    store64(row + memory.LAST, np.int64(-1))
    store64(row + memory.CALLS, np.int64(-1))
    store64(row + memory.CALL_COUNT, np.int64(0))
    makes = np.int64(memory.AN_INSIDE)
    if not left:
        if kind == CLIENT:
            makes, left = _scan_call(io, row, work, seen, odd, flags, capacity, capacity_length, keys, factor)
            left = left or (makes == memory.A_CALL and not EARLIEST_NS <= start < LATEST_NS)
        elif kind == SERVER or kind == CONSUMER:
            makes = np.int64(memory.A_REQUEST)
            left = _scan_request(io, row, work, seen, odd, flags) or not EARLIEST_NS <= start < LATEST_NS
        elif kind == PRODUCER:
            makes = np.int64(memory.A_PRODUCER)
    store64(row + memory.MAKES, makes)
    store64(row + memory.LEFT, np.int64(left))
    if kind != SERVER and kind != CONSUMER:
        return np.int64(0)
    if odd & key.IDENTIFIED_MASK:
        return key.IDENTIFIED_MASK | key.FAILED  # which are not names that can be looked up
    return seen & key.IDENTIFIED_MASK


@part
def _names_sampler(at: int, end: int) -> bool:
    for place in range(at, end - 2):
        if load8(place) == _OT[0] and load8(place + 1) == _OT[1] and load8(place + 2) == _OT[2]:
            return True
    return False


@part
def _scan_event(at: int, end: int, slots: int, keys: int, factor: np.uint64) -> int:
    """Scan an event; return RAISED and the bits of an exception's texts, -1 if it is in another form."""
    found = np.int64(0)
    while at < end:
        tag = load8(at)
        if tag == 0x09:
            at += 9
        elif tag == 0x12:
            at, length = read_length(at + 1, end)
            if length < 0 or not is_text(at, at + length):
                return np.int64(-1)
            if length == 9 and load64(at) == _EXCEPTION and load8(at + 8) == _LAST_OF_EXCEPTION:
                found |= key.RAISED
            elif found:
                return np.int64(-1)
            at += length
        elif tag == 0x1A:
            at, length = read_length(at + 1, end)
            if length < 0:
                return np.int64(-1)
            last = at + length
            number, place, length = _scan_attribute(at, last, keys, factor)
            if number == _MALFORMED:
                return np.int64(-1)
            if number == key.RAISED_TYPE or number == key.RAISED_MESSAGE:
                bit = _ONE << number
                if not found & key.RAISED or found & bit or length < 0:
                    return np.int64(-1)  # the name comes behind, or it is no text
                if length > 0:
                    found |= bit
                    store64(slots + 16 * number, place)
                    store64(slots + 16 * number + 8, length)
            at = last
        elif tag == 0x20:
            at = skip_number(at + 1, end)
            if at < 0:
                return at
        else:
            return np.int64(-1)
    return found if at == end else np.int64(-1)


@part
def _scan_attribute(at: int, end: int, keys: int, factor: np.uint64) -> tuple[int, int, int]:
    """Return the number of an attribute, -1 if it is not read, and its text, of length -1 if it is none."""
    none = np.int64(0)
    value, size = read_key(at, end)
    if value < 0:
        return _MALFORMED, none, none
    number = key_number(keys, factor, at + 2, size)
    if number < 0 and not is_text(at + 2, value - 1):
        return _MALFORMED, none, none
    value, size = read_length(value, end)
    if size < 0 or value + size != end:
        return _MALFORMED, none, none
    what, place, size = read_value(value, end)
    if what == IS_LIST:
        what, place, size = read_texts(place, place + size)
        if what >= 0:
            what = IS_LIST
    if what < 0:
        return _MALFORMED, none, none
    return number, place, size if what == IS_TEXT else np.int64(-1)


@part
def _is_link(at: int, end: int, keys: int, factor: np.uint64) -> bool:
    """Whether bytes are a link to another span, of which nothing is read."""
    while at < end:
        tag = load8(at)
        if tag == 0x0A or tag == 0x12 or tag == 0x1A:
            at, length = read_length(at + 1, end)
            if length < 0 or (tag == 0x1A and not is_text(at, at + length)):
                return False
            at += length
        elif tag == 0x22:
            at, length = read_length(at + 1, end)
            if length < 0:
                return False
            number, _, _ = _scan_attribute(at, at + length, keys, factor)
            if number == _MALFORMED:
                return False
            at += length
        elif tag == 0x28:
            at = skip_number(at + 1, end)
            if at < 0:
                return False
        elif tag == 0x35:
            at += 5
        else:
            return False
    return at == end


@part
def _scan_status(at: int, end: int, slots: int) -> int:
    """Return FAILED and the bit of the message, as far as present, -1 if it is in another form."""
    found = np.int64(0)
    while at < end:
        tag = load8(at)
        if tag == 0x12:
            at, length = read_length(at + 1, end)
            if length < 0 or not is_text(at, at + length):
                return np.int64(-1)
            if length > 0:
                found |= _ONE << key.MESSAGE
                store64(slots + 16 * key.MESSAGE, at)
                store64(slots + 16 * key.MESSAGE + 8, length)
            at += length
        elif tag == 0x18 and at + 2 <= end and load8(at + 1) <= _ERROR:
            if load8(at + 1) == _ERROR:
                found |= key.FAILED
            at += 2
        else:
            return np.int64(-1)
    return found if at == end else np.int64(-1)


@inlined
def _write_key(mask: int, slots: int, to: int) -> int:
    """Write the values of the attributes of a mask behind each other; return their length, -1 if too long."""
    at = to
    rest = np.uint64(mask)
    while rest:
        bit = trailing_zeros(rest)
        rest &= rest - np.uint64(1)
        value = load_int(slots + 16 * bit)
        if (key.NUMBER_MASK >> bit) & 1:
            store64(at, value)
            at += 8
            continue
        length = load_int(slots + 16 * bit + 8)
        if at + 16 + length > to + memory.MOST_NAME:
            return np.int64(-1)
        store64(at, length)
        at += 8
        copy(at, value, length)
        at += length
    return at - to if at - to <= memory.MOST_NAME else np.int64(-1)


@part
def find_names(io: int, kind: int, table: int, mask: int, owner: int) -> int:
    """Return the number of the piece that the names of a mask have become, -1 if they are not known.

    Those that are not are noted for ``span_scanner.py`` to learn.
    """
    work = load_int(io + memory.WORK)
    to = work + memory.NAME_BYTES
    length = _write_key(mask, work + memory.SLOTS, to)
    if length < 0:
        return np.int64(-1)
    texts = work + memory.NAME_TEXTS
    store64(texts, to)
    store64(texts + 8, length)
    found = look_up(texts, owner, table)
    if found < 0:
        note_miss(io, kind, owner, to, length)
    return found


@part
def note_miss(io: int, kind: int, owner: int, at: int, length: int) -> None:
    """Note a name that is not known, while there is room."""
    used = load_int(io + memory.MISSES_LENGTH)
    if used + memory.MISS_HEAD + length + 16 > load_int(io + memory.MISSES_ROOM):
        return
    to = load_int(io + memory.MISSES) + used
    store64(to, np.int64(kind))
    store64(to + 8, owner)
    store64(to + 16, length)
    copy(to + memory.MISS_HEAD, at, length)
    store64(io + memory.MISSES_LENGTH, used + memory.MISS_HEAD + length)


@inlined
def piece_at(io: int, number: int) -> int:
    """Return the address of a piece."""
    return load_int(io + memory.PIECES) + memory.PIECE_BYTES * number


@part
def _scan_call(
    io: int, row: int, work: int, seen: int, odd: int, flags: int, capacity: int, length: int, keys: int,
    factor: np.uint64,
) -> tuple[int, bool]:  # fmt: skip
    """Return the kind of record of a client's span, and whether it is left to the plain reader."""
    mask = seen & key.CALL_MASK
    if seen & key.OPERATION_MASK:
        mask &= ~(_ONE << key.NAME)
    if odd & (key.CALL_MASK | key.OF_CALL_ONLY) or seen & key.CHARGE_MASK:
        return np.int64(memory.A_CLIENT), True
    number = find_names(
        io, memory.OF_CALL, load_int(io + memory.CALL_NAMES), mask, mask | flags & ~key.IS_COLD
    )
    if number < 0:
        return np.int64(memory.A_CLIENT), True
    store64(row + memory.PIECE, number)
    piece = piece_at(io, number)
    means = load_int(piece + memory.MEANS)
    if means == CALL_MEANS_NOTHING:
        return np.int64(memory.A_CLIENT), False
    if means == CALL_MEANS_NO_TABLE:
        return np.int64(memory.A_CALL_OF_NO_TABLE), length >= 0
    if means != CALL_MEANS_ONE:
        return np.int64(memory.A_CALL), True
    if length < 0:
        return np.int64(memory.A_CALL), False
    if not load_int(piece + memory.SAYS_MORE) or not (seen >> key.TABLE_NAMES) & 1:
        return np.int64(memory.A_CALL), True
    slot = work + memory.SLOTS + 16 * key.TABLE_NAMES
    usual, plain, plain_length, reads, reads_length, writes, writes_length = consumed(
        capacity, capacity + length, load_int(slot), load_int(slot + 8), keys, factor, work + memory.QUOTES
    )
    if not usual:
        return np.int64(memory.A_CALL), True
    if reads_length == 0 and writes_length == 0:
        kind = load_int(piece + memory.SAYS)
        if kind == READS:
            reads, reads_length = plain, plain_length
        elif kind == WRITES:
            writes, writes_length = plain, plain_length
    store64(row + memory.RCU, reads)
    store64(row + memory.RCU_LENGTH, reads_length)
    store64(row + memory.WCU, writes)
    store64(row + memory.WCU_LENGTH, writes_length)
    return np.int64(memory.A_CALL), False


@part
def _scan_request(io: int, row: int, work: int, seen: int, odd: int, flags: int) -> bool:
    """Look the names of a request up; return whether it is left to the plain reader."""
    if odd & (key.REQUEST_MASK | key.CLIENT_MASK | key.INVOCATION_MASK):
        return True
    if load_int(io + memory.TEMPLATED) and seen & key.PATH_MASK and not (seen >> key.ROUTE) & 1:
        return True
    if seen & key.INVOCATION_MASK:
        slot = work + memory.SLOTS + 16 * (key.INVOCATION if (seen >> key.INVOCATION) & 1 else key.EXECUTION)
        at, length = load_int(slot), load_int(slot + 8)
        if length > _MOST_INVOCATION or not _is_plain(at, length):
            return True
        store64(row + memory.INVOCATION, at)
        store64(row + memory.INVOCATION_LENGTH, length)
    if seen & key.CLIENT_MASK:
        mask = seen & key.CLIENT_MASK
        client = find_names(io, memory.OF_CLIENT, load_int(io + memory.CLIENT_NAMES), mask, mask)
        if client < 0 or load_int(piece_at(io, client) + memory.MEANS) == memory.UNUSUAL:
            return True
        store64(row + memory.CLIENT, client)
    mask = seen & key.REQUEST_MASK
    number = find_names(
        io, memory.OF_REQUEST, load_int(io + memory.REQUEST_NAMES), mask & ~(_ONE << key.COLD), mask | flags
    )
    store64(row + memory.PIECE, number)
    return number < 0 or load_int(piece_at(io, number) + memory.MEANS) == memory.UNUSUAL


@inlined
def _is_plain(at: int, length: int) -> bool:
    """Whether a text stands in JSON as it is, and is one word."""
    for place in range(length):
        letter = load8(at + place)
        if not _EXCLAMATION <= letter <= _TILDE or letter == _QUOTE or letter == _BACKSLASH:
            return False
    return True

"""Scans a message of spans straight into native records. Compiled.

The scanner is a strict recogniser of the messages that exporters write of usual spans. It leaves to the plain
reader (``spans.py``), which alone defines what spans mean, the traces in which anything is unusual, and the
whole message when its form is. A property test compares the two (docs/adr/0018).
"""

from typing import Final

import numpy as np

from detectors.state.compiled import inlined, part, unlocked
from streams.engine.decode.scan.machine_words import load8, load32, load64, load_int, store32, store64
from streams.engine.decode.scan.name_table import look_up
from streams.ingest.formats.otlp.scan import span_memory as memory
from streams.ingest.formats.otlp.scan.scan_keys import FAILED, IDENTIFIED_FROM, IDENTIFIED_MASK
from streams.ingest.formats.otlp.scan.scan_lines import bytes_of, put_line
from streams.ingest.formats.otlp.scan.scan_span import find_names, note_miss, piece_at, scan_span
from streams.ingest.formats.otlp.scan.scan_wire import is_text, read_length
from streams.ingest.formats.otlp.span import CLIENT, PRODUCER
from streams.ingest.formats.otlp.spans import MOST_CALLS

_RESOURCE, _SCOPES, _SCHEMA = 0x0A, 0x12, 0x1A  # of a resource and its scopes; a scope has the same
_SPREAD: Final = np.uint64(0x9E3779B97F4A7C15)
_STEPS: Final = 64  # from a span to the root of its trace
RESOURCE_TEXTS: Final = 4
"""Texts into which a resource is divided, as a text of a name table has a longest."""
IDENTIFIED_BITS: Final = 5
COMPLETE, INCOMPLETE = range(2)
"""Meanings of the piece of a resource: whether its own requests may add names."""


@inlined
def _count(io: int, place: int) -> None:
    store64(io + place, load_int(io + place) + 1)


@unlocked
def scan(io: int, first: bool) -> int:
    """Scan the message; return how that ended, as in ``span_memory.py``.

    The ``first`` time, it ends when all names that are not known are noted.
    """
    for place in (memory.ROW_COUNT, memory.RESOURCE_COUNT, memory.TRACE_COUNT, memory.MISSES_LENGTH,
                  memory.OUT_LENGTH, memory.LINE_COUNT, memory.LEFT_COUNT, memory.NO_TABLE, memory.PRODUCED,
                  memory.INSIDE, memory.NO_DATABASE, memory.UNKNOWN_RESOURCES):  # fmt: skip
        store64(io + place, np.int64(0))
    at, end = load_int(io + memory.PAYLOAD), load_int(io + memory.PAYLOAD_END)
    while at < end:
        if load8(at) != _RESOURCE:
            return memory.DECLINED
        at, length = read_length(at + 1, end)
        if length < 0:
            return memory.DECLINED
        ended = _scan_resource(io, at, at + length)
        if ended != memory.DONE:
            return ended
        at += length
    if load_int(io + memory.MISSES_LENGTH) and first:
        return memory.LEARN
    if load_int(io + memory.UNKNOWN_RESOURCES) or not load_int(io + memory.ROW_COUNT):
        return memory.DECLINED
    _find_traces(io)
    _find_requests(io)
    _find_owners(io)
    return _write(io)


@part
def _scan_resource(io: int, at: int, end: int) -> int:
    """Scan a resource with its scopes."""
    count = load_int(io + memory.RESOURCE_COUNT)
    if count >= load_int(io + memory.RESOURCES_ROOM):
        return memory.MORE_ROWS
    store64(io + memory.RESOURCE_COUNT, count + 1)
    resource = load_int(io + memory.RESOURCES) + memory.RESOURCE_BYTES * count
    first = load_int(io + memory.ROW_COUNT)
    text, length = at, np.int64(0)
    if at < end and load8(at) == _RESOURCE:
        text, length = read_length(at + 1, end)
        if length < 0:
            return memory.DECLINED
        at = text + length
    store64(resource + memory.TEXT, text)
    store64(resource + memory.TEXT_LENGTH, length)
    store64(resource + memory.FIRST_ROW, first)
    store64(resource + memory.IDENTIFIED_ROW, np.int64(-1))
    names = _find_resource(io, text, length)
    if names == memory.UNUSUAL_NAME:
        return memory.DECLINED
    origin = names
    while at < end:
        tag = load8(at)
        if tag != _SCOPES and tag != _SCHEMA:
            return memory.DECLINED
        at, length = read_length(at + 1, end)
        if length < 0:
            return memory.DECLINED
        if tag == _SCHEMA:
            if not is_text(at, at + length):
                return memory.DECLINED
        else:
            ended, origin = _scan_scope(io, at, at + length, resource, names, origin)
            if ended != memory.DONE:
                return ended
        at += length
    store64(resource + memory.LAST_ROW, load_int(io + memory.ROW_COUNT))
    store64(resource + memory.ORIGIN, origin)
    return memory.DONE


@part
def _find_resource(io: int, text: int, length: int) -> int:
    """Return the number of the piece of a resource, -1 if it is not known."""
    if length > RESOURCE_TEXTS * memory.MOST_NAME:
        return np.int64(memory.UNUSUAL_NAME)
    texts = load_int(io + memory.WORK) + memory.NAME_TEXTS
    left = length
    for nth in range(RESOURCE_TEXTS):
        store64(texts + 16 * nth, text + memory.MOST_NAME * nth)
        store64(texts + 16 * nth + 8, min(max(left, 0), memory.MOST_NAME))
        left -= memory.MOST_NAME
    number = look_up(texts, np.int64(0), load_int(io + memory.RESOURCE_NAMES))
    if number < 0:
        note_miss(io, memory.OF_RESOURCE, np.int64(0), text, length)
        _count(io, memory.UNKNOWN_RESOURCES)
        return np.int64(-1)
    means = load_int(piece_at(io, number) + memory.MEANS)
    return np.int64(memory.UNUSUAL_NAME) if means == memory.UNUSUAL else number


@part
def _scan_scope(io: int, at: int, end: int, resource: int, names: int, origin: int) -> tuple[int, int]:
    """Scan the spans of a scope; return how that ended, and the number of the resource's origin by now."""
    if at < end and load8(at) == _RESOURCE:
        at, length = read_length(at + 1, end)
        if length < 0 or length > memory.MOST_NAME:
            return memory.DECLINED, origin
        texts = load_int(io + memory.WORK) + memory.NAME_TEXTS
        store64(texts, at)
        store64(texts + 8, length)
        number = look_up(texts, np.int64(0), load_int(io + memory.SCOPE_NAMES))
        if number < 0:
            note_miss(io, memory.OF_SCOPE, np.int64(0), at, length)
            _count(io, memory.UNKNOWN_RESOURCES)
        elif load_int(piece_at(io, number) + memory.MEANS) == memory.UNUSUAL:
            return memory.DECLINED, origin
        at += length
    rows, room = load_int(io + memory.ROWS), load_int(io + memory.ROWS_ROOM)
    while at < end:
        tag = load8(at)
        if tag != _SCOPES and tag != _SCHEMA:
            return memory.DECLINED, origin
        at, length = read_length(at + 1, end)
        if length < 0:
            return memory.DECLINED, origin
        if tag == _SCHEMA:
            if not is_text(at, at + length):
                return memory.DECLINED, origin
            at += length
            continue
        count = load_int(io + memory.ROW_COUNT)
        if count >= room:
            return memory.MORE_ROWS, origin
        row = rows + memory.ROW_BYTES * count
        named = scan_span(io, row, at, at + length)
        if named < 0:
            return memory.DECLINED, origin
        store64(row + memory.RESOURCE, resource)
        store64(io + memory.ROW_COUNT, count + 1)
        if named and names >= 0 and load_int(resource + memory.IDENTIFIED_ROW) < 0:
            store64(resource + memory.IDENTIFIED_ROW, count)
            if load_int(piece_at(io, names) + memory.MEANS) == INCOMPLETE:
                if named & FAILED:
                    return memory.DECLINED, origin
                owner = (named & IDENTIFIED_MASK) >> IDENTIFIED_FROM | names << IDENTIFIED_BITS
                table = load_int(io + memory.ORIGIN_NAMES)
                origin = find_names(io, memory.OF_ORIGIN, table, named & IDENTIFIED_MASK, owner)
                if origin >= 0 and load_int(piece_at(io, origin) + memory.MEANS) == memory.UNUSUAL:
                    return memory.DECLINED, origin
                if origin < 0:
                    _count(io, memory.UNKNOWN_RESOURCES)
        at += length
    return memory.DONE, origin


@inlined
def _mixed(seed: np.uint64, first: np.uint64, second: np.uint64) -> np.uint64:
    found = ((first ^ seed) * _SPREAD) ^ second
    found ^= found >> np.uint64(32)
    found *= _SPREAD
    return found ^ (found >> np.uint64(29))


@inlined
def _clear(slots: int, count: int) -> None:
    for place in range(0, 4 * count, 8):
        store64(slots + place, np.int64(-1))


@inlined
def _slots_for(rows: int) -> int:
    """Return a power of two, at least twice as many."""
    found = np.int64(16)
    while found < 2 * rows:
        found *= 2
    return found


@inlined
def _row_at(io: int, number: int) -> int:
    return load_int(io + memory.ROWS) + memory.ROW_BYTES * number


@inlined
def _trace_at(io: int, number: int) -> int:
    return load_int(io + memory.TRACES) + memory.TRACE_BYTES * number


@part
def _find_traces(io: int) -> None:
    """Enter every span into the tables of spans and of traces."""
    rows = load_int(io + memory.ROW_COUNT)
    slots = _slots_for(rows)
    mask = slots - 1
    spans, traces = load_int(io + memory.SPAN_SLOTS), load_int(io + memory.TRACE_SLOTS)
    _clear(spans, slots)
    _clear(traces, slots)
    seed = load64(io + memory.SEED)
    last_high, last_low, last = np.uint64(0), np.uint64(0), np.int64(-1)
    for number in range(rows):
        row = _row_at(io, number)
        high, low = load64(row + memory.TRACE_HIGH), load64(row + memory.TRACE_LOW)
        if last < 0 or high != last_high or low != last_low:
            last_high, last_low = high, low
            slot = np.int64(_mixed(seed, high, low)) & mask
            last = np.int64(load32(traces + 4 * slot))
            while last >= 0:
                first = _row_at(io, load_int(_trace_at(io, last) + memory.FIRST_SPAN))
                if load64(first + memory.TRACE_HIGH) == high and load64(first + memory.TRACE_LOW) == low:
                    break
                slot = (slot + 1) & mask
                last = np.int64(load32(traces + 4 * slot))
            if last < 0:
                last = load_int(io + memory.TRACE_COUNT)
                store64(io + memory.TRACE_COUNT, last + 1)
                store32(traces + 4 * slot, last)
                trace = _trace_at(io, last)
                store64(trace + memory.FIRST_SPAN, np.int64(number))
                store64(trace + memory.IS_LEFT, np.int64(0))
                store64(trace + memory.FIRST_REQUEST, np.int64(-1))
        store64(row + memory.TRACE, last)
        trace = _trace_at(io, last)
        if load_int(row + memory.LEFT):
            store64(trace + memory.IS_LEFT, np.int64(1))
        elif load_int(row + memory.MAKES) == memory.A_REQUEST:
            store64(row + memory.NEXT, load_int(trace + memory.FIRST_REQUEST))
            store64(trace + memory.FIRST_REQUEST, np.int64(number))
        slot, found = _slot_of(io, high, low, load64(row + memory.ID), mask)
        if found >= 0:
            store64(trace + memory.IS_LEFT, np.int64(1))  # a span sent twice
        else:
            store32(spans + 4 * slot, np.int64(number))


@inlined
def _slot_of(io: int, high: np.uint64, low: np.uint64, span: np.uint64, mask: int) -> tuple[int, int]:
    """Return the slot of a span, and its row or -1."""
    slots = load_int(io + memory.SPAN_SLOTS)
    slot = np.int64(_mixed(load64(io + memory.SEED), low, high ^ (span * _SPREAD))) & mask
    found = np.int64(load32(slots + 4 * slot))
    while found >= 0:
        row = _row_at(io, found)
        if (
            load64(row + memory.ID) == span
            and load64(row + memory.TRACE_LOW) == low
            and load64(row + memory.TRACE_HIGH) == high
        ):
            break
        slot = (slot + 1) & mask
        found = np.int64(load32(slots + 4 * slot))
    return slot, found


@inlined
def _origin_of(io: int, row: int) -> int:
    """Return the number of the origin of a row: resources of the same names have the same."""
    return load_int(piece_at(io, load_int(load_int(row + memory.RESOURCE) + memory.ORIGIN)) + memory.SAYS)


@part
def _request_above(io: int, row: int, mask: int) -> tuple[int, bool, bool]:
    """Search from a span towards the root of its trace.

    Returns
    -------
    The number of the nearest request or -1, whether a call lies between, and whether the way is unusual: it
    is long or a circle, or the call of a database lies on it.
    """
    high, low = load64(row + memory.TRACE_HIGH), load64(row + memory.TRACE_LOW)
    crossed = False
    for _ in range(_STEPS):
        parent = load64(row + memory.PARENT)
        if parent == 0:
            return np.int64(-1), crossed, False
        _, above = _slot_of(io, high, low, parent, mask)
        if above < 0:
            return np.int64(-1), crossed, False
        row = _row_at(io, above)
        makes, kind = load_int(row + memory.MAKES), load_int(row + memory.KIND)
        if makes == memory.A_REQUEST:
            return above, crossed, False
        if makes == memory.A_CALL:
            break
        crossed = crossed or kind == CLIENT or kind == PRODUCER
    return np.int64(-1), crossed, True


@part
def _find_requests(io: int) -> None:
    """Leave the traces in which a request lies within another of the same origin."""
    rows = load_int(io + memory.ROW_COUNT)
    mask = _slots_for(rows) - 1
    for number in range(rows):
        row = _row_at(io, number)
        trace = _trace_at(io, load_int(row + memory.TRACE))
        if load_int(row + memory.MAKES) != memory.A_REQUEST or load_int(trace + memory.IS_LEFT):
            continue
        origin = load_int(load_int(row + memory.RESOURCE) + memory.ORIGIN)
        named = load_int(piece_at(io, origin) + memory.NAMED)
        if not named and not load_int(piece_at(io, load_int(row + memory.PIECE)) + memory.SAYS):
            store64(trace + memory.IS_LEFT, np.int64(1))
            continue
        above, crossed, unusual = _request_above(io, row, mask)
        within = above >= 0 and not crossed and _origin_of(io, row) == _origin_of(io, _row_at(io, above))
        if unusual or within:
            store64(trace + memory.IS_LEFT, np.int64(1))


@part
def _find_owners(io: int) -> None:
    """Give every call to the request that made it; one without stays alone."""
    rows = load_int(io + memory.ROW_COUNT)
    mask = _slots_for(rows) - 1
    for number in range(rows):
        row = _row_at(io, number)
        trace = _trace_at(io, load_int(row + memory.TRACE))
        if load_int(row + memory.MAKES) != memory.A_CALL or load_int(trace + memory.IS_LEFT):
            continue
        owner, _, unusual = _request_above(io, row, mask)
        if unusual:
            store64(trace + memory.IS_LEFT, np.int64(1))
            continue
        origin = _origin_of(io, row)
        if owner < 0 or _origin_of(io, _row_at(io, owner)) != origin:
            owner = np.int64(-1)
            several = False
            other = load_int(trace + memory.FIRST_REQUEST)
            visited = 0
            while other >= 0:
                if _origin_of(io, _row_at(io, other)) == origin:
                    several = owner >= 0
                    owner = other
                visited += 1
                if several or visited > _STEPS:
                    break
                other = load_int(_row_at(io, other) + memory.NEXT)
            if visited > _STEPS:
                store64(trace + memory.IS_LEFT, np.int64(1))
            if several:
                owner = np.int64(-1)
        if owner < 0:
            store64(row + memory.LAST, np.int64(number))  # alone
            piece = piece_at(io, load_int(load_int(row + memory.RESOURCE) + memory.ORIGIN))
            if not load_int(piece + memory.NAMED):
                store64(trace + memory.IS_LEFT, np.int64(1))
            continue
        request = _row_at(io, owner)
        last = load_int(request + memory.LAST)
        if last < 0:
            store64(request + memory.CALLS, np.int64(number))
        else:
            store64(_row_at(io, last) + memory.NEXT, np.int64(number))
        store64(request + memory.LAST, np.int64(number))
        made = load_int(request + memory.CALL_COUNT) + 1
        store64(request + memory.CALL_COUNT, made)
        if made > MOST_CALLS:
            store64(trace + memory.IS_LEFT, np.int64(1))


@part
def _write(io: int) -> int:
    """Write the records of all traces that are not left."""
    out = load_int(io + memory.OUT)
    limit = out + load_int(io + memory.OUT_ROOM)
    to = out
    for number in range(load_int(io + memory.ROW_COUNT)):
        row = _row_at(io, number)
        if load_int(_trace_at(io, load_int(row + memory.TRACE)) + memory.IS_LEFT):
            store64(row + memory.LEFT, np.int64(1))
            _count(io, memory.LEFT_COUNT)
            continue
        makes = load_int(row + memory.MAKES)
        if makes == memory.A_REQUEST or (makes == memory.A_CALL and load_int(row + memory.LAST) >= 0):
            if to + bytes_of(io, row) > limit:
                return memory.MORE_OUT
            to = put_line(io, to, row)
            store64(load_int(io + memory.LINE_ROWS) + 8 * load_int(io + memory.LINE_COUNT), np.int64(number))
            _count(io, memory.LINE_COUNT)
        elif makes == memory.A_CALL_OF_NO_TABLE:
            _count(io, memory.NO_TABLE)
        elif makes == memory.A_CLIENT:
            _count(io, memory.NO_DATABASE)
        elif makes == memory.A_PRODUCER:
            _count(io, memory.PRODUCED)
        elif makes == memory.AN_INSIDE:
            _count(io, memory.INSIDE)
    store64(io + memory.OUT_LENGTH, to - out)
    return memory.DONE

"""Names as they stand in records -> their numbers, looked up without creating strings. Compiled.

A key is a fixed number of texts under an owner (the path of a table call; 0 elsewhere), and keys are
compared byte by byte. Each process seeds its hashes randomly, so no sender can construct names that
collide; nothing that leaves the process depends on them.
"""

import os
from collections.abc import Sequence
from typing import Final

import numpy as np

from detectors.state.compiled import inlined, part, unlocked
from streams.engine.decode.scan.machine_words import (
    WIDE,
    differences,
    first_bits,
    high_product,
    load16,
    load32,
    load64,
    load_int,
    store32,
    store64,
)

NO_TABLE: Final = 0
"""In the place of an address: every key has the number 0, for readers to which it does not matter."""

LONGEST: Final = 1000
"""Bytes of the longest text in a key; a record with a longer one is left to the plain decoder."""

MEAN_BYTES: Final = 32
"""Bytes of a text for which there is room: a table is also full of few keys of long texts."""

_SLOTS: Final = 64
_FREE: Final = 0  # in a slot, which otherwise holds the place of an entry
_HASH, _OWNER, _NUMBER, _TEXTS = (8 * place for place in range(4))  # of an entry
_UNIT: Final = 8  # bytes in which places are counted
_WORD: Final = 8  # bytes
_WIDTH, _SEED, _MASK, _SLOTS_AT, _ENTRIES = (8 * place for place in range(5))  # of the header
_SPREAD: Final = np.uint64(0x9E3779B97F4A7C15)  # 2**64 divided by the golden ratio, odd
_PADDING: Final = WIDE  # bytes that may be read behind the last text
_PREFIX: Final = 2  # bytes of a length, which is stored plus one: 0 is an absent text
_PREFIXES: Final = [(length + 1).to_bytes(_PREFIX, "little") for length in range(LONGEST + 1)]
_NO_TEXT: Final = bytes(_PREFIX)


class NameTable:
    """Maps keys to numbers: each key is ``width`` texts and an owner.

    There are at most ``most`` keys, with texts of ``MEAN_BYTES`` on average.
    """

    def __init__(self, width: int, most: int) -> None:
        self._most = most
        self._most_bytes = most * (_TEXTS + width * (_PREFIX + MEAN_BYTES)) + 2 * LONGEST
        self._count = 0
        self._used = _UNIT  # bytes; no entry is at _FREE
        self._slots = np.zeros(_SLOTS, np.int32)
        self._entries = np.zeros(4096, np.uint8)
        seed = int.from_bytes(os.urandom(8), "little", signed=True)
        self._header = np.array([width, seed, 0, 0, 0])  # read by compiled code at ``address``
        self.address = int(self._header.ctypes.data)
        """Where compiled code reads the table; growing does not change it."""
        self._texts = np.zeros((width, 2), np.int64)
        self._texts_at = int(self._texts.ctypes.data)
        self._write_header()

    def add(self, texts: Sequence[str | bytes | None], number: int, owner: int = 0) -> None:
        """Add a key, unless it is known or too long, or the table is full."""
        written = [text.encode(errors="replace") if isinstance(text, str) else text for text in texts]
        if self._count >= self._most or any(text is not None and len(text) > LONGEST for text in written):
            return
        key = b"".join([_NO_TEXT if text is None else _PREFIXES[len(text)] + text for text in written])
        size = _TEXTS + len(key)
        if self._used + size > self._most_bytes:
            return
        self._make_room(size)
        self._entries.data[self._used + _TEXTS : self._used + size] = key
        if _enter(self.address, self._texts_at, self._used // _UNIT, number, owner):
            self._used += -(-size // _UNIT) * _UNIT
            self._count += 1

    def _write_header(self) -> None:
        self._header[2:] = len(self._slots) - 1, self._slots.ctypes.data, self._entries.ctypes.data

    def _make_room(self, size: int) -> None:
        if self._used + size + _PADDING > len(self._entries):
            room = min(2 * len(self._entries) + size, self._most_bytes + _UNIT + _PADDING)
            entries = np.zeros(room, np.uint8)
            entries[: self._used] = self._entries[: self._used]
            self._entries = entries
            self._write_header()
        if 2 * (self._count + 1) > len(self._slots):
            places = self._slots[self._slots != _FREE]
            self._slots = np.zeros(2 * len(self._slots), np.int32)
            self._write_header()
            _fill(self.address, places.ctypes.data, len(places))


@part
def _put(table: int, place: int) -> None:
    """Put the place of an entry into the first free slot for its hash."""
    slots, mask = load_int(table + _SLOTS_AT), load_int(table + _MASK)
    slot = load_int(load_int(table + _ENTRIES) + _UNIT * place + _HASH) & mask
    while load32(slots + 4 * slot) != _FREE:
        slot = (slot + 1) & mask
    store32(slots + 4 * slot, place)


@unlocked
def _fill(table: int, places: int, count: int) -> None:
    """Fill slots that are free with the places of these entries."""
    for index in range(count):
        _put(table, load32(places + 4 * index))


@unlocked
def _enter(table: int, texts: int, place: int, number: int, owner: int) -> bool:
    """Add the entry whose texts are behind the others; False when its key is known.

    ``texts`` is the address of working space for the address and length of each text.
    """
    width = load_int(table + _WIDTH)
    entry = load_int(table + _ENTRIES) + _UNIT * place
    at = entry + _TEXTS
    for index in range(width):
        length = load16(at) - 1
        at += _PREFIX
        store64(texts + 16 * index, at)
        store64(texts + 16 * index + 8, length)
        at += max(length, 0)
    if look_up(texts, owner, table) >= 0:
        return False
    store64(entry + _HASH, np.int64(hash_texts(texts, width, owner, load64(table + _SEED))))
    store64(entry + _OWNER, np.int64(owner))
    store64(entry + _NUMBER, np.int64(number))
    _put(table, np.int64(place))
    return True


@inlined
def _stirred(text: np.uint64) -> np.uint64:
    """Return both halves of a product as one: every bit of the result depends on every bit of the text."""
    return (text * _SPREAD) ^ high_product(text, _SPREAD)


@inlined
def hash_texts(texts: int, width: int, owner: int, seed: np.uint64) -> np.uint64:
    """Return the hash of a key.

    ``texts`` is the address of ``width`` pairs of int64, the address and the length of each text. Eight bytes
    can be read at every eighth byte of a text. No text waits for the hash of the one before.
    """
    found = seed ^ (np.uint64(owner) * _SPREAD)
    for index in range(width):
        at, left = load_int(texts + 16 * index), load_int(texts + 16 * index + 8)
        text = seed ^ np.uint64(left + 1)  # an absent text has the length -1
        while left > _WORD:
            text = _stirred(text ^ load64(at))
            at += _WORD
            left -= _WORD
        if left > 0:
            text = _stirred(text ^ (load64(at) & first_bits(8 * left)))
        found = _stirred(found ^ text)
    return found


@part
def look_up(texts: int, owner: int, table: int) -> int:
    """Return the number of a key, -1 when it is not known; ``table`` is ``NameTable.address``."""
    if table == NO_TABLE:
        return np.int64(0)
    width = load_int(table + _WIDTH)
    slots, mask = load_int(table + _SLOTS_AT), load_int(table + _MASK)
    found = hash_texts(texts, width, owner, load64(table + _SEED))
    slot = np.int64(found) & mask
    while True:
        place = load32(slots + 4 * slot)
        if place == _FREE:
            return np.int64(-1)
        entry = load_int(table + _ENTRIES) + _UNIT * place
        if (
            load64(entry + _HASH) == found
            and load_int(entry + _OWNER) == owner
            and _same(texts, width, entry + _TEXTS)
        ):
            return load_int(entry + _NUMBER)
        slot = (slot + 1) & mask


@inlined
def _same(texts: int, width: int, place: int) -> bool:
    for index in range(width):
        at, left = load_int(texts + 16 * index), load_int(texts + 16 * index + 8)
        if load16(place) != left + 1:
            return False
        place += _PREFIX
        while left > WIDE:
            if differences(at, place):
                return False
            at += WIDE
            place += WIDE
            left -= WIDE
        if left > 0 and differences(at, place) & first_bits(left):
            return False
        place += max(left, 0)
    return True

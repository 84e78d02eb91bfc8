"""Names as they stand in records -> their numbers, looked up without creating strings. Compiled.

A key is a fixed number of texts under an owner (the path of a table call; 0 elsewhere), and keys are
compared byte by byte. Each process seeds its hashes randomly, so no sender can construct names that
collide; nothing that leaves the process depends on them.
"""

import os
from collections.abc import Sequence
from typing import Final

import numpy as np

from detectors.state.compiled import part, unlocked
from streams.engine.decode.scan.machine_words import load8, load32, load64, load_int, store32, store64

LONGEST: Final = 1000
"""Bytes of the longest text in a key; a record with a longer one is left to the plain decoder."""

_SLOTS: Final = 64
_SPREAD: Final = np.uint64(0x9E3779B97F4A7C15)  # 2**64 divided by the golden ratio, odd
_PADDING: Final = 8  # bytes that may be read behind the last text
_PREFIX: Final = 2  # bytes of a length, which is stored plus one: 0 is an absent text
_PREFIXES: Final = [(length + 1).to_bytes(_PREFIX, "little") for length in range(LONGEST + 1)]
_NO_TEXT: Final = bytes(_PREFIX)


class NameTable:
    """Maps keys to numbers: each key is ``width`` texts and an owner, and there are at most ``most`` keys."""

    def __init__(self, width: int, most: int) -> None:
        self._width = width
        self._most = most
        self._count = 0
        self._used = 0  # bytes of the arena
        self._seed = np.uint64(int.from_bytes(os.urandom(8), "little"))
        self._slots = np.full(_SLOTS, -1, np.int32)
        self._hashes = np.zeros(_SLOTS, np.uint64)
        self._owners = np.zeros(_SLOTS, np.int64)
        self._numbers = np.zeros(_SLOTS, np.int64)
        self._places = np.zeros(_SLOTS, np.int64)
        self._arena = np.zeros(4096, np.uint8)
        self._header = np.zeros(9, np.int64)  # read by compiled code at ``address``
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
        self._make_room(len(key))
        self._arena.data[self._used : self._used + len(key)] = key
        added = _enter(self.address, self._texts_at, self._used, self._count, number, owner)
        self._used += len(key) * added
        self._count += added

    def _write_header(self) -> None:
        arrays = self._slots, self._hashes, self._owners, self._numbers, self._places, self._arena
        self._header[0] = self._width
        self._header.view(np.uint64)[1] = self._seed
        self._header[2] = len(self._slots) - 1
        self._header[3:] = [array.ctypes.data for array in arrays]

    def _make_room(self, size: int) -> None:
        if self._used + size + _PADDING > len(self._arena):
            arena = np.zeros(2 * len(self._arena) + size, np.uint8)
            arena[: self._used] = self._arena[: self._used]
            self._arena = arena
            self._write_header()
        if 2 * (self._count + 1) > len(self._slots):
            more = 2 * len(self._slots)
            for name in ("_hashes", "_owners", "_numbers", "_places"):
                setattr(self, name, np.resize(getattr(self, name), more))
            self._slots = np.full(more, -1, np.int32)
            self._write_header()
            for entry in range(self._count):
                _place_in(self.address, entry, self._hashes[entry])


@unlocked
def _place_in(table: int, entry: int, found: np.uint64) -> None:
    """Put an entry into the first free slot for its hash."""
    slots, mask = load_int(table + 24), load_int(table + 16)
    slot = np.int64(found & np.uint64(mask))
    while load32(slots + 4 * slot) >= 0:
        slot = (slot + 1) & mask
    store32(slots + 4 * slot, entry)


@unlocked
def _enter(table: int, texts: int, used: int, entry: int, number: int, owner: int) -> int:
    """Add the key that was appended to the arena as an entry; return 1, or 0 when it is known.

    ``texts`` is the address of working space for the address and length of each text.
    """
    width = load_int(table)
    place = load_int(table + 64) + used
    for index in range(width):
        length = load8(place) + 256 * load8(place + 1) - 1
        place += _PREFIX
        store64(texts + 16 * index, place)
        store64(texts + 16 * index + 8, length)
        place += max(length, 0)
    if look_up(texts, owner, table) >= 0:
        return 0
    found = hash_texts(texts, width, owner, load64(table + 8))
    store64(load_int(table + 32) + 8 * entry, np.int64(found))
    store64(load_int(table + 40) + 8 * entry, owner)
    store64(load_int(table + 48) + 8 * entry, number)
    store64(load_int(table + 56) + 8 * entry, used)
    _place_in(table, entry, found)
    return 1


@part
def _word(at: int, length: int) -> np.uint64:
    """Return up to eight bytes, zeros behind ``length``. Eight can be read at ``at``."""
    word = load64(at)
    if length < 8:
        word &= (np.uint64(1) << np.uint64(8 * length)) - np.uint64(1)
    return word


@part
def hash_texts(texts: int, width: int, owner: int, seed: np.uint64) -> np.uint64:
    """Return the hash of a key.

    ``texts`` is the address of ``width`` pairs of int64, the address and the length of each text. Eight bytes
    can be read at every eighth byte of a text.
    """
    found = seed ^ (np.uint64(owner) * _SPREAD)
    for index in range(width):
        at, left = load_int(texts + 16 * index), load_int(texts + 16 * index + 8)
        found = (found ^ np.uint64(left + 1)) * _SPREAD  # an absent text has the length -1
        while left > 0:
            found = (found ^ _word(at, left)) * _SPREAD
            found ^= found >> np.uint64(29)
            at += 8
            left -= 8
    return found ^ (found >> np.uint64(32))


@part
def look_up(texts: int, owner: int, table: int) -> int:
    """Return the number of a key, -1 when it is not known; ``table`` is ``NameTable.address``."""
    width = load_int(table)
    mask = load_int(table + 16)
    slots, hashes = load_int(table + 24), load_int(table + 32)
    found = hash_texts(texts, width, owner, load64(table + 8))
    slot = np.int64(found & np.uint64(mask))
    while True:
        entry = load32(slots + 4 * slot)
        if entry < 0:
            return np.int64(-1)
        if load64(hashes + 8 * entry) == found:
            owners, places = load_int(table + 40), load_int(table + 56)
            place = load_int(table + 64) + load_int(places + 8 * entry)
            if load_int(owners + 8 * entry) == owner and _same(texts, width, place):
                return load_int(load_int(table + 48) + 8 * entry)
        slot = (slot + 1) & mask


@part
def _same(texts: int, width: int, place: int) -> bool:
    for index in range(width):
        at, left = load_int(texts + 16 * index), load_int(texts + 16 * index + 8)
        if load8(place) + 256 * load8(place + 1) != left + 1:
            return False
        place += 2
        while left > 0:
            if _word(at, left) != _word(place, left):
                return False
            step = min(left, 8)
            at += step
            place += step
            left -= step
    return True

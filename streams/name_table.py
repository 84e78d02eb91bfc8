"""Names as they stand in records, and the number each has: what the scanner looks up without making a string.

A table holds keys of a fixed number of texts under an owner (the path of a table call; 0 elsewhere), told
apart byte by byte. Hashes are seeded by chance in each process, so nobody can send names that collide on
purpose; nothing that leaves this process depends on them.
"""

import os
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.compiled import unlocked
from streams.machine_words import load8, load32, load64

LONGEST: Final = 1000
"""Bytes of the longest text that is kept; a record with a longer one is left to the plain decoder."""

ABSENT: Final = -1
"""Length of a text that is not there, or null."""

_SLOTS: Final = 64
_SPREAD: Final = np.uint64(0x9E3779B97F4A7C15)  # 2**64 divided by the golden ratio, odd
_NOTHING: Final = np.uint64(0xA5A5A5A5)
_PADDING: Final = 8  # bytes that may be read behind the last text
_PREFIX: Final = 2  # bytes of a length


class NameTable:
    """Keys of ``width`` texts and an owner -> number, at most ``most`` of them."""

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
        self._header = np.zeros(9, np.int64)  # what compiled code finds at ``address``
        self._tell()

    @property
    def address(self) -> int:
        """Where compiled code finds the table; it stays the same when the table grows."""
        return int(self._header.ctypes.data)

    def add(self, texts: Sequence[str | None], number: int, owner: int = 0) -> None:
        """Take a key in; nothing happens when it is there, too long, or the table is full."""
        written = [None if text is None else text.encode(errors="replace") for text in texts]
        size = sum(len(text or b"") + _PREFIX for text in written)
        if self._count >= self._most or any(text is not None and len(text) > LONGEST for text in written):
            return
        self._make_room(size)
        found = np.full((self._width, 2), ABSENT, np.int64)
        place = self._used
        for index, text in enumerate(written):
            length = 0 if text is None else len(text) + 1
            self._arena[place : place + _PREFIX] = length & 0xFF, length >> 8
            place += _PREFIX
            if text is not None:
                self._arena[place : place + len(text)] = np.frombuffer(text, np.uint8)
                found[index] = self._arena.ctypes.data + place, len(text)
                place += len(text)
        if look_up(found.ctypes.data, owner, self.address) >= 0:
            return
        new = self._count
        self._hashes[new] = hash_texts(found.ctypes.data, self._width, owner, self._seed)
        self._owners[new], self._numbers[new], self._places[new] = owner, number, self._used
        self._used, self._count = place, new + 1
        self._enter(new)

    def _tell(self) -> None:
        arrays = self._slots, self._hashes, self._owners, self._numbers, self._places, self._arena
        self._header[0] = self._width
        self._header.view(np.uint64)[1] = self._seed
        self._header[2] = len(self._slots) - 1
        self._header[3:] = [array.ctypes.data for array in arrays]

    def _enter(self, new: int) -> None:
        mask = len(self._slots) - 1
        slot = int(self._hashes[new]) & mask
        while self._slots[slot] >= 0:
            slot = (slot + 1) & mask
        self._slots[slot] = new

    def _make_room(self, size: int) -> None:
        if self._used + size + _PADDING > len(self._arena):
            arena = np.zeros(2 * len(self._arena) + size, np.uint8)
            arena[: self._used] = self._arena[: self._used]
            self._arena = arena
        if 2 * (self._count + 1) > len(self._slots):
            more = 2 * len(self._slots)
            for name in ("_hashes", "_owners", "_numbers", "_places"):
                setattr(self, name, np.resize(getattr(self, name), more))
            self._slots = np.full(more, -1, np.int32)
            for entry in range(self._count):
                self._enter(entry)
        self._tell()


@unlocked
def _word(at, length):
    """Return up to eight bytes, zeros where ``length`` ends. Eight can be read at ``at``."""
    word = load64(at)
    if length < 8:
        word &= (np.uint64(1) << np.uint64(8 * length)) - np.uint64(1)
    return word


@unlocked
def hash_texts(texts, width, owner, seed):
    """Return the hash of a key.

    Parameters
    ----------
    texts
        Address of ``width`` pairs of int64, the address and the length of each text. Eight bytes can be
        read wherever a text goes on.
    """
    found = seed ^ (np.uint64(owner) * _SPREAD)
    for index in range(width):
        at, left = np.int64(load64(texts + 16 * index)), np.int64(load64(texts + 16 * index + 8))
        found ^= np.uint64(left) if left >= 0 else _NOTHING
        while left > 0:
            found = (found ^ _word(at, left)) * _SPREAD
            found ^= found >> np.uint64(29)
            at += 8
            left -= 8
        found *= _SPREAD
        found ^= found >> np.uint64(32)
    return found


@unlocked
def look_up(texts, owner, table):
    """Return the number of a key, -1 when the table does not have it.

    Parameters
    ----------
    texts
        As for ``hash_texts``.
    table
        ``NameTable.address``.
    """
    width = np.int64(load64(table))
    mask = np.int64(load64(table + 16))
    slots, hashes = np.int64(load64(table + 24)), np.int64(load64(table + 32))
    found = hash_texts(texts, width, owner, load64(table + 8))
    slot = np.int64(found & np.uint64(mask))
    while True:
        entry = load32(slots + 4 * slot)
        if entry < 0:
            return np.int64(-1)
        if load64(hashes + 8 * entry) == found:
            owners, places = np.int64(load64(table + 40)), np.int64(load64(table + 56))
            place = np.int64(load64(table + 64)) + np.int64(load64(places + 8 * entry))
            if np.int64(load64(owners + 8 * entry)) == owner and _same(texts, width, place):
                return np.int64(load64(np.int64(load64(table + 48)) + 8 * entry))
        slot = (slot + 1) & mask


@unlocked
def _same(texts, width, place):
    for index in range(width):
        at, left = np.int64(load64(texts + 16 * index)), np.int64(load64(texts + 16 * index + 8))
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

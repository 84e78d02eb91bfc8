"""Which names come back, and which of them have a place: in bounded memory, however many names there are."""

import hashlib
import zlib
from collections.abc import Mapping
from typing import Final

import numpy as np

from detectors.state.state import pack, unpack

RETURNS: Final = 5
"""Minutes (steps, for a series) with records after which a name has a place where room is short."""

_KEPT: Final = 8  # minutes
_BITS: Final = 1 << 21  # of a minute: of 400,000 names a minute, one in 2,000 is wrongly taken for known
_VERSION: Final = 1

GIVEN: Final = 64
"""A minute (a step, for series) gives away one in so many of the places that are left, at least one."""


def open_places(most: int) -> int:
    """Return how many of ``most`` places are given to whoever comes; the others, to names that come back.

    So a flood of names that never come back takes no more than half, and what carries traffic finds room.

    Examples
    --------
    >>> open_places(250_000), open_places(1)
    (125000, 1)
    """
    return most - most // 2


class ReturningNames:
    """The names of the last minutes: a Bloom filter for each, side by side in the bits of each byte."""

    def __init__(self) -> None:
        self._minutes: dict[int, int] = {}  # and the bit of each
        self._filters = bytearray()

    def add(self, name: str, minute: int) -> bool:
        """Note that a name had a record in a minute of event time; return whether it has come back by now."""
        bit = self._minutes.get(minute) or self._begin(minute)
        digest = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little")
        first, second = digest % _BITS, (digest >> 32) % _BITS
        filters = self._filters
        filters[first] |= bit
        filters[second] |= bit
        return bit > 0 and (filters[first] & filters[second]).bit_count() >= RETURNS

    def _begin(self, minute: int) -> int:
        """Return the bit of a minute that has none, 0 if it is older than all of them."""
        self._filters = self._filters or bytearray(_BITS)
        taken = sum(self._minutes.values())
        bit = ~taken & (taken + 1)
        if len(self._minutes) == _KEPT:
            oldest = min(self._minutes)
            if minute < oldest:
                return 0
            bit = self._minutes.pop(oldest)
            np.frombuffer(self._filters, np.uint8)[:] &= 0xFF ^ bit
        self._minutes[minute] = bit
        return bit

    def snapshot(self, kind: str) -> dict[str, bytes]:
        """Return the minutes as one part; none where nothing had to come back yet."""
        if not self._minutes:
            return {}
        filters = np.frombuffer(self._filters, np.uint8)
        minutes = [
            (minute, zlib.compress(np.packbits(filters & bit, bitorder="little").tobytes(), 1))
            for minute, bit in sorted(self._minutes.items())
        ]
        return {kind: pack(kind, _VERSION, minutes, {})}

    def restore(self, kind: str, parts: Mapping[str, bytes]) -> None:
        """Replace what is remembered by a snapshot."""
        self._minutes, self._filters = {}, bytearray()
        if kind in parts:
            minutes, _ = unpack(parts[kind], kind, _VERSION, list[tuple[int, bytes]])
            for minute, packed in minutes:
                bit = self._begin(minute)
                bits = np.frombuffer(zlib.decompress(packed), np.uint8)
                np.frombuffer(self._filters, np.uint8)[:] |= np.unpackbits(
                    bits, bitorder="little"
                ) * np.uint8(bit)


class PlaceShares(dict[str, int]):
    """How many places each of several has: nobody has more than are left for the others.

    So one alone may have half, a second a third of them, and there is a place for who comes last.

    Examples
    --------
    >>> shares = PlaceShares()
    >>> [who for left, who in zip((4, 3, 2, 2, 1), "aaaba") if shares.take(who, left)]
    ['a', 'a', 'b']
    """

    def allows(self, who: str, left: int, places: int = 1) -> bool:
        """Return whether ``who`` may have so many places more, of those that are left."""
        return self.get(who, 0) + places <= left

    def take(self, who: str, left: int, places: int = 1) -> bool:
        """Give places to ``who`` if the others have as many left; return whether they were given."""
        allowed = self.allows(who, left, places)
        if allowed:
            self[who] = self.get(who, 0) + places
        return allowed


class Places:
    """Which new names have places, of ``most``: half go to whoever comes, the others to names that come back.

    Each minute gives few of these, and no sender has more of them than it leaves to others. So a flood of
    names, even of such as come back, takes hours and many senders to fill them.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._open = open_places(most)
        self._returning = ReturningNames()
        self._minute = -1  # the newest that gave places
        self._left = 0  # places that it still gives
        self._now, self._ever = PlaceShares(), PlaceShares()  # of those of this minute, and of all

    def take(self, kept: int, name: str, sender: str, minute: int) -> bool:
        """Give a new name a place, beside ``kept`` others, if it may have one; return whether it has."""
        if kept < self._open:
            return True
        left = self._most - kept
        if left <= 0 or not self._returning.add(name, minute):
            return False
        if minute > self._minute:
            self._minute, self._left, self._now = minute, max(left // GIVEN, 1), PlaceShares()
        if not self._ever.allows(sender, left) or not self._now.take(sender, self._left):
            return False
        self._left -= 1
        return self._ever.take(sender, left)

    def snapshot(self, kind: str) -> dict[str, bytes]:
        """Return what came back and what was given; no part where nothing did."""
        parts = self._returning.snapshot(f"{kind}-returning")
        if self._ever:
            given = (self._minute, self._left, sorted(self._now.items()), sorted(self._ever.items()))
            parts[f"{kind}-given"] = pack(f"{kind}-given", _VERSION, given, {})
        return parts

    def restore(self, kind: str, parts: Mapping[str, bytes]) -> None:
        """Replace both by those of a snapshot; versions before 0.3 gave whatever came back a place."""
        self._returning.restore(f"{kind}-returning", parts)
        given = -1, 0, list[tuple[str, int]](), list[tuple[str, int]]()
        if (part := parts.get(f"{kind}-given")) is not None:
            given, _ = unpack(
                part,
                f"{kind}-given",
                _VERSION,
                tuple[int, int, list[tuple[str, int]], list[tuple[str, int]]],
            )
        self._minute, self._left, now, ever = given
        self._now, self._ever = PlaceShares(now), PlaceShares(ever)

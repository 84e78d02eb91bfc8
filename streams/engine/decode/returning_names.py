"""Which names come back: remembered in bounded memory, however many names there are."""

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
    """The names of the last minutes: a Bloom filter for each."""

    def __init__(self) -> None:
        self._minutes: dict[int, bytearray] = {}  # bits

    def add(self, name: str, minute: int) -> bool:
        """Note that a name had a record in a minute of event time; return whether it has come back by now."""
        if minute not in self._minutes:
            if len(self._minutes) == _KEPT:
                oldest = min(self._minutes)
                if minute < oldest:
                    return False
                del self._minutes[oldest]
            self._minutes[minute] = bytearray(_BITS // 8)
        first, second = np.frombuffer(hashlib.blake2b(name.encode(), digest_size=8).digest(), "<u4").tolist()
        places = [(bit % _BITS >> 3, 1 << (bit & 7)) for bit in (first, second)]
        for place, mask in places:
            self._minutes[minute][place] |= mask
        times = sum(all(bits[place] & mask for place, mask in places) for bits in self._minutes.values())
        return times >= RETURNS

    def snapshot(self, kind: str) -> dict[str, bytes]:
        """Return the minutes as one part; none where nothing had to come back yet."""
        if not self._minutes:
            return {}
        minutes = [(minute, zlib.compress(bits, 1)) for minute, bits in sorted(self._minutes.items())]
        return {kind: pack(kind, _VERSION, minutes, {})}

    def restore(self, kind: str, parts: Mapping[str, bytes]) -> None:
        """Replace what is remembered by a snapshot."""
        self._minutes = {}
        if kind in parts:
            minutes, _ = unpack(parts[kind], kind, _VERSION, list[tuple[int, bytes]])
            self._minutes = {minute: bytearray(zlib.decompress(bits)) for minute, bits in minutes}

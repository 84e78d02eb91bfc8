"""What was folded into ``other``, in few bytes each: a flood of names leaves millions of scopes and edges.

Of a scope or edge only its hash is kept, 64 bits, and where it was seen first: it is put together again from
there when it comes back.
"""

from array import array
from bisect import bisect_left
from typing import Final

import numpy as np

from detectors.model.scope import ScopeOrEdge

_HASH: Final = 0xFFFF_FFFF_FFFF_FFFF
_RECENT: Final = 1024  # and one in so many more, that are kept in a dict
_SHARE: Final = 8


class FoldedNames:
    """Scopes and edges by number, in the order in which they were folded."""

    def __init__(self) -> None:
        self.rows = array("i")  # by number: the row that it shares
        self.ids = array("i")  # the first path or call that counted towards it
        self.places = array("b")  # and its place among what that counts towards
        self._recent: dict[int, int] = {}  # number by hash
        self._hashes = array("Q")  # of the others, ascending
        self._numbers = array("i")

    def __len__(self) -> int:
        """Return how many were folded."""
        return len(self.rows)

    def number(self, about: ScopeOrEdge) -> int:
        """Return the number of a scope or edge, -1 if it was not folded."""
        key = hash(about) & _HASH
        number = self._recent.get(key)
        if number is not None:
            return number
        at = bisect_left(self._hashes, key)
        return self._numbers[at] if at < len(self._hashes) and self._hashes[at] == key else -1

    def add(self, about: ScopeOrEdge, row: int, first: int, place: int) -> int:
        """Fold a scope or edge that was not; return its number."""
        self._recent[hash(about) & _HASH] = number = len(self.rows)
        self.rows.append(row)
        self.ids.append(first)
        self.places.append(place)
        if len(self._recent) > _RECENT + len(self._hashes) // _SHARE:
            self._sort()
        return number

    def _sort(self) -> None:
        recent = len(self._recent)
        hashes = np.concatenate((self._hashes, np.fromiter(self._recent, np.uint64, recent)))
        numbers = np.concatenate((self._numbers, np.fromiter(self._recent.values(), np.int32, recent)))
        order = np.argsort(hashes, kind="stable")
        self._hashes = array("Q", hashes[order].tobytes())
        self._numbers = array("i", numbers[order].tobytes())
        self._recent = {}

"""Duplicates: event ids that were seen within the lateness."""

import os
from collections.abc import Mapping
from typing import Final

import numpy as np

from detectors.model.array_types import Bools, Ints, Words
from detectors.state.compiled import unlocked
from detectors.state.state import pack, unpack
from streams.engine.decode.hashing import mixed

_ROOM: Final = 4096
_SPARSE: Final = 16  # slots for every id above which a snapshot makes the table smaller
_FREE: Final = np.uint64(0)  # no id hashes to 0


class Duplicates:
    """Remembers ids until the bucket of their first event has left this stage.

    Whether a record is a duplicate depends on its position among the records, not on how they are chunked.
    """

    def __init__(self) -> None:
        # an open-addressing hash table: hashed ids, and the watermark at which each is forgotten. Senders can
        # find ids with hashes as they like: where these lie depends on a seed that they do not know
        self._seed = np.uint64(int.from_bytes(os.urandom(8), "little"))
        self._keys = np.zeros(_ROOM, np.uint64)
        self._until = np.zeros(_ROOM, np.int64)
        self._used = 0
        # by the watermark at which they are forgotten: how many ids, and their part of a snapshot. Ids only
        # join those that have not expired, so as many are the same ones
        self._packed: dict[int, tuple[int, bytes]] = {}

    def __len__(self) -> int:
        """Return how many ids are stored, expired ones included."""
        return self._used

    def first_seen(self, keys: Words, until: Ints, watermark: Ints) -> Bools:
        """Return which records are not duplicates, (n,), and remember their ids.

        Parameters
        ----------
        keys
            (n,) hashed ids, 0 for none.
        until
            (n,) watermark from which on the id of each record is forgotten.
        watermark
            (n,) watermark after each record.
        """
        counted = np.ones(len(keys), np.bool_)
        if 2 * (self._used + len(keys)) > len(self._keys):
            self.purge(int(watermark[0]), len(keys))
        self._add(keys, until, watermark, counted)
        return counted

    def purge(self, watermark: int, room: int = 0) -> None:
        """Forget expired ids, and make room for ``room`` more."""
        here = (self._keys != _FREE) & (self._until > watermark)
        keys, until = self._keys[here], self._until[here]
        size = _ROOM
        while size < 4 * (len(keys) + room):  # half of it stays free, so the next purge is some way off
            size *= 2
        self._keys, self._until = np.zeros(size, np.uint64), np.zeros(size, np.int64)
        self._used = 0
        self._store(keys, until)

    def _store(self, keys: Words, until: Ints) -> None:
        none_expired = np.full(len(keys), np.iinfo(np.int64).min)
        self._add(keys, until, none_expired, np.ones(len(keys), np.bool_))

    def _add(self, keys: Words, until: Ints, watermark: Ints, counted: Bools) -> None:
        """Store ids; clear ``counted`` for those that are stored already."""
        places = mixed(keys ^ self._seed)
        self._used += _add(keys, until, watermark, counted, places, self._keys, self._until)

    def snapshot(self, watermark: int) -> dict[str, bytes]:
        """Return the ids, one part for each watermark at which they are forgotten."""
        here = (self._keys != _FREE) & (self._until > watermark)
        keys, until = self._keys[here], self._until[here]
        if len(self._keys) > max(_ROOM, _SPARSE * len(keys)):
            self.purge(watermark)
        found, counts = np.unique(until, return_counts=True)
        packed = {}
        for at, count in zip(found.tolist(), counts.tolist(), strict=True):
            kept = self._packed.get(at)
            if kept is None or kept[0] != count:
                kept = count, pack("ids", 1, at, {"keys": np.sort(keys[until == at])})
            packed[at] = kept
        self._packed = packed
        return {f"ids/{at}": part for at, (_, part) in packed.items()}

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Continue from a snapshot."""
        self.__init__()  # type: ignore[misc]
        for name, part in parts.items():
            if name.startswith("ids/"):
                until, arrays = unpack(part, "ids", 1, int)
                keys = arrays["keys"]
                if 2 * (self._used + len(keys)) > len(self._keys):
                    self.purge(np.iinfo(np.int64).min, len(keys))
                self._store(keys, np.full(len(keys), until))


@unlocked
def _add(
    keys: Words, until: Ints, watermark: Ints, counted: Bools, places: Words, known: Words, forgotten: Ints
) -> int:
    """Clear ``counted`` for duplicates and store the other ids; return how many slots that takes."""
    mask = np.uint64(len(known) - 1)
    used = 0
    for at in range(len(keys)):
        key = keys[at]
        if key == _FREE:
            continue
        slot = np.int64(places[at] & mask)
        while known[slot] != _FREE and known[slot] != key:
            slot = (slot + 1) & np.int64(mask)
        if known[slot] == _FREE:
            known[slot] = key
            used += 1
        elif forgotten[slot] > watermark[at]:
            counted[at] = False
            continue
        forgotten[slot] = until[at]
    return used

"""Duplicates: ids seen inside the window of lateness."""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.state import pack, unpack

_SERIALS: Final = 30  # bits: no window of lateness holds so many records that a number comes twice
_ROOM: Final = 4096


class Duplicates:
    """Remembers ids until the bucket that their first event was counted in has left this stage.

    Whether a record is a duplicate is decided at its place in the order of records, so it does not
    depend on how these are cut into runs.
    """

    def __init__(self) -> None:
        # key -> (watermark at which it is forgotten) << 30 | serial number, to tell one record from another
        self._seen: dict[int, int] = {}
        self._serial = 0
        self._purge_at = _ROOM

    def first_seen(
        self, keys: NDArray[np.uint64], until: NDArray[np.int64], watermark: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Return which records are counted: all but the duplicates.

        Parameters
        ----------
        keys
            (n,) hashed ids, 0 for none.
        until
            (n,) watermark from which on an id seen with this record is forgotten.
        watermark
            (n,) watermark at each record.
        """
        counted = np.ones(len(keys), np.bool_)
        rows = np.flatnonzero(keys)
        if not len(rows):
            return counted
        ids: list[int] = keys[rows].tolist()
        serials = (self._serial + np.arange(len(rows))) % ((1 << _SERIALS) - 1) + 1
        self._serial += len(rows)
        mine = (until[rows] << _SERIALS) + serials
        found = np.fromiter(map(self._seen.setdefault, ids, mine.tolist()), np.int64, len(rows))
        met = np.flatnonzero(found != mine)
        for place in met.tolist():
            key, now = ids[place], int(watermark[rows[place]])
            if self._seen[key] >> _SERIALS > now:
                counted[rows[place]] = False
            else:
                self._seen[key] = int(mine[place])
        if len(self._seen) > self._purge_at:
            self.purge(int(watermark[-1]))
            self._purge_at = 2 * len(self._seen) + _ROOM
        return counted

    def purge(self, watermark: int) -> None:
        """Forget what is over."""
        self._seen = {key: value for key, value in self._seen.items() if value >> _SERIALS > watermark}

    def snapshot(self, watermark: int) -> dict[str, bytes]:
        """Return what is remembered, one part for each watermark at which it is forgotten."""
        self.purge(watermark)
        values = np.fromiter(self._seen.values(), np.int64, len(self._seen)) >> _SERIALS
        keys = np.fromiter(self._seen.keys(), np.uint64, len(self._seen))
        return {
            f"ids/{until}": pack("ids", 1, until, {"keys": np.sort(keys[values == until])})
            for until in np.unique(values).tolist()
        }

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Go on from a snapshot. What was remembered gets the serial number 0, which no record has."""
        self._seen = {}
        self._serial = 0
        for name, part in parts.items():
            if name.startswith("ids/"):
                until, arrays = unpack(part, "ids", 1, int)
                self._seen.update(dict.fromkeys(arrays["keys"].tolist(), until << _SERIALS))

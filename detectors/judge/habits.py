"""What every series does at each time of day, the largest part of the judge's memory.

Only the slots around the present one are needed. With many series, all others are compressed: most series
have no habit.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from detectors.judge.kernel.arrays import HALF_HOUR_SLOTS, KEPT_DAYS
from detectors.model.array_types import Float32s
from detectors.state.compress import compress, decompress
from detectors.state.state import Arrays, Older, StateError, pack, unpack

MANY: Final = 1024
"""Series from which on most of the day is compressed."""

HELD: Final = 6
"""Slots that stay open then: those that half an hour looks back to, and the next. Divides those of a day."""

_NUMBERS: Final = 2 + 2 * KEPT_DAYS  # per series and slot

_OF_FIVE_DAYS: Final = (0, 1, 2, 3, 4, 7, 8, 9)
"""Which of the twelve numbers are left of the five days that version 1 kept: nobody read more than three."""


def _three_days(meta: Any, arrays: Arrays) -> tuple[Any, Arrays]:
    if "numbers" in arrays:  # of the whole day
        return meta, {"numbers": np.ascontiguousarray(arrays["numbers"][list(_OF_FIVE_DAYS)])}
    numbers = decompress(arrays["body"].data, (meta, 12))[:, list(_OF_FIVE_DAYS)]
    return meta, {"body": np.frombuffer(compress(np.ascontiguousarray(numbers)), np.uint8)}


class Habits:
    """Numbers by slot of the day.

    Parameters
    ----------
    slots
        Slots of a day.
    """

    KIND: Final = "habits"
    VERSION: Final = 2
    OLDER: Final[Older] = {1: _three_days}

    def __init__(self, slots: int) -> None:
        self._slots = slots
        self._rows = 0
        self._open = np.zeros((_NUMBERS, slots, 0), np.float32)
        self._folded = False
        self._slot_at: list[int] = []  # the slot at each open place, -1 for none
        self._changed: set[int] = set()  # open slots that differ from their part
        self._kept: dict[int, bytes] = {}  # parts, by slot

    @property
    def folded(self) -> bool:
        """Whether most of the day is compressed: then ``hold`` what the kernel needs."""
        return self._folded

    def arrays(self) -> dict[str, Float32s]:
        """Return the arrays of the kernel; slot s is at place s modulo the number of places."""
        self._fit()
        above, below, rose, fell = (
            self._open[0],
            self._open[1],
            self._open[2 : 2 + KEPT_DAYS],
            self._open[2 + KEPT_DAYS :],
        )
        return {"above": above, "below": below, "rose": rose, "fell": fell}

    def add(self, count: int) -> None:
        """Append ``count`` series without habits."""
        self._rows += count

    def _fit(self) -> None:
        """Make room for added series when needed: they may be restored or compressed first."""
        count = self._rows - self._open.shape[2]
        if count:
            self._open = np.pad(self._open, ((0, 0), (0, 0), (0, count)))

    def fold(self) -> None:
        """Compress what is not needed now, if there are many series."""
        if self._folded or self._rows < MANY or not self._folds:
            return
        self._kept = {slot: self._packed(self._open[:, slot]) for slot in range(self._slots)}
        self._open = np.zeros((_NUMBERS, HELD, self._rows), np.float32)
        self._slot_at, self._changed, self._folded = [-1] * HELD, set(), True

    @property
    def _folds(self) -> bool:
        return self._slots > HELD and self._slots % HELD == 0

    def unfold(self) -> None:
        """Open the whole day, for consecutive steps."""
        if self._folded:
            self._keep_changes()
            opened = [self._unpacked(self._kept[slot]) for slot in range(self._slots)]
            self._open = np.ascontiguousarray(np.stack(opened, axis=1))
            self._kept, self._folded = {}, False

    def hold(self, slots: Sequence[int]) -> None:
        """Open these slots while most are compressed."""
        self._fit()
        for slot in slots:
            place = slot % HELD
            if self._slot_at[place] != slot:
                if self._slot_at[place] in self._changed:
                    self._keep_changes()
                self._open[:, place] = self._unpacked(self._kept[slot])
                self._slot_at[place] = slot

    def hold_around(self, slot: int) -> None:
        """Open the slots that a step in ``slot`` is compared with."""
        self.hold([near % self._slots for near in range(slot - HALF_HOUR_SLOTS, slot + 2)])

    def change(self, slot: int) -> None:
        """Mark an open slot as changed."""
        self._changed.add(slot)

    def _keep_changes(self) -> None:
        for slot in self._changed:
            self._kept[slot] = self._packed(self._open[:, slot % HELD])
        self._changed = set()

    def _packed(self, numbers: Float32s) -> bytes:
        body = np.frombuffer(compress(np.ascontiguousarray(numbers.T)), np.uint8)
        return pack(self.KIND, self.VERSION, numbers.shape[1], {"body": body})

    def _unpacked(self, part: bytes) -> Float32s:
        rows, arrays = unpack(part, self.KIND, self.VERSION, int, self.OLDER)
        numbers = np.zeros((_NUMBERS, self._rows), np.float32)  # series added since have none
        numbers[:, :rows] = decompress(arrays["body"].data, (rows, _NUMBERS)).T
        return numbers

    def snapshot(self) -> dict[str, bytes]:
        """Return the state, one part per slot if most are compressed."""
        self._fit()
        if not self._folded:
            return {self.KIND: pack(self.KIND, self.VERSION, self._slots, {"numbers": self._open})}
        self._keep_changes()
        return {f"{self.KIND}/{slot}": part for slot, part in self._kept.items()}

    def restore(self, parts: Mapping[str, bytes], rows: int) -> None:
        """Restore a snapshot.

        Raises
        ------
        StateError
            When a part is damaged, or was written with other settings.
        """
        self._changed, self._kept, self._rows = set(), {}, rows
        whole = parts.get(self.KIND)
        self._folded = whole is None
        if whole is not None:
            slots, arrays = unpack(whole, self.KIND, self.VERSION, int, self.OLDER)
            self._open = arrays["numbers"]
            fits = slots == self._slots and self._open.shape == (_NUMBERS, slots, rows)
        else:
            self._open = np.zeros((_NUMBERS, HELD, rows), np.float32)
            self._slot_at = [-1] * HELD
            names = [f"{self.KIND}/{slot}" for slot in range(self._slots)]
            fits = all(name in parts for name in names)
            self._kept = {slot: parts[name] for slot, name in enumerate(names)} if fits else {}
        if not fits:
            raise StateError(
                f"the state part {self.KIND!r} was written with other settings or series: "
                "start with a new state, or go back to the old settings"
            )
        if self._folded and not self._folds:  # an earlier version kept another number of slots open
            self.unfold()

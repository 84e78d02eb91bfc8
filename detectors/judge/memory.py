"""What the judge remembers of every series between two steps, apart from its history."""

from collections.abc import Mapping
from operator import attrgetter
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from detectors.judge.habits import Habits
from detectors.judge.kernel.arrays import VIEWS, Memory
from detectors.model.array_types import Bools, Floats, Int32s, Ints
from detectors.state.row_state import Field, RowState

UNIT: Final = 0.2
"""Noise that is assumed before any was measured."""


_AT: Final = Memory._fields.index("above")
_OWN: Final = attrgetter(*(name for name in Memory._fields if name not in {"above", "below", "rose", "fell"}))


class MemoryState(RowState):
    """The arrays of ``Memory``, one column per series."""

    KIND = "memory"
    VERSION = 4
    level: Floats
    fast: Floats
    base: Floats
    lasting: Floats
    previous: Floats
    near: Floats
    beyond: Floats
    first: Int32s
    since: Int32s
    cusum: Floats
    code: NDArray[np.int8]

    def __init__(self, *, recent: int, residual: int, lags: int, slots: int) -> None:
        self.habits = Habits(slots)
        fields = dict.fromkeys(set(Memory._fields) - self.habits.arrays().keys(), Field())
        fields |= dict.fromkeys(("moved", "first", "since"), Field(-1, dtype=np.int32))
        fields |= dict.fromkeys(("run", "calm", "unseen", "open"), Field(dtype=np.int32))
        fields |= dict.fromkeys(("seen", "failed_learnt"), Field(dtype=np.float32))
        fields |= dict.fromkeys(("code", "side"), Field(dtype=np.int8))
        fields |= dict.fromkeys(("fast", "lasting", "near", "part", "beyond", "failed"), Field(lead=(2,)))
        sums = ("hours", "cusum", "cusum_place", "cusum_seen", "cusum_usual")
        fields |= dict.fromkeys(sums, Field(lead=(2,), later=True))
        fields |= {
            "lag_level": Field(lead=(lags,)),
            "lag_steps": Field(lead=(lags,), dtype=np.float32),
            "recent": Field(np.nan, (recent,)),
            "residual": Field(np.nan, (residual,)),
            "unit": Field(UNIT, (VIEWS,)),
            "learnt": Field(lead=(VIEWS,), dtype=np.float32),
            "previous": Field(np.nan, (2,)),
            "failed_unit": Field(1.0),
            "cusum_learnt": Field(dtype=np.float32, later=True),
            "hours_before": Field(np.nan, later=True),
            "cusum_unit": Field(1.0, (2,), later=True),
            "cusum_level": Field(1.0, (2,), later=True),
            "cusum_since": Field(-1, (2,), np.int32, later=True),
            "daily": Field(later=True),
            "daily_at": Field(-1, dtype=np.int32, later=True),
        }
        # in the order of the tuple, so that equal states are equal bytes
        super().__init__({name: fields[name] for name in Memory._fields if name in fields})
        self.slot = -1  # slot of the day of the last step

    def meta(self) -> dict[str, int]:
        """Return the slot of the day."""
        return {"slot": self.slot}

    def load_meta(self, meta: Mapping[str, int]) -> None:
        """Restore the slot of the day."""
        self.slot = meta["slot"]

    def arrays(self) -> Memory:
        """Return the arrays themselves; the kernel writes to them."""
        of_slots, own, at = self.habits.arrays(), _OWN(self), _AT
        highest, rises = (of_slots["above"], of_slots["below"]), (of_slots["rose"], of_slots["fell"])
        return Memory._make((*own[:at], *highest, *own[at : at + 2], *rises, *own[at + 2 :]))

    def add(self, count: int) -> Self:
        """Append ``count`` empty columns."""
        self.habits.add(count)
        return super().add(count)

    def restart_sums(self, rows: Bools) -> None:
        """Restart the sums over minutes of ``rows``: late data made them wrong."""
        self.fast[0, rows], self.fast[1, rows] = self.level[rows], self.lasting[0, rows]
        self.near[0, rows], self.near[1, rows] = self.base[rows], self.lasting[1, rows]
        self.beyond[:, rows] = 0.0
        self.cusum[:, rows] = 0.0

    def slots_at(self, slot: int) -> Ints:
        """Return what ``move`` would for one step in this slot; hold the habits around it."""
        if self.habits.folded:
            self.habits.hold_around(slot)
        return np.array([[slot, self.slot if self.slot not in {slot, -1} else -1]], np.int64)

    def move(self, slots: Ints) -> Ints:
        """Return (steps, 2): the slot of the day of each step, and the one that ended before it or -1."""
        if len(slots) == 1:
            slot, last = int(slots[0]), self.slot
            self.slot = slot
            return np.array([[slot, last if last not in {slot, -1} else -1]], np.int64)
        before = np.concatenate(([self.slot], slots[:-1]))
        self.slot = int(slots[-1])
        ended: Ints = np.where((before != slots) & (before >= 0), before, -1)
        return np.stack((slots, ended), axis=1)

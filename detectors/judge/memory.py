"""The memory of the judge between two steps, apart from past values, and what restores it after a trial.

The largest part is habits: the usual deviations of every series at each time of day. Only the slots around
the present one are needed. With many series, all others are compressed: most series have no habit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from detectors.judge.calendar import SameTimes
from detectors.judge.kernel.arrays import FAR_BACK, HALF_HOUR_SLOTS, KEPT_DAYS, VIEWS, Memory, Output
from detectors.model.array_types import Bools, Float32s, Floats, Int32s, Ints, Places
from detectors.state.compress import compress, decompress
from detectors.state.declared import Field, RowState, other_settings
from detectors.state.state import Arrays, Older, pack, unpack

UNIT: Final = 0.2
"""Noise that is assumed before any was measured."""

_AT: Final = Memory._fields.index("above")
_OWN: Final = attrgetter(*(name for name in Memory._fields if name not in {"above", "below", "rose", "fell"}))


class MemoryState(RowState):
    """The arrays of ``Memory``, one column per series."""

    KIND = "memory"
    VERSION = 4
    NUMBERS = ("slot",)
    lag_level: Floats
    level: Floats
    fast: Floats
    base: Floats
    lasting: Floats
    previous: Floats
    near: Floats
    beyond: Floats
    first: Int32s
    since: Int32s
    open_at: Int32s
    hours: Floats
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
            "open_at": Field(FAR_BACK, dtype=np.int32, later=True),
            "anew": Field(dtype=np.int32, later=True),
            "shape_lately": Field(later=True),
            "awaited": Field(dtype=np.int32, later=True),
            "missing": Field(later=True),
            "heard": Field(FAR_BACK, dtype=np.int32, later=True),
        }
        # in the order of the tuple, so that equal states are equal bytes
        super().__init__({name: fields[name] for name in Memory._fields if name in fields})
        self.slot = -1  # slot of the day of the last step

    def arrays(self) -> Memory:
        """Return the arrays themselves; the kernel writes to them."""
        of_slots, own, at = self.habits.arrays(), _OWN(self), _AT
        highest, rises = (of_slots["above"], of_slots["below"]), (of_slots["rose"], of_slots["fell"])
        return Memory._make((*own[:at], *highest, *own[at : at + 2], *rises, *own[at + 2 :]))

    def add(self, count: int) -> Self:
        """Append ``count`` empty columns."""
        self.habits.add(count)
        return super().add(count)

    def restart_sums(self, rows: Bools | Places) -> None:
        """Restart the sums over minutes of ``rows``: late data made them wrong."""
        self.fast[0, rows], self.fast[1, rows] = self.level[rows], self.lasting[0, rows]
        self.near[0, rows], self.near[1, rows] = self.base[rows], self.lasting[1, rows]
        self.beyond[:, rows] = 0.0
        self.cusum[:, rows] = 0.0

    def trust_weeks(self, rows: Places) -> None:
        """Set the level of ``rows`` to that of the weeks, or of yesterday."""
        self.level[rows] = self.lasting[0, rows] = self.lag_level[0, rows] = 0.0
        self.hours[:, rows] = 0.0
        self.restart_sums(rows)

    def slots_at(self, slot: int) -> Ints:
        """Return the result of ``move`` to one step in this slot, without moving; hold its habits."""
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


MANY: Final = 1024
"""Series from which on most of the day is compressed."""

HELD: Final = 6
"""Slots that stay open then: those that half an hour looks back to, and the next. Divides those of a day."""

_NUMBERS: Final = 2 + 2 * KEPT_DAYS  # per series and slot

_OF_FIVE_DAYS: Final = (0, 1, 2, 3, 4, 7, 8, 9)
"""The numbers kept of the five days of version 1, twelve in all: no reader used more than three days."""


def _three_days(meta: Any, arrays: Arrays) -> tuple[Any, Arrays]:
    if "numbers" in arrays:  # of the whole day
        return meta, {"numbers": np.ascontiguousarray(arrays["numbers"][list(_OF_FIVE_DAYS)])}
    numbers = decompress(arrays["body"].data, (meta, 12))[:, list(_OF_FIVE_DAYS)]
    return meta, {"body": np.frombuffer(compress(np.ascontiguousarray(numbers)), np.uint8)}


class Habits:
    """Numbers by slot of the day."""

    KIND: Final = "habits"
    VERSION: Final = 2
    OLDER: Final[Older] = {1: _three_days}

    def __init__(self, slots: int) -> None:
        self._slots = slots
        self._rows = 0
        self._open = np.zeros((_NUMBERS, slots, 0), np.float32)
        self.folded = False  # whether most of the day is compressed: then ``hold`` what the kernel needs
        self._slot_at: list[int] = []  # the slot at each open place, -1 for none
        self._changed: set[int] = set()  # open slots that differ from their part
        self._kept: dict[int, bytes] = {}  # parts, by slot

    def arrays(self) -> dict[str, Float32s]:
        """Return the arrays of the kernel; slot s is at place s modulo the number of places."""
        self._fit()
        rose, fell = self._open[2 : 2 + KEPT_DAYS], self._open[2 + KEPT_DAYS :]
        return {"above": self._open[0], "below": self._open[1], "rose": rose, "fell": fell}

    def add(self, count: int) -> None:
        """Append ``count`` series without habits."""
        self._rows += count

    def _fit(self) -> None:
        """Make room for added series when needed: they may be restored or compressed first."""
        count = self._rows - self._open.shape[2]
        if count:
            self._open = np.pad(self._open, ((0, 0), (0, 0), (0, count)))

    def fold(self) -> None:
        """Compress the slots that are not needed now, if there are many series."""
        if self.folded or self._rows < MANY or not self._folds:
            return
        self._kept = {slot: self._packed(self._open[:, slot]) for slot in range(self._slots)}
        self._open = np.zeros((_NUMBERS, HELD, self._rows), np.float32)
        self._slot_at, self._changed, self.folded = [-1] * HELD, set(), True

    @property
    def _folds(self) -> bool:
        return self._slots > HELD and self._slots % HELD == 0

    def unfold(self) -> None:
        """Open the whole day, for consecutive steps."""
        if self.folded:
            self._keep_changes()
            opened = [self._unpacked(self._kept[slot]) for slot in range(self._slots)]
            self._open = np.ascontiguousarray(np.stack(opened, axis=1))
            self._kept, self.folded = {}, False

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
        if not self.folded:
            return {self.KIND: pack(self.KIND, self.VERSION, self._slots, {"numbers": self._open})}
        self._keep_changes()
        return {f"{self.KIND}/{slot}": part for slot, part in self._kept.items()}

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Restore a snapshot after ``add`` of as many series; ``StateError`` if it does not fit."""
        self._changed, self._kept, rows = set(), {}, self._rows
        whole = parts.get(self.KIND)
        self.folded = whole is None
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
            raise other_settings(self.KIND, "settings or series")
        if self.folded and not self._folds:  # an earlier version kept another number of slots open
            self.unfold()


OF_SLOTS: Final = {"above", "below", "rose", "fell"}
"""Arrays of the memory in which a step changes only the slot that ended before it."""

CELLS: Final = 1 << 17
"""Most values, steps times series, of a batch: their results take a hundred bytes each."""

FEWEST: Final = 16
"""Steps that must fit, so that the copy of the memory costs little beside them."""


@dataclass(slots=True)
class BatchEvaluation:
    """Consecutive steps judged together on trial: one of them may forbid that the next were judged so."""

    index: int  # of the first step
    values: Floats  # (steps, n) as judged: NaN where missing, within bounds
    same: SameTimes  # the days that all of them are compared with
    factor: Floats  # (n,) planned load in times the usual
    slots: Ints  # (steps, 2) of the day, as the kernel needs them
    out: Output  # the results; those from ``done`` on mean nothing
    done: int  # steps that were judged
    before: "Before | None" = None


class Before:
    """The memory of a judge before a batch with these slots, to go back to."""

    def __init__(self, memory: Memory, open_places: Ints, slots: Ints) -> None:
        ended = slots[slots[:, 1] >= 0, 1]
        self._ended = np.unique(ended % memory.above.shape[0])
        self._memory = [
            array[..., self._ended, :] if name in OF_SLOTS else array.copy()
            for name, array in memory._asdict().items()
        ]
        self._open_places = open_places.copy()

    def bring_back(self, memory: Memory, open_places: Ints) -> None:
        """Restore the contents of the same arrays."""
        for (name, array), was in zip(memory._asdict().items(), self._memory, strict=True):
            if name in OF_SLOTS:
                array[..., self._ended, :] = was
            else:
                array[...] = was
        open_places[:] = self._open_places

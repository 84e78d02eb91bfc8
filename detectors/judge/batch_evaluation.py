"""Steps that are judged together on trial: what follows from one may forbid that the next were judged so."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detectors.judge.calendar import SameTimes
from detectors.judge.kernel.arrays import Memory, Output
from detectors.model.array_types import Floats, Ints

OF_SLOTS: Final = {"above", "below", "rose", "fell"}
"""Arrays of the memory of which a step changes nothing but the slot that ended before it."""

CELLS: Final = 1 << 17
"""Most values, steps times series, that are attempted at once: their results take a hundred bytes each."""

FEWEST: Final = 16
"""Steps that must fit, so that what is kept to go back to costs little beside them."""


@dataclass(slots=True)
class BatchEvaluation:
    """Consecutive steps that were judged, and what the judge remembered before the first of them.

    Attributes
    ----------
    index
        Of the first step.
    values : (steps, n) float64
        As judged: NaN where missing, within bounds.
    same
        The days that all of them are compared with.
    factor : (n,) float64
        Planned load in times the usual.
    slots : (steps, 2) int64
        Of the day, as the kernel needs them.
    out
        The results; those from ``done`` on mean nothing.
    done
        How many of the steps were judged.
    """

    index: int
    values: Floats
    same: SameTimes
    factor: Floats
    slots: Ints
    out: Output
    done: int
    before: "Before | None" = None


class Before:
    """The memory of a judge before an attempt, to go back to.

    Parameters
    ----------
    memory
        The arrays themselves.
    open_places
        Of the judge, too.
    slots
        Of the attempt.
    """

    def __init__(self, memory: Memory, open_places: Ints, slots: Ints) -> None:
        ended = slots[slots[:, 1] >= 0, 1]
        self._ended = np.unique(ended % memory.above.shape[0])
        self._memory = [
            each[..., self._ended, :] if name in OF_SLOTS else each.copy() for name, each in _named(memory)
        ]
        self._open_places = open_places.copy()

    def bring_back(self, memory: Memory, open_places: Ints) -> None:
        """Write what was there before into the same arrays."""
        for (name, each), was in zip(_named(memory), self._memory, strict=True):
            if name in OF_SLOTS:
                each[..., self._ended, :] = was
            else:
                each[...] = was
        open_places[:] = self._open_places


def _named(memory: Memory) -> list[tuple[str, NDArray[Any]]]:
    return list(memory._asdict().items())

"""The levels that samples state, as series: each of its scope, with the limit that was stated last."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec
import numpy as np
import structlog

from detectors.model.array_types import Floats
from detectors.model.measures import Measure, text_of_level
from detectors.model.scope import Scope
from detectors.model.stated import LevelName, Levels, StatedLevel

log = structlog.get_logger("uneri.levels")

DELAYED_SECONDS: Final = 900
"""A sample that comes no later than this is judged with the step that it is reported with: metrics of a cloud
arrive minutes after the requests beside them. A level of longer ago is no evidence of the present.
"""


class LevelLimit(NamedTuple):
    """A limit of a level that samples begin to state."""

    about: Scope
    measure: Measure
    limit: float


class LevelState(msgspec.Struct, array_like=True):
    """One level of a snapshot."""

    after: int  # how many scopes and business values had their series before it
    about: Scope
    measure: Measure
    limit: float | None = None


class LevelRows:
    """Series of levels by number.

    A level is the highest of its samples in a step, and unknown in a step without any. Its series has no
    scope in the steps: a sender of levels need not send a request.
    """

    def __init__(self) -> None:
        self.series: list[tuple[Scope, Measure]] = []
        self._number: dict[tuple[Scope, str], int] = {}  # no measure is made of what is left out
        self._limits: dict[int, float] = {}  # by number
        self._left_out = False

    def __len__(self) -> int:
        """Return the number of levels."""
        return len(self.series)

    def add(self, levels: Iterable[LevelName], room: int) -> list[int]:
        """Give numbers to the new levels of a step, at most ``room``; return these."""
        first = len(self.series)
        for series in sorted({_series(name) for name in levels}.difference(self._number)):
            if len(self.series) - first < room:
                self._append(series)
            elif not self._left_out:
                self._left_out = True
                log.warning(
                    "too many series: new levels are left out; raise rollup.max_series, or send fewer levels",
                    left_out=f"{series[1]} of {series[0].kind} {series[0].name}",
                )
        return list(range(first, len(self.series)))

    def knows(self, levels: Iterable[LevelName]) -> bool:
        """Return whether all of these have numbers."""
        return all(_series(name) in self._number for name in levels)

    def restate(self, levels: Mapping[LevelName, StatedLevel]) -> list[LevelLimit]:
        """Apply the limits of a step; return those that changed."""
        lowest: dict[int, float] = {}
        for name, level in levels.items():
            number = self._number.get(_series(name))
            if number is not None and level.limit is not None and level.limit > 0:  # no limit is none
                lowest[number] = min(level.limit, lowest.get(number, level.limit))
        changed = {number: limit for number, limit in lowest.items() if self._limits.get(number) != limit}
        self._limits |= changed
        return [LevelLimit(*self.series[number], changed[number]) for number in sorted(changed)]

    def limits(self) -> list[LevelLimit]:
        """Return all limits that are in force."""
        return [LevelLimit(*self.series[number], limit) for number, limit in sorted(self._limits.items())]

    def values(self, levels: Mapping[LevelName, StatedLevel], seconds: int) -> Floats:
        """Return (levels,) the levels of a step times its ``seconds``, NaN where no sample states one."""
        values = np.full(len(self.series), np.nan)
        for name, level in levels.items():
            number = self._number.get(_series(name))
            if number is not None:
                values[number] = np.fmax(values[number], level.highest * seconds)
        return values

    def state(self, after: Sequence[int]) -> list[LevelState]:
        """Return their state; ``after`` is, by number, how many other series were there before."""
        return [
            LevelState(place, about, measure, self._limits.get(number))
            for number, (place, (about, measure)) in enumerate(zip(after, self.series, strict=True))
        ]

    def restore(self, states: Iterable[LevelState]) -> None:
        """Restore them, where there are none."""
        for number, state in enumerate(states):
            self._append((state.about, state.measure))
            if state.limit is not None:
                self._limits[number] = state.limit

    def _append(self, series: tuple[Scope, str]) -> None:
        self._number[series] = len(self.series)
        self.series.append((series[0], Measure(series[1])))


def with_delayed(start: int, levels: Levels, late: Iterable[tuple[int, Levels]]) -> Levels:
    """Return the levels of the step at ``start`` and, where it has none, those that came a little late.

    ``late`` are the starts of the steps that they are of, ascending, and the levels.
    """
    found: Levels = {}
    for of, ones in late:
        if start - of <= DELAYED_SECONDS:
            found |= ones
    return found | levels if found else levels


def _series(name: LevelName) -> tuple[Scope, str]:
    return name.about, text_of_level(name.name, name.unit)

"""Which scopes became judgeable in an hour, and how many are still learnt."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
import numpy as np

from detectors.model.array_types import Bools, Floats
from detectors.model.measures import JUDGED
from detectors.model.scope import Scope
from detectors.model.series import Series
from detectors.state.state import pack, unpack
from detectors.watch.maturity import KINDS, Maturity, first_named
from streams.engine.decode.paths import OTHER
from streams.engine.detect.baselines import learning

_PART: Final = "judgeable"


class _Told(msgspec.Struct, array_like=True):
    at: int  # epoch seconds
    young: int  # what ``judge.young`` was then
    waiting: list[Scope] = []  # told with the next hour: a judge that took over knows them to be judgeable


class HourlyMaturity:
    """The scopes of a shard that are old enough to be judged.

    A scope is as old as the first of its judged measures, which is there from its first request on. What was
    told follows from ages and two numbers, so that a change of ``judge.young`` tells what it changes.

    Parameters
    ----------
    young
        Seconds for which a series is learnt before it is reported: ``judge.young``.
    """

    VERSION = 1

    def __init__(self, young: int) -> None:
        self._young = young
        self._told = _Told(0, young)
        self._scopes: list[Scope] = []
        self._rows: list[int] = []

    def add(self, series: Sequence[Series], first: int) -> None:
        """Add new series, whose rows in the judge begin at ``first``."""
        for row, one in enumerate(series, first):
            about = one.about
            if (
                isinstance(about, Scope)
                and about.kind in KINDS
                and one.measure is JUDGED[about.kind][0]
                and about.name != OTHER  # what is folded is many
            ):
                self._scopes.append(about)
                self._rows.append(row)

    def feed(self, at: int, ages: Floats) -> Maturity:
        """Return what became judgeable since the last call.

        Parameters
        ----------
        at
            The end of an hour, epoch seconds.
        ages
            (n,) seconds from the first value of each series of the judge to ``at``, NaN without any.
        """
        age = ages[self._rows]
        fresh = self._told.waiting + self._those((age >= self._young) & ~self._old(at, ages))
        self._told = _Told(at, self._young)
        counts = dict(Counter(scope.kind for scope in fresh))
        return Maturity(at, counts, first_named(fresh), learning(age, self._young))

    def pass_over(self, seconds: int) -> None:
        """Let these seconds pass, in which nothing grew older."""
        self._told.at += seconds

    def told(self, at: int, ages: Floats) -> set[Scope]:
        """Return what was told to be judgeable; ``at`` and ``ages`` are as in ``feed``, at any time."""
        return set(self._those(self._old(at, ages))) - set(self._told.waiting)

    def succeed(self, told: set[Scope], at: int, ages: Floats) -> None:
        """Go on in the place of a judge that knew another past and has ``told`` what it judges."""
        self._told.waiting = sorted(set(self._those(self._old(at, ages))) - told)

    def _old(self, at: int, ages: Floats) -> Bools:
        """Return which scopes were judgeable at the end of the last hour."""
        old: Bools = ages[self._rows] - (at - self._told.at) >= self._told.young
        return old

    def _those(self, which: Bools) -> list[Scope]:
        return [self._scopes[index] for index in np.flatnonzero(which)]

    def snapshot(self) -> dict[str, bytes]:
        """Return the state; ``add`` the series again before ``restore``."""
        return {_PART: pack("judgeable", self.VERSION, self._told, {})}

    def restore(self, parts: Mapping[str, bytes], at: int) -> None:
        """Restore a snapshot; an older one has no such part: go on from epoch second ``at``."""
        self._told = _Told(at, self._young)
        if _PART in parts:
            self._told, _ = unpack(parts[_PART], "judgeable", self.VERSION, _Told)

"""The p95 that a whole would have if each of its parts took its usual time, in their present mix.

A service is as slow as what is called of it: if its slow routes are called more often, its p95 rises, and
nothing became slower. So the usual times of each part are kept, and weighted by the present mix
(direct standardisation the other way round: usual times, present weights).

A p95 of few calls may lie with the fast ones or with the slow ones by chance. Whether something became slower
then depends on the parts: where the calls rank among the usual times of their own parts.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detectors.latency.running_p95 import QUANTILE
from detectors.latency.usual_times import COARSE, Parts, follow
from detectors.model.array_types import Floats
from detectors.model.measures import Measure
from detectors.state.state import pack, unpack
from streams.engine.measure.fan_out import Latency
from streams.engine.measure.latency_window import CALLS, together

HALF_LIFE_SECONDS: Final = 2 * 86400
"""Calls so long ago count half: an incident hardly changes what is usual, a new release does within days."""

LEAST: Final = 100.0
"""Calls of a part, older ones counting less, from which on its usual times are known. New parts are not:
their times cannot be distinguished from a slowdown.
"""

_VERSION: Final = 1


class PartTimes:
    """The usual times of the parts of every whole, and how often each is called at present."""

    def __init__(self, measure: Measure, step: int) -> None:
        self._name = f"{measure}-parts"
        self._growth = 2.0 ** (step / HALF_LIFE_SECONDS)
        self._forget()

    def _forget(self) -> None:
        self._weight = 1.0  # of a call of the newest step
        self._usual = np.zeros((0, COARSE), np.float32)
        self._known = np.zeros(0)
        self._recent = np.zeros(0)  # (parts,) the newest calls, about as many as a p95 rests on
        self._ranks = np.zeros((3, 0))  # (3, wholes) of the same calls: ``rank``
        self._order = np.zeros(0, np.int64)
        self._ends = np.zeros(0, np.int64)
        self._wholes = np.zeros(0, np.int64)
        # what ``Parts`` needs besides: rooms for a step
        self._room = (
            np.zeros(0),
            np.zeros((0, COARSE), np.float32),
            self._ends,
            np.zeros(COARSE),
            np.zeros((4, 0)),
        )

    def feed(self, parts: Sequence[Latency], wholes: Sequence[int], usual: Floats, seen: Floats) -> Floats:
        """Add k steps; return (k, scopes) milliseconds, NaN where the mix is about as usual, or not known.

        Where calls take what those of their parts usually take, and so few of them may have the p95 that was
        seen by chance, that is what the mix gives.

        Parameters
        ----------
        parts
            Numbers of parts, bins and counts of each step, sparse.
        wholes
            Row of the scope of which each part is one.
        usual
            (k, scopes) usual p95 in milliseconds, NaN where unknown.
        seen
            (k, scopes) that of the newest calls.

        Raises
        ------
        ValueError
            When a whole is none of the scopes: compiled code would write behind the end.
        """
        self._make_room(wholes, usual.shape[1])
        self._weight, found = self._follow(parts, usual, seen, self._growth)
        return found

    def peek(self, parts: Latency, wholes: Sequence[int], usual: Floats, seen: Floats) -> Floats:
        """Return the result of ``feed`` for a step, (scopes,), and add nothing."""
        self._make_room(wholes, len(usual))
        before = self._recent, self._ranks
        self._recent, self._ranks = self._recent.copy(), self._ranks.copy()
        _, (found,) = self._follow([parts], usual[None], seen[None], growth=0.0)
        self._recent, self._ranks = before
        return np.asarray(found)

    def _follow(
        self, parts: Sequence[Latency], usual: Floats, seen: Floats, growth: float
    ) -> tuple[float, Floats]:
        scopes = usual.shape[1]
        if len(self._ends) > scopes:
            raise ValueError(f"a part of scope {len(self._ends) - 1} of {scopes}")
        of = Parts(
            self._wholes,
            self._order,
            self._ends,
            self._usual,
            self._known,
            self._recent,
            self._ranks,
            *self._room,
        )
        found = np.empty(usual.shape)
        limits = QUANTILE, LEAST, float(CALLS)
        weight = follow(*together(parts), (self._weight, growth), limits, of, usual, seen, found)
        return weight, found

    def _make_room(self, wholes: Sequence[int], scopes: int) -> None:
        more = len(wholes) - len(self._wholes)
        if more:
            self._wholes = np.array(wholes, np.int64)
            former, self._usual = self._usual, np.zeros((len(wholes), COARSE), np.float32)
            seen = np.flatnonzero(self._known)
            self._usual[seen] = former[seen]  # rows that nothing is written to take no memory
            self._known = np.concatenate((self._known, np.zeros(more)))
            self._recent = np.concatenate((self._recent, np.zeros(more)))
            self._order = np.argsort(self._wholes, kind="stable")
        if more or scopes != len(self._ends):
            self._ranks = np.pad(self._ranks, ((0, 0), (0, scopes - self._ranks.shape[1])))
            self._ends = np.cumsum(np.bincount(self._wholes, minlength=scopes))
            parts = len(self._wholes)
            self._room = (
                np.zeros(parts),
                np.zeros((parts, COARSE), np.float32),
                np.zeros(parts, np.int64),
                np.zeros(COARSE),
                np.zeros((4, len(self._ends))),
            )

    def snapshot(self) -> dict[str, bytes]:
        """Return the usual times and the newest calls."""
        part, filled = np.nonzero(self._usual)
        arrays: dict[str, NDArray[Any]] = {
            "part": part.astype(np.int32),
            "bin": filled.astype(np.uint8),
            "usual": self._usual[part, filled],
            "known": self._known,
            "recent": self._recent,
            "ranks": self._ranks,
        }
        return {self._name: pack(self._name, _VERSION, self._weight, arrays)}

    def restore(self, parts: Mapping[str, bytes], wholes: Sequence[int], scopes: int) -> None:
        """Go on from a snapshot; those of version 0.1 know no parts."""
        self._forget()
        self._make_room(wholes, scopes)
        if self._name not in parts:
            return
        self._weight, arrays = unpack(parts[self._name], self._name, _VERSION, float)
        known = len(arrays["known"])
        self._usual[arrays["part"], arrays["bin"]] = arrays["usual"]
        self._known[:known], self._recent[:known] = arrays["known"], arrays["recent"]
        if "ranks" in arrays:
            self._ranks[:, : arrays["ranks"].shape[1]] = arrays["ranks"]

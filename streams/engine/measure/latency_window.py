"""The p95 of a layer for every scope, over one step if it has enough calls, else over the last steps."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.latency.histogram import MIDDLES, N_BINS
from detectors.latency.running_p95 import (
    BEFORE,
    COLUMNS,
    END,
    FIRST,
    QUANTILE,
    ROW,
    SETTLING,
    STEP,
    Followed,
    follow,
    needed,
)
from detectors.model.array_types import Bools, Floats, Int32s, Ints
from detectors.model.measures import Measure
from detectors.state.state import pack, unpack
from streams.engine.measure.fan_out import Latency

CALLS: Final = 200
"""Fewest calls that a p95 rests on: the ten slowest lie above it. With one call in a hundred in a Pareto
tail, a p95 of a hundred calls doubles by chance once in two thousand times, one of two hundred calls once in
a hundred thousand.
"""

STEPS: Final = 60
"""Most steps merged when one has too few calls: with steps of a minute, a call every 18 seconds suffices. If
all calls become slow, ten of them raise the p95 however far it looks back, and after 26 it is certain. With
fewer calls there is no p95.
"""

CERTAIN: Final = 5.0
"""A p95 is certainly higher if this many Poisson standard deviations more calls are slow than usual."""

MORE_CERTAIN: Final = 7.0
"""The same for a peek, of which there are several in a step."""

ROOM: Final = 4096
"""Smallest capacity in cells, so that small windows are not compacted at every step."""

AHEAD: Final = 1 << 15
"""Most cells that room is made for where several steps are fed: windows are compacted less often."""


class Quantiles(NamedTuple):
    """The quantiles of k steps."""

    p95: Floats  # (k, scopes) milliseconds, NaN where there are too few calls
    certain: Bools  # (k, scopes) whether it is beyond chance
    usual: Floats  # (k, scopes) the usual p95 in milliseconds, NaN where it is not known
    beside: Floats  # (beside, k, scopes) the further quantiles in milliseconds


class LatencyWindow:
    """Histograms of the last steps, which merge by adding, so that looking back is exact.

    Histograms beyond the reach of every p95 are dropped when room is needed, and are not part of a
    snapshot. So a scope costs at most twice the cells of ``CALLS`` calls and of one step.

    ``beside`` are further quantiles to find, of the same calls; after ``p95`` they are there in milliseconds,
    (len(beside), scopes).

    Attributes
    ----------
    certain
        (scopes,) whether the p95 last returned is beyond chance. If calls are of two kinds, say scans among
        gets, and about a twentieth are scans, the p95 jumps between the two by chance; but then hardly
        more calls than usual are slower than the usual p95.
    """

    VERSION = 3

    def __init__(self, measure: Measure = Measure.LATENCY, beside: Sequence[float] = ()) -> None:
        self._part = str(measure)
        ascending = sorted({QUANTILE, *beside})
        self._quantiles = np.array(ascending)
        self._p95 = ascending.index(QUANTILE)
        self._beside = [ascending.index(quantile) for quantile in beside]
        self._histogram = np.zeros(N_BINS, np.int64)
        self._forget()

    def _forget(self) -> None:
        self._step = 0  # number of steps so far
        self._newest = np.zeros(0, np.int64)  # (scopes,) the newest run of each
        self._used = 0, 0  # runs and cells
        self._runs = np.zeros((0, COLUMNS), np.int64)
        self._cells = np.zeros((0, 2), np.int32)
        self._usual = np.zeros(0)  # (scopes,) logarithm of the usual p95 in milliseconds
        self._learnt = np.zeros(0)  # steps that the usual p95 rests on
        self.certain = np.zeros(0, bool)
        self.beside = np.zeros((len(self._beside), 0))

    def usual(self, scopes: int) -> Floats:
        """Return (scopes,) the usual p95 in milliseconds, NaN where it is not known."""
        usual = np.full(scopes, np.nan)
        known = np.flatnonzero(self._learnt > SETTLING)
        usual[known] = np.exp(self._usual[known])
        return usual

    def p95(self, latency: Latency, scopes: int) -> Floats:
        """Add the histograms of a step; return (scopes,) milliseconds, NaN where there are too few calls.

        ``latency`` are the rows, bins and counts of the step, sparse. Counts are whole numbers.
        """
        found = self.feed([latency], scopes)
        self.certain, self.beside = found.certain[0], found.beside[:, 0]
        p95: Floats = found.p95[0]
        return p95

    def feed(self, latencies: Sequence[Latency], scopes: int) -> Quantiles:
        """Add the histograms of consecutive steps, each as for ``p95``."""
        found = self._nothing(len(latencies), scopes)
        latency, ends = together(latencies)
        number, done = self._step, 0
        self._widen(scopes)
        while done < len(latencies):
            begun = int(ends[done - 1]) if done else 0
            ahead = min(int(ends[-1]) - begun, AHEAD)
            self._make_room(int(ends[done]) - begun, number + done + 1, ahead)
            done, *used = self._follow(latency, ends, (done, number, *self._used), CERTAIN, found)
            self._used = used[0], used[1]
        self._step += len(latencies)
        bins = _milliseconds(found.bins)
        beside = np.moveaxis(bins[:, self._beside], 1, 0)
        return Quantiles(bins[:, self._p95], found.certain, np.exp(found.usual), beside)

    def peek(self, latency: Latency, scopes: int) -> Floats:
        """Return the p95 that a step of these histograms would have next, as ``p95`` does, and add nothing.

        It is NaN where it may be due to chance as well, by a stricter test: a step has several peeks.
        """
        found = self._nothing(1, scopes)
        self._widen(scopes)
        self._make_room(len(latency[0]), self._step + 1)
        before = self._newest.copy(), self._usual.copy(), self._learnt.copy()
        begun = 0, self._step, *self._used  # the step is appended behind what is in use
        self._follow(latency, np.array([len(latency[0])]), begun, MORE_CERTAIN, found)
        self._newest, self._usual, self._learnt = before
        known = found.certain[0] & (self._learnt[:scopes] > 0)
        return np.where(known, _milliseconds(found.bins[0, self._p95]), np.nan)

    def _nothing(self, steps: int, scopes: int) -> Followed:
        return Followed(
            np.full((steps, len(self._quantiles), scopes), -1),
            np.ones((steps, scopes), np.bool_),
            np.full((steps, scopes), np.nan),
        )

    def _follow(
        self,
        latency: Latency,
        ends: Ints,
        begun: tuple[int, int, int, int],
        deviations: float,
        found: Followed,
    ) -> tuple[int, int, int]:
        return follow(
            latency,
            ends,
            begun,
            (CALLS, STEPS),
            (self._quantiles, self._p95),
            deviations,
            self._newest,
            self._runs,
            self._cells,
            self._histogram,
            self._usual,
            self._learnt,
            found,
        )

    def _widen(self, scopes: int) -> None:
        if scopes > len(self._newest):
            fresh = np.full(scopes - len(self._newest), -1)
            self._newest = np.concatenate((self._newest, fresh))
            self._usual = np.concatenate((self._usual, np.zeros(len(fresh))))
            self._learnt = np.concatenate((self._learnt, np.zeros(len(fresh))))

    def _make_room(self, more: int, step: int, ahead: int = 0) -> None:
        """Make room for ``more`` cells in a step; if there is none, for those of the steps ``ahead``, too."""
        runs, cells = self._used
        if runs + min(more, len(self._newest)) > len(self._runs) or cells + more > len(self._cells):
            self._keep_only(*self._needed(step), max(more, ahead))

    def _needed(self, step: int) -> tuple[Ints, Int32s]:
        """Return the runs within reach of a p95 in ``step`` or later, and their cells, in order."""
        runs = self._runs[: self._used[0]]
        kept = runs[needed(self._newest, (CALLS, step - STEPS + 1), runs)]
        sizes = kept[:, END] - kept[:, FIRST]
        ends = np.cumsum(sizes)
        cells = self._cells[np.repeat(kept[:, END] - ends, sizes) + np.arange(sizes.sum())]
        kept[:, FIRST], kept[:, END] = ends - sizes, ends
        return kept, cells

    def _keep_only(self, runs: Ints, cells: Int32s, more: int) -> None:
        """Keep only these, with room for twice as much and for ``more``."""
        self._used = len(runs), len(cells)
        self._runs = np.zeros((max(ROOM, 2 * len(runs) + more), COLUMNS), np.int64)
        self._cells = np.zeros((max(ROOM, 2 * len(cells) + more), 2), np.int32)
        self._runs[: len(runs)], self._cells[: len(cells)] = runs, cells
        order = np.argsort(runs[:, ROW], kind="stable")
        rows = runs[order, ROW]
        self._runs[order, BEFORE] = np.where(rows == np.roll(rows, 1), np.roll(order, 1), -1)
        self._runs[order[:1], BEFORE] = -1
        self._newest[:] = -1
        self._newest[rows] = order  # of equal rows, the last one is kept

    def snapshot(self) -> dict[str, bytes]:
        """Return the histograms within reach of a later p95, and the usual p95s."""
        runs, cells = self._needed(self._step + 1)
        runs[:, STEP] -= self._step  # an age, so that the part of an unchanged scope does not change
        known = np.flatnonzero(self._learnt)
        usual = np.stack((known, self._usual[known], self._learnt[known]))
        arrays: dict[str, NDArray[Any]] = {"runs": runs[:, :BEFORE], "cells": cells, "usual": usual}
        return {self._part: pack("latency", self.VERSION, None, arrays)}

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Continue from a snapshot."""
        _, arrays = unpack(parts[self._part], "latency", self.VERSION, type(None))
        self._forget()
        runs, cells = arrays["runs"], arrays["cells"]
        rows, usual, learnt = arrays["usual"]
        known = rows.astype(np.intp)
        scopes = int(max(runs[:, ROW].max(initial=-1), known.max(initial=-1))) + 1
        self._newest = np.full(scopes, -1)
        self._usual, self._learnt = np.zeros((2, scopes))
        self._usual[known], self._learnt[known] = usual, learnt
        self._keep_only(np.pad(runs, ((0, 0), (0, 1))), cells, 0)


def together(latencies: Sequence[Latency]) -> tuple[Latency, Ints]:
    """Return the histograms of steps, one behind the other, and where each ends."""
    ends = np.cumsum([len(rows) for rows, _, _ in latencies], dtype=np.int64)
    if len(latencies) == 1:
        return latencies[0], ends
    rows, bins, counts = (np.concatenate(column) for column in zip(*latencies, strict=True))
    return (rows, bins, counts), ends


def _milliseconds(bins: Ints) -> Floats:
    return np.where(bins >= 0, MIDDLES[bins], np.nan)

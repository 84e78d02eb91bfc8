"""The p95 of a layer for every scope, over one step if it has enough calls, else over the last steps."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detectors.latency.histogram import MIDDLES, N_BINS, bins_of
from detectors.latency.newest_calls import (
    BEFORE,
    COLUMNS,
    END,
    FIRST,
    ROW,
    STEP,
    Lookback,
    append,
    needed,
    quantile_bins,
    slower,
)
from detectors.model.measures import Measure
from detectors.state.state import pack, unpack
from streams.measure.fan_out import Latency

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

QUANTILE: Final = 0.95
SLOW: Final = 1 - QUANTILE
"""Share of the calls that are slower than the usual p95 in any minute."""

CERTAIN: Final = 5.0
"""A p95 is certainly higher if this many Poisson standard deviations more calls are slow than usual."""

MORE_CERTAIN: Final = 7.0
"""The same for a peek, of which there are several in a step."""

TIMES: Final = 2.0
"""And if this many times as many are slow: the share of slow kinds of calls varies by more than chance."""

GAIN: Final = 0.003
"""Gain of the logarithm of the usual p95: an hour of slow calls raises the p95 by a sixth."""

SETTLING: Final = 10
"""Steps after which its first estimate has lost its weight."""

ROOM: Final = 4096
"""Smallest capacity in cells, so that small windows are not compacted at every step."""


class LatencyWindow:
    """Histograms of the last steps, which merge by adding, so that looking back is exact.

    Histograms beyond the reach of every p95 are dropped when room is needed, and are not part of a
    snapshot. So a scope costs at most twice the cells of ``CALLS`` calls and of one step.

    Parameters
    ----------
    measure
        Whose histograms these are.
    beside
        Further quantiles to find, of the same calls.

    Attributes
    ----------
    beside
        (len(beside), scopes) these quantiles in milliseconds, as of the p95 last returned.
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
        self._beside = [ascending.index(one) for one in beside]
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

    def usual(self, scopes: int) -> NDArray[np.float64]:
        """Return (scopes,) the usual p95 in milliseconds, NaN where it is not known."""
        usual = np.full(scopes, np.nan)
        known = np.flatnonzero(self._learnt > SETTLING)
        usual[known] = np.exp(self._usual[known])
        return usual

    def p95(self, latency: Latency, scopes: int) -> NDArray[np.float64]:
        """Add the histograms of a step; return (scopes,) milliseconds, NaN where there are too few calls.

        Parameters
        ----------
        latency
            Rows, bins and counts of the step, sparse. Counts are whole numbers.
        scopes
            Number of rows.
        """
        self._step += 1
        self.certain = np.ones(scopes, bool)
        if not len(latency[0]):
            self.beside = np.full((len(self._beside), scopes), np.nan)
            return np.full(scopes, np.nan)
        found = np.full((len(self._quantiles), scopes), -1)
        self._make_room(len(latency[0]), scopes)
        before, _ = self._used
        arrays = self._runs, self._cells
        self._used = append(latency, self._step, self._newest, *arrays, self._used, self._histogram)
        which = before, self._used[0]
        lookback = CALLS, self._step - STEPS + 1
        quantile_bins(which, lookback, self._quantiles, *arrays, self._histogram, found)
        self._compare(which, lookback, found[self._p95])
        self.beside = _milliseconds(found[self._beside])
        return _milliseconds(found[self._p95])

    def peek(self, latency: Latency, scopes: int) -> NDArray[np.float64]:
        """Return the p95 that a step of these histograms would have next, as ``p95`` does, and add nothing.

        It is NaN where it may be due to chance as well, which is asked more strictly: who peeks peeks often.
        """
        found = np.full((1, scopes), -1)
        if not len(latency[0]):
            return _milliseconds(found[0])
        self._make_room(len(latency[0]), scopes)
        arrays, step = (self._runs, self._cells), self._step + 1
        newest, before = self._newest.copy(), self._used
        used = append(latency, step, self._newest, *arrays, before, self._histogram)  # behind what is in use
        which, lookback = (before[0], used[0]), (CALLS, step - STEPS + 1)
        quantile_bins(which, lookback, np.array([QUANTILE]), *arrays, self._histogram, found)
        rows = np.flatnonzero((found[0] >= 0) & (self._learnt[:scopes] > 0))
        chance = np.ones(scopes, bool)
        calls, slow, usual = self._slow(which, lookback, rows, found[0])
        chance[rows] = ~_is_certain(calls, slow, MORE_CERTAIN) & ~usual
        self._newest = newest
        return np.where(chance, np.nan, _milliseconds(found[0]))

    def _compare(self, which: tuple[int, int], lookback: Lookback, found: NDArray[np.int64]) -> None:
        """Count the calls slower than the usual p95, and update that (Robbins and Monro)."""
        rows = np.flatnonzero(found >= 0)
        fresh = rows[self._learnt[rows] == 0]
        self._usual[fresh] = np.log(MIDDLES[found[fresh]])
        calls, slow, usual = self._slow(which, lookback, rows, found)
        self.certain[rows] = _is_certain(calls, slow, CERTAIN) | usual
        gain = np.maximum(GAIN, 1 / (SETTLING + self._learnt[rows]))
        self._usual[rows] += gain * (slow / calls - SLOW)
        self._learnt[rows] += 1

    def _slow(
        self, which: tuple[int, int], lookback: Lookback, rows: NDArray[np.intp], found: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
        """Return the calls of rows, those slower than the usual p95, and whether that is as high as found."""
        usual = np.full(len(found), -1)
        usual[rows] = bins_of(np.exp(self._usual[rows]))
        counts = np.zeros((2, len(found)), np.int64)
        slower(which, lookback, usual, self._runs, self._cells, counts)
        calls, slow = counts[:, rows].astype(np.float64)
        return calls, slow, found[rows] <= usual[rows]

    def _make_room(self, more: int, scopes: int) -> None:
        """Make room for ``more`` cells and this many scopes."""
        if scopes > len(self._newest):
            fresh = np.full(scopes - len(self._newest), -1)
            self._newest = np.concatenate((self._newest, fresh))
            self._usual = np.concatenate((self._usual, np.zeros(len(fresh))))
            self._learnt = np.concatenate((self._learnt, np.zeros(len(fresh))))
        runs, cells = self._used
        if runs + min(more, scopes) > len(self._runs) or cells + more > len(self._cells):
            self._take(*self._needed(self._step), more)

    def _needed(self, step: int) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """Return the runs within reach of a p95 in ``step`` or later, and their cells, in order."""
        runs = self._runs[: self._used[0]]
        kept = runs[needed(self._newest, (CALLS, step - STEPS + 1), runs)]
        sizes = kept[:, END] - kept[:, FIRST]
        ends = np.cumsum(sizes)
        cells = self._cells[np.repeat(kept[:, END] - ends, sizes) + np.arange(sizes.sum())]
        kept[:, FIRST], kept[:, END] = ends - sizes, ends
        return kept, cells

    def _take(self, runs: NDArray[np.int64], cells: NDArray[np.int32], more: int) -> None:
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
        self._take(np.pad(runs, ((0, 0), (0, 1))), cells, 0)


def _is_certain(
    calls: NDArray[np.float64], slow: NDArray[np.float64], deviations: float
) -> NDArray[np.bool_]:
    """Return whether so many more calls are slow than usual that it is not chance."""
    chance = SLOW * calls
    certain: NDArray[np.bool_] = slow >= np.maximum(TIMES * chance, chance + deviations * np.sqrt(chance))
    return certain


def _milliseconds(bins: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.where(bins >= 0, MIDDLES[bins], np.nan)

"""What is remembered of edges: enough to say what was expected of each while its target had a finding.

An edge is never judged by itself, so nothing is computed of it at every step. The last hours are kept step by
step, the weeks before as means over ten minutes; what was expected of an edge is worked out when a
finding of its target asks for it.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.state.history import DAY, WEEK, ValueHistory
from detectors.state.recent import HOUR, KEPT_SECONDS
from detectors.state.row_state import Field, RowState
from detectors.state.state import StateError
from detectors.state.timeline import Timeline

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

CELL_SECONDS: Final = 600
"""Grain of the weeks: who calls a table changes slowly."""

LEVEL_SECONDS: Final = 2 * HOUR
"""The hours before a finding whose level is compared with the same hours of earlier weeks."""

LARGEST_LEVEL: Final = 20.0
"""A week this many times off the present level tells nothing about it."""

CALLS_OF_DOUBT: Final = 10.0
"""Calls added on both sides of the level: two quiet nights are alike, whether one saw no call or three."""


class EdgeHistory(RowState):
    """Values of edges: sums over a step.

    Parameters
    ----------
    step
        Seconds of a step.
    weeks
        Earlier weeks that expectations rest on.
    """

    KIND = "edges"
    VERSION = 2
    total: Floats  # (n,) of the present cell, what an incident spoilt left out
    count: Floats  # (n,) steps in it

    def __init__(self, step: int, weeks: int) -> None:
        self._step = step
        self._weeks = weeks
        self._per_cell = max(1, CELL_SECONDS // step)
        self._cell = self._per_cell * step
        self._steps = max(KEPT_SECONDS // step, 24) + LEVEL_SECONDS // step + 1
        self._cells = ValueHistory(self._cell, weeks, "cells")
        self._lately = Timeline("lately", 1, self._steps, sheets=False)  # as measured, NaN where missing
        self._at = -1
        super().__init__({"total": Field(0.0), "count": Field(0.0)})

    def meta(self) -> dict[str, int]:
        """Return where time stands."""
        return {"at": self._at, "steps": self._steps}

    def load_meta(self, meta: Mapping[str, int]) -> None:
        """Take back where time stood."""
        if meta["steps"] != self._steps:
            raise StateError(
                f"the state part {self.KIND!r} was written with other settings: "
                "start with a new state, or go back to the old settings"
            )
        self._at = meta["at"]

    def grow(self, count: int) -> None:
        """Append ``count`` edges that know nothing yet."""
        self.add(count)
        self._cells.add(count)
        self._lately.add(count)

    def append(self, start: int, values: Floats, spoilt: Bools) -> None:
        """Remember a step.

        Parameters
        ----------
        start
            Epoch seconds, later than at the call before; steps left out are missing.
        values
            (n,) sums over the step, NaN where missing.
        spoilt
            (n,) edges whose target has an open finding: kept, but not learnt.
        """
        index = start // self._step
        if self._at >= 0 and index // self._per_cell != self._at // self._per_cell:
            self._close_cell(self._at // self._per_cell)
        self._lately.write(index, values[None])
        use = ~np.isnan(values) & ~spoilt
        self.total += np.where(use, values, 0.0)
        self.count += use
        self._at = index

    def correct(self, start: int, more: Floats) -> None:
        """Add to the values of a step what came late, (n,): the last hours only, not what is learnt."""
        index = start // self._step
        if self._at - self._steps < index <= self._at:
            rows = np.flatnonzero(np.nan_to_num(more) != 0)
            values = np.nan_to_num(self._lately.pick(0, rows, index, index + 1)[0])
            self._lately.change(0, index, rows, values + more[rows])

    def _close_cell(self, cell: int) -> None:
        with np.errstate(invalid="ignore", divide="ignore"):
            rest = np.where(
                2 * self.count >= self._per_cell, self.total / self.count * self._per_cell, np.nan
            )
        # the whole of a cell, not its mean: a number of calls is written in a byte
        whole = np.where(self.count == self._per_cell, self.total, rest)
        self._cells.extend(cell, whole[None], np.zeros((1, self.rows), bool))
        self.total[:], self.count[:] = 0.0, 0.0

    def window(
        self, rows: Sequence[int], since: int, until: int, counted: Sequence[int] | None = None
    ) -> tuple[Floats, Floats]:
        """Return what ``rows`` brought from ``since`` up to ``until`` (epoch seconds), and were expected to.

        Sums, (len(rows),) each, over at most the last seven hours. Expected is the median over earlier
        weeks of the same time, each scaled by the level of the two hours before ``since``; one level for
        all rows together, so that they should be the edges of one kind into one target. Without a week the
        same time yesterday stands in, without a day the two hours themselves.

        ``counted`` are the rows that count the calls the amounts of ``rows`` are made of; ``rows``
        themselves when absent.
        """
        at = np.asarray(rows, np.intp)
        first, last = self._reach(since // self._step, -(-until // self._step))
        observed = np.nansum(self._measured(at, first, last), axis=0)
        steps = last - first
        before = first - LEVEL_SECONDS // self._step
        lately = self._measured(at, before, first)
        now = float(np.nansum(lately))
        doubt = CALLS_OF_DOUBT
        if counted is not None:
            calls = float(np.nansum(self._measured(np.asarray(counted, np.intp), before, last)))
            doubt *= (now + float(observed.sum())) / calls if calls > 0 else 0.0
        guesses: list[Floats] = []
        for lag in (*(week * WEEK for week in range(1, self._weeks + 1)), DAY):
            if lag == DAY and guesses:
                break
            earlier = self._past(at, before, first, lag)
            same = self._past(at, first, last, lag)
            if np.isnan(same).all():
                continue
            level = 1.0
            if not np.isnan(earlier).all():
                then = float(np.nansum(earlier)) * (first - before)
                level = (now + doubt) / (then + doubt) if doubt > 0 else 1.0
            level = min(max(level, 1 / LARGEST_LEVEL), LARGEST_LEVEL)
            guesses.append(np.nan_to_num(same) * level * steps)
        if guesses:
            return observed, np.median(np.array(guesses), axis=0)
        measured = max(int((~np.isnan(lately)).any(axis=1).sum()), 1)
        return observed, np.nansum(lately, axis=0) / measured * steps

    def rise(self, rows: Sequence[int], since: int, until: int) -> tuple[Floats, Floats]:
        """Return the mean of ``rows`` over the last day before ``until`` and over the first from ``since``.

        Means a step, (len(rows),) each: who carries a growth is who brings more on the last day.
        """
        at = np.asarray(rows, np.intp)
        oldest = until - self._weeks * WEEK
        begin = max(since, oldest)
        now = self._mean(at, until - DAY, until)
        return now, self._mean(at, begin, begin + DAY)

    def mix(self, rows: Sequence[int], until: int) -> Floats:
        """Return which part of them all each of ``rows`` was on the day before ``until``, (len(rows),).

        It is what to expect of clients and tenants: a release changes within a day which build calls, and
        the weeks before do not know it. Incidents are left out. All 0 where nothing is known of that day.
        """
        mean = self._mean(np.asarray(rows, np.intp), until - DAY, until)
        whole = float(mean.sum())
        return mean / whole if whole > 0 else np.zeros(len(mean))

    def _mean(self, at: NDArray[np.intp], since: int, until: int) -> Floats:
        values = self._cells.measured(at, since // self._cell, -(-until // self._cell)) / self._per_cell
        known = ~np.isnan(values)
        mean: Floats = np.where(known, values, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
        return mean

    def _reach(self, first: int, last: int) -> tuple[int, int]:
        last = min(last, self._at + 1)
        return max(first, last - max(KEPT_SECONDS // self._step, 24)), last

    def _measured(self, at: NDArray[np.intp], first: int, last: int) -> Floats:
        return self._lately.pick(0, at, max(first, self._at + 1 - self._steps), last)

    def _past(self, at: NDArray[np.intp], first: int, last: int, lag: int) -> Floats:
        """Return the mean a step of each row at the same steps ``lag`` seconds ago, NaN where unknown."""
        begin = (first * self._step - lag) // self._cell
        end = -(-(last * self._step - lag) // self._cell)
        values = self._cells.measured(at, begin, max(end, begin + 1)) / self._per_cell
        known = ~np.isnan(values)
        count = known.sum(axis=0)
        mean: Floats = np.where(known, values, 0.0).sum(axis=0) / np.maximum(count, 1)
        mean[count == 0] = np.nan
        return mean

    def parts(self) -> dict[str, bytes]:
        """Return the state; finished days are parts that stay as they are."""
        return {"edges": self.snapshot(), **self._lately.snapshot(), **self._cells.snapshot()}

    def take(self, parts: Mapping[str, bytes], rows: int) -> None:
        """Go on from ``parts`` with ``rows`` edges."""
        self.restore(parts["edges"], rows)
        self._lately.restore(parts, rows)
        self._cells.restore(parts, rows)

"""The past totals of edges, from which their expectation is computed while their target has a finding.

An edge is never judged, so nothing is computed for it at every step. The last hours are kept step by step,
earlier weeks as means over ten minutes.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import numpy as np

from detectors.model.array_types import Bools, Floats, Places
from detectors.state.declared import Owned, RowState, field
from detectors.state.past_values import DAY, HOUR, KEPT_SECONDS, WEEK, PastValues
from detectors.state.timeline import Timeline

CELL_SECONDS: Final = 600
"""Resolution of earlier weeks: the callers of a table change slowly."""

LEVEL_SECONDS: Final = 2 * HOUR
"""Time before a finding whose level is compared with the same time in earlier weeks."""

LARGEST_LEVEL: Final = 20.0
"""Most by which a week is scaled to the present level."""

CALLS_OF_DOUBT: Final = 10.0
"""Calls added on both sides of the level: two quiet nights are alike, whether with no call or three."""


class EdgeTotals(RowState):
    """Sums over a step (in seconds) for every edge; expectations are based on the earlier weeks."""

    KIND = "edges"
    VERSION = 2
    NUMBERS = ("_at",)
    SETTINGS = ("_steps",)
    STATE = (Owned("_lately"), Owned("_cells"))  # the parts of past days never change
    total: Floats = field()  # (n,) of the present cell, without spoilt values
    count: Floats = field()  # (n,) steps in it

    def __init__(self, step: int, weeks: int) -> None:
        self._step = step
        self._weeks = weeks
        self._per_cell = max(1, CELL_SECONDS // step)
        self._cell = self._per_cell * step
        self._steps = max(KEPT_SECONDS // step, 24) + LEVEL_SECONDS // step + 1
        self._cells = PastValues(self._cell, weeks, "cells")
        self._lately = Timeline("lately", 1, self._steps, sheets=False)  # as measured
        self._at = -1
        self._now: Floats | None = None  # of the step after the last, during ``with_early_step``
        super().__init__()

    def grow(self, count: int) -> None:
        """Append ``count`` edges without a past."""
        self.add(count)
        self._cells.add(count)
        self._lately.add(count)

    def append(self, start: int, values: Floats, spoilt: Bools) -> None:
        """Append a step.

        ``start`` (epoch seconds) is later than in the previous call; skipped steps are missing. ``values``
        (n,) are sums over the step, NaN where missing; values that are ``spoilt`` by an open finding of the
        target are kept but not learnt.
        """
        index = start // self._step
        if self._at >= 0 and index // self._per_cell != self._at // self._per_cell:
            self._close_cell(self._at // self._per_cell)
        self._lately.write(index, values[None])
        use = ~np.isnan(values) & ~spoilt
        self.total += np.where(use, values, 0.0)
        self.count += use
        self._at = index

    def append_steps(self, start: int, values: Floats) -> None:
        """Append consecutive steps as ``append`` does, (steps, n), of which nothing is spoilt."""
        first, at = start // self._step, 0
        while at < len(values):
            index = first + at
            end = min(len(values), (index // self._per_cell + 1) * self._per_cell - first)
            if self._at >= 0 and index // self._per_cell != self._at // self._per_cell:
                self._close_cell(self._at // self._per_cell)
            here = values[at:end]
            self._lately.write(index, here)
            known = ~np.isnan(here)
            # one behind the other, as single steps add up
            more = np.where(known, here, 0.0)
            self.total[:] = np.add.accumulate(np.concatenate((self.total[None], more)))[-1]
            self.count += known.sum(axis=0)
            self._at, at = first + end - 1, end

    @contextmanager
    def with_early_step(self, values: Floats) -> Iterator[int]:
        """Let the step after the last one hold (n,) ``values`` in this context; yield its start."""
        missing = self.rows - len(values)
        self._now = np.concatenate((values, np.full(missing, np.nan))) if missing else values
        try:
            yield (self._at + 1) * self._step
        finally:
            self._now = None

    def correct(self, start: int, more: Floats) -> None:
        """Add late data to a step of the last hours, (n,); it is not learnt."""
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
        # the total of a cell, not its mean: whole numbers compress to a byte
        whole = np.where(self.count == self._per_cell, self.total, rest)
        self._cells.extend(cell, whole[None], np.zeros((1, self.rows), bool))
        self.total[:], self.count[:] = 0.0, 0.0

    def window(
        self,
        rows: Sequence[int],
        since: int,
        until: int,
        counted: Sequence[int] | None = None,
        *,
        yesterday: bool = False,
    ) -> tuple[Floats, Floats]:
        """Return the totals, (len(rows),) each, observed and expected from ``since`` up to ``until``.

        At most the last seven hours count. Expected is the median over earlier weeks of the same time, each
        scaled by the level of the two hours before ``since``. There is one level for all rows, so pass the
        edges of one kind into one target. Without a week, the same time yesterday is used; without a day,
        the two hours themselves.

        ``counted`` are the rows that count the calls of the amounts in ``rows``, by default ``rows``. With
        ``yesterday``, expected is what that day alone says, NaN if it is unknown.
        """
        at = np.asarray(rows, np.intp)
        first, last = self.span(since // self._step, -(-until // self._step))
        observed = self.observed(rows, since, until)
        steps = last - first
        before = first - LEVEL_SECONDS // self._step
        lately = self._measured(at, before, first)
        now = float(np.nansum(lately))
        doubt = CALLS_OF_DOUBT
        if counted is not None:
            calls = float(np.nansum(self._measured(np.asarray(counted, np.intp), before, last)))
            doubt *= (now + float(observed.sum())) / calls if calls > 0 else 0.0
        guesses: list[Floats] = []
        weeks = () if yesterday else range(1, self._weeks + 1)
        for lag in (*(week * WEEK for week in weeks), DAY):
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
        if yesterday:
            return observed, np.full(len(at), np.nan)
        measured = max(int((~np.isnan(lately)).any(axis=1).sum()), 1)
        return observed, np.nansum(lately, axis=0) / measured * steps

    def observed(self, rows: Sequence[int], since: int, until: int) -> Floats:
        """Return the totals from ``since`` up to ``until``, (len(rows),), of at most the last seven hours."""
        first, last = self.span(since // self._step, -(-until // self._step))
        total: Floats = np.nansum(self._measured(np.asarray(rows, np.intp), first, last), axis=0)
        return total

    def rise(self, rows: Sequence[int], since: int, until: int) -> tuple[Floats, Floats]:
        """Return the means per step on the day before ``until`` and on the first day from ``since``.

        Shape (len(rows),) each; a growth is due to the rows that rose in between.
        """
        at = np.asarray(rows, np.intp)
        oldest = until - self._weeks * WEEK
        begin = max(since, oldest)
        now = self._mean(at, until - DAY, until)
        return now, self._mean(at, begin, begin + DAY)

    def mix(self, rows: Sequence[int], until: int) -> Floats:
        """Return the part that each of ``rows`` had of their total on the day before ``until``, (len(rows),).

        This is the expectation of clients and tenants: a release shifts calls between builds within a day.
        Incidents are left out. All 0 if nothing is known of that day.
        """
        mean = self._mean(np.asarray(rows, np.intp), until - DAY, until)
        whole = float(mean.sum())
        return mean / whole if whole > 0 else np.zeros(len(mean))

    def _mean(self, at: Places, since: int, until: int) -> Floats:
        values = self._cells.measured(at, since // self._cell, -(-until // self._cell)) / self._per_cell
        known = ~np.isnan(values)
        mean: Floats = np.where(known, values, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
        return mean

    def span(self, first: int, last: int) -> tuple[int, int]:
        """Return which steps, of those from ``first`` up to ``last``, are among the last hours."""
        last = min(last, self._at + 1 + (self._now is not None))
        return max(first, last - max(KEPT_SECONDS // self._step, 24)), last

    def _measured(self, at: Places, first: int, last: int) -> Floats:
        first = max(first, self._at + 1 - self._steps)
        if self._now is None or last <= self._at + 1:
            return self._lately.pick(0, at, first, last)
        known = self._lately.pick(0, at, first, self._at + 1) if first <= self._at else np.zeros((0, len(at)))
        return np.concatenate((known, self._now[at][None]))

    def _past(self, at: Places, first: int, last: int, lag: int) -> Floats:
        """Return the mean per step of each row at the same steps ``lag`` seconds ago, NaN where unknown."""
        begin = (first * self._step - lag) // self._cell
        end = -(-(last * self._step - lag) // self._cell)
        values = self._cells.measured(at, begin, max(end, begin + 1)) / self._per_cell
        known = ~np.isnan(values)
        count = known.sum(axis=0)
        mean: Floats = np.where(known, values, 0.0).sum(axis=0) / np.maximum(count, 1)
        mean[count == 0] = np.nan
        return mean

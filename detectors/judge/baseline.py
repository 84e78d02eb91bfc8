"""The baseline of a step: the values that were learnt around the same time on earlier days."""

from typing import Final

import numpy as np

from detectors.judge.calendar import Calendar, SameTimes
from detectors.judge.kernel.pace import WIDE
from detectors.model.array_types import Bools, Float32s, Places
from detectors.model.finding import ComparedWith
from detectors.state.past_values import DAY, WEEK, PastValues

OFTEN: Final = 2
"""Weeks with the same time spoilt from which on the deviations of then are usual: a weekly job is reported
twice."""


class Baseline:
    """Gathers the past of each step.

    ``step`` is in seconds; ``beside`` neighbours on each side count as the same time. Without a calendar,
    every week is like the last.
    """

    def __init__(
        self, values: PastValues, step: int, beside: int, weeks: int, calendar: Calendar | None
    ) -> None:
        self._values, self._step, self._beside, self._calendar = values, step, beside, calendar
        self._plain = (DAY, *(WEEK * k for k in range(1, weeks + 1)))
        self.forget()

    @property
    def lags(self) -> int:
        """Number of days that a step is compared with; the first is yesterday."""
        return len(self._plain)

    def forget(self) -> None:
        """Start again, as after a restore."""
        # (2 beside + steps, lags, n), a ring; NaN where missing or spoilt
        self.past = np.zeros((0, 0, 0), np.float32)
        self.often = np.zeros((0, 0), bool)  # (2 beside + steps, n) where reported deviations are usual
        self.head = 0  # first entry of the ring
        self._index, self._lags = -1, self._plain

    def same_times(self, start: int) -> SameTimes:
        """Return the days that the step starting at ``start`` is compared with."""
        return self._calendar.at(start) if self._calendar else SameTimes("", self._plain, ())

    def move(self, index: int, steps: int, same: SameTimes) -> None:
        """Move to ``steps`` steps from ``index`` on; the step after the last adds only what is new."""
        lags = self._in_steps(same)
        around = 2 * self._beside + steps
        shape = (around, self.lags, self._values.rows)
        is_next = (self._index, self._lags) == (index - 1, lags) and self.past.shape == shape and steps == 1
        self._index, self._lags = index + steps - 1, lags
        if is_next:
            newest, often = self.past[self.head][None], self.often[self.head][None]
            self.head = (self.head + 1) % around
            self._read(index + self._beside, newest, often)
        else:
            self.head = 0
            self.past, self.often = np.empty(shape, np.float32), np.empty((around, shape[2]), bool)
            self._read(index - self._beside, self.past, self.often)

    def stay(self, index: int) -> None:
        """Let ``index`` be the last step of the newest move: those behind it were not judged."""
        self._index = index

    def past_of(self, index: int, rows: Places, same: SameTimes) -> tuple[Float32s, Bools]:
        """Return ``past`` and ``often`` of some rows at a step, without moving to it.

        Their shapes are (2 beside + 1, lags, len(rows)) and (2 beside + 1, len(rows)).
        """
        around = 2 * self._beside + 1
        past = np.full((around, self.lags, len(rows)), np.nan, np.float32)
        spoilt = np.zeros((self.lags, around, len(rows)), bool)
        for at, lag in enumerate(self._in_steps(same)):
            if lag > 0:
                first = index - lag - self._beside
                past[:, at] = self._values.measured(rows, first, first + around)
                spoilt[at] = self._values.spoilt(rows, first, first + around)
        measured = past.copy()
        past[spoilt.swapaxes(0, 1)] = np.nan
        often: Bools = spoilt[1:].sum(axis=0) >= OFTEN
        if self._step >= WIDE:
            often &= np.isnan(past[:, 1:]).all(axis=1)
        for at in range(1, self.lags):
            past[:, at] = np.where(often & spoilt[at], measured[:, at], past[:, at])
        return past, often

    def _in_steps(self, same: SameTimes) -> tuple[int, ...]:
        """Return how many steps ago each day was, -1 for one that is left out."""
        lags = tuple(
            -1 if same.spoilt and same.spoilt[at] else max(1, round(lag / self._step))
            for at, lag in enumerate(same.lags)
        )
        return lags + (-1,) * (self.lags - len(lags))

    def _read(self, first: int, past: Float32s, often: Bools) -> None:
        """Write the values learnt a lag before the steps from ``first`` on into ``past`` (steps, lags, n)."""
        steps, lags = len(past), self._lags
        spoilt: list[Bools | None] = []
        for at, lag in enumerate(lags):
            if lag > 0:
                spoilt.append(self._values.learnt_steps(first - lag, past[:, at]))
            else:
                spoilt.append(None)
                past[:, at] = np.nan
        del spoilt[0]  # yesterday
        often.fill(False)
        known = [flags for flags in spoilt if flags is not None]
        if len(known) < OFTEN:
            return
        often |= np.sum(known, axis=0) >= OFTEN
        if self._step >= WIDE:  # a shift lasts for weeks: only if no week is known without it
            often &= np.isnan(past[:, 1:]).all(axis=1)
        rows = np.flatnonzero(often.any(axis=0))
        if rows.size:
            for at, (lag, flags) in enumerate(zip(lags[1:], spoilt, strict=True), 1):
                if flags is not None:
                    raw = self._values.measured(rows, first - lag, first - lag + steps)
                    use = often[:, rows] & flags[:, rows]
                    past[:, at, rows] = np.where(use, raw, past[:, at, rows])

    def weeks(self, row: int) -> tuple[list[int], list[int]]:
        """Return the weeks (1 = last) behind the last expectation, and those left out as spoilt."""
        used, left_out = [], []
        for week, lag in enumerate(self._lags[1:], 1):
            there, learnt = self._around(row, lag)
            if learnt > self._beside:
                used.append(week)
            elif there:
                left_out.append(week)
        return used, left_out

    def compared_with(self, row: int) -> ComparedWith:
        """Return the basis of the last expectation."""
        if self.weeks(row)[0]:
            return "holidays" if self.same_times(self._index * self._step).holiday else "weeks"
        return "yesterday" if self._around(row, self._lags[0])[1] > self._beside else "minutes"

    def _around(self, row: int, lag: int) -> tuple[int, int]:
        """Return the number of values around the same time a lag ago, and of those that were learnt."""
        if lag < 0:
            return 0, 0
        first, last = self._index - lag - self._beside, self._index - lag + self._beside + 1
        there = ~np.isnan(self._values.measured([row], first, last))
        return int(there.sum()), int((there & ~self._values.spoilt([row], first, last)).sum())

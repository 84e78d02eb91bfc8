"""The baseline of a step: the values that were learnt around the same time on earlier days."""

from collections.abc import Sequence
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
        # (2 beside + steps, lags, n), a ring; NaN where missing or spoilt; see ``_columns``
        self.past = np.zeros((0, 0, 0), np.float32)
        self.often = np.zeros((0, 0), bool)  # (2 beside + steps, n) where reported deviations are usual
        self.head = 0  # first entry of the ring
        self._index, self._lags = -1, self._plain
        self._read_from: tuple[int, ...] = ()

    def same_times(self, start: int) -> SameTimes:
        """Return the days that the step starting at ``start`` is compared with."""
        return (
            self._calendar.at(start)
            if self._calendar
            else SameTimes("", self._plain, (), alike=True, others=self._plain)
        )

    def steps_known(self, same: SameTimes, most: int) -> int:
        """Return how many steps have their whole past before the first of them, ``most`` at most."""
        apart = self._apart(same)
        return min(most, apart - self._beside) if apart else most

    def move(self, index: int, steps: int, same: SameTimes) -> None:
        """Move to ``steps`` steps from ``index`` on; the step after the last adds only what is new."""
        columns = self._columns(same)
        around = 2 * self._beside + steps
        shape = (around, len(columns), self._values.rows)
        is_next = (self._index, self._read_from) == (index - 1, columns)
        is_next &= self.past.shape == shape and steps == 1
        self._index, self._lags, self._read_from = index + steps - 1, self._in_steps(same.lags, same), columns
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

    def correct(self) -> None:
        """Read what came an hour ago again: late data may have changed it."""
        if len(self._read_from) > self.lags:
            self._read_from = ()

    def past_of(self, index: int, rows: Places, same: SameTimes) -> tuple[Float32s, Bools]:
        """Return ``past`` and ``often`` of some rows at a step, without moving to it.

        Their shapes are (2 beside + 1, lags, len(rows)) and (2 beside + 1, len(rows)).
        """
        columns, around = self._columns(same), 2 * self._beside + 1
        past = np.full((around, len(columns), len(rows)), np.nan, np.float32)
        often = np.zeros((around, len(rows)), bool)
        spoilt: list[Bools | None] = [None] * len(columns)
        for at, lag in enumerate(columns):
            if lag > 0:
                first = index - lag - self._beside
                past[:, at] = self._values.measured(rows, first, first + around)
                spoilt[at] = flags = self._values.spoilt(rows, first, first + around)
                if at < 2 * self.lags:
                    past[:, at][flags] = np.nan
        self._read_back(index - self._beside, rows, list(zip(columns, spoilt, strict=True)), past, often)
        return past, often

    def usual(self, row: int, since: int, until: int) -> float:
        """Return the sum of a row at the same time of an earlier week, their median; else of yesterday.

        ``since`` and ``until`` are epoch seconds. 0 where no day is known.
        """
        same, first = self.same_times(since), since // self._step
        sums: list[float] = []
        for lag in self._in_steps(same.lags, same):
            span = first - lag, until // self._step - lag
            measured, spoilt = self._values.measured([row], *span), self._values.spoilt([row], *span)
            values = np.where(spoilt, np.nan, measured)
            known = lag > 0 and np.isfinite(values).mean() > 0.5  # noqa: PLR2004  most of it
            sums.append(float(np.nansum(values)) if known else np.nan)
        weeks = [total for total in sums[1:] if np.isfinite(total)]
        return float(np.median(weeks)) if weeks else float(np.nan_to_num(sums[0]))

    def _in_steps(self, of: Sequence[int], same: SameTimes) -> tuple[int, ...]:
        """Return how many steps ago each day was, -1 for one that is left out."""
        lags = tuple(
            -1 if same.spoilt and same.spoilt[at] else max(1, round(lag / self._step))
            for at, lag in enumerate(of)
        )
        return lags + (-1,) * (self.lags - len(lags))

    def _apart(self, same: SameTimes) -> int:
        """Return how many steps apart the two times are that may be the same, 0 where they are one."""
        return max(abs(lag - other) for lag, other in zip(same.lags, same.others, strict=True)) // self._step

    def _columns(self, same: SameTimes) -> tuple[int, ...]:
        """Return how many steps ago the columns of ``past`` were: the days, yesterday first.

        Where clocks changed in between: those by the local clock, those by the other one, and what came on
        this day when the sooner one showed the time of the other.
        """
        lags, apart = self._in_steps(same.lags, same), self._apart(same)
        if not apart:
            return lags
        return (*lags, *self._in_steps(same.others, same), apart)

    def _read(self, first: int, past: Float32s, often: Bools) -> None:
        """Write the values learnt a lag before the steps from ``first`` on into ``past`` (steps, lags, n)."""
        columns, rows = self._read_from, np.arange(self._values.rows)
        spoilt: list[Bools | None] = [None] * len(columns)
        for at, lag in enumerate(columns):
            if at == 2 * self.lags:  # what came, even if it was reported
                past[:, at] = self._values.measured(rows, first - lag, first - lag + len(past))
            elif lag > 0:
                spoilt[at] = self._values.learnt_steps(first - lag, past[:, at])
            else:
                past[:, at] = np.nan
        often.fill(False)
        self._read_back(first, rows, list(zip(columns, spoilt, strict=True)), past, often)

    def _read_back(
        self,
        first: int,
        rows: Places,
        spoilt: Sequence[tuple[int, Bools | None]],
        past: Float32s,
        often: Bools,
    ) -> None:
        """Write ``often``, and into ``past`` what was excluded there: ``spoilt`` are columns and flags."""
        for begin in range(0, len(spoilt) - 1, self.lags):
            weeks = range(begin + 1, begin + self.lags)
            known = [flags for at in weeks if (flags := spoilt[at][1]) is not None]
            if len(known) < OFTEN:
                continue
            usual: Bools = np.sum(known, axis=0) >= OFTEN
            if self._step >= WIDE:  # a shift lasts for weeks: only if no week is known without it
                usual &= np.isnan(past[:, weeks.start : weeks.stop]).all(axis=1)
            often |= usual
            here = np.flatnonzero(usual.any(axis=0))
            for at in weeks if here.size else ():
                lag, flags = spoilt[at]
                if flags is not None:
                    begins = first - lag
                    raw = self._values.measured(rows[here], begins, begins + len(past))
                    use = usual[:, here] & flags[:, here]
                    past[:, at, here] = np.where(use, raw, past[:, at, here])

    def weeks(self, row: int) -> tuple[list[int], list[int]]:
        """Return the weeks (1 = last) behind the last expectation, and those left out as spoilt."""
        used, left_out = [], []
        for week, lag in enumerate(self._lags[1:], 1):
            there, learnt = self._around(row, lag)
            if learnt > self._beside:
                used.append(week)
            elif there > self._beside:
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

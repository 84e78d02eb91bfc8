"""Growth: a level that rises day over day, judged once a day from daily levels.

The level of a day is the mean of its learnt values (incidents are replaced by the expectation). The slope of
its logarithm, adjusted for the day of the week, is Theil and Sen's median of pairwise slopes with Sen's
interval (Sen, JASA 63, 1968, section 5), which one outlier cannot move. A level that jumped once and stayed
is not growth: the line must explain the days better than any single step does. The day of reaching a limit is
forecast (``judge.forecast``) in the first steps of the day.
"""

from collections.abc import Callable, Sequence
from functools import cache
from itertools import pairwise
from typing import Final, Literal, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from detectors.judge.forecast import NEVER, REACHED, LimitDays, reach
from detectors.model.array_types import Bools, Floats, Int32s, Ints, Places
from detectors.model.finding import Growth
from detectors.state.declared import RowState, field
from detectors.state.past_values import DAY

DAYS: Final = 35
"""Daily levels that are kept."""

WINDOWS: Final = (7, 10, 14, 21, 28)
"""Days that a slope may be based on: a steep rise shows in a week, a slow one needs four."""

CONFIDENCE: Final = 2.5758
"""Half-width of the interval in standard errors of Kendall's statistic: 99 %."""

LEAST_RISE: Final = 0.08
"""Rise (logarithm) over the window below which a level merely wanders."""

MOST_DAYS: Final = 0.7
"""Part of the days that must be known: five in a week."""

WHOLE: Final = 0.6
"""Part of a day that must be measured for its level to count."""

LEAST_LEVEL: Final = 0.02
"""Part of the usual level that a day counts at least: nothing has no logarithm."""

CLOSED: Final = 0.2
"""Part of the days around it below which a day was closed: what it has says nothing about a trend."""

LARGEST_JUMP: Final = 0.5
"""Largest part of the whole rise that a single day may contribute."""

TWO_WEEKS: Final = 14
"""Days needed to tell weekdays from a trend."""

WEEK_PAIRS: Final = 2
"""Days that must exceed the same day a week ago while less than two weeks are known."""

AT_ONCE: Final = 4096
"""Series whose pairs of days are compared at once: each has hundreds of pairs."""

QUIET_DAYS: Final = 3
"""Days without sure growth until a growth verdict ends."""

FORECASTS: Final = 4
"""Days to a limit that are forecast in a step, ten milliseconds each; other series wait for the next."""


class Growing(NamedTuple):
    """A change of one series at the end of a day."""

    row: int
    state: Literal["open", "update", "end"]
    since: int  # epoch seconds: the first day of the rise when it was reported
    growth: Growth


class Slope(NamedTuple):
    """Slopes of the logarithm per day, one entry per series; NaN with too few days."""

    middle: Floats
    lower: Floats
    upper: Floats
    rise: Floats  # over the window


def closed_days(levels: Floats) -> Bools:
    """Return on which days, (days, n) newest last, next to nothing came: far less than around them."""
    padded = np.pad(levels, ((3, 3), (0, 0)), constant_values=np.nan)
    around = np.sort(sliding_window_view(padded, 7, axis=0), axis=-1)
    known = 7 - np.isnan(around).sum(axis=-1)
    usual = np.take_along_axis(around, (known // 2)[..., None], axis=-1)[..., 0]
    closed: Bools = levels < CLOSED * usual
    return closed


def without_weekdays(levels: Floats, closed: Bools | None = None) -> Floats:
    """Adjust log levels (days, n), newest last, for the day of the week; NaN where missing or closed.

    Subtracts, for each weekday, the median of its difference to the mean of the seven days around it, without
    those of them that were ``closed``. Less than two whole weeks are returned unchanged.
    """
    days = len(levels)
    if days < TWO_WEEKS:
        return levels
    centred = np.full_like(levels, np.nan)
    shut = np.zeros(levels.shape, bool) if closed is None else closed
    around = sliding_window_view(np.where(shut, 0.0, levels), 7, axis=0)
    weeks = around.sum(axis=-1) / np.maximum(7 - sliding_window_view(shut, 7, axis=0).sum(axis=-1), 1)
    centred[3:-3] = levels[3:-3] - weeks
    adjusted = levels.copy()
    for weekday in range(7):
        same = centred[weekday::7]
        known = np.sort(same, axis=0)
        count = len(known) - np.isnan(known).sum(axis=0)
        columns = np.arange(levels.shape[1])
        usual = 0.5 * (
            known[np.maximum(count - 1, 0) // 2, columns]
            + known[np.minimum(count // 2, len(known) - 1), columns]
        )
        enough = (~np.isnan(weeks)).sum(axis=0) > TWO_WEEKS - 7
        adjusted[weekday::7] -= np.where(enough & (count > 0), usual, 0.0)
    return adjusted


@cache
def _pairs(days: int) -> tuple[Places, Places]:
    early, late = np.triu_indices(days, 1)
    return early, late


def slope(levels: Floats) -> Slope:
    """Return the slope of each column of log levels (days, n), newest last.

    A column with a missing last day, or less than seven tenths of the days, has no slope.
    """
    days, rows = levels.shape
    early, late = _pairs(days)
    with np.errstate(invalid="ignore"):
        pairs = np.sort((levels[late] - levels[early]) / (late - early)[:, None], axis=0)
    known = (~np.isnan(levels)).sum(axis=0)
    count = known * (known - 1) // 2
    reach = CONFIDENCE * np.sqrt(known * (known - 1) * (2 * known + 5) / 18)
    columns = np.arange(rows)

    def at(rank: Floats) -> Floats:
        found: Floats = pairs[np.clip(rank, 0, np.maximum(count - 1, 0)).astype(np.intp), columns]
        return found

    middle = 0.5 * (at(np.floor((count - 1) / 2)) + at(np.floor(count / 2)))
    lower, upper = at(np.floor((count - reach) / 2)), at(np.ceil((count + reach) / 2))
    enough = (known >= MOST_DAYS * days) & ~np.isnan(levels[-1])
    for values in (middle, lower, upper):
        values[~enough] = np.nan
    return Slope(middle, lower, upper, middle * (days - 1))


def week_over_week(weekly: Floats, found: Slope, least: float) -> Bools:
    """Return for each column whether its weeks agree with its days, for as long as weekdays are unknown.

    A week that rises to its Sunday looks like growth until there is a second one. ``weekly`` are the log
    levels of the last days minus those of the same days a week before, NaN where unknown: all must have risen
    by ``least`` per day, and their median must lie in the interval of the slope.
    """
    known = np.sort(weekly, axis=0) / 7
    count = (~np.isnan(known)).sum(axis=0)
    columns = np.arange(weekly.shape[1])
    middle = known[np.maximum(count - 1, 0) // 2, columns]
    agree: Bools = (
        (count >= WEEK_PAIRS) & (known[0] >= least) & (found.lower <= middle) & (middle <= found.upper)
    )
    return agree


def steady(levels: Floats, middle: Floats) -> Bools:
    """Return for each column of log levels (days, n) whether the line explains it better than a step."""
    days = len(levels)
    at = np.arange(days, dtype=float)[:, None]
    # a missing day lies on the line, and favours neither
    with np.errstate(invalid="ignore"):
        offset = np.sort(levels - middle * at, axis=0)
        known = np.maximum((~np.isnan(levels)).sum(axis=0), 1)
        offset = offset[(known - 1) // 2, np.arange(levels.shape[1])]
        line = offset + middle * at
        filled = np.where(np.isnan(levels), line, levels)
        on_line = np.abs(filled - line).sum(axis=0)
        on_step = np.full(levels.shape[1], np.inf)
        for cut in range(1, days):
            before, after = filled[:cut], filled[cut:]
            off = np.abs(before - np.median(before, axis=0)).sum(axis=0)
            off += np.abs(after - np.median(after, axis=0)).sum(axis=0)
            on_step = np.minimum(on_step, off)
        jump = np.diff(filled, axis=0).max(axis=0)
        holds: Bools = (on_line < on_step) & (jump <= LARGEST_JUMP * middle * (days - 1))
    return holds


def _of_utc(day: int) -> int:
    return day * DAY


class GrowthWatch(RowState):
    """Daily levels of every series, and which series grow.

    Parameters
    ----------
    per_day
        Least growth per day that is reported, as a fraction.
    step
        In seconds.
    start_of
        Returns when (epoch seconds) a day starts, counted from 1970-01-01; by default days of UTC.
    """

    KIND = "growth"
    NUMBERS = ("_day", "_hour")
    total: Floats = field()  # of the present day
    count: Floats = field()
    hour_total: Floats = field()
    hour_count: Floats = field()
    peak: Floats = field()  # largest hourly mean of the present day
    # (DAYS, n) mean per step, newest day last; NaN if incomplete
    levels: Floats = field(np.nan, lead=(DAYS,))
    peaks: Floats = field(np.nan, lead=(7,))  # (7, n)
    since: Int32s = field(-1, np.int32)  # day on which the reported rise started, -1 for none
    quiet: Int32s = field(0, np.int32)  # consecutive days without sure growth
    waits: NDArray[np.int8] = field(0, np.int8, later=True)  # whether its forecast is still to be made today

    def __init__(self, per_day: float, step: int, start_of: Callable[[int], int] | None = None) -> None:
        self._least, self._step = np.log1p(per_day), step
        self._start_of = start_of or _of_utc
        self._day = self._hour = -1
        self._left = FORECASTS  # of the present call
        super().__init__()

    def learn(self, hours: Ints, value: Floats, watched: Bools, limit: Floats) -> list[Growing]:
        """Add consecutive steps; judge the days before when one of them starts a day.

        Parameters
        ----------
        hours : (steps,) int64
            Local hour in which each step starts, counted from 1970-01-01 00:00. An hour that occurs twice,
            when clocks are put back, is one long hour.
        value : (steps, n) float64
            Learnt values, sums over the steps; NaN where missing.
        watched : (n,) bool
            Rows whose growth is reported.
        limit : (n,) float64
            Capacity in the unit of ``value``, NaN where unknown.
        """
        found: list[Growing] = []
        self._left = FORECASTS
        hours = np.maximum.accumulate(np.maximum(hours, self._hour))
        if hours[-1] == self._hour:  # most minutes
            self._sum(value)
        else:
            found += self._over_hours(hours, value, watched, limit)
        if self._left and self.waits.any():
            waiting = np.flatnonzero(self.waits)[: self._left]
            self.waits[waiting] = 0
            found += self._report_some(waiting, self._day, limit)
        return found

    def adds(self, hour: int, value: Floats) -> bool:
        """Add a step as ``learn`` would, (n,) values, if that is a mere sum; return whether it was."""
        if hour > self._hour or self.waits.any():
            return False
        known = ~np.isnan(value)
        self.hour_total += np.where(known, value, 0.0)
        self.hour_count += known
        return True

    def is_of_day(self, hour: int) -> bool:
        """Return whether a local hour begins no new day."""
        return hour * 3600 // DAY <= self._day

    def sum_up(self, hours: Sequence[int], value: Floats) -> None:
        """Add consecutive steps of the present day, (steps, n), as ``learn`` would one by one."""
        begin = 0
        while begin < len(hours):
            hour, end = max(hours[begin], self._hour), begin + 1
            while end < len(hours) and hours[end] <= hour:
                end += 1
            if hour > self._hour:
                self._close_hour()
                self._hour = hour
            known = ~np.isnan(value[begin:end])
            more = np.where(known, value[begin:end], 0.0)
            # one behind the other, as the steps of a daemon add up
            self.hour_total[:] = np.add.accumulate(np.concatenate((self.hour_total[None], more)))[-1]
            self.hour_count += known.sum(axis=0)
            begin = end

    def _over_hours(self, hours: Ints, value: Floats, watched: Bools, limit: Floats) -> list[Growing]:
        found: list[Growing] = []
        edges = np.flatnonzero(np.diff(hours, prepend=self._hour))
        if edges[0]:
            self._sum(value[: edges[0]])
        for begin, end in pairwise((*edges.tolist(), len(value))):
            day = int(hours[begin]) * 3600 // DAY
            self._close_hour()
            if day != self._day:
                if self._day >= 0:
                    self._close_day(day)
                    found += self._report(day, watched, limit)
                self._day = day
            self._hour = int(hours[begin])
            self._sum(value[begin:end])
        return found

    def _sum(self, value: Floats) -> None:
        known = ~np.isnan(value)
        self.hour_total += np.where(known, value, 0.0).sum(axis=0)
        self.hour_count += known.sum(axis=0)

    def _close_hour(self) -> None:
        self.total += self.hour_total
        self.count += self.hour_count
        self.peak = np.maximum(self.peak, self.hour_total / np.maximum(self.hour_count, 1))
        self.hour_total[:], self.hour_count[:] = 0.0, 0.0

    def _close_day(self, day: int) -> None:
        whole = self.count >= WHOLE * max(1, DAY // self._step)
        passed = min(day - self._day, DAYS)
        self.levels[:-passed] = self.levels[passed:].copy()
        self.levels[-passed:] = np.nan
        self.levels[-passed] = np.where(whole, self.total / np.maximum(self.count, 1), np.nan)
        self.peaks[:-1] = self.peaks[1:].copy()
        self.peaks[-1] = np.where(whole, self.peak, np.nan)
        for array in (self.total, self.count, self.peak):
            array[:] = 0.0
        self.waits[:] = 0

    def _report(self, day: int, watched: Bools, limit: Floats) -> list[Growing]:
        rows = np.flatnonzero(watched & ((~np.isnan(self.levels)).sum(axis=0) >= WINDOWS[0] - 1))
        pieces = [rows[first : first + AT_ONCE] for first in range(0, len(rows), AT_ONCE)]
        return [growing for piece in pieces for growing in self._report_some(piece, day, limit)]

    def _report_some(self, rows: Places, day: int, limit: Floats) -> list[Growing]:
        levels = self.levels[:, rows]
        known = ~np.isnan(levels)
        usual = np.where(known, levels, 0.0).sum(axis=0) / known.sum(axis=0)
        closed = closed_days(levels)
        with np.errstate(divide="ignore", invalid="ignore"):
            logs = np.log(np.maximum(levels, LEAST_LEVEL * usual + 1e-300))
            logs = without_weekdays(np.where(closed, np.nan, logs), closed)
            weekly = logs[-7:] - logs[-14:-7]  # NaN where both weeks are zero
        young = known.sum(axis=0) < TWO_WEEKS
        best = np.full(len(rows), -np.inf)
        estimates = np.full((4, len(rows)), np.nan)
        age = len(known) - known.argmax(axis=0)  # days since the first that is known
        sure = np.zeros(len(rows), bool)
        for days in WINDOWS:
            line = slope(logs[-days:])
            holds = (line.lower >= self._least) & (line.rise >= LEAST_RISE)
            holds &= ~young | week_over_week(weekly, line, self._least)
            rising = np.flatnonzero(holds)
            if rising.size:
                holds[rising] = steady(logs[-days:, rising], line.middle[rising])
            better = np.where(holds & ~sure, True, (holds | ~sure) & (line.lower > best))
            told = np.minimum(age, days).astype(float)
            estimates[:, better] = np.array([line.middle, line.lower, line.upper, told])[:, better]
            best[better] = line.lower[better]
            sure |= holds
        still = best >= 0.25 * self._least
        found: list[Growing] = []
        for at in np.flatnonzero((sure | (self.since[rows] >= 0)) & ~closed[-1]):
            row = int(rows[at])
            room = self._room(row, float(limit[row]))
            if room > 0 and estimates[1, at] > 0:
                if not self._left:
                    self.waits[row] = 1
                    continue
                self._left -= 1
                least = LEAST_LEVEL * float(usual[at])
                until = reach(np.maximum(levels[:, at], least), self.peaks[:, row], float(limit[row]))
            else:
                until = REACHED if room <= 0 else NEVER
            growth = _growth(estimates[:, at], until)
            state: Literal["open", "update", "end"] = "update"
            self.quiet[row] = 0 if still[at] else self.quiet[row] + 1
            if self.since[row] < 0:
                self.since[row], state = day - growth.days, "open"
            elif self.quiet[row] >= QUIET_DAYS:
                state = "end"
            found.append(Growing(row, state, self._start_of(int(self.since[row])), growth))
            if state == "end":
                self.since[row] = -1
        return found

    def _room(self, row: int, limit: float) -> float:
        """Return the logarithm of how far the largest peak of a week is below the limit; NaN if unknown."""
        peaks = self.peaks[:, row]
        peak = float(np.nanmax(peaks)) if not np.isnan(peaks).all() else np.nan
        return float(np.log(limit / peak)) if limit > 0 and peak > 0 else np.nan


def _growth(estimate: Floats, until: LimitDays) -> Growth:
    middle, lower, upper, window = (0.0 if np.isnan(number) else float(number) for number in estimate)
    return Growth(
        per_day=float(np.expm1(middle)),
        per_day_lower=float(np.expm1(lower)),
        per_day_upper=float(np.expm1(upper)),
        days=int(window),
        days_to_limit=until.middle,
        days_to_limit_lower=until.early,
        days_to_limit_upper=until.late,
    )

"""Limits: a table, function or account that comes near its capacity.

Growth forecasts when a limit will be reached (``judge.growth``); here its distance today is watched. Use is a
mean over five minutes, over which stores let bursts consume unused capacity (DynamoDB developer guide,
"Burst capacity": 300 seconds), so that a short burst does not count.
"""

from typing import Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.model.array_types import Bools, Floats, Ints
from detectors.model.finding import Growth
from detectors.state.declared import Field, RowState, field
from detectors.state.past_values import DAY

SUSTAINED_SECONDS: Final = 300
"""Use that lasts this long is not a burst."""

EASES: Final = 0.1
"""A series stays near until its share of the limit was lower by this for a whole day."""

DAYS: Final = 3
"""Consecutive days whose peak must come close before a level that does not grow is reported."""

DOUBT: Final = 2.0
"""Horizons within which the slow end of a forecast must reach the limit, too."""

TOLD: Final = 0.05
"""Change of the share from which on what is near is told anew, every five minutes, or when it reaches all."""

MOST_SHARE: Final = 1e9
"""Of a limit; what is more says that the limit is wrong, and is counted as so much."""

_MOST_TIMES: Final = 1e290
"""A limit falls to a part of it, so that shares stay finite."""

LEVEL: Final = 1
NEAR: Final = 2


def in_sight(growth: Growth, horizon: float) -> bool:
    """Return whether growth is forecast to reach its limit within ``horizon`` days, with little doubt.

    Examples
    --------
    >>> rises = {"per_day": 0.03, "per_day_lower": 0.02, "per_day_upper": 0.04, "days": 21}
    >>> in_sight(Growth(**rises, days_to_limit=9, days_to_limit_lower=7, days_to_limit_upper=14), 14)
    True
    >>> in_sight(Growth(**rises, days_to_limit=9, days_to_limit_lower=3, days_to_limit_upper=None), 14)
    False
    """
    middle, late = growth.days_to_limit, growth.days_to_limit_upper
    return middle is not None and late is not None and middle <= horizon and late <= DOUBT * horizon


def tomorrow(growth: Growth) -> bool:
    """Return whether even the slow end of a forecast reaches the limit within a day."""
    return growth.days_to_limit_upper is not None and growth.days_to_limit_upper <= 1


class LimitChange(NamedTuple):
    """A change of one series after a step."""

    row: int
    state: Literal["open", "update", "end"]
    near: bool  # now or tomorrow, not only at its daily peak
    since: int  # epoch seconds
    lost: bool = False  # it ended because nothing was measured any longer


class LimitWatch(RowState):
    """How near every series is to its limit; ``near`` is the share of the limit from which on it is."""

    KIND = "limits"
    VERSION = 2
    NUMBERS = ("_day",)
    window: Floats  # (steps, n) share of the limit in the last minutes
    peak: Floats = field()  # (n,) largest sustained share of the day so far
    peaks: Floats = field(np.nan, lead=(DAYS,))  # (DAYS, n) of earlier days, newest last, NaN if none
    open: NDArray[np.int8] = field(0, np.int8)  # LEVEL or NEAR while reported, else 0
    since: Ints = field(-1, np.int64)  # epoch seconds
    close: Ints = field(-1, np.int64)  # end of the newest step that was close, epoch seconds
    measured: Ints = field(-1, np.int64, later=True)  # the same of the newest that was measured
    told: Floats = field(np.nan, later=True)  # (n,) the share of the newest change of what is near
    limit: Floats = field(np.nan, later=True)  # (n,) of which all shares are, inf if there is none

    def __init__(self, step: int, near: float) -> None:
        self._step, self._near = step, near
        self._day = -1
        self._steps = max(1, SUSTAINED_SECONDS // step)
        super().__init__({"window": Field(0.0, (self._steps,))})

    @property
    def sustained(self) -> Floats:
        """Share of the limit over the last five minutes, (n,); NaN where it is unknown."""
        known = ~np.isnan(self.window)
        total: Floats = np.add.reduce(np.where(known, self.window, 0.0), axis=0)
        count = known.sum(axis=0)
        return np.where(count > 0, total / np.maximum(count, 1), np.nan)

    @property
    def idle(self) -> bool:
        """Whether no share was more than nothing for days, which is not near."""
        arrays = self.window, self.peak, np.nan_to_num(self.peaks), self.open
        return self._near > EASES and not any(array.any() for array in arrays)

    def pass_by(self, start: int, observed: Floats) -> None:
        """Add a step while ``idle``: (n,) of series without a limit, NaN where nothing was measured."""
        if start // DAY != self._day:
            self._close_day(start // DAY)
        self.measured[~np.isnan(observed)] = start + self._step
        self.limit[:] = np.inf

    def pass_by_steps(self, start: int, observed: Floats) -> None:
        """Add consecutive steps as ``pass_by`` does, (steps, n)."""
        steps = len(observed)
        if (start + (steps - 1) * self._step) // DAY != self._day:
            for at, values in enumerate(observed):
                self.pass_by(start + at * self._step, values)
            return
        known = ~np.isnan(observed)
        newest = start + (steps - np.argmax(known[::-1], axis=0)) * self._step
        self.measured = np.where(known.any(axis=0), newest, self.measured)
        self.limit[:] = np.inf

    def watch(
        self,
        start: int,
        used: Floats,
        limits: Floats,
        *,
        throttled: Bools,
        calm: Bools,
        soon: Bools,
        sparse: Bools | None = None,
    ) -> list[LimitChange]:
        """Add a step; return the changes to report.

        Parameters
        ----------
        start
            Epoch seconds at which it starts.
        used
            (n,) in the step, NaN where nothing was measured.
        limits
            (n,) inf where there is none. Where one is another than before, what was known are shares of it
            from now on, and what is open is updated; where it is gone, that ends. What is near is updated
            every five minutes, too, if its share is another by ``TOLD`` or all of it.
        throttled
            (n,) whether calls were refused in the step.
        calm
            (n,) whether no spike is open: its effect on the limit is reported with it.
        soon
            (n,) whether the forecast reaches the limit within a day.
        sparse
            (n,) whether a missing value is unknown rather than nothing: the mean is then over measured
            values, and a series of which nothing is measured any longer is lost.
        """
        sparse = np.zeros(self.rows, bool) if sparse is None else sparse
        end = start + self._step
        fresh = start // DAY != self._day
        if fresh:
            self._close_day(start // DAY)
        due = self._take(limits)
        share = used / np.maximum(limits, np.abs(used) / MOST_SHARE)
        unknown = np.isnan(share)
        self.measured = np.where(unknown, self.measured, end)
        self.window[start // self._step % self._steps] = np.where(unknown & ~sparse, 0.0, share)
        sustained = self.sustained
        self.peak = np.fmax(self.peak, np.where(calm, sustained, 0.0))
        close = sustained >= self._near - EASES
        near = calm & ((sustained >= self._near) | (close & throttled) | soon)
        self.close = np.where(close | near, end, self.close)
        level = fresh & (self.peaks >= self._near - EASES).all(axis=0) & (self.open == 0)
        opens = (near & (self.open != NEAR)) | (level & ~near)
        ends = (self.open == NEAR) & (end - self.close >= DAY)
        ends |= (self.open == LEVEL) & fresh & ~(self.peaks[-1] >= self._near - EASES)
        ends |= (self.open != 0) & np.isinf(limits)
        if end % SUSTAINED_SECONDS < self._step:
            reached = (self.told < 1) & (sustained >= 1)
            due |= (self.open == NEAR) & (reached | (np.abs(sustained - self.told) >= TOLD))
        found: list[LimitChange] = []
        telling = opens | ends | ((fresh | due) & (self.open != 0))
        self.told = np.where(telling, sustained, self.told)
        for row in np.flatnonzero(telling).tolist():
            if self.open[row] and (opens[row] or ends[row]):
                # of a level, the day before; of one that was near, since it was close
                until = start // DAY * DAY - DAY if self.open[row] == LEVEL else self.close[row]
                lost = bool(sparse[row] and self.measured[row] <= until)
                found.append(self._change(row, "end")._replace(lost=lost))
                self.open[row] = 0
            if opens[row]:
                self.open[row] = NEAR if near[row] else LEVEL
                self.since[row] = start
                found.append(self._change(row, "open"))
            elif self.open[row]:
                found.append(self._change(row, "update"))
        return found

    def _take(self, limits: Floats) -> Bools:
        """Take up the limits of a step; return which are others than before."""
        moved: Bools = (limits != self.limit) & ~np.isnan(self.limit)
        if moved.any():
            known = moved & np.isfinite(self.limit)
            by = np.ones(self.rows)
            by[known] = self.limit[known] / np.maximum(limits[known], self.limit[known] / _MOST_TIMES)
            for array in (self.window, self.peak, self.peaks):
                np.minimum(array * by, MOST_SHARE, out=array)
        self.limit = limits.copy()
        return moved

    def _change(self, row: int, state: Literal["open", "update", "end"]) -> LimitChange:
        return LimitChange(row, state, bool(self.open[row] == NEAR), int(self.since[row]))

    def _close_day(self, day: int) -> None:
        if self._day >= 0:
            for _ in range(min(day - self._day, DAYS)):
                self.peaks = np.roll(self.peaks, -1, axis=0)
                self.peaks[-1] = self.peak
                self.peak = np.zeros(self.rows)
        self._day = day

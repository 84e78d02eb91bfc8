"""Limits: a table, function or account that comes near the capacity it has.

Growth says when a limit will be met (``judge.growth``); this says that it is near today. Capacity is
compared as a mean over five minutes, the time over which stores let bursts borrow from what was left
unused (DynamoDB developer guide, "Burst capacity": 300 seconds), so a short burst is none of its business.
"""

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.model.finding import Growth
from detectors.state.row_state import Field, RowState

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

SUSTAINED_SECONDS: Final = 300
"""What lasts so long is no burst."""

EASES: Final = 0.1
"""What is near stays so until its share of the limit was lower by this for a whole day."""

DAY: Final = 86400
DAYS: Final = 3
"""Days in a row whose peak must come close until a level that does not grow is told."""

DOUBT: Final = 2.0
"""A forecast is told when the slow end of its interval meets the limit within so many horizons too."""

LEVEL: Final = 1
NEAR: Final = 2


def in_sight(growth: Growth, horizon: float) -> bool:
    """Tell whether a growth surely meets its limit within ``horizon`` days.

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
    """Tell whether even the slow end of a forecast meets the limit within a day."""
    return growth.days_to_limit_upper is not None and growth.days_to_limit_upper <= 1


class Close(NamedTuple):
    """What is said of one series after a step."""

    row: int
    state: Literal["open", "update", "end"]
    near: bool  # now or tomorrow, not only every day at its peak
    since: int  # epoch seconds


class LimitWatch(RowState):
    """How close every series is to its limit.

    Parameters
    ----------
    step
        Seconds of a step.
    near
        Share of the limit that is near.
    """

    KIND = "limits"
    window: Floats  # (steps, n) share of the limit lately
    peak: Floats  # (n,) largest sustained share of the day so far
    peaks: Floats  # (DAYS, n) of the days before, newest last; NaN before there were any
    told: NDArray[np.int8]  # LEVEL or NEAR while it is told, else 0
    since: NDArray[np.int64]  # epoch seconds
    close: NDArray[np.int64]  # end of the newest step that was close, epoch seconds

    def __init__(self, step: int, near: float) -> None:
        self._step, self._near = step, near
        self._day = -1
        self._steps = max(1, SUSTAINED_SECONDS // step)
        super().__init__(
            {
                "window": Field(0.0, (self._steps,)),
                "peak": Field(0.0),
                "peaks": Field(np.nan, (DAYS,)),
                "told": Field(0, dtype=np.int8),
                "since": Field(-1, dtype=np.int64),
                "close": Field(-1, dtype=np.int64),
            }
        )

    def meta(self) -> dict[str, int]:
        """Return where time stands."""
        return {"day": self._day}

    def load_meta(self, meta: Mapping[str, int]) -> None:
        """Take back where time stood."""
        self._day = meta["day"]

    @property
    def sustained(self) -> Floats:
        """Share of the limit over the last five minutes, (n,)."""
        total: Floats = np.add.reduce(self.window, axis=0)
        return total / self._steps

    def watch(self, start: int, share: Floats, throttled: Bools, calm: Bools, soon: Bools) -> list[Close]:
        """Take in a step; return what is to be told.

        Parameters
        ----------
        start
            Epoch seconds at which it begins.
        share
            (n,) of the limit, NaN where nothing was measured.
        throttled
            (n,) whether calls were refused in this step.
        calm
            (n,) no spike: what a spike does to its limit is told with the spike.
        soon
            (n,) the forecast meets the limit within a day.
        """
        end = start + self._step
        fresh = start // DAY != self._day
        if fresh:
            self._close_day(start // DAY)
        self.window[start // self._step % self._steps] = np.where(np.isnan(share), 0.0, share)
        sustained = self.sustained
        self.peak = np.maximum(self.peak, np.where(calm, sustained, 0.0))
        close = sustained >= self._near - EASES
        near = calm & ((sustained >= self._near) | (close & throttled) | soon)
        self.close = np.where(close | near, end, self.close)
        level = fresh & (self.peaks >= self._near - EASES).all(axis=0) & (self.told == 0)
        opens = (near & (self.told != NEAR)) | (level & ~near)
        over = (self.told == NEAR) & (end - self.close >= DAY)
        over |= (self.told == LEVEL) & fresh & ~(self.peaks[-1] >= self._near - EASES)
        told: list[Close] = []
        for row in np.flatnonzero(opens | over | (fresh & (self.told != 0))).tolist():
            if self.told[row] and (opens[row] or over[row]):
                told.append(self._said(row, "end"))
                self.told[row] = 0
            if opens[row]:
                self.told[row] = NEAR if near[row] else LEVEL
                self.since[row] = start
                told.append(self._said(row, "open"))
            elif self.told[row]:
                told.append(self._said(row, "update"))
        return told

    def _said(self, row: int, state: Literal["open", "update", "end"]) -> Close:
        return Close(row, state, bool(self.told[row] == NEAR), int(self.since[row]))

    def _close_day(self, day: int) -> None:
        if self._day >= 0:
            for _ in range(min(day - self._day, DAYS)):
                self.peaks = np.roll(self.peaks, -1, axis=0)
                self.peaks[-1] = self.peak
                self.peak = np.zeros(self.rows)
        self._day = day

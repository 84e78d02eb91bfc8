"""What is expected at a step: the same time in the last weeks, at the level of the last hours.

Of every earlier week the mean over a few neighbouring steps is taken, scaled by the ratio of the last
hours to the same hours then; over the weeks the median. Where no week can be used, the same time
yesterday stands in. Steps that an incident spoilt are left out.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.history import DAY, WEEK, History
from detectors.row_state import Field, RowState

Floats = NDArray[np.float64]

BESIDE_SECONDS: Final = 120
"""Neighbours this far on each side count as the same time: clocks and cron jobs wander a little."""

WIDEST_WITH_NEIGHBOURS: Final = 600
"""Up to this step (seconds) one neighbour on each side counts all the same."""

LEVEL_SECONDS: Final = 2 * 3600
"""Half-life of the level: the last hours."""

LARGEST_LEVEL: Final = 20.0
"""A week this many times off the present level tells nothing about it."""


class Baseline(RowState):
    """Expectations of all series; lag 0 is yesterday, lag k the same time k weeks ago."""

    KIND = "baseline"
    near: Floats  # (2 beside + 1, lags, n): what was learnt around the same time
    now: Floats  # (lags, n): decaying sum of the values lately
    then: Floats  # (lags, n): decaying sum of the means at the same times

    def __init__(self, step: int, weeks: int) -> None:
        self.lags = np.array(
            [max(1, round(DAY / step)), *(round(WEEK * k / step) for k in range(1, weeks + 1))]
        )
        self._beside = min(6, BESIDE_SECONDS // step)
        if step > BESIDE_SECONDS:
            self._beside = int(step <= WIDEST_WITH_NEIGHBOURS)
        self._near = 2 * self._beside + 1
        self._decay = 0.5 ** (step / max(LEVEL_SECONDS, 4 * step))
        self._at = -1
        lags = (len(self.lags),)
        super().__init__(
            {"near": Field(np.nan, (self._near, *lags)), "now": Field(0.0, lags), "then": Field(0.0, lags)}
        )
        self._means = np.zeros((len(self.lags), 0))

    def meta(self) -> dict[str, int]:
        """Return where time stands."""
        return {"at": self._at}

    def load_meta(self, meta: Mapping[str, int]) -> None:
        """Take back where time stood."""
        self._at = meta["at"]

    def expect(self, index: int, history: History, doubt: Floats) -> Floats:
        """Return what is expected at the step ``index``, NaN where there is no past to tell it from.

        Parameters
        ----------
        index : int
            Step index, larger than at the call before.
        history : History
            Everything up to the step before.
        doubt : (n,) float64
            Evidence to add on both sides of the level ratio, in the unit of the series.
        """
        one_on = self._at == index - 1
        for at in range(index + self._beside if one_on else index - self._beside, index + self._beside + 1):
            for lag, steps in enumerate(self.lags):
                history.learnt(at - int(steps), self.near[at % self._near, lag])
        self._at = index
        there = ~np.isnan(self.near)
        many = there.sum(axis=0)
        with np.errstate(invalid="ignore"):
            means = np.where(there, self.near, 0.0).sum(axis=0) / many
        means[many <= self._beside] = np.nan
        self._means = means
        now, then = self.now + doubt, self.then + doubt
        level = np.maximum(now / np.maximum(then, now / LARGEST_LEVEL + 1e-300), 1 / LARGEST_LEVEL)
        level[self.then <= 0] = 1.0
        scaled = means * level
        weeks = np.sort(scaled[1:], axis=0)  # NaN last
        count = len(weeks) - np.isnan(weeks).sum(axis=0)
        columns = np.arange(weeks.shape[1])
        middle = 0.5 * (
            weeks[np.maximum(count - 1, 0) // 2, columns]
            + weeks[np.minimum(count // 2, len(weeks) - 1), columns]
        )
        expected: Floats = np.where(count > 0, middle, scaled[0])
        return expected

    def learn(self, value: Floats, use: NDArray[np.bool_]) -> None:
        """Let the level follow the (winsorised) values of the step just expected, where ``use`` says so."""
        use_of = use & ~np.isnan(self._means)
        decay = np.where(use_of, self._decay, 1.0)
        self.now = self.now * decay + np.where(use_of, value, 0.0)
        self.then = self.then * decay + np.where(use_of, self._means, 0.0)

    def rescale(self, rows: NDArray[np.intp], ratio: Floats) -> None:
        """Take a new level at once: the values of ``rows`` are ``ratio`` times what was expected."""
        self.now[:, rows] *= ratio

    def evidence(self, rows: NDArray[np.intp]) -> Floats:
        """Return how much the same times of all lags showed together; (len(rows),)."""
        seen: Floats = np.nansum(self.near[:, :, rows], axis=(0, 1))
        return seen

    def weeks(self, row: int, index: int, history: History) -> tuple[list[int], list[int]]:
        """Return the weeks (1 = last) that an expectation rests on, and those left out as spoilt."""
        used = [k for k in range(1, len(self.lags)) if not np.isnan(self._means[k, row])]
        left_out = []
        for k in range(1, len(self.lags)):
            at = index - int(self.lags[k])
            if (
                k not in used
                and not np.isnan(history.measured([row], at - self._beside, at + self._beside + 1)).all()
            ):
                left_out.append(k)
        return used, left_out

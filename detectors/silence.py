"""Silence: a scope that always has traffic has none.

A gap is measured in the requests that were expected while it lasted, by the same baseline that judges
everything else: of a Poisson stream the probability of no request at all is e to the minus that number. So
a gap at night weighs little and the same gap at noon much. Real traffic comes in bursts, whose gaps weigh
more than those of a Poisson stream, so every series is held against the heaviest gap that it had itself.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.row_state import Field, RowState

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

LEAST_NATS: Final = 15.0
"""Requests that must have been missed: e^-15 is one gap in three million of a Poisson stream."""

TIMES_LONGEST: Final = 2.0
"""A gap is told when it weighs so many times the heaviest one of the weeks before."""

FORGETS_SECONDS: Final = 14 * 86400
"""Half-life of the heaviest gap."""

REACH_SECONDS: Final = 6 * 3600
"""A scope whose last request is longer ago rests, as one does that does not always have traffic."""

RETIRED_SECONDS: Final = 7 * 86400
"""After a silence of so long a scope is taken as retired: nobody waits for it any more."""


class SilenceWatch(RowState):
    """The gaps of every series that counts requests.

    Parameters
    ----------
    step
        Seconds of a step.
    persist
        Steps without a request before anything is told.
    recover
        Steps from the first request on until a silence is over.
    """

    KIND = "silence"
    last: NDArray[np.int64]  # end of the step of the newest request, epoch seconds; -1 before the first
    nats: Floats  # requests expected since then
    gap: NDArray[np.int64]  # steps without a request since then
    longest: Floats  # heaviest gap of the weeks before
    since: NDArray[np.int64]  # beginning of the silence that is told, epoch seconds; -1 when none is
    back: NDArray[np.int64]  # steps since a request came again

    def __init__(self, step: int, persist: int, recover: int) -> None:
        self._step, self._persist, self._recover = step, persist, recover
        self._fades = 0.5 ** (step / FORGETS_SECONDS)
        super().__init__(
            {
                "last": Field(-1, dtype=np.int64),
                "nats": Field(0.0),
                "gap": Field(0, dtype=np.int64),
                "longest": Field(0.0),
                "since": Field(-1, dtype=np.int64),
                "back": Field(0, dtype=np.int64),
            }
        )

    @property
    def silent(self) -> Bools:
        """Whether a silence of each series is told and goes on, (n,)."""
        return self.since >= 0

    def watch(
        self, start: int, observed: Floats, expected: Floats, may_open: Bools, *, known: Bools
    ) -> Bools:
        """Take in a step.

        Parameters
        ----------
        start
            Epoch seconds at which it begins.
        observed
            (n,) requests, NaN where missing.
        expected
            (n,) requests, NaN where nobody knows.
        may_open
            (n,) old enough to be told.
        known
            (n,) whether the step says anything about the silence of each: data of it came, and completely.
            What all of the input did not bring is missing because of the pipeline, not because of one scope.

        Returns
        -------
        (n,) bool
            Whose silence ended with this step: traffic is back, or the scope is retired.
        """
        end = start + self._step
        self.longest *= self._fades
        some = observed > 0  # not where it is missing
        none = (observed == 0) & known & (self.last >= 0)
        # a request ends a gap: unless it was told, that is what gaps of this series are like
        heavier = some & ~self.silent & (self.nats > self.longest)
        self.longest = np.where(heavier, self.nats, self.longest)
        near = start - self.last < REACH_SECONDS
        missed = none & near & ~np.isnan(expected)
        self.nats = np.where(some, 0.0, self.nats + np.where(missed, expected, 0.0))
        self.gap = np.where(some, 0, self.gap + none)
        heavy = (self.nats >= np.maximum(LEAST_NATS, TIMES_LONGEST * self.longest)) & (
            self.gap >= self._persist
        )
        self.back = np.where(self.silent & (some | (self.back > 0)) & ~heavy, self.back + 1, 0)
        over = self.silent & ((self.back >= self._recover) | (end - self.since >= RETIRED_SECONDS))
        opened = heavy & may_open & ~self.silent & none
        self.since = np.where(opened, self.last, np.where(over, -1, self.since))
        self.back[over] = 0
        retired = over & ~some & (self.gap > self._recover)
        self.last = np.where(some, end, np.where(retired, -1, self.last))  # its next request is its first
        self.nats[retired] = 0.0
        return over

    def correct(self, end: int, now: int, observed: Floats) -> None:
        """Take in requests that came late, of the step that ended at ``end``; ``now`` is the present.

        A gap then began later. What it weighs is taken to have come evenly; a silence of which too little
        is left is none.
        """
        some = (np.nan_to_num(observed) > 0) & (self.last >= 0) & (self.last < end)
        part = (now - end) / np.maximum(now - self.last, 1)
        self.nats = np.where(some, self.nats * part, self.nats)
        self.gap = np.where(some, np.minimum(self.gap, (now - end) // self._step), self.gap)
        self.last = np.where(some, end, self.last)
        enough = self.nats >= np.maximum(LEAST_NATS, TIMES_LONGEST * self.longest)
        told = some & self.silent
        self.since = np.where(told, np.where(enough, end, -1), self.since)

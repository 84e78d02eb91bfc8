"""Absence: a scope that always has traffic has none.

A gap is weighed in the requests that were missed while it lasted, at the level of the hours before it and by
the same weeks that judge everything else. So a gap at night weighs little and the same gap at noon much.

Requests come in clumps: a visitor makes ten, a clock thirty. Where clumps come at random, the weight of a gap
is exponential, and its mean is the usual size of a clump: of a Poisson stream, one. So every gap is held
against the mean that the gaps of this series have. A gap at random is as heavy as twenty of them once in
e^20.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.judge.scale import COUNTS_OF_ROOT
from detectors.state.row_state import Field, RowState

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

LEAST_GAPS: Final = 20.0
"""A gap is told when it weighs so many usual ones. Of a hundred thousand series with a thousand gaps a day
each, one in five days is as heavy by chance; in weeks without trouble of two backends the heaviest was 16.
"""

FORGETS_SECONDS: Final = 14 * 86400
"""Half-life of what gaps weigh, and of what was expected in all."""

PRIOR_GAPS: Final = 100.0
"""Gaps of a Poisson stream that a series is taken to have had, so that a first break of two minutes does not
hide the next of ten."""

PRIOR_REQUESTS: Final = 50.0
"""Requests in which a series is taken to have had as many as expected."""

REACH_SECONDS: Final = 6 * 3600
"""A scope whose last request is longer ago rests, as one does that does not always have traffic."""

RETIRED_SECONDS: Final = 7 * 86400
"""After an absence of so long a scope is taken as retired: nobody waits for it any more."""


class AbsenceWatch(RowState):
    """The gaps of every series that counts requests.

    Parameters
    ----------
    step
        Seconds of a step.
    persist
        Steps without a request before anything is told.
    recover
        Steps from the first request on until an absence is over.
    """

    KIND = "absence"
    VERSION = 2
    last: NDArray[np.int64]  # end of the step of the newest request, epoch seconds; -1 before the first
    nats: Floats  # requests missed since then
    gap: NDArray[np.int64]  # steps without a request since then
    held: Floats  # level over hours when the gap began, on the scale of counts
    gaps: Floats  # fading sum of what gaps weighed
    squares: Floats  # the same of its squares
    came: Floats  # fading sum of all requests
    foreseen: Floats  # the same of those expected
    since: NDArray[np.int64]  # beginning of the absence that is told, epoch seconds; -1 when none is
    back: NDArray[np.int64]  # steps since a request came again

    def __init__(self, step: int, persist: int, recover: int) -> None:
        self._step, self._persist, self._recover = step, persist, recover
        self._fades = 0.5 ** (step / FORGETS_SECONDS)
        super().__init__(
            {
                "last": Field(-1, dtype=np.int64),
                "nats": Field(0.0),
                "gap": Field(0, dtype=np.int64),
                "held": Field(0.0),
                "gaps": Field(0.0),
                "squares": Field(0.0),
                "came": Field(0.0),
                "foreseen": Field(0.0),
                "since": Field(-1, dtype=np.int64),
                "back": Field(0, dtype=np.int64),
            }
        )

    @property
    def absent(self) -> Bools:
        """Whether an absence of each series is told and goes on, (n,)."""
        return self.since >= 0

    @property
    def usual(self) -> Floats:
        """What a gap of each series usually weighs, (n,): half of the mean gap in which a request is missed.

        Of exponential gaps that is their mean. Short gaps within a clump hardly count to it, and
        tails that are heavier than exponential raise it.
        """
        squares, gaps = self.squares + 2 * PRIOR_GAPS, self.gaps + PRIOR_GAPS
        return np.maximum(squares / (2 * gaps), 1.0)

    @property
    def weight(self) -> Floats:
        """What the gap of each series weighs now, in usual ones, (n,)."""
        return self.nats / self.usual

    def watch(
        self,
        start: int,
        observed: Floats,
        expected: Floats,
        may_open: Bools,
        *,
        known: Bools,
        level: Floats | float = 0.0,
        hours: Floats | float = 0.0,
    ) -> Bools:
        """Take in a step.

        Parameters
        ----------
        start
            Epoch seconds at which it begins.
        observed
            (n,) requests, NaN where missing.
        expected
            (n,) requests, NaN where no other day tells.
        may_open
            (n,) old enough to be told.
        known
            (n,) whether the step says anything about the absence of each: data of it came, and completely.
            What all of the input did not bring is missing because of the pipeline, not because of one scope.
        level
            (n,) present level that ``expected`` has, on the scale of counts. It follows an absence within
            minutes, and rises with every burst.
        hours
            (n,) level over hours. That of when a gap began is the one its requests are expected at.

        Returns
        -------
        (n,) bool
            Whose absence ended with this step: traffic is back, or the scope is retired.
        """
        end = start + self._step
        self.gaps *= self._fades
        self.squares *= self._fades
        self.came *= self._fades
        self.foreseen *= self._fades
        some = observed > 0  # not where it is missing
        none = (observed == 0) & known & (self.last >= 0)
        self.held = np.where(self.gap == 0, hours, self.held)
        missed = self._expected_at(self.held - level, expected)
        tells = ~np.isnan(missed) & ~np.isnan(observed) & known
        # a request ends a gap: unless it was told, that is what gaps of this series are like
        ended = np.where(some & ~self.absent, self.nats, 0.0)
        self.gaps += ended
        self.squares += ended**2
        near = start - self.last < REACH_SECONDS
        as_usual = tells & (some | none) & near & ~self.absent
        self.came += np.where(as_usual, observed, 0.0)
        self.foreseen += np.where(as_usual, missed, 0.0)
        # the weeks tell the middle, and of few requests the mean is above it
        more = np.maximum((self.came + PRIOR_REQUESTS) / (self.foreseen + PRIOR_REQUESTS), 1.0)
        self.nats = np.where(some, 0.0, self.nats + np.where(none & near & tells, missed * more, 0.0))
        self.gap = np.where(some, 0, self.gap + none)
        heavy = (self.weight >= LEAST_GAPS) & (self.gap >= self._persist)
        self.back = np.where(self.absent & (some | (self.back > 0)) & ~heavy, self.back + 1, 0)
        over = self.absent & ((self.back >= self._recover) | (end - self.since >= RETIRED_SECONDS))
        opened = heavy & may_open & ~self.absent & none
        self.since = np.where(opened, self.last, np.where(over, -1, self.since))
        self.back[over] = 0
        retired = over & ~some & (self.gap > self._recover)
        self.last = np.where(some, end, np.where(retired, -1, self.last))  # its next request is its first
        self.nats[retired] = 0.0
        return over

    def correct(self, end: int, now: int, observed: Floats) -> None:
        """Take in requests that came late, of the step that ended at ``end``; ``now`` is the present.

        A gap then began later. What it weighs is taken to have come evenly; an absence of which too little
        is left is none.
        """
        some = (np.nan_to_num(observed) > 0) & (self.last >= 0) & (self.last < end)
        part = (now - end) / np.maximum(now - self.last, 1)
        self.nats = np.where(some, self.nats * part, self.nats)
        self.gap = np.where(some, np.minimum(self.gap, (now - end) // self._step), self.gap)
        self.last = np.where(some, end, self.last)
        enough = self.weight >= LEAST_GAPS
        told = some & self.absent
        self.since = np.where(told, np.where(enough, end, -1), self.since)

    @staticmethod
    def _expected_at(higher: Floats, expected: Floats) -> Floats:
        """Return what is expected at a level that is higher by so much on the scale of counts."""
        place = 2 * np.arcsinh(np.sqrt(np.maximum(expected, 0.0) / (4 * COUNTS_OF_ROOT))) + higher
        at_level: Floats = 4 * COUNTS_OF_ROOT * np.sinh(np.clip(place, 0.0, 60.0) / 2) ** 2
        return at_level

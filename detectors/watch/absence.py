"""Absence: a scope that always has traffic has none.

The weight of a gap is the number of requests missed, at the level of the hours before it and with the shape
of the weeks that judge everything else. So a gap at night weighs little and the same gap at noon much.

Requests arrive in clumps: a visitor makes ten, a scheduled job thirty. Where clumps arrive at random, the
weight of a gap is exponential, and its mean is the usual size of a clump (one in a Poisson stream). So every
gap is compared with the mean gap of its series. One random gap in e^20 is as heavy as twenty of them.
"""

from typing import Final

import numpy as np

from detectors.model.array_types import Bools, Floats, Ints
from detectors.state.row_state import RowState, field
from detectors.watch.gaps import LEAST_GAPS, PRIOR_GAPS, Gaps, GapSteps, take_in

FORGETS_SECONDS: Final = 14 * 86400
"""Half-life of the sums of gaps and requests."""


class AbsenceWatch(RowState):
    """The gaps of every series that counts requests.

    Parameters
    ----------
    step
        Seconds of a step.
    persist
        Steps without a request before anything is reported.
    recover
        Steps from the first request on until an absence ends.
    """

    KIND = "absence"
    VERSION = 2
    last: Ints = field(-1, np.int64)  # end of the newest step with a request, epoch seconds
    nats: Floats = field()  # requests missed since then
    gap: Ints = field(0, np.int64)  # steps without a request since then
    unseen: Floats = field(later=True)  # the same in steps since then whose data was not known
    unseen_steps: Ints = field(0, np.int64, later=True)
    held: Floats = field()  # level over hours when the gap began, on the scale of counts
    gaps: Floats = field()  # decaying sum of the weights of gaps
    squares: Floats = field()  # the same of their squares
    came: Floats = field()  # decaying sum of all requests
    foreseen: Floats = field()  # the same of those expected
    since: Ints = field(-1, np.int64)  # start of the open absence, epoch seconds; -1 for none
    back: Ints = field(0, np.int64)  # steps since requests returned

    def __init__(self, step: int, persist: int, recover: int) -> None:
        self._step, self._persist, self._recover = step, persist, recover
        self._fades = 0.5 ** (step / FORGETS_SECONDS)
        super().__init__()

    @property
    def absent(self) -> Bools:
        """Whether an absence of each series is open, (n,)."""
        return self.since >= 0

    @property
    def usual(self) -> Floats:
        """The usual weight of a gap of each series, (n,): half of the mean gap in which a request is missed.

        For exponential gaps that is their mean. Short gaps within a clump hardly count, and tails heavier
        than exponential raise it.
        """
        squares, gaps = self.squares + 2 * PRIOR_GAPS, self.gaps + PRIOR_GAPS
        return np.maximum(squares / (2 * gaps), 1.0)

    @property
    def weight(self) -> Floats:
        """The weight of the present gap of each series, in usual gaps, (n,)."""
        return self.nats / self.usual

    def watch(
        self,
        start: int,
        observed: Floats,
        expected: Floats,
        may_open: Bools,
        *,
        known: Bools,
        evident: Bools | None = None,
        level: Floats | float = 0.0,
        hours: Floats | float = 0.0,
    ) -> Bools:
        """Take in a step.

        Parameters
        ----------
        start
            Epoch seconds at which it starts.
        observed
            (n,) requests, NaN where missing.
        expected
            (n,) requests, NaN where no other day is known.
        may_open
            (n,) whether the series is old enough.
        known
            (n,) whether the data of the step arrived completely, so that it says anything about absence. What
            is missing from the whole input is missing because of the pipeline, not because of one scope.
        evident
            (n,) whether so much is missing that the steps not known since the last request count as well.
        level
            (n,) present level that ``expected`` contains, on the scale of counts. It follows an absence
            within minutes and rises with every burst.
        hours
            (n,) level over hours. Missed requests are counted at its value when the gap started.

        Returns
        -------
        (n,) bool
            Whether the absence ended with this step: traffic returned, or the scope is retired.
        """
        n = self.rows
        given = GapSteps(
            observed[None],
            expected[None],
            may_open[None],
            known[None],
            np.zeros((1, n), bool) if evident is None else evident[None],
            level[None] if isinstance(level, np.ndarray) else np.full((1, n), float(level)),
            hours[None] if isinstance(hours, np.ndarray) else np.full((1, n), float(hours)),
        )
        ended = np.zeros(n, bool)
        self._take_in(start, given, ended)
        return ended

    def watch_steps(self, start: int, given: GapSteps) -> int:
        """Take in consecutive steps as ``watch`` does, while nothing is absent; return how many.

        The last one that is taken in may open an absence.
        """
        return self._take_in(start, given, np.zeros(self.rows, bool))

    def _take_in(self, start: int, given: GapSteps, ended: Bools) -> int:
        state = Gaps(*(getattr(self, name) for name in Gaps._fields))
        return take_in(start, self._step, self._persist, self._recover, self._fades, given, state, ended)

    def begin_anew(self) -> None:
        """Forget the present gaps that are no absence: a series misses nothing before its next request."""
        present = ~self.absent
        self.last[present] = -1
        self.nats[present] = self.unseen[present] = 0.0
        self.gap[present] = self.unseen_steps[present] = 0

    def correct(self, end: int, now: int, observed: Floats) -> None:
        """Take in late requests of the step that ended at ``end``; ``now`` is the present.

        The gap then started later; its weight is assumed to have accrued evenly. An absence of which too
        little is left is dropped.
        """
        some = (np.nan_to_num(observed) > 0) & (self.last >= 0) & (self.last < end)
        part = (now - end) / np.maximum(now - self.last, 1)
        self.nats = np.where(some, self.nats * part, self.nats)
        self.gap = np.where(some, np.minimum(self.gap, (now - end) // self._step), self.gap)
        self.last = np.where(some, end, self.last)
        enough = self.weight >= LEAST_GAPS
        changed = some & self.absent
        self.since = np.where(changed, np.where(enough, end, -1), self.since)

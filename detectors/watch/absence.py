"""Absence: a scope that always has traffic has none.

The weight of a gap is the number of requests missed, at the level of the hours before it and with the shape
of the weeks that judge everything else. So a gap at night weighs little and the same gap at noon much.

Requests arrive in clumps: a visitor makes ten, a scheduled job thirty. Where clumps arrive at random, the
weight of a gap is exponential, and its mean is the usual size of a clump (one in a Poisson stream). So every
gap is compared with the mean gap of its series. One random gap in e^20 is as heavy as twenty of them.
"""

from math import asinh, isnan, sinh, sqrt
from typing import Final, NamedTuple

import numpy as np

from detectors.judge.kernel.scale import COUNTS_OF_ROOT
from detectors.model.array_types import Bools, Floats, Ints
from detectors.model.finding import RETIRED_SECONDS
from detectors.state.compiled import inlined, part, without_arrays
from detectors.state.declared import RowState, field

LEAST_GAPS: Final = 20.0
"""Usual gaps that a gap must weigh to be reported. Among a hundred thousand series with a thousand gaps a day
each, one in five days is as heavy by chance; in calm weeks of two backends the heaviest weighed 16.
"""

PRIOR_GAPS: Final = 100.0
"""Gaps of a Poisson stream that every series starts with, so that a first break of two minutes does not hide
the next one of ten."""

PRIOR_REQUESTS: Final = 50.0
"""Requests, as many as expected, that every series starts with."""

REACH_SECONDS: Final = 6 * 3600
"""A scope whose last request is longer ago was closed: of its gap, what it misses once it opens counts."""

LATE_SECONDS: Final = 3600
"""By how much a scope may open late. It is missed so long after it should have been busy."""

BUSY_GAPS: Final = 5.0
"""Usual gaps missed since it opened by which it should have been. What opens as late as it may has missed as
many when it is first reported: that nobody has come by then has a chance of e^-5, and that on few mornings.
"""

FULL: Final = 0.5
"""Part of the expected requests from which on they are all back, as far as an absence goes."""

HIGHEST: Final = 60.0
"""On the scale of counts: more than can be counted."""

FORGETS_SECONDS: Final = 14 * 86400
"""Half-life of the sums of gaps and requests."""


class Gaps(NamedTuple):
    """The gaps of the n series, (n,) each; updated."""

    last: Ints  # end of the newest step with a request, epoch seconds
    nats: Floats  # requests missed since then
    gap: Ints  # steps without a request since then
    unseen: Floats  # the same in steps since then whose data was not known
    unseen_steps: Ints
    held: Floats  # level over hours when the gap began, on the scale of counts
    gaps: Floats  # decaying sum of the weights of gaps
    squares: Floats  # the same of their squares
    came: Floats  # decaying sum of all requests
    foreseen: Floats  # the same of those expected
    since: Ints  # start of the open absence, epoch seconds; -1 for none
    back: Ints  # steps since requests returned; a step of full traffic counts for several
    opened: Floats  # requests missed since it opened, after a closed time
    busy: Ints  # end of the step by which it should have been busy since, epoch seconds; -1 before
    due: Floats  # requests expected since the gap began, or the absence


class GapSteps(NamedTuple):
    """The data of consecutive steps, (steps, n) each; of ``wide``, (n,)."""

    observed: Floats  # requests, NaN where missing
    expected: Floats  # requests, NaN where no other day is known
    may_open: Bools
    known: Bools
    evident: Bools
    level: Floats
    hours: Floats
    wide: Bools  # at night, nothing of anybody may come for minutes: usual for who is everybody


class AbsenceWatch(RowState):
    """The gaps of every series that counts requests; the arrays are those of ``Gaps``.

    Parameters
    ----------
    step
        In seconds.
    persist
        Steps without a request before anything is reported.
    recover
        Steps from the first request on until an absence ends; ``persist`` of full traffic end it as well.
    """

    KIND = "absence"
    VERSION = 2
    last: Ints = field(-1, np.int64)
    nats: Floats = field()
    gap: Ints = field(0, np.int64)
    unseen: Floats = field(later=True)
    unseen_steps: Ints = field(0, np.int64, later=True)
    held: Floats = field()
    gaps: Floats = field()
    squares: Floats = field()
    came: Floats = field()
    foreseen: Floats = field()
    since: Ints = field(-1, np.int64)
    back: Ints = field(0, np.int64)
    opened: Floats = field(later=True)
    busy: Ints = field(-1, np.int64, later=True)
    due: Floats = field(later=True)

    def __init__(self, step: int, persist: int, recover: int) -> None:
        self._step, self._persist, self._recover = step, persist, recover
        self._fades = 0.5 ** (step / FORGETS_SECONDS)
        super().__init__()

    @property
    def absent(self) -> Bools:
        """Whether an absence of each series is open, (n,)."""
        return self.since >= 0

    @property
    def unopened(self) -> Bools:
        """Whether each series is absent since it should have opened, (n,)."""
        unopened: Bools = self.absent & (self.opened > 0)
        return unopened

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
        wide: Bools | None = None,
    ) -> Bools:
        """Add a step.

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
            (n,) whether the data of the step arrived completely. Data that is missing from the whole input is
            missing because of the pipeline, not because of one scope.
        evident
            (n,) whether so much is missing that the steps not known since the last request count as well.
        level
            (n,) present level that ``expected`` contains, on the scale of counts. It follows an absence
            within minutes and rises with every burst.
        hours
            (n,) level over hours. Missed requests are counted at its value when the gap started.
        wide
            (n,) whether a step without any record is one of a gap of this series; of none if absent.

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
            np.zeros(n, bool) if wide is None else wide,
        )
        ended = np.zeros(n, bool)
        self._take_in(start, given, ended)
        return ended

    def watch_steps(self, start: int, given: GapSteps) -> int:
        """Add consecutive steps as ``watch`` does, while nothing is absent; return how many.

        The last of them may open an absence.
        """
        return self._take_in(start, given, np.zeros(self.rows, bool))

    def _take_in(self, start: int, given: GapSteps, ended: Bools) -> int:
        state = Gaps(*(getattr(self, name) for name in Gaps._fields))
        return take_in(start, self._step, self._persist, self._recover, self._fades, given, state, ended)

    def begin_anew(self) -> None:
        """Forget the present gaps that are no absence: a series misses nothing before its next request."""
        present = ~self.absent
        self.last[present] = -1
        self.nats[present] = self.unseen[present] = self.opened[present] = self.due[present] = 0.0
        self.gap[present] = self.unseen_steps[present] = 0

    def pass_over(self, end: int) -> None:
        """Let the present gaps that are no absence begin at ``end``, before which nobody listened."""
        waits = ~self.absent & (self.last >= 0)
        self.last[waits] = end
        self.nats[waits] = self.unseen[waits] = self.opened[waits] = self.due[waits] = 0.0
        self.gap[waits] = self.unseen_steps[waits] = 0

    def correct(self, end: int, now: int, observed: Floats) -> None:
        """Add late requests of the step that ended at ``end``; ``now`` is the present.

        The gap then started later; its weight is assumed to have accrued evenly. An absence that has become
        too light is dropped.
        """
        some = (np.nan_to_num(observed) > 0) & (self.last >= 0) & (self.last < end)
        part = (now - end) / np.maximum(now - self.last, 1)
        self.nats = np.where(some, self.nats * part, self.nats)
        self.due = np.where(some, self.due * part, self.due)
        self.gap = np.where(some, np.minimum(self.gap, (now - end) // self._step), self.gap)
        self.opened = np.where(some, 0.0, self.opened)
        self.last = np.where(some, end, self.last)
        enough = self.weight >= LEAST_GAPS
        changed = some & self.absent
        self.since = np.where(changed, np.where(enough, end, -1), self.since)


@part
def usual_gap(gaps: float, squares: float) -> float:
    """Return the usual weight of a gap; see ``AbsenceWatch.usual``."""
    return max((squares + 2 * PRIOR_GAPS) / (2 * (gaps + PRIOR_GAPS)), 1.0)


@part
def expected_at(higher: float, expected: float) -> float:
    """Return the expectation at a level that is ``higher`` on the scale of counts."""
    if isnan(expected):
        return expected
    place = 2 * asinh(sqrt(max(expected, 0.0) / (4 * COUNTS_OF_ROOT))) + higher
    if isnan(place):
        return place
    root = sinh(min(max(place, 0.0), HIGHEST) / 2)
    return float(4 * COUNTS_OF_ROOT * root * root)


@inlined
def _take_in_step(  # noqa: C901, PLR0912, PLR0915  # the life of a gap, in order
    at: int,
    start: int,
    step: int,
    persist: int,
    recover: int,
    fades: float,
    given: GapSteps,
    state: Gaps,
    ended: Bools,
) -> bool:
    """Add a step of ``step`` seconds from ``start`` on; return whether a series is absent."""
    end, missing = start + step, False
    for row in range(len(ended)):
        observed, known, last = given.observed[at, row], given.known[at, row], state.last[row]
        absent = state.since[row] >= 0
        state.gaps[row] *= fades
        state.squares[row] *= fades
        state.came[row] *= fades
        state.foreseen[row] *= fades
        some = observed > 0  # not where it is missing
        none = observed == 0 and known and last >= 0
        if state.gap[row] == 0:
            state.held[row] = given.hours[at, row]
        missed = expected_at(state.held[row] - given.level[at, row], given.expected[at, row])
        near = start - last < REACH_SECONDS
        expects = near and not isnan(missed)
        if not near and not given.may_open[at, row] and not absent:
            state.last[row] = last = -1  # what fell silent long before it could be reported: not steady
            none = False
        if some and not absent:  # typical, since it was not reported; heavier ones came before any could be
            weight = state.nats[row] + (state.unseen[row] if given.wide[row] else 0.0)
            typical = min(weight, LEAST_GAPS * usual_gap(state.gaps[row], state.squares[row]))
            state.gaps[row] += typical
            state.squares[row] += typical * typical
        if expects and known and (some or none) and not absent:
            state.came[row] += observed
            state.foreseen[row] += missed
        # the weeks give the median; with few requests the mean is above it
        more = max((state.came[row] + PRIOR_REQUESTS) / (state.foreseen[row] + PRIOR_REQUESTS), 1.0)
        if some and not absent:
            state.due[row] = 0.0
        elif expects:
            state.due[row] += missed * more
        if some:
            state.nats[row], state.gap[row] = 0.0, 0
        elif none:
            state.gap[row] += 1
            if expects:
                state.nats[row] += missed * more
            if given.evident[at, row]:
                state.nats[row] += state.unseen[row]
                state.gap[row] += state.unseen_steps[row]
        if some or none:
            state.unseen[row], state.unseen_steps[row] = 0.0, 0
        elif expects and not known and last >= 0:
            state.unseen[row] += missed * more
            state.unseen_steps[row] += 1
        usual = usual_gap(state.gaps[row], state.squares[row])
        heavy = state.nats[row] / usual >= LEAST_GAPS and state.gap[row] >= persist
        if none and not near:  # near nothing, a level that was higher makes requests of none
            missed = min(missed, expected_at(-given.level[at, row], given.expected[at, row]))
        closed = missed * more * REACH_SECONDS < usual * step
        if some or (none and closed):  # what was missed before it closed is not missed in the morning
            state.opened[row], state.busy[row] = 0.0, -1
        elif none and not (near or absent or isnan(missed)):
            state.opened[row] += missed * more
            if state.busy[row] < 0 and state.opened[row] >= BUSY_GAPS * usual:
                state.busy[row] = end
        many = state.opened[row] >= LEAST_GAPS * usual and not isnan(missed)
        late = many and end - state.busy[row] >= LATE_SECONDS
        # full traffic is certain as soon as its absence was
        counts = -(-recover // persist) if some and observed >= FULL * missed * more else 1
        state.back[row] = (
            state.back[row] + counts if absent and (some or state.back[row] > 0) and not heavy else 0
        )
        # nothing at all is no scope that was retired: somebody must look, and it teaches nothing
        retired = not some and not given.evident[at, row] and end - state.since[row] >= RETIRED_SECONDS
        ended[row] = absent and (state.back[row] >= recover or retired)
        if ((heavy and near) or late) and given.may_open[at, row] and not absent and none:
            state.since[row] = state.busy[row] if late else last
            state.nats[row] = max(state.nats[row], state.opened[row])
        if some:
            state.last[row] = end
        if ended[row]:
            state.since[row], state.back[row] = -1, 0
            if not some and state.gap[row] > recover:  # retired: its next request is its first
                state.last[row], state.nats[row] = -1, 0.0
        if state.since[row] >= 0:
            missing = True
    return missing


@without_arrays
def take_in(
    start: int,
    step: int,
    persist: int,
    recover: int,
    fades: float,
    given: GapSteps,
    state: Gaps,
    ended: Bools,
) -> int:
    """Add steps of ``step`` seconds from ``start`` on, up to the first in which a series is absent.

    Returns how many; writes which absences ended with the last of them.
    """
    steps = len(given.observed)
    for at in range(steps):
        if _take_in_step(at, start + at * step, step, persist, recover, fades, given, state, ended):
            return at + 1
    return steps

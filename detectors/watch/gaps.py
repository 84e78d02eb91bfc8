"""The gaps between requests, step by step, compiled; the same for one series and for a hundred thousand."""

from math import asinh, isnan, sinh, sqrt
from typing import Final, NamedTuple

from detectors.judge.kernel.scale import COUNTS_OF_ROOT
from detectors.model.array_types import Bools, Floats, Ints
from detectors.state.compiled import inlined, part, without_arrays

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
"""A scope whose last request is longer ago does not always have traffic, and is not missing any."""

RETIRED_SECONDS: Final = 7 * 86400
"""After an absence this long a scope is considered retired."""

HIGHEST: Final = 60.0
"""On the scale of counts: more than can be counted."""


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
    back: Ints  # steps since requests returned


class GapSteps(NamedTuple):
    """What is known of consecutive steps, (steps, n) each."""

    observed: Floats  # requests, NaN where missing
    expected: Floats  # requests, NaN where no other day is known
    may_open: Bools
    known: Bools
    evident: Bools
    level: Floats
    hours: Floats


@part
def expected_at(higher: float, expected: float) -> float:
    """Return what is expected at a level that is ``higher`` on the scale of counts."""
    if isnan(expected):
        return expected
    place = 2 * asinh(sqrt(max(expected, 0.0) / (4 * COUNTS_OF_ROOT))) + higher
    if isnan(place):
        return place
    root = sinh(min(max(place, 0.0), HIGHEST) / 2)
    return float(4 * COUNTS_OF_ROOT * root * root)


@inlined
def _take_in_step(  # noqa: C901, PLR0912  # the life of a gap, in order
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
    """Take in a step of ``step`` seconds from ``start`` on; return whether a series is absent."""
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
        if some and not absent:  # a request ends a gap; one that was not reported is typical of its series
            state.gaps[row] += state.nats[row]
            state.squares[row] += state.nats[row] * state.nats[row]
        if expects and known and (some or none) and not absent:
            state.came[row] += observed
            state.foreseen[row] += missed
        # the weeks give the median; with few requests the mean is above it
        more = max((state.came[row] + PRIOR_REQUESTS) / (state.foreseen[row] + PRIOR_REQUESTS), 1.0)
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
        usual = max((state.squares[row] + 2 * PRIOR_GAPS) / (2 * (state.gaps[row] + PRIOR_GAPS)), 1.0)
        heavy = state.nats[row] / usual >= LEAST_GAPS and state.gap[row] >= persist
        state.back[row] = state.back[row] + 1 if absent and (some or state.back[row] > 0) and not heavy else 0
        ended[row] = absent and (state.back[row] >= recover or end - state.since[row] >= RETIRED_SECONDS)
        if heavy and given.may_open[at, row] and not absent and none:
            state.since[row] = last
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
    """Take in steps of ``step`` seconds from ``start`` on, up to the first in which a series is absent.

    Returns how many; writes which absences ended with the last of them.
    """
    steps = len(given.observed)
    for at in range(steps):
        if _take_in_step(at, start + at * step, step, persist, recover, fades, given, state, ended):
            return at + 1
    return steps

"""The usual delay between stamp and arrival in one source partition, as compiled code.

Two medians: that of the last records, which follows a backlog at once; and that of the last minutes, which
a sender that sends many records in a row does not own. In traffic that is dense enough, the second guards
the first.
"""

import math
from typing import Final

import numpy as np

from detectors.model.array_types import Floats, Ints
from detectors.state.compiled import part

WINDOW: Final = 64
"""Records whose median delay is the usual one. With a fifth of them wrong, more than half of such a window is
wrong less often than once in a hundred million times (binomial), if they do not come in a row.
"""
WINDOW_WITHOUT_ARRIVAL: Final = 512
"""The same for records of files, which come in batches of one sender and have no arrival as witness."""
EVERY: Final = 32, 64
"""Records after which the median is found again, with and without arrival."""
MEMORY_SECONDS: Final = 600.0
"""Records that arrived longer ago are no evidence of the present delay."""
SLOTS: Final = 120
"""Seconds of arrival that the median of minutes looks back."""
FEW_SLOTS: Final = 8
"""First seconds, in which it is found as often as that of the window; later once a second."""
BACKLOG_SECONDS: Final = 900.0
"""By more than this, the delay falls because a backlog is read, and not because of clocks."""

COUNT, FILLED, SINCE = range(3)  # of ``marks``
NEWEST, USUAL, SEEN, ARRIVAL, SPREAD, GUARDED, OF_MINUTES, TIMELY = range(8)  # of ``levels``
_SECOND, _DELAY, _WEIGHT = range(3)  # of a slot


def new_levels() -> Floats:
    """Return the levels before any record."""
    return np.array([-np.inf, 0.0, -np.inf, -np.inf, 0.0, 0.0, -np.inf, 0.0])


def new_slots() -> Floats:
    """Return the (SLOTS, 3) seconds of the last minutes, before any: second, delay, records."""
    return np.zeros((SLOTS, 3))


def new_scratch(window: int) -> Floats:
    """Return room for the numbers of ``refresh``, which allocates nothing."""
    return np.zeros(max(window, 2 * SLOTS))


@part
def refresh(  # noqa: PLR0917 - compiled code takes arrays, not objects
    plain: bool, delays: Floats, arrivals: Floats, scratch: Floats, slots: Floats, marks: Ints, levels: Floats
) -> None:
    """Find the usual delay, the lower median of the window, and how far its upper quartile lies from it.

    ``levels[GUARDED]`` is the larger of it and of the median of minutes, unless a backlog is read.
    """
    size, count = len(delays), marks[COUNT]
    newest = arrivals[(count - 1) % size]
    n = 0
    for back in range(marks[FILLED]):
        at = (count - 1 - back) % size
        if newest - arrivals[at] > MEMORY_SECONDS:
            marks[FILLED] = back
            break
        scratch[n] = delays[at]
        n += 1
    middle = (n - 1) // 2
    usual = _smallest(scratch, 0, n, middle)
    levels[SPREAD] = _smallest(scratch, middle, n, (3 * n) // 4) - usual
    levels[USUAL] = levels[GUARDED] = usual
    levels[SEEN] = newest
    if not plain:
        if _note(slots, newest, usual, marks):
            levels[OF_MINUTES] = _of_minutes(slots, scratch, newest, size)
        if usual < levels[OF_MINUTES] <= usual + BACKLOG_SECONDS:
            levels[GUARDED] = levels[OF_MINUTES]
    marks[SINCE] = 0


@part
def _note(slots: Floats, arrival: float, usual: float, marks: Ints) -> bool:
    """Note the usual delay of the records since the last time; return whether the minutes are due.

    A second keeps one of its delays: each with the probability that its records are of them all.
    """
    since = marks[SINCE]
    second = math.floor(arrival)
    slot = slots[int(second) % len(slots)]
    if slot[_SECOND] != second:
        slot[_SECOND], slot[_DELAY], slot[_WEIGHT] = second, usual, since
        return True
    slot[_WEIGHT] += since
    drawn = (marks[COUNT] % 65537) * 40503 % 65536 / 65536  # the same in every run over the same records
    if drawn * slot[_WEIGHT] < since:
        slot[_DELAY] = usual
    filled = 0
    for row in range(len(slots)):
        filled += slots[row, _WEIGHT] > 0
    return filled <= FEW_SLOTS


@part
def _of_minutes(slots: Floats, scratch: Floats, arrival: float, fewest: int) -> float:
    """Return the median delay of the last minutes' records; minus infinity of few, which the window holds."""
    n, total = 0, 0.0
    for row in range(len(slots)):
        if slots[row, _WEIGHT] == 0 or abs(arrival - slots[row, _SECOND]) >= len(slots):
            continue
        delay, weight = slots[row, _DELAY], slots[row, _WEIGHT]
        at = n
        while at and scratch[at - 1] > delay:
            scratch[at], scratch[SLOTS + at] = scratch[at - 1], scratch[SLOTS + at - 1]
            at -= 1
        scratch[at], scratch[SLOTS + at] = delay, weight
        n += 1
        total += weight
    if total <= fewest:
        return -np.inf
    below = 0.0
    for row in range(n):
        below += scratch[SLOTS + row]
        if 2 * below >= total:
            found: float = scratch[row]
            return found
    return -np.inf


@part
def _smallest(values: Floats, first: int, n: int, k: int) -> float:
    """Return the k-th smallest of n values, which it reorders from ``first`` on (Hoare's selection)."""
    low, high = first, n - 1
    while low < high:
        pivot = values[(low + high) // 2]
        left, right = low, high
        while left <= right:
            while values[left] < pivot:
                left += 1
            while values[right] > pivot:
                right -= 1
            if left <= right:
                values[left], values[right] = values[right], values[left]
                left += 1
                right -= 1
        if k <= right:
            high = right
        elif k >= left:
            low = left
        else:
            break
    found: float = values[k]
    return found

"""Which sensitivity would have left out what people marked, and little else."""

from collections.abc import Sequence
from typing import Final, NamedTuple

STEPS: Final = (0.9, 0.8, 0.7, 0.6, 0.5)
"""In times the present sensitivity: below half, real incidents go first."""

FEWEST: Final = 5
"""Marked pages from which on a setting is proposed: a handful in weeks is what buttons are for."""

SHARE: Final = 1 / 3
"""Part of the pages that was marked from which on one is proposed."""

WORTH: Final = 1 / 2
"""Part of the marked pages that it must leave out."""

PRICE: Final = 1 / 10
"""Part of the others that it may leave out."""


class Proposal(NamedTuple):
    """A sensitivity, in times the present one, and how many marked and other pages it would have left out."""

    sensitivity: float
    left_out: int
    lost: int


def less_sensitive(marked: Sequence[float], others: Sequence[float]) -> Proposal | None:
    """Return what to propose for pages of these sizes, the least change first; None if nothing helps.

    Examples
    --------
    >>> less_sensitive([1.1, 1.2, 1.2, 1.3, 4.0], [3.0, 5.0, 9.0])
    Proposal(sensitivity=0.8, left_out=3, lost=0)
    >>> less_sensitive([1.1] * 4, []), less_sensitive([1.1] * 5, [1.1] * 11), less_sensitive([9.0] * 5, [])
    (None, None, None)
    """
    if len(marked) < FEWEST or len(marked) < SHARE * (len(marked) + len(others)):
        return None
    for times in STEPS:
        left_out = sum(size * times < 1 for size in marked)
        lost = sum(size * times < 1 for size in others)
        if left_out >= WORTH * len(marked) and lost <= PRICE * len(others):
            return Proposal(times, left_out, lost)
    return None

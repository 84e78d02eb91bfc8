"""What a pattern must show after a person said that it needs no action: more at first, less every week.

A deviation of the size 1 is reported, and its score is ``size² / (1 + size²)``. A mark asks of the next
incident like it a quarter more than it showed itself; half of that excess is gone after two weeks.
"""

from math import log2, sqrt
from typing import Final

from alerting.incidents.incident import Incident
from detectors.model.finding import Verdict

MARGIN: Final = 1.25
"""The next one is not exactly as large."""

HALVES_SECONDS: Final = 14 * 86400
"""Half of what is asked beyond the threshold is forgotten after this time: code and traffic change."""

HIGHEST: Final = 10.0
"""No pattern is asked for more: what is this far off is reported whatever people said of smaller ones."""

NEAR: Final = 1.1
"""What asks for less than this is over."""

_NEAREST: Final = 1e-9

_SIZED: Final = frozenset((Verdict.SPIKE, Verdict.DROP, Verdict.SHIFT, Verdict.ABSENCE))


def size_of(incident: Incident) -> float | None:
    """Return how many times the threshold an incident shows; None where no size decides.

    Limits and fatal errors have none: a mark says nothing about the next one.
    """
    if incident.verdict not in _SIZED or incident.primary.verdict not in _SIZED:
        return None
    score = min(max(incident.primary.score, 0.0), 1 - _NEAREST)
    return sqrt(score / (1 - score))


def asked_after(size: float) -> float:
    """Return what is asked for at once after an incident of a size was marked.

    Examples
    --------
    >>> asked_after(2.0), asked_after(0.5), asked_after(100.0)
    (2.5, 1.25, 10.0)
    """
    return min(MARGIN * max(size, 1.0), HIGHEST)


def asked_for(asked: float, seconds: float) -> float:
    """Return what is still asked for so many seconds later.

    Examples
    --------
    >>> [round(asked_for(5.0, days * 86400), 2) for days in (0, 14, 28)]
    [5.0, 3.0, 2.0]
    """
    left: float = 0.5 ** (max(seconds, 0.0) / HALVES_SECONDS)
    return 1 + (asked - 1) * left


def seconds_until(asked: float, size: float) -> int:
    """Return after how many seconds a size is no longer below what is asked for.

    Examples
    --------
    >>> [seconds_until(5.0, size) // 86400 for size in (5.0, 3.0, 2.0)]
    [0, 14, 28]
    """
    return int(HALVES_SECONDS * log2(max((asked - 1) / (max(size, NEAR) - 1), 1.0)))

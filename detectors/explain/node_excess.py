"""How much of a symptom's excess shows at a node of the call graph: in amounts, which add up along calls.

A z-score says how unusual a node is and cannot be compared between nodes: a quiet table that is 2 ms slower
may be at 20 standard deviations and explain nothing. What adds up along calls is *time* and *failures*: when
a caller waits for its callee, the callee's extra milliseconds, summed over its calls, are part of the
caller's extra milliseconds summed over its own. So a node's excess in a window is

    calls x (latency - its usual latency)          or          failed calls - calls x its usual failure ratio

More calls alone are no excess of the callee: that it is called more often is its caller's doing.

How much of the symptom goes through a node is the slope of its excess on the symptom's, window by window.
The level of a node may differ between the normal period and the days of the incident for reasons of its
own. It is told apart by time: the slope is estimated with a level of its own for each node, which is drawn
from a normal distribution around 0 with ``DRIFT`` times the node's usual deviation (a random intercept:
Laird and Ware 1982, "Random-effects models for longitudinal data"). Where the incident fills every
window there is nothing to tell them apart by, and the slope is the ratio of the levels.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

DRIFT: Final = 1.5
"""By how many of its usual deviations a node's level may be off for a reason that is not the incident."""

STANDS_OUT: Final = 3.0
"""Usual deviations from which the windows of a symptom are believed to say when it was."""

TRIM: Final = 0.05
"""The outermost part on either side of the normal period that may be incidents itself: it is pulled in."""

MAD_TO_SD: Final = 1.4826  # of a normal distribution


class Walked(StrEnum):
    """What is followed through the graph. Both go from the callee to its caller."""

    LATENCY = "latency"
    ERRORS = "errors"


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What was measured of one node, window by window; the windows are the same for all nodes.

    Attributes
    ----------
    calls : (t,) float64
        Calls in each window. NaN where unknown: taken as the median of what is known, else 1.
    latency : (t,) float64
        Mean time of a call, in any unit that is the same for all nodes. NaN where there were no calls.
    failed : (t,) float64
        Failed part of the calls, 0 to 1. NaN where there were none.
    """

    calls: Floats
    latency: Floats
    failed: Floats

    def __post_init__(self) -> None:
        if not self.calls.shape == self.latency.shape == self.failed.shape or self.calls.ndim != 1:
            raise ValueError(
                f"give one value a window: {self.calls.shape}, {self.latency.shape}, {self.failed.shape}"
            )

    def of(self, walked: Walked) -> Floats:
        """Return the value per call of each window."""
        return self.latency if walked is Walked.LATENCY else self.failed


@dataclass(frozen=True, slots=True)
class Excess:
    """A node's excess in each window of the incident, and what it is usually off by."""

    values: Floats
    deviation: float
    usual: float  # per call


def usual_calls(normal: Behaviour) -> float:
    """Return the calls of a usual window; 1 where nothing is known of them."""
    known = normal.calls[np.isfinite(normal.calls)]
    return float(np.median(known)) if known.size else 1.0


def excess(normal: Behaviour, incident: Behaviour, walked: Walked) -> Excess | None:
    """Return the excess of a node during an incident; None where nothing says what is usual there.

    A node that was never called in the normal period has no usual latency: that it is called at all is the
    doing of its callers.
    """
    per_call = normal.of(walked)
    calls = np.where(np.isfinite(normal.calls), normal.calls, usual_calls(normal))
    seen = np.isfinite(per_call) & (calls > 0)
    if not seen.any():
        return None
    per_call, calls = per_call[seen], calls[seen]
    if walked is Walked.LATENCY:
        usual = float(np.median(per_call))
        by_chance = 0.0
    else:  # most windows may have no failure at all: a median would call every usual one an excess
        usual = float(np.average(_pulled_in(per_call), weights=calls))
        at_most_half = min(usual + 1 / (calls.sum() + 1), 0.5)  # rule of succession: never seen is not never
        by_chance = float(np.sqrt(np.median(calls) * at_most_half * (1 - at_most_half)))
    off = calls * (per_call - usual)
    middle = float(MAD_TO_SD * np.median(np.abs(off - np.median(off))))
    deviation = max(middle, float(np.std(_pulled_in(off))), by_chance)
    now = incident.of(walked)
    calls_now = np.where(np.isfinite(incident.calls), incident.calls, usual_calls(normal))
    values = np.where(np.isfinite(now) & (calls_now > 0), calls_now * (now - usual), 0.0)
    return Excess(values, deviation, usual)


def slope(profile: Floats, of: Excess) -> tuple[float, float]:
    """Return how much of a node's excess comes with one unit of the symptom's, and its standard error.

    Parameters
    ----------
    profile : (t,) float64
        The symptom's excess in each window.
    of : Excess
        The node's, in the same windows.

    Examples
    --------
    >>> profile = np.array([0.0, 10.0, 20.0, 0.0])
    >>> share, error = slope(profile, Excess(profile / 2 + 3, deviation=1.0, usual=5.0))
    >>> 0.5 < share < 0.6  # a level that is off by 3 is mostly told apart
    True
    """
    told_apart = _told_apart(profile)
    size = float(told_apart @ profile)
    if size <= 0 or len(profile) != len(of.values):
        return 0.0, np.inf
    return float(told_apart @ of.values) / size, of.deviation / float(np.sqrt(size))


def stands_out(profile: Floats, deviation: float) -> bool:
    """Tell whether the windows of a symptom differ by more than chance, so that they say when it was."""
    size = float(_told_apart(profile) @ profile)
    return size > 0 and size >= (STANDS_OUT * deviation) ** 2


def _told_apart(profile: Floats) -> Floats:
    # The weights of the generalised least squares of y = level + slope * profile + noise: they do not hang
    # on the deviation, because the level's is a multiple of it.
    pulled = DRIFT**2 / (1 + len(profile) * DRIFT**2)
    told_apart: Floats = profile - pulled * profile.sum()
    return told_apart


def _pulled_in(values: Floats) -> Floats:
    low, high = np.quantile(values, [TRIM, 1 - TRIM])
    return np.clip(values, low, high)

"""The excess of a node of the call graph in amounts, which add up along calls.

A z-score measures how unusual a node is and cannot be compared between nodes: a quiet table that is 2 ms
slower may be at 20 standard deviations and explain nothing. *Time* and *failures* do add up along calls: when
a caller waits for its callee, the callee's extra milliseconds, summed over its calls, are part of the
caller's extra milliseconds, summed over its own. So a node's excess in a window is

    calls x (latency - its usual latency)          or          failed calls - calls x its usual failure ratio

More calls alone are not an excess of the callee: they are due to its caller.

The part of the symptom that passes through a node is the slope of its excess on the symptom's, window by
window. The level of a node may differ between the normal period and the incident for unrelated reasons. Time
separates the two: the slope is estimated with a level of its own for each node, drawn from a normal
distribution around 0 with ``DRIFT`` times the node's usual deviation (a random intercept: Laird and Ware
1982, "Random-effects models for longitudinal data"). If the incident fills every window, they cannot be
separated, and the slope is the ratio of the levels.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np

from detectors.model.array_types import Floats

DRIFT: Final = 1.5
"""Usual deviations by which the level of a node may be off for reasons other than the incident."""

STANDS_OUT: Final = 3.0
"""Usual deviations from which on the windows of a symptom show when it happened."""

TRIM: Final = 0.05
"""Part at either end of the normal values that may itself be incidents and is winsorised."""

MAD_TO_SD: Final = 1.4826  # of a normal distribution


class Signal(StrEnum):
    """What is followed through the graph; both propagate from callee to caller."""

    LATENCY = "latency"
    ERRORS = "errors"


@dataclass(frozen=True, slots=True)
class Behaviour:
    """The measurements of one node, window by window, in the same windows for all nodes.

    Attributes
    ----------
    calls : (t,) float64
        Calls in each window. Where NaN, the median of the normal period is used, or 1 if unknown.
    latency : (t,) float64
        Mean time of a call, in one unit for all nodes. NaN where there were no calls.
    failed : (t,) float64
        Fraction of the calls that failed, 0 to 1. NaN where there were no calls.
    """

    calls: Floats
    latency: Floats
    failed: Floats

    def __post_init__(self) -> None:
        if not self.calls.shape == self.latency.shape == self.failed.shape or self.calls.ndim != 1:
            raise ValueError(
                f"pass one value per window: {self.calls.shape}, {self.latency.shape}, {self.failed.shape}"
            )

    def of(self, signal: Signal) -> Floats:
        """Return the value per call of each window."""
        return self.latency if signal is Signal.LATENCY else self.failed


@dataclass(frozen=True, slots=True)
class Excess:
    """A node's excess in each window of the incident, and its usual deviation."""

    values: Floats
    deviation: float
    usual: float  # per call


def usual_calls(normal: Behaviour) -> float:
    """Return the number of calls in a usual window; 1 if unknown."""
    known = normal.calls[np.isfinite(normal.calls)]
    return float(np.median(known)) if known.size else 1.0


def excess(normal: Behaviour, incident: Behaviour, signal: Signal) -> Excess | None:
    """Return the excess of a node during an incident, None if its usual behaviour is unknown.

    A node that was never called in the normal period has no usual latency: that it is called now is due to
    its callers.
    """
    per_call = normal.of(signal)
    calls = np.where(np.isfinite(normal.calls), normal.calls, usual_calls(normal))
    seen = np.isfinite(per_call) & (calls > 0)
    if not seen.any():
        return None
    per_call, calls = per_call[seen], calls[seen]
    if signal is Signal.LATENCY:
        usual = float(np.median(per_call))
        by_chance = 0.0
    else:  # most windows may have no failure: against a median, every usual one would be an excess
        usual = float(np.average(_winsorised(per_call), weights=calls))
        at_most_half = min(usual + 1 / (calls.sum() + 1), 0.5)  # rule of succession: never seen is possible
        by_chance = float(np.sqrt(np.median(calls) * at_most_half * (1 - at_most_half)))
    off = calls * (per_call - usual)
    middle = float(MAD_TO_SD * np.median(np.abs(off - np.median(off))))
    deviation = max(middle, float(np.std(_winsorised(off))), by_chance)
    now = incident.of(signal)
    calls_now = np.where(np.isfinite(incident.calls), incident.calls, usual_calls(normal))
    values = np.where(np.isfinite(now) & (calls_now > 0), calls_now * (now - usual), 0.0)
    return Excess(values, deviation, usual)


def slope(profile: Floats, of: Excess) -> tuple[float, float]:
    """Return the slope of a node's excess on the symptom's, and its standard error.

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
    >>> 0.5 < share < 0.6  # a level that is off by 3 is mostly separated
    True
    """
    separated = _separated(profile)
    size = float(separated @ profile)
    if size <= 0 or len(profile) != len(of.values):
        return 0.0, np.inf
    return float(separated @ of.values) / size, of.deviation / float(np.sqrt(size))


def stands_out(profile: Floats, deviation: float) -> bool:
    """Return whether the windows of a symptom differ by more than chance, and so show when it happened."""
    size = float(_separated(profile) @ profile)
    return size > 0 and size >= (STANDS_OUT * deviation) ** 2


def _separated(profile: Floats) -> Floats:
    # Weights of the generalised least squares of y = level + slope * profile + noise. They do not depend on
    # the deviation, because the level's is a multiple of it.
    shrunk = DRIFT**2 / (1 + len(profile) * DRIFT**2)
    separated: Floats = profile - shrunk * profile.sum()
    return separated


def _winsorised(values: Floats) -> Floats:
    low, high = np.quantile(values, [TRIM, 1 - TRIM])
    return np.clip(values, low, high)

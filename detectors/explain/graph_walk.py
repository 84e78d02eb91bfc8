"""From a symptom to the deepest node of the call graph that explains it.

The walk starts at the symptom. At each node, the part of the excess that the node's callees explain
moves on to them, and the rest stays. The score of a node is the part of the symptom that
stays there: scores are in [0, 1] and add up to 1. This is an absorbing Markov chain (Kemeny and Snell 1960,
*Finite Markov Chains*, ch. 3), solved exactly, so cycles, several callers and several paths to one node need
no special care.

Slowness and failures propagate from callee to caller, so both are followed down the calls. Slowness can also
cause failures: a caller that waited too long fails, while its callee does not. Where failures stay at a node
whose failing calls took longer than usual, a part of them moves on to the callees that explain this slowness.

Limits: calls without a waiting caller look like any others, and two nodes whose excesses have the same shape
and size can only be distinguished by the calls between them. A node without measurements is passed through.

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

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np

from detectors.model.array_types import Floats

CERTAIN: Final = 1.0
"""Standard errors by which the excess of a node is reduced before it explains anything."""

WAITED: Final = 2 / 3
"""Largest part of the failures at a node that is attributed to slow callees: one is named before the failing
node if it explains more than 3/4 of the slowness."""

STAYS: Final = 1e-6
"""Least part that stays at every node, so that a cycle that explains itself ends."""

DRIFT: Final = 1.5
"""Usual deviations by which the level of a node may be off for reasons other than the incident."""

STANDS_OUT: Final = 3.0
"""Usual deviations from which on the windows of a symptom show when it happened."""

TRIM: Final = 0.05
"""Part at either end of the normal values that may itself be incidents and is winsorised."""

MAD_TO_SD: Final = 1.4826  # of a normal distribution


class Signal(StrEnum):
    """The measure followed through the graph; both propagate from callee to caller."""

    LATENCY = "latency"
    ERRORS = "errors"


@dataclass(frozen=True, slots=True)
class Behaviour:
    """The measurements of one node, window by window, in the same windows for all nodes; (t,) each."""

    calls: Floats  # where NaN, the median of the normal period is used, or 1 if unknown
    latency: Floats  # mean time of a call, in one unit for all nodes; NaN where there were no calls
    failed: Floats  # fraction of the calls that failed, 0 to 1; NaN where there were no calls

    def __post_init__(self) -> None:
        if not self.calls.shape == self.latency.shape == self.failed.shape or self.calls.ndim != 1:
            raise ValueError(
                f"pass one value per window: {self.calls.shape}, {self.latency.shape}, {self.failed.shape}"
            )

    def per_call(self, signal: Signal) -> Floats:
        """Return the value per call of each window."""
        return self.latency if signal is Signal.LATENCY else self.failed


@dataclass(frozen=True, slots=True)
class Excess:
    """A node's excess in each window of the incident, and its usual deviation."""

    values: Floats
    deviation: float
    usual: float  # per call


@dataclass(frozen=True, slots=True)
class Ranked:
    """A node and the part of the symptom that it explains."""

    node: str
    score: float  # part of the symptom's excess that stays here, in [0, 1]
    reached: float  # part that reaches the node; its callees explain the rest
    excess: float  # relative to the symptom's, not reduced; NaN where nothing was measured
    error: float  # standard error of ``excess``
    calls: float  # over the incident, as a multiple of the usual; NaN where unknown


def walk(
    calls_to: Mapping[str, Sequence[str]],
    normal: Mapping[str, Behaviour],
    incident: Mapping[str, Behaviour],
    symptom: str,
    signal: Signal,
) -> list[Ranked]:
    """Rank the nodes of a call graph by how much of a symptom they explain.

    Parameters
    ----------
    calls_to
        The callees of each node. Every name that occurs here is a node.
    normal, incident
        Measurements of each node: in a mostly normal period, and around the incident, in windows of the same
        length. Nodes may be missing; the incident needs the same number of windows for each.
    symptom
        The node that misbehaves, in the measure ``signal``.

    Returns
    -------
    list of Ranked
        Every node once, best explanation first. Ties are ordered by how much of the symptom reaches
        the node, then by how unusual its excess is, then by name, so that the order is total.

    Raises
    ------
    ValueError
        When the symptom is not a node.

    Examples
    --------
    >>> calls, none = np.full(6, 100.0), np.zeros(6)
    >>> usual = {name: Behaviour(calls, np.full(6, ms), none)
    ...          for name, ms in (("route", 50.0), ("function", 40.0), ("items", 5.0))}
    >>> slow = np.array([0.0, 0, 0, 30, 30, 30])
    >>> now = {name: Behaviour(calls, node.latency + slow, none) for name, node in usual.items()}
    >>> graph = {"route": ["function"], "function": ["items"]}
    >>> [(found.node, round(found.score, 2)) for found in walk(graph, usual, now, "route", Signal.LATENCY)]
    [('items', 1.0), ('function', 0.0), ('route', 0.0)]
    """
    nodes = sorted(calls_to.keys() | {callee for callees in calls_to.values() for callee in callees})
    if symptom not in nodes:
        raise ValueError(f"{symptom!r} is not a node of the graph")
    found = _excesses(nodes, normal, incident, signal)
    profile = _profile(nodes, calls_to, symptom, found)
    slopes = {node: slope(profile, of) for node, of in found.items()}
    through = {node: max(0.0, share - CERTAIN * error) for node, (share, error) in slopes.items()}
    if symptom in through:
        through[symptom] = 1.0
    if signal is Signal.ERRORS:
        slow = _excesses(nodes, normal, incident, Signal.LATENCY)
        waits = {node: slope(profile, of) for node, of in slow.items()}
        waited = {node: max(0.0, share - CERTAIN * error) for node, (share, error) in waits.items()}
        patience = {node: _patience(waited[node], through.get(node, 0.0), slow[node]) for node in waited}
        layers = follow(calls_to, through, symptom, waited, patience)
    else:
        layers = follow(calls_to, through, symptom)
    ranked = [
        Ranked(
            node=node,
            score=layers[node][0],
            reached=layers[node][1],
            excess=slopes[node][0] if node in slopes else np.nan,
            error=slopes[node][1] if node in slopes else np.nan,
            calls=_more_calls(normal.get(node), incident.get(node)),
        )
        for node in nodes
    ]
    return sorted(ranked, key=_order)


def follow(
    calls_to: Mapping[str, Sequence[str]],
    through: Mapping[str, float],
    symptom: str,
    waited: Mapping[str, float] | None = None,
    patience: Mapping[str, float] | None = None,
) -> dict[str, tuple[float, float]]:
    """Follow amounts of excess down the calls; return where they stay.

    Parameters
    ----------
    through
        Excess at each node, in one unit for all; missing nodes were not measured.
    waited, patience
        For failures: the excess of time at each node, and the part of its failures that waiting for callees
        may have caused. None for latency.

    Returns
    -------
    For each node, the part of the symptom that stays there and the part that reaches it.
    """
    nodes = sorted(
        calls_to.keys() | {symptom} | {callee for callees in calls_to.values() for callee in callees}
    )
    at = {node: row for row, node in enumerate(nodes)}
    callees = [sorted({at[name] for name in calls_to.get(node, ())} - {at[node]}) for node in nodes]
    down = _explained(nodes, callees, through)
    size = len(nodes)
    if waited is not None and patience is not None:
        slower = _explained(nodes, callees, waited)
        may = np.array([patience.get(node, 0.0) for node in nodes])
        crossing = (WAITED * may * (1 - down.sum(axis=1)))[:, None] * slower
        down = np.block([[down, crossing], [np.zeros((size, size)), slower]])
    stays, reaches = solve_walk(down, at[symptom])
    reaches, stays = reaches.reshape(-1, size).sum(axis=0), stays.reshape(-1, size).sum(axis=0)
    return {node: (float(stays[row]), float(reaches[row])) for row, node in enumerate(nodes)}


def solve_walk(explained: Floats, start: int) -> tuple[Floats, Floats]:
    """Solve the walk: the parts of what enters at ``start`` that stay at each node, and that reach it.

    ``explained`` (n, n) is the part of the excess of the row that its callee, the column, explains; rows add
    up to at most 1. ``start`` is the row of the symptom.
    """
    down = explained * (1 - STAYS)
    source = np.zeros(len(down))
    source[start] = 1.0
    reaches = np.linalg.solve(np.eye(len(down)) - down.T, source).astype(np.float64)
    return reaches * (1 - down.sum(axis=1)), reaches


def _profile(
    nodes: Sequence[str], calls_to: Mapping[str, Sequence[str]], symptom: str, found: Mapping[str, Excess]
) -> Floats:
    """Return the excess to explain, window by window: the symptom's, or that of the nodes behind it."""
    if symptom in found:
        known = [found[symptom]]
    else:
        at = {node: row for row, node in enumerate(nodes)}
        callees = [[at[name] for name in calls_to.get(node, ())] for node in nodes]
        behind = _behind(at[symptom], callees, [node in found for node in nodes])
        known = [found[nodes[row]] for row in behind]
    if not known:
        return np.zeros(0)
    profile: Floats = np.sum([excess.values for excess in known], axis=0)
    deviation = float(np.sqrt(sum(excess.deviation**2 for excess in known)))
    if stands_out(profile, deviation):
        return profile
    # the windows differ by chance only: use the level, not the shape
    return np.full(len(profile), max(float(profile.mean()), deviation))


def _explained(
    nodes: Sequence[str], callees: Sequence[Sequence[int]], through: Mapping[str, float]
) -> Floats:
    """Return the part of the excess of each node (row) that each of its callees explains."""
    amount = np.array([through.get(node, 0.0) for node in nodes])
    measured = [node in through for node in nodes]
    for row in range(len(nodes)):
        if not measured[row]:  # from the measured nodes behind it
            amount[row] = sum(amount[node] for node in _behind(row, callees, measured))
    parts = np.zeros((len(nodes), len(nodes)))
    for row, below in enumerate(callees):
        explained = amount[list(below)]
        if amount[row] > 0 and below:
            parts[row, list(below)] = explained / max(amount[row], explained.sum())
    return parts


def _behind(row: int, callees: Sequence[Sequence[int]], measured: Sequence[bool]) -> list[int]:
    """Return the first measured nodes on every path down from an unmeasured one."""
    found, seen, ahead = set(), {row}, [row]
    while ahead:
        for callee in callees[ahead.pop()]:
            if measured[callee]:
                found.add(callee)
            elif callee not in seen:
                seen.add(callee)
                ahead.append(callee)
    return sorted(found)


def _excesses(
    nodes: Sequence[str],
    normal: Mapping[str, Behaviour],
    incident: Mapping[str, Behaviour],
    signal: Signal,
) -> dict[str, Excess]:
    measured = [node for node in nodes if node in normal and node in incident]
    found = {node: excess(normal[node], incident[node], signal) for node in measured}
    return {node: of for node, of in found.items() if of is not None}


def _patience(waited: float, failed: float, slow: Excess) -> float:
    """Return the part of a node's failures that waiting may have caused: near 1 if they took long."""
    if waited <= 0 or failed <= 0:
        return 0.0
    longer = waited / failed  # extra time for each failed call
    return longer / (longer + max(slow.usual, 0.0))


def _more_calls(normal: Behaviour | None, incident: Behaviour | None) -> float:
    if normal is None or incident is None:
        return np.nan
    known, usual = incident.calls[np.isfinite(incident.calls)], usual_calls(normal)
    return float(known.mean() / usual) if known.size and usual > 0 else np.nan


def _order(ranked: Ranked) -> tuple[float, float, float, str]:
    unusual = ranked.excess / ranked.error if ranked.error > 0 and np.isfinite(ranked.error) else 0.0
    # rounded: differences by ``STAYS`` or in the last bits of a solved system do not count
    return -round(ranked.score, 9), -round(ranked.reached, 4), -unusual, ranked.node


def usual_calls(normal: Behaviour) -> float:
    """Return the number of calls in a usual window; 1 if unknown."""
    known = normal.calls[np.isfinite(normal.calls)]
    return float(np.median(known)) if known.size else 1.0


def excess(normal: Behaviour, incident: Behaviour, signal: Signal) -> Excess | None:
    """Return the excess of a node during an incident, None if its usual behaviour is unknown.

    A node that was never called in the normal period has no usual latency: that it is called now is due to
    its callers.
    """
    per_call = normal.per_call(signal)
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
    now = incident.per_call(signal)
    calls_now = np.where(np.isfinite(incident.calls), incident.calls, usual_calls(normal))
    values = np.where(np.isfinite(now) & (calls_now > 0), calls_now * (now - usual), 0.0)
    return Excess(values, deviation, usual)


def slope(profile: Floats, of: Excess) -> tuple[float, float]:
    """Return the slope of a node's excess on the symptom's, ``profile`` (t,), and its standard error.

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

"""From a symptom to the deepest node of the call graph that explains it.

The walk starts at the symptom. At each node, the part of the excess that the node's callees explain
(``node_excess``) moves on to them, and the rest stays. The score of a node is the part of the symptom that
stays there: scores are in [0, 1] and add up to 1. This is an absorbing Markov chain (Kemeny and Snell 1960,
*Finite Markov Chains*, ch. 3), solved exactly, so cycles, several callers and several paths to one node need
no special care.

Slowness and failures propagate from callee to caller, so both are followed down the calls. Slowness can also
cause failures: a caller that waited too long fails, while its callee does not. Where failures stay at a node
whose failing calls took longer than usual, a part of them moves on to the callees that explain this slowness.

Limits: calls without a waiting caller look like any others, and two nodes whose excesses have the same shape
and size can only be distinguished by the calls between them. A node without measurements is passed through.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from detectors.explain.node_excess import Behaviour, Excess, Signal, excess, slope, stands_out, usual_calls
from detectors.model.array_types import Floats

CERTAIN: Final = 1.0
"""Standard errors by which the excess of a node is reduced before it explains anything."""

WAITED: Final = 2 / 3
"""Largest part of the failures at a node that is attributed to slow callees: one is named before the failing
node if it explains more than 3/4 of the slowness."""

STAYS: Final = 1e-6
"""Least part that stays at every node, so that a cycle that explains itself ends."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """A node and the part of the symptom that it explains.

    Attributes
    ----------
    node
        Its name.
    score
        Part of the symptom's excess that stays here, in [0, 1].
    reached
        Part that reaches the node; what does not stay is explained by its callees.
    excess
        The node's excess relative to the symptom's, not reduced; NaN where nothing was measured.
    error
        Standard error of ``excess``.
    calls
        Calls over the incident as a multiple of the usual; NaN where unknown.
    """

    node: str
    score: float
    reached: float
    excess: float
    error: float
    calls: float


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
        The node that misbehaves.
    signal
        The measure in which it does.

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
    >>> now = {name: Behaviour(calls, one.latency + slow, none) for name, one in usual.items()}
    >>> graph = {"route": ["function"], "function": ["items"]}
    >>> [(one.node, round(one.score, 2)) for one in walk(graph, usual, now, "route", Signal.LATENCY)]
    [('items', 1.0), ('function', 0.0), ('route', 0.0)]
    """
    nodes = sorted(calls_to.keys() | {callee for callees in calls_to.values() for callee in callees})
    if symptom not in nodes:
        raise ValueError(f"{symptom!r} is not a node of the graph")
    found = _excesses(nodes, normal, incident, signal)
    profile = _profile(nodes, calls_to, symptom, found)
    slopes = {node: slope(profile, one) for node, one in found.items()}
    through = {node: max(0.0, share - CERTAIN * error) for node, (share, error) in slopes.items()}
    if symptom in through:
        through[symptom] = 1.0
    if signal is Signal.ERRORS:
        slow = _excesses(nodes, normal, incident, Signal.LATENCY)
        waits = {node: slope(profile, one) for node, one in slow.items()}
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
    calls_to
        The callees of each node.
    through
        Excess at each node, in one unit for all; missing nodes were not measured.
    symptom
        Where to start.
    waited, patience
        For failures: the excess of time at each node, and the part of its failures that waiting for callees
        may have caused. None for latency.

    Returns
    -------
    dict
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
    stays, reaches = settle(down, at[symptom])
    reaches, stays = reaches.reshape(-1, size).sum(axis=0), stays.reshape(-1, size).sum(axis=0)
    return {node: (float(stays[row]), float(reaches[row])) for row, node in enumerate(nodes)}


def settle(explained: Floats, start: int) -> tuple[Floats, Floats]:
    """Solve the walk: the parts of what enters at ``start`` that stay at each node, and that reach it.

    Parameters
    ----------
    explained : (n, n) float64
        Part of the excess of the row that its callee, the column, explains; rows add up to at most 1.
    start : int
        Row of the symptom.
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
        known = [found[nodes[one]] for one in behind]
    if not known:
        return np.zeros(0)
    profile: Floats = np.sum([one.values for one in known], axis=0)
    deviation = float(np.sqrt(sum(one.deviation**2 for one in known)))
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
            amount[row] = sum(amount[one] for one in _behind(row, callees, measured))
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
    found = {}
    for node in nodes:
        if node in normal and node in incident:
            one = excess(normal[node], incident[node], signal)
            if one is not None:
                found[node] = one
    return found


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

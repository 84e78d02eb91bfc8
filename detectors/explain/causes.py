"""What lies behind a finding of latency or errors, among the findings of its incident.

A live finding knows its own scope and what calls it; tables and functions are judged in different shards. So
the graph is put together where findings meet, from the findings themselves, and walked as in ``graph_walk``:
slowness in time per second (excess per call times calls), failures in failures per second. A scope that
is not off by itself has no finding and explains nothing.

Two things differ from a walk over series. The calls from each caller are known, so that a callee that many
call explains to each of them its own part only. And a live latency is a p95, whose excess stands in for the
mean's: where few calls are slow it is too large at caller and callee alike, and parts are fractions.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.explain.graph_walk import settle
from detectors.model.finding import Cause, Finding
from detectors.model.measures import Measure
from detectors.model.scope import ACCOUNT, FUNCTION, SERVICE, TABLE, Scope

LEAST: Final = 0.1
"""Part of a finding that a cause explains at least: less is nothing to follow."""

MOST: Final = 3
"""Causes that a finding names."""

WALKED: Final = 100
"""Findings of one incident that are walked, those with the largest excess; the rest are echoes of them."""

_SLOW: Final = frozenset({Measure.LATENCY, Measure.LATENCY_CODE})  # code waits for the tables it calls
_FAILURES: Final = frozenset({Measure.ERRORS_BACKEND, Measure.ERRORS_FATAL, Measure.THROTTLES})
_MADE_OF: Final = {SERVICE: FUNCTION, ACCOUNT: SERVICE}
"""A service is made up of its functions, an account of its services: their excess is a part of its own."""


def causes(findings: Iterable[Finding]) -> dict[str, list[Cause]]:
    """Walk from every finding of latency or errors to the deepest findings that explain it.

    Parameters
    ----------
    findings
        Those of one incident; others than rises of latency, errors and throttles are not walked.

    Returns
    -------
    dict
        For the id of each finding that others explain: what explains it, largest part first. Equal inputs
        in any order give equal answers.
    """
    rises = [one for one in findings if is_walked(one)]
    slow = [one for one in rises if one.measure in _SLOW]
    return _walk(slow) | _walk([one for one in rises if one.measure in _FAILURES])


def is_walked(finding: Finding) -> bool:
    """Tell whether a finding is a rise of latency, errors or throttles at a scope."""
    rises = finding.scope is not None and finding.observed > finding.expected
    return rises and finding.measure in _SLOW | _FAILURES


def _walk(findings: list[Finding]) -> dict[str, list[Cause]]:
    seen_calls = _seen_calls(findings)
    nodes = sorted(findings, key=lambda one: (-_amount(one, seen_calls), one.id))[:WALKED]
    if len(nodes) < 2:  # noqa: PLR2004 - one alone has nothing behind it
        return {}
    explained = _explained(nodes)
    found = {}
    for start in np.flatnonzero(explained.any(axis=1)).tolist():
        stays, _ = settle(explained, start)
        behind = [
            Cause(scope=_scope(nodes[row]), measure=nodes[row].measure, score=min(float(stays[row]), 1.0))
            for row in np.flatnonzero(stays >= LEAST).tolist()
            if row != start
        ]
        if behind:
            behind.sort(key=lambda cause: (-round(cause.score, 9), cause.scope, cause.measure))
            found[nodes[start].id] = behind[:MOST]
    return found


def _explained(nodes: list[Finding]) -> NDArray[np.float64]:
    """Return which part of the excess at each finding (row) each other one (column) explains."""
    seen_calls = _seen_calls(nodes)
    whole = np.array([_amount(one, seen_calls) for one in nodes])
    parts = np.zeros((len(nodes), len(nodes)))
    for above, below, amount in _flows(nodes, whole):
        parts[above, below] += amount
    np.fill_diagonal(parts, 0.0)
    # A table knows the routes behind the functions that call it: what came through a finding in between is
    # that finding's to explain, and counted once.
    between = np.minimum(parts[:, :, None], parts[None, :, :]).sum(axis=1)
    parts = np.maximum(parts - between, 0.0)
    explained: NDArray[np.float64] = parts / np.maximum(np.maximum(whole, parts.sum(axis=1)), 1e-300)[:, None]
    return explained


def _flows(nodes: list[Finding], whole: NDArray[np.float64]) -> Iterator[tuple[int, int, float]]:
    """Yield which finding (row) has how much of its excess from which other one (row below)."""
    rows: dict[Scope, list[int]] = {}
    belongs: dict[Scope, list[int]] = {}  # to which services a function
    for row, one in enumerate(nodes):
        rows.setdefault(_scope(one), []).append(row)
        for scope in _goes_to(one):
            if _MADE_OF.get(_scope(one).kind) == scope.kind:
                belongs.setdefault(scope, []).append(row)
    for row, one in enumerate(nodes):
        for scope, amount in _goes_to(one).items():
            known = rows.get(scope, [])
            if _MADE_OF.get(_scope(one).kind) == scope.kind:
                parts = (part for part in known if nodes[part].measure is not Measure.LATENCY_CODE)
                yield from ((row, part, float(whole[part])) for part in parts)
            elif one.measure is not Measure.LATENCY_CODE:  # of a function's latency it is a part
                # what is not off by itself may still be a part of what is
                yield from ((above, row, amount) for above in known or belongs.get(scope, []))


def _amount(finding: Finding, seen_calls: Mapping[Scope, float]) -> float:
    """Return the excess: lost milliseconds a second, or failures a second."""
    excess = finding.observed - finding.expected
    if finding.measure not in _SLOW:
        return excess
    return excess * (finding.calls or seen_calls.get(_scope(finding), 1.0))


def _seen_calls(findings: Iterable[Finding]) -> dict[Scope, float]:
    """Return how often each scope calls, as what it calls sees it: not every event names who called.

    What is nearest is believed: a request may call a table many times.
    """
    seen: dict[Scope, dict[bool, float]] = {}
    for one in findings:
        far = _scope(one).kind == TABLE
        for traffic in one.traffic:
            by = seen.setdefault(traffic.scope, {})
            by[far] = max(by.get(far, 0.0), traffic.calls)
    return {scope: by[min(by)] for scope, by in seen.items()}


def _goes_to(finding: Finding) -> dict[Scope, float]:
    """Return how much of a finding's excess each of its callers has of it."""
    excess = finding.observed - finding.expected
    if finding.measure in _SLOW:
        return {traffic.scope: excess * traffic.calls for traffic in finding.traffic}
    return {share.scope: excess * share.share for share in finding.callers if share.share > 0}


def _scope(finding: Finding) -> Scope:
    if finding.scope is None:  # an edge: filtered before
        raise ValueError(f"finding {finding.id} is about no scope")
    return finding.scope

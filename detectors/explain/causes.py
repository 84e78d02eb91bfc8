"""Causes of a finding of latency or errors, among the findings of its incident.

A live finding knows its scope and its callers, but tables and functions are judged in different shards. So
the graph is assembled where findings meet, from the findings themselves, and walked as in ``graph_walk``:
latency in time per second (excess per call times calls), errors in failures per second. A scope without a
deviation has no finding and explains nothing.

Two things differ from a walk over series. The calls from each caller are known, so that a callee explains to
each of its callers only their part. And a live latency is a p95, whose excess stands in for that of the mean:
where few calls are slow it is too large at caller and callee alike, which cancels out in fractions.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import numpy as np

from detectors.explain.graph_walk import solve_walk
from detectors.model.array_types import Floats
from detectors.model.finding import Cause, Finding
from detectors.model.measures import Measure
from detectors.model.scope import ACCOUNT, FUNCTION, SERVICE, TABLE, Scope

LEAST: Final = 0.1
"""Least part of a finding that a cause explains."""

MOST: Final = 3
"""Most causes that a finding names."""

WALKED: Final = 100
"""Findings of one incident that are walked, largest excess first; the rest are echoes of them."""

_SLOW: Final = frozenset({Measure.LATENCY, Measure.LATENCY_CODE})  # code waits for the tables it calls
_FAILURES: Final = frozenset({Measure.ERRORS_BACKEND, Measure.ERRORS_FATAL, Measure.THROTTLES})
_MADE_OF: Final = {SERVICE: FUNCTION, ACCOUNT: SERVICE}
"""A service consists of its functions, an account of its services: their excess is a part of its own."""


def causes(findings: Iterable[Finding]) -> dict[str, list[Cause]]:
    """Walk from every rise of latency, errors or throttles of an incident to the findings that explain it.

    Returns the causes of each finding that others explain, by its id, largest part first. The order of
    ``findings`` does not matter.
    """
    rises = [finding for finding in findings if is_walked(finding)]
    slow = [rise for rise in rises if rise.measure in _SLOW]
    return _walk(slow) | _walk([rise for rise in rises if rise.measure in _FAILURES])


def is_walked(finding: Finding) -> bool:
    """Return whether a finding is a rise of latency, errors or throttles at a scope."""
    rises = finding.scope is not None and finding.observed > finding.expected
    return rises and finding.measure in _SLOW | _FAILURES


def _walk(findings: list[Finding]) -> dict[str, list[Cause]]:
    seen_calls = _seen_calls(findings)
    nodes = sorted(findings, key=lambda rise: (-_amount(rise, seen_calls), rise.id))[:WALKED]
    if len(nodes) < 2:  # noqa: PLR2004 - one alone has nothing behind it
        return {}
    explained = _explained(nodes)
    found = {}
    for start in np.flatnonzero(explained.any(axis=1)).tolist():
        stays, _ = solve_walk(explained, start)
        behind = [
            Cause(scope=_scope(nodes[row]), measure=nodes[row].measure, score=min(float(stays[row]), 1.0))
            for row in np.flatnonzero(stays >= LEAST).tolist()
            if row != start
        ]
        if behind:
            behind.sort(key=lambda cause: (-round(cause.score, 9), cause.scope, cause.measure))
            found[nodes[start].id] = behind[:MOST]
    return found


def _explained(nodes: list[Finding]) -> Floats:
    """Return the part of the excess of each finding (row) that each other one (column) explains."""
    seen_calls = _seen_calls(nodes)
    whole = np.array([_amount(node, seen_calls) for node in nodes])
    parts = np.zeros((len(nodes), len(nodes)))
    for above, below, amount in _flows(nodes, whole):
        parts[above, below] += amount
    np.fill_diagonal(parts, 0.0)
    # A table also knows the routes behind its functions: an excess that passes through a finding in between
    # is explained by that one, and counted once.
    between = np.minimum(parts[:, :, None], parts[None, :, :]).sum(axis=1)
    parts = np.maximum(parts - between, 0.0)
    explained: Floats = parts / np.maximum(np.maximum(whole, parts.sum(axis=1)), 1e-300)[:, None]
    return explained


def _flows(nodes: list[Finding], whole: Floats) -> Iterator[tuple[int, int, float]]:
    """Yield (row, row below, amount): the excess that a finding owes to another one."""
    rows: dict[Scope, list[int]] = {}
    belongs: dict[Scope, list[int]] = {}  # functions by service
    for row, node in enumerate(nodes):
        rows.setdefault(_scope(node), []).append(row)
        for scope in _goes_to(node):
            if _MADE_OF.get(_scope(node).kind) == scope.kind:
                belongs.setdefault(scope, []).append(row)
    for row, node in enumerate(nodes):
        for scope, amount in _goes_to(node).items():
            known = rows.get(scope, [])
            if _MADE_OF.get(_scope(node).kind) == scope.kind:
                parts = (part for part in known if nodes[part].measure is not Measure.LATENCY_CODE)
                yield from ((row, part, float(whole[part])) for part in parts)
            elif node.measure is not Measure.LATENCY_CODE:  # it is a part of the function's latency
                # a caller without a finding may be a part of a service with one
                yield from ((above, row, amount) for above in known or belongs.get(scope, []))


def _amount(finding: Finding, seen_calls: Mapping[Scope, float]) -> float:
    """Return the excess per second: lost milliseconds, or failures."""
    excess = finding.observed - finding.expected
    if finding.measure not in _SLOW:
        return excess
    return excess * (finding.calls or seen_calls.get(_scope(finding), 1.0))


def _seen_calls(findings: Iterable[Finding]) -> dict[Scope, float]:
    """Return the calls of each scope as its callees see them, since not every event names its caller.

    The nearest callee counts: a request may call a table many times.
    """
    seen: dict[Scope, dict[bool, float]] = {}
    for finding in findings:
        far = _scope(finding).kind == TABLE
        for traffic in finding.traffic:
            by = seen.setdefault(traffic.scope, {})
            by[far] = max(by.get(far, 0.0), traffic.calls)
    return {scope: by[min(by)] for scope, by in seen.items()}


def _goes_to(finding: Finding) -> dict[Scope, float]:
    """Return the excess that each caller has from a finding."""
    excess = finding.observed - finding.expected
    if finding.measure in _SLOW:
        return {traffic.scope: excess * traffic.calls for traffic in finding.traffic}
    return {share.scope: excess * share.share for share in finding.callers if share.share > 0}


def _scope(finding: Finding) -> Scope:
    if finding.scope is None:  # an edge, which ``is_walked`` excludes
        raise ValueError(f"finding {finding.id} is about no scope")
    return finding.scope

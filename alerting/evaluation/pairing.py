"""Matches the incidents of two configurations: each has at most one counterpart.

Equal ids match. Otherwise two incidents match when their times overlap, they have the same direction (a rise,
a fall, growth with its limits), and, in this order of preference:

1. both are about the same series;
2. the series of one is a member of the other: the cause was ranked differently;
3. both are about the same scope, by another measure.

Among several pairings, the one with the largest total overlap wins.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np

from alerting.incidents.correlation import GROWTH, direction
from alerting.incidents.incident import Incident
from detectors.model.finding import Finding, Verdict

Two = tuple[Incident, Incident]


def pairs(a: Sequence[Incident], b: Sequence[Incident]) -> list[Two]:
    """Return the incidents that are in both lists, as (one of ``a``, its counterpart in ``b``), by start.

    Ids are unique within a list. The order of a list does not matter; swapping the lists swaps each pair and
    nothing else.

    Examples
    --------
    >>> pairs([], [])
    []
    """
    # Ties are resolved by order, so the orientation must always be the same.
    if sorted(incident.id for incident in b) < sorted(incident.id for incident in a):
        made = [(one, other) for other, one in _pairs(b, a)]
    else:
        made = _pairs(a, b)
    return sorted(made, key=_order)


def _order(two: Two) -> tuple[int, list[str]]:
    return min(incident.start for incident in two), sorted(incident.id for incident in two)


def _pairs(a: Sequence[Incident], b: Sequence[Incident]) -> list[Two]:
    left = {incident.id: incident for incident in sorted(a, key=lambda one: (one.start, one.id))}
    right = {incident.id: incident for incident in sorted(b, key=lambda one: (one.start, one.id))}
    until = max((_last(incident) for incident in (*a, *b)), default=0)
    made = [(one, right[which]) for which, one in left.items() if which in right]
    for level in _LEVELS:
        for one, other in made:
            left.pop(one.id, None)
            right.pop(other.id, None)
        overlaps = {
            (one.id, other.id): seconds
            for one, other in level.related(left.values(), right.values())
            if (seconds := _overlap(one, other, until)) > 0
        }
        made += [(left[one], right[other]) for one, other in _heaviest(overlaps)]
    return made


class _Level(NamedTuple):
    """Two are related when the ``head`` of either is among ``all`` of the other."""

    head: Callable[[Incident], Hashable]
    all: Callable[[Incident], Iterable[Hashable]]

    def related(self, left: Iterable[Incident], right: Iterable[Incident]) -> Iterator[Two]:
        heads: dict[Hashable, dict[str, Incident]] = defaultdict(dict)
        wholes: dict[Hashable, dict[str, Incident]] = defaultdict(dict)
        for other in right:
            heads[self.head(other)][other.id] = other
            for key in self.all(other):
                wholes[key][other.id] = other
        for incident in left:
            found = dict(wholes.get(self.head(incident), {}))
            for key in self.all(incident):
                found |= heads.get(key, {})
            yield from ((incident, other) for other in found.values())


def _series(finding: Finding) -> Hashable:
    return finding.about, finding.measure, _direction(finding)


def _direction(finding: Finding) -> str:
    # Growth overlaps with every sudden change of its scope, but is a different thing.
    return GROWTH if finding.verdict in (Verdict.GROWTH, Verdict.LIMIT) else direction(finding)


def _of_primary(incident: Incident) -> Hashable:
    return _series(incident.primary)


def _of_all(incident: Incident) -> set[Hashable]:
    return {_series(finding) for finding in (incident.primary, *incident.members)}


def _scope(incident: Incident) -> Hashable:
    return incident.primary.about, _direction(incident.primary)


_LEVELS: Final = (
    _Level(_of_primary, lambda incident: [_of_primary(incident)]),
    _Level(_of_primary, _of_all),
    _Level(_scope, lambda incident: [_scope(incident)]),
)


def _last(incident: Incident) -> int:
    return max(incident.start, incident.end or 0, incident.alerted or 0, incident.primary.seen)


def _overlap(one: Incident, other: Incident, until: int) -> int:
    """Return the seconds of overlap: 1 for two that only touch, 0 or less for disjoint ones."""
    ends = (until if incident.end is None else incident.end for incident in (one, other))
    return min(ends) - max(one.start, other.start) + 1


def _heaviest(weights: Mapping[tuple[str, str], int]) -> list[tuple[str, str]]:
    """Return the one-to-one pairing with the largest total weight."""
    from scipy.optimize import linear_sum_assignment

    chosen = []
    for rows, columns in _components(weights):
        matrix = np.array([[weights.get((row, column), 0) for column in columns] for row in rows])
        chosen += [
            (rows[row], columns[column])
            for row, column in zip(*linear_sum_assignment(matrix, maximize=True), strict=True)
            if matrix[row, column] > 0
        ]
    return chosen


def _components(edges: Iterable[tuple[str, str]]) -> Iterator[tuple[list[str], list[str]]]:
    """Yield the connected components, so that the lists stay short however long the history is."""
    ahead: dict[str, dict[str, None]] = defaultdict(dict)  # dicts: sets of strings have no fixed order
    back: dict[str, dict[str, None]] = defaultdict(dict)
    for row, column in edges:
        ahead[row][column] = None
        back[column][row] = None
    seen: set[str] = set()
    for start in ahead:
        if start in seen:
            continue
        rows, columns = {start: None}, dict[str, None]()
        waiting = [start]
        while waiting:
            for column in ahead[waiting.pop()]:
                columns[column] = None
                fresh = [row for row in back[column] if row not in rows]
                rows |= dict.fromkeys(fresh)
                waiting += fresh
        seen |= set(rows)
        yield list(rows), list(columns)

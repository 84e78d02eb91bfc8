"""Compares two configurations over the same records: which incidents match, and how they differ.

Equal ids match. Otherwise two incidents match when their times overlap, they have the same direction (a rise,
a fall, growth with its limits), and, in this order of preference:

1. both are about the same series;
2. the series of one is a member of the other: the cause was ranked differently;
3. both are about the same scope, by another measure.

Among several pairings, the one with the largest total overlap wins.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

import numpy as np

from alerting.incidents.correlation import GROWTH, direction
from alerting.incidents.incident import Incident, Sent
from detectors.model.finding import Finding, Verdict
from detectors.model.measures import Measure
from detectors.model.scope import ScopeOrEdge

WEEK: Final = 7 * 86400


class Difference(StrEnum):
    """The differences between an incident and its counterpart, the most important first."""

    SENT = "sent"  # page, digest or none
    VERDICT = "verdict"
    LATER = "later"  # reported later in B than in A
    EARLIER = "earlier"
    ABOUT = "about"  # another series is the primary one


@dataclass(frozen=True, slots=True)
class Pair:
    """An incident as each configuration reports it."""

    a: Incident
    b: Incident

    @property
    def later(self) -> int | None:
        """Seconds by which B reports it later than A, negative when earlier; None unless both report it."""
        if "none" in (self.a.sent, self.b.sent) or self.a.alerted is None or self.b.alerted is None:
            return None
        return self.b.alerted - self.a.alerted

    @property
    def differs(self) -> tuple[Difference, ...]:
        """The differences; empty when neither reports it or both report it alike."""
        if self.a.sent == self.b.sent == "none":
            return ()
        found = []
        if self.a.sent != self.b.sent:
            found.append(Difference.SENT)
        if self.a.verdict is not self.b.verdict:
            found.append(Difference.VERDICT)
        if self.later:
            found.append(Difference.LATER if self.later > 0 else Difference.EARLIER)
        if _series(self.a) != _series(self.b):
            found.append(Difference.ABOUT)
        return tuple(found)

    def to_json(self) -> dict[str, object]:
        """Return the JSON of ``comparison.json``."""
        return {
            "differs": [differ.value for differ in self.differs],
            "later": self.later,
            "a": outline(self.a),
            "b": outline(self.b),
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """The incidents of two configurations, A and B, over the same records, ordered by start."""

    a: tuple[Incident, ...]
    b: tuple[Incident, ...]
    pairs: tuple[Pair, ...]  # in both
    only_a: tuple[Incident, ...]
    only_b: tuple[Incident, ...]
    weeks: float | None = None  # of judged time, if known

    @property
    def new_pages(self) -> list[Incident]:
        """The pages of B that are not pages in A."""
        alone = [incident for incident in self.only_b if incident.sent == "page"]
        return _by_start([*alone, *(two.b for two in self.pairs if _raised(two.a, two.b))])

    @property
    def lost_pages(self) -> list[Incident]:
        """The pages of A that are not pages in B."""
        alone = [incident for incident in self.only_a if incident.sent == "page"]
        return _by_start([*alone, *(two.a for two in self.pairs if _raised(two.b, two.a))])

    @property
    def changed(self) -> list[Pair]:
        """The incidents in both that are reported differently."""
        return [two for two in self.pairs if two.differs]

    def to_json(self) -> dict[str, object]:
        """Return the content of ``comparison.json``. Times are epoch seconds of event time."""
        return {
            "weeks": self.weeks,
            "a": tally(self.a, self.weeks),
            "b": tally(self.b, self.weeks),
            "new_pages": [new_page.id for new_page in self.new_pages],
            "lost_pages": [lost_page.id for lost_page in self.lost_pages],
            "alike": len(self.pairs) - len(self.changed),
            "changed": [two.to_json() for two in self.changed],
            "only_a": [outline(incident) for incident in self.only_a],
            "only_b": [outline(incident) for incident in self.only_b],
        }


def compare(
    a: Sequence[Incident], b: Sequence[Incident], *, first: int | None = None, last: int | None = None
) -> Comparison:
    """Compare the incidents of two configurations over the same records.

    Parameters
    ----------
    a, b
        Incidents in their last state, ids unique within a list, in any order.
    first, last
        Start of the first judged step and end of the last, epoch seconds; for pages per week.

    Examples
    --------
    >>> compare([], []).to_json()["b"]
    {'pages': 0, 'digest': 0, 'none': 0, 'pages_per_week': None}
    """
    made = tuple(Pair(first, other) for first, other in pairs(a, b))
    paired_a, paired_b = {two.a.id for two in made}, {two.b.id for two in made}
    judged = None if first is None or last is None or last <= first else (last - first) / WEEK
    return Comparison(
        a=tuple(_by_start(a)),
        b=tuple(_by_start(b)),
        pairs=made,
        only_a=tuple(_by_start(incident for incident in a if incident.id not in paired_a)),
        only_b=tuple(_by_start(incident for incident in b if incident.id not in paired_b)),
        weeks=judged,
    )


def tally(incidents: Sequence[Incident], weeks: float | None) -> dict[str, int | float | None]:
    """Count incidents by where they were sent; pages per week are None if the weeks are unknown."""
    sent: Counter[Sent] = Counter(incident.sent for incident in incidents)
    return {
        "pages": sent["page"],
        "digest": sent["digest"],
        "none": sent["none"],
        "pages_per_week": round(sent["page"] / weeks, 3) if weeks else None,
    }


def outline(incident: Incident) -> dict[str, object]:
    """Return the identifying fields of an incident; ``incidents.jsonl`` has the rest."""
    return {
        "id": incident.id,
        "verdict": incident.verdict.value,
        "sent": incident.sent,
        "reason": incident.reason,
        "start": incident.start,
        "alerted": incident.alerted,
        "end": incident.end,
        "scope": incident.primary.about.as_answer(),
        "measure": incident.primary.measure.value,
    }


def _series(incident: Incident) -> tuple[ScopeOrEdge, Measure]:
    return incident.primary.about, incident.primary.measure


def _raised(former: Incident, present: Incident) -> bool:
    return present.sent == "page" and former.sent != "page"


def _by_start(incidents: Iterable[Incident]) -> list[Incident]:
    return sorted(incidents, key=lambda incident: (incident.start, incident.id))


IncidentPair = tuple[Incident, Incident]


def pairs(a: Sequence[Incident], b: Sequence[Incident]) -> list[IncidentPair]:
    """Return the incidents that are in both lists, as (of ``a``, its counterpart in ``b``), by start.

    Ids are unique within a list. The order of a list does not matter; swapping the lists swaps each pair and
    nothing else.

    Examples
    --------
    >>> pairs([], [])
    []
    """
    # Ties are resolved by order, so the orientation must always be the same.
    if sorted(incident.id for incident in b) < sorted(incident.id for incident in a):
        made = [(first, other) for other, first in _pairs(b, a)]
    else:
        made = _pairs(a, b)
    return sorted(made, key=_order)


def _order(two: IncidentPair) -> tuple[int, list[str]]:
    return min(incident.start for incident in two), sorted(incident.id for incident in two)


def _pairs(a: Sequence[Incident], b: Sequence[Incident]) -> list[IncidentPair]:
    left, right = ({incident.id: incident for incident in _by_start(incidents)} for incidents in (a, b))
    until = max((_last(incident) for incident in (*a, *b)), default=0)
    made = [(first, right[which]) for which, first in left.items() if which in right]
    for level in _LEVELS:
        for first, other in made:
            left.pop(first.id, None)
            right.pop(other.id, None)
        overlaps = {
            (first.id, other.id): seconds
            for first, other in level.related(left.values(), right.values())
            if (seconds := _overlap(first, other, until)) > 0
        }
        made += [(left[first], right[other]) for first, other in _heaviest(overlaps)]
    return made


class _Level(NamedTuple):
    """IncidentPair are related when the ``head`` of either is among ``all`` of the other."""

    head: Callable[[Incident], Hashable]
    all: Callable[[Incident], Iterable[Hashable]]

    def related(self, left: Iterable[Incident], right: Iterable[Incident]) -> Iterator[IncidentPair]:
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


def _common_series(finding: Finding) -> Hashable:
    return finding.about, finding.measure, _direction(finding)


def _direction(finding: Finding) -> str:
    # Growth overlaps with every sudden change of its scope, but is a different thing.
    return GROWTH if finding.verdict in (Verdict.GROWTH, Verdict.LIMIT) else direction(finding)


def _of_primary(incident: Incident) -> Hashable:
    return _common_series(incident.primary)


def _of_all(incident: Incident) -> set[Hashable]:
    return {_common_series(finding) for finding in (incident.primary, *incident.members)}


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

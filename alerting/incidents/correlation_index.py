"""Which live incidents a finding belongs to, without a scan over all incidents and their findings."""

from collections import Counter
from collections.abc import Iterator
from enum import StrEnum
from typing import Final

from alerting.incidents.correlation import (
    GROWTH,
    carriers,
    direction,
    is_about_broad,
    is_broad,
    is_service_failure,
    parts,
    subjects,
    taken_over,
)
from detectors.model.finding import Finding, Verdict
from detectors.model.scope import ACCOUNT, Scope

JOINS_SECONDS: Final = 2 * 3600
"""A finding that begins longer after every finding of an incident has a cause of its own: a level that stayed
for days, or a function that is gone, must not hide what happens to the same scopes later."""

_Starts = dict[str, Counter[int]]  # incident → start times of its findings under this key
_Key = tuple[object, ...]


class _Index(StrEnum):
    SERIES = "series"
    SUBJECT = "subject"  # scopes that a finding is about
    PART = "part"  # scopes that carry any part of it
    CARRIER = "carrier"  # scopes that carry a large part of it
    BROAD_PART = "part of a broad finding"  # as PART, of a finding about broad scopes only
    BROAD_CARRIER = "carrier of a broad finding"
    FAILING_PART = "part of a failing service"  # with the measure
    FAILING_CARRIER = "carrier of a failing service"
    ACCOUNT = "account"
    WIDE = "wide"  # accounts with a finding about the whole account
    ABSENT = "absent"  # accounts in which something is absent
    GAP = "gap"  # nothing arrives, of whichever account


_BROAD: Final = (_Index.BROAD_PART, _Index.BROAD_CARRIER)
"""Connects only findings that begin together."""

_INDIRECT: Final = (
    _Index.CARRIER,
    _Index.BROAD_CARRIER,
    _Index.FAILING_CARRIER,
    _Index.ACCOUNT,
    _Index.WIDE,
    _Index.ABSENT,
)
"""Connects two findings although neither is a part of the other. Not for a function that another one took
over: only its own callers share its cause (``alerting.incidents.correlation.is_adjacent``)."""


class CorrelationIndex:
    """An index of what the findings of live incidents are about, what carries them and when they begin.

    A new finding shares the cause of an earlier one of its account and direction when either is about
    something that carries a part of the other, or when the same caller or suspect carries a large part of
    both. Broad scopes (account, service, a client in all its versions) connect only findings that begin
    together: hours later, coincidence is likelier than a common cause, and hiding a new cause in an old
    message costs more than a second message. The same holds for the parts of an earlier broad finding:
    everything below a slow service carries a part of it, whatever fails there later, for whatever reason. But
    where a service fails, what carries a part of the same failure belongs to it at any time: with few calls,
    certainty takes longer.

    The index answers this for all incidents at once, so that the cost of a flood stays linear in its
    findings, whether they form ten thousand incidents or one. An updated finding replaces its former
    revision, so the answers are the same after a restart.
    """

    def __init__(self) -> None:
        self._findings: dict[str, dict[str, Finding]] = {}  # incident → finding id → as indexed
        self._index: dict[_Key, _Starts] = {}
        self._affected: Counter[str] = Counter()  # incident → findings about what nothing else took over

    def put(self, incident: str, finding: Finding) -> None:
        """Index a finding of an incident, in place of its former revision."""
        held = self._findings.setdefault(incident, {})
        former = held.get(finding.id)
        if former is not None:
            self._delete(incident, former, indirect=self._affected[incident] > 0)
        indirect = self._affected[incident] > 0
        held[finding.id] = finding
        self._affected[incident] += (not taken_over([finding])) - (
            former is not None and not taken_over([former])
        )
        self._insert(incident, finding, indirect=indirect)
        if (self._affected[incident] > 0) is not indirect:
            for each in held.values():
                self._delete(incident, each, indirect=indirect)
                self._insert(incident, each, indirect=not indirect)

    def remove(self, incident: str) -> None:
        """Remove an incident."""
        indirect = self._affected.pop(incident, 0) > 0
        for finding in self._findings.pop(incident, {}).values():
            self._delete(incident, finding, indirect=indirect)

    def same_series(self, finding: Finding) -> set[str]:
        """Return the incidents with a finding of the same series and direction."""
        return set(self._at(_Index.SERIES, finding, finding.about, finding.measure))

    def related(self, finding: Finding, gather: int) -> set[str]:
        """Return the incidents of the same cause; findings up to ``gather`` seconds apart begin together."""
        found: set[str] = set()
        together = min(gather, JOINS_SECONDS)
        for scope, index in _lookups(finding):
            within = together if is_broad(scope) or index in _BROAD else JOINS_SECONDS
            found.update(_starting(self._at(index, finding, scope), finding.start, within))
        for scopes, index in (
            (subjects(finding), _Index.FAILING_PART),
            (carriers(finding), _Index.FAILING_CARRIER),
        ):
            for scope in scopes:
                within = together if is_broad(scope) else JOINS_SECONDS
                starts = self._at(index, finding, scope, finding.measure)
                found.update(_starting(starts, finding.start, within))
        account = finding.about.account
        indices = [_Index.WIDE]
        indices += [_Index.ACCOUNT] if finding.about.kind == ACCOUNT else []
        indices += [_Index.ABSENT] if finding.verdict is Verdict.ABSENCE else []
        for index in indices:
            found.update(_starting(self._at(index, finding, account), finding.start, together))
        if finding.gap:
            found.update(_starting(self._at(_Index.GAP, finding), finding.start, JOINS_SECONDS))
        return found

    def _at(self, index: _Index, finding: Finding, *of: object) -> _Starts:
        return self._index.get((index, direction(finding), *of), {})

    def _insert(self, incident: str, finding: Finding, *, indirect: bool) -> None:
        for key in _keys(finding, indirect=indirect):
            self._index.setdefault(key, {}).setdefault(incident, Counter())[finding.start] += 1

    def _delete(self, incident: str, finding: Finding, *, indirect: bool) -> None:
        for key in _keys(finding, indirect=indirect):
            incidents = self._index[key]
            starts = incidents[incident]
            starts[finding.start] -= 1
            if not starts[finding.start]:
                del starts[finding.start]
            if not starts:
                del incidents[incident]
            if not incidents:
                del self._index[key]


def _lookups(finding: Finding) -> Iterator[tuple[Scope, _Index]]:
    """Yield where to look for findings that a new one may be connected with."""
    for scopes, indices in (
        (subjects(finding), (_Index.SUBJECT, _Index.PART, _Index.BROAD_PART)),
        (parts(finding), (_Index.SUBJECT,)),
        (carriers(finding), (_Index.CARRIER, _Index.BROAD_CARRIER)),
    ):
        for scope in scopes:
            for index in indices:
                yield scope, index


def _keys(finding: Finding, *, indirect: bool) -> Iterator[_Key]:
    """Yield the keys of a finding; findings of other directions have other causes."""
    way, account = direction(finding), finding.about.account
    found: list[_Key] = [(_Index.SERIES, way, finding.about, finding.measure)]
    if way != GROWTH:  # growth is reported series by series
        found += [(_Index.SUBJECT, way, scope) for scope in subjects(finding)]
        part, carrier = _BROAD if is_about_broad(finding) else (_Index.PART, _Index.CARRIER)
        found += [(part, way, scope) for scope in parts(finding)]
        found += [(carrier, way, scope) for scope in carriers(finding)]
        if is_service_failure(finding):
            found += [(_Index.FAILING_PART, way, scope, finding.measure) for scope in parts(finding)]
            found += [(_Index.FAILING_CARRIER, way, scope, finding.measure) for scope in carriers(finding)]
        found.append((_Index.ACCOUNT, way, account))
        if finding.about.kind == ACCOUNT:
            found.append((_Index.WIDE, way, account))
        if finding.verdict is Verdict.ABSENCE:
            found.append((_Index.ABSENT, way, account))
        if finding.gap:
            found.append((_Index.GAP, way))
    return (key for key in found if indirect or key[0] not in _INDIRECT)


def _starting(incidents: _Starts, start: int, within: int) -> Iterator[str]:
    return (
        incident
        for incident, starts in incidents.items()
        if any(abs(each - start) <= within for each in starts)
    )

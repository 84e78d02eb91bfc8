"""Which living cases a finding belongs to, without looking at all of them or all that they hold."""

from collections import Counter
from collections.abc import Iterator
from enum import StrEnum
from typing import Final

from alerting.incidents.correlation import (
    GROWTH,
    broad,
    carriers,
    direction,
    fails,
    parts,
    spread,
    subjects,
    taken_over,
)
from detectors.model.finding import Finding, Verdict
from detectors.model.scope import ACCOUNT, Scope

JOINS_SECONDS: Final = 2 * 3600
"""What begins longer after all that an incident holds has a cause of its own: a level that stayed for days,
or a function that is gone, must not hide what happens to the same scopes later."""

_Starts = dict[str, Counter[int]]  # case → when those of its findings began that stand here
_Key = tuple[object, ...]


class _Index(StrEnum):
    SERIES = "series"
    SUBJECT = "subject"  # scopes that a finding is about
    PART = "part"  # scopes that carry a part of it
    CARRIER = "carrier"  # scopes that carry a good part of it
    SPREAD_PART = "part of what is spread"  # as PART, of a finding about broad scopes only
    SPREAD_CARRIER = "carrier of what is spread"
    FAILING_PART = "part of a service that fails"  # by measure, too
    FAILING_CARRIER = "carrier of a service that fails"
    ACCOUNT = "account"
    WIDE = "wide"  # accounts that are meant as a whole
    ABSENT = "absent"  # accounts in which something is absent


_SPREAD: Final = (_Index.SPREAD_PART, _Index.SPREAD_CARRIER)
"""What connects only findings that begin together (``alerting.incidents.correlation.connected``)."""

_LOOSE: Final = (
    _Index.CARRIER,
    _Index.SPREAD_CARRIER,
    _Index.FAILING_CARRIER,
    _Index.ACCOUNT,
    _Index.WIDE,
    _Index.ABSENT,
)
"""What connects two findings although neither is a part of the other: not where another function took over,
which is of the same cause as its own callers only (``alerting.incidents.correlation.answers``)."""


class CorrelationIndex:
    """An index of what the findings of living cases are about, carry and begin with.

    It answers ``cause.connected`` for all findings of all cases at once, so that a flood of findings
    stays linear, be it ten thousand incidents or one. A finding that was told newer stands in it as it is
    now, so the answers are the same after a restart.
    """

    def __init__(self) -> None:
        self._held: dict[str, dict[str, Finding]] = {}  # case → finding id → as it stands in the index
        self._index: dict[_Key, _Starts] = {}
        self._affected: Counter[str] = Counter()  # case → findings of what nothing else took over

    def put(self, case: str, finding: Finding) -> None:
        """Index a finding of a case, in the place of what was told of it before."""
        held = self._held.setdefault(case, {})
        former = held.get(finding.id)
        if former is not None:
            self._strike(case, former, loose=self._affected[case] > 0)
        loose = self._affected[case] > 0
        held[finding.id] = finding
        self._affected[case] += (not taken_over([finding])) - (
            former is not None and not taken_over([former])
        )
        self._enter(case, finding, loose=loose)
        if (self._affected[case] > 0) is not loose:
            for each in held.values():
                self._strike(case, each, loose=loose)
                self._enter(case, each, loose=not loose)

    def remove(self, case: str) -> None:
        """Forget a case."""
        loose = self._affected.pop(case, 0) > 0
        for finding in self._held.pop(case, {}).values():
            self._strike(case, finding, loose=loose)

    def same_series(self, finding: Finding) -> set[str]:
        """Return the cases that hold a finding of the same series and direction."""
        return set(self._at(_Index.SERIES, finding, finding.about, finding.measure))

    def related(self, finding: Finding, gather: int) -> set[str]:
        """Return the cases that hold a finding with the same cause; ``gather`` seconds apart is together."""
        found: set[str] = set()
        together = min(gather, JOINS_SECONDS)
        for scope, index in _meets(finding):
            within = together if broad(scope) or index in _SPREAD else JOINS_SECONDS
            found.update(_begun(self._at(index, finding, scope), finding.start, within))
        for scopes, index in (
            (subjects(finding), _Index.FAILING_PART),
            (carriers(finding), _Index.FAILING_CARRIER),
        ):
            for scope in scopes:
                within = together if broad(scope) else JOINS_SECONDS
                starts = self._at(index, finding, scope, finding.measure)
                found.update(_begun(starts, finding.start, within))
        account = finding.about.account
        indices = [_Index.WIDE]
        indices += [_Index.ACCOUNT] if finding.about.kind == ACCOUNT else []
        indices += [_Index.ABSENT] if finding.verdict is Verdict.ABSENCE else []
        for index in indices:
            found.update(_begun(self._at(index, finding, account), finding.start, together))
        return found

    def _at(self, index: _Index, finding: Finding, *of: object) -> _Starts:
        return self._index.get((index, direction(finding), *of), {})

    def _enter(self, case: str, finding: Finding, *, loose: bool) -> None:
        for key in _keys(finding, loose=loose):
            self._index.setdefault(key, {}).setdefault(case, Counter())[finding.start] += 1

    def _strike(self, case: str, finding: Finding, *, loose: bool) -> None:
        for key in _keys(finding, loose=loose):
            starts = self._index[key]
            begun = starts[case]
            begun[finding.start] -= 1
            if not begun[finding.start]:
                del begun[finding.start]
            if not begun:
                del starts[case]
            if not starts:
                del self._index[key]


def _meets(finding: Finding) -> Iterator[tuple[Scope, _Index]]:
    """Yield where findings stand that a new one may be connected with."""
    for scopes, indices in (
        (subjects(finding), (_Index.SUBJECT, _Index.PART, _Index.SPREAD_PART)),
        (parts(finding), (_Index.SUBJECT,)),
        (carriers(finding), (_Index.CARRIER, _Index.SPREAD_CARRIER)),
    ):
        for scope in scopes:
            for index in indices:
                yield scope, index


def _keys(finding: Finding, *, loose: bool) -> Iterator[_Key]:
    """Yield where a finding stands; findings of other directions have other causes."""
    way, account = direction(finding), finding.about.account
    found: list[_Key] = [(_Index.SERIES, way, finding.about, finding.measure)]
    if way != GROWTH:  # growth is told series by series
        found += [(_Index.SUBJECT, way, scope) for scope in subjects(finding)]
        part, carrier = _SPREAD if spread(finding) else (_Index.PART, _Index.CARRIER)
        found += [(part, way, scope) for scope in parts(finding)]
        found += [(carrier, way, scope) for scope in carriers(finding)]
        if fails(finding):
            found += [(_Index.FAILING_PART, way, scope, finding.measure) for scope in parts(finding)]
            found += [(_Index.FAILING_CARRIER, way, scope, finding.measure) for scope in carriers(finding)]
        found.append((_Index.ACCOUNT, way, account))
        if finding.about.kind == ACCOUNT:
            found.append((_Index.WIDE, way, account))
        if finding.verdict is Verdict.ABSENCE:
            found.append((_Index.ABSENT, way, account))
    return (key for key in found if loose or key[0] not in _LOOSE)


def _begun(starts: _Starts, start: int, within: int) -> Iterator[str]:
    return (case for case, begun in starts.items() if any(abs(each - start) <= within for each in begun))

"""Decides which findings share a cause: how deep a finding lies, its direction, what connects two findings.

``CorrelationIndex`` finds the live incidents that a finding belongs to without a scan over all of them.
"""

import math
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from enum import StrEnum
from typing import Final

from detectors.explain.concentration import CARRIED, NEARLY_ONE
from detectors.model.finding import Finding, Verdict
from detectors.model.measures import LOADS, Measure
from detectors.model.scope import (
    ACCOUNT,
    CLIENT,
    FUNCTION,
    ROUTE,
    SERVICE,
    TABLE,
    TENANT,
    Edge,
    Scope,
    ScopeOrEdge,
)

_DEPTH: Final = {ACCOUNT: 0, SERVICE: 2, TENANT: 3, CLIENT: 4, ROUTE: 6, FUNCTION: 8, TABLE: 10}
CARRIES: Final = 0.2  # a caller with a smaller share of the excess connects nothing

_MOST: Final = 0.5  # share of a fall that an absence must carry to be its headline

_FEW: Final = 3  # failures elsewhere, by which it shows that a part is not all of it

_SERVES: Final = 0.5  # share of a function's calls that routes must make: queues and timers are not routes

_PRECEDENCE: Final = {
    Measure.THROTTLES: 3,
    Measure.WCU: 2,
    Measure.RCU: 2,
    Measure.LATENCY_CODE: -1,
    Measure.LATENCY_AUTH: -1,
    Measure.LATENCY: -2,
}
"""At one depth, the measure that limits first explains best: capacity rather than the calls that used it.

The layer where time is lost explains more than the total latency.
"""

_BREAKS: Final = (Measure.ERRORS_BACKEND, Measure.ERRORS_FATAL)
_FAILURES: Final = (Measure.ERRORS_USER, *_BREAKS)

UP: Final = "up"
DOWN: Final = "down"
GROWTH: Final = "growth"


def depth(finding: Finding) -> int:
    """Return the depth of a finding (of an edge, just above its target): the deeper one explains the other.

    Calls come from above: a table has no calls because its callers are absent, never the other way round.
    """
    about = finding.about
    if finding.verdict is Verdict.ABSENCE and about.kind == TABLE:
        return _DEPTH[SERVICE] - 1
    return _DEPTH[about.target.kind] - 1 if isinstance(about, Edge) else _DEPTH[about.kind]


def explains_more(one: Finding, other: Finding) -> bool:
    """Return whether ``one`` is the better primary: deeper, of a more specific measure, of a higher score."""
    return _rank(one) > _rank(other)


def may_replace(one: Finding, other: Finding) -> bool:
    """Return whether ``one`` may replace ``other`` as the primary of a message that people have read.

    A deeper finding may replace a shallower one, an absence a drop, and a drop an absence that is only a
    small part of it. An absence never replaces an absence: the message names their common scope or the first
    of them.
    """
    if wider_fall(other, [one]) is one:
        return True
    if Verdict.ABSENCE in (one.verdict, other.verdict):
        return one.verdict is not other.verdict and one.verdict is Verdict.ABSENCE
    return depth(one) > depth(other)


def is_small_part(one: Finding, other: Finding) -> bool:
    """Return whether two findings count the same failures, and ``one`` carries less than half of ``other``'s.

    A function whose requests fail as those of all others do explains nothing: as in
    ``detectors.explain.concentration``, only what it has beyond its part of the requests is carried by it.
    """
    (failing, requests, _), (whole, of, seconds) = _rates(one), _rates(other)
    if one.measure is not other.measure or not 0 < failing < whole or (whole - failing) * seconds < _FEW:
        return False
    carries, part = failing / whole, requests / of
    surely = carries - 2 * math.sqrt(carries * (1 - carries) / (whole * seconds))
    return (surely if part > NEARLY_ONE else (surely - part) / (1 - part)) < CARRIED


def wider_failure(finding: Finding, findings: Iterable[Finding]) -> Finding | None:
    """Return the deepest finding of failures that one is only a small part of."""
    wider = [other for other in findings if is_small_part(finding, other) and depth(other) < depth(finding)]
    return max(wider, key=lambda other: (depth(other), _rates(other), other.id), default=None)


def _rates(finding: Finding) -> tuple[float, float, int]:
    """Return the failures beyond the usual and the requests, per second, and of how many seconds."""
    failures = finding.failures
    if failures is None or not failures.seconds:
        return 0.0, 0.0, 0
    failing = max(failures.failed - failures.usual * failures.requests, 0.0)
    return failing / failures.seconds, failures.requests / failures.seconds, failures.seconds


def common_absence(findings: Iterable[Finding]) -> Finding | None:
    """Return the absence of the scope shared by several absent functions or routes; None if there is none.

    A single absent function is its own headline, and so is its route; the headline of several is their
    service, or the whole account.
    """
    absent = [finding for finding in findings if finding.verdict is Verdict.ABSENCE]
    several = any(sum(finding.about.kind == kind for finding in absent) > 1 for kind in (FUNCTION, ROUTE))
    services = [finding for finding in absent if finding.about.kind == SERVICE]
    accounts = [finding for finding in absent if finding.about.kind == ACCOUNT]
    if not (several or len(services) > 1):
        return None
    widest = accounts or services[:2]
    return widest[0] if len(widest) == 1 else None


def wider_fall(absence: Finding, findings: Iterable[Finding]) -> Finding | None:
    """Return the deepest fall of which an absence is a part but not the greater part.

    Where a service falls to a tenth, one of its quiet functions gets no request at all. That function is not
    the headline.
    """
    if absence.verdict is not Verdict.ABSENCE or not isinstance(absence.about, Scope):
        return None
    wider = [
        finding
        for finding in findings
        if _includes(finding, absence.about) and not _is_most_of(absence, finding)
    ]
    return max(wider, key=lambda fall: (depth(fall), fall.expected - fall.observed, fall.id), default=None)


def _includes(fall: Finding, scope: Scope) -> bool:
    about = fall.about
    fell = fall.verdict in (Verdict.DROP, Verdict.SHIFT) and not fall.rises
    return fell and about != scope and (about.kind in (ACCOUNT, SERVICE) or scope in parts(fall))


def _is_most_of(absence: Finding, fall: Finding) -> bool:
    if fall.about in _callers(absence):  # a caller whose other calls continued
        return True
    carried = sum(share.share for share in fall.callers if share.scope == absence.about)
    missing = fall.expected - fall.observed
    requests = fall.measure is Measure.REQUESTS and absence.expected >= _MOST * missing
    return carried >= _MOST or requests


def _rank(finding: Finding) -> tuple[bool, int, bool, int, float, float, str]:
    deviation = abs(finding.observed - finding.expected) / max(abs(finding.expected), 1e-9)
    return (
        finding.verdict is Verdict.ABSENCE,
        depth(finding),
        finding.verdict in (Verdict.FATAL, Verdict.LIMIT),
        _PRECEDENCE.get(finding.measure, 0),
        finding.score,
        min(deviation, 1e9),
        finding.id,
    )


def direction(finding: Finding) -> str:
    """Return ``up``, ``down`` or ``growth``; findings of different directions are different incidents."""
    match finding.verdict:
        case Verdict.GROWTH:
            return GROWTH
        case Verdict.LIMIT:
            return UP if finding.near else GROWTH
        case _:
            return UP if finding.rises else DOWN


def taken_over(findings: Iterable[Finding]) -> bool:
    """Return whether another function does the work of the functions that these findings are about.

    Routes call them, and only functions fell: had their callers been absent or been refused, the routes would
    have fallen too. A deployment that replaces a function by its successor shows this.
    """
    return all(
        finding.about.kind == FUNCTION
        and finding.measure in (Measure.REQUESTS, Measure.BUSY)
        and direction(finding) == DOWN
        and sum(share.share for share in finding.callers if share.scope.kind == ROUTE) >= _SERVES
        for finding in findings
    )


def is_adjacent(finding: Finding, function: Finding) -> bool:
    """Return whether one finding is about a caller of the function that the other is about, or vice versa."""
    return finding.about in _callers(function) or function.about in _callers(finding)


def _callers(finding: Finding) -> set[ScopeOrEdge]:
    return {share.scope for share in finding.callers if share.scope.kind not in (CLIENT, TENANT)}


def subjects(finding: Finding) -> set[Scope]:
    """Return the scopes that the finding is about: two for an edge."""
    about = finding.about
    return {about.source, about.target} if isinstance(about, Edge) else {about}


def parts(finding: Finding) -> set[Scope]:
    """Return the scopes that carry any part of the finding."""
    return {*finding.touches, *(share.scope for share in (*finding.callers, *finding.suspects))}


def carriers(finding: Finding) -> set[Scope]:
    """Return the scopes that carry a large part of the finding."""
    # A large client carries a large part of everything: it connects only what it is a suspect of.
    suspected = {share.scope for share in finding.suspects if share.share >= CARRIES}
    if not finding.callers:  # a latency has no shares: any caller of what is slow may be the reason
        return suspected | {scope for scope in finding.touches if scope.kind not in (CLIENT, TENANT)}
    return suspected | {
        share.scope
        for share in finding.callers
        if share.share >= CARRIES and share.scope.kind not in (CLIENT, TENANT)
    }


def is_broad(scope: Scope) -> bool:
    """Return whether a scope carries so much traffic that it connects only findings that begin together."""
    return scope.kind in (ACCOUNT, SERVICE) or (scope.kind == CLIENT and not scope.version)


def is_service_failure(finding: Finding) -> bool:
    """Return whether a finding is about a service that is still failing."""
    return finding.about.kind == SERVICE and finding.measure in _FAILURES and finding.state != "end"


def is_about_broad(finding: Finding) -> bool:
    """Return whether a finding is about broad scopes only."""
    return all(is_broad(scope) for scope in subjects(finding))


JOINS_SECONDS: Final = 2 * 3600
"""A finding that begins longer after the first one of an incident has a cause of its own: a level that stayed
for days, a function that is gone, or one burst after the other must not hide what happens to the same scopes
later. The same series goes on."""

RISES_WITH_SECONDS: Final = 120
"""A whole account that rises, and who calls, connect only what begins with it: a visitor who floods one
service, under the name of a usual client, must not hide what happens to another one soon after. A fall may
take minutes to be certain at one scope after the other."""

FAILS_WITH_SECONDS: Final = 900
"""What carries a part of a failing service fails with it: with few calls, that is seen later. What begins to
fail after that has a cause of its own, but for who calls it."""

_Starts = dict[str, Counter[int]]  # incident → start times of its findings under this key
_Key = tuple[object, ...]


class _Index(StrEnum):
    SERIES = "series"
    SUBJECT = "subject"  # scopes that a finding is about
    PART = "part"  # scopes that carry any part of it
    CARRIER = "carrier"  # scopes that carry a large part of it
    BROAD_PART = "part of a broad finding"  # a small PART, or one of a finding about broad scopes only
    BROAD_CARRIER = "carrier of a broad finding"
    FAILING_PART = "part of a failing service"  # with the measure
    FAILING_CARRIER = "carrier of a failing service"
    ACCOUNT = "account"
    WIDE = "wide"  # accounts with a finding about the whole account
    WIDE_PART = "part of a finding about a whole account"
    WIDE_CARRIER = "carrier of a finding about a whole account"
    ABSENT = "absent"  # accounts in which something is absent
    GAP = "gap"  # nothing arrives, of whichever account


_OF_BROAD: Final = (_Index.BROAD_PART, _Index.BROAD_CARRIER)
_OF_WIDE: Final = (_Index.WIDE_PART, _Index.WIDE_CARRIER)
_TOGETHER: Final = (*_OF_BROAD, *_OF_WIDE)
"""Connects only findings that begin together."""

_FAILING: Final = (_Index.FAILING_PART, _Index.FAILING_CARRIER)

_OF_ACCOUNT: Final = (_Index.ACCOUNT, _Index.WIDE, *_OF_WIDE)

_INDIRECT: Final = (
    _Index.CARRIER,
    _Index.BROAD_CARRIER,
    _Index.WIDE_CARRIER,
    _Index.FAILING_CARRIER,
    _Index.ACCOUNT,
    _Index.WIDE,
    _Index.ABSENT,
)
"""Connects two findings although neither is a part of the other. Not for a function that another one took
over: only its own callers share its cause (``is_adjacent``)."""


class CorrelationIndex:
    """An index of what the findings of live incidents are about, what carries them and when they begin.

    A new finding shares the cause of an earlier one of its account and direction when either is about
    something that carries a part of the other, or when the same caller or suspect carries a large part of
    both. Broad scopes (account, service, a client in all its versions) connect only findings that begin
    together: hours later, coincidence is likelier than a common cause, and hiding a new cause in an old
    message costs more than a second message. The same holds for small parts, and for all of an
    earlier broad finding: everything below a slow service carries a part of it, whatever fails there later.
    But where a service fails, what carries a part of the same failure belongs to it for
    ``FAILS_WITH_SECONDS``, and so do its callers for as long as anything does.

    The index answers this for all incidents at once, so that the cost of a flood stays linear in its
    findings, whether they form ten thousand incidents or one. An updated finding replaces its former
    revision, so the answers are the same after a restart.
    """

    def __init__(self) -> None:
        self._findings: dict[str, dict[str, Finding]] = {}  # incident → finding id → as indexed
        self._first: dict[str, int] = {}  # incident → when its first finding began
        self._index: dict[_Key, _Starts] = {}
        self._affected: Counter[str] = Counter()  # incident → findings that no other function took over

    def put(self, incident: str, finding: Finding) -> None:
        """Index a finding of an incident, in place of its former revision."""
        held = self._findings.setdefault(incident, {})
        former = held.get(finding.id)
        if former is not None:
            self._delete(incident, former, indirect=self._affected[incident] > 0)
        indirect = self._affected[incident] > 0
        held[finding.id] = finding
        if former is None or former.start != self._first[incident]:
            self._first[incident] = min(self._first.get(incident, finding.start), finding.start)
        else:
            self._first[incident] = min(known.start for known in held.values())
        self._affected[incident] += (not taken_over([finding])) - (
            former is not None and not taken_over([former])
        )
        self._insert(incident, finding, indirect=indirect)
        if (self._affected[incident] > 0) is not indirect:
            for known in held.values():
                self._delete(incident, known, indirect=indirect)
                self._insert(incident, known, indirect=not indirect)

    def remove(self, incident: str) -> None:
        """Remove an incident."""
        indirect = self._affected.pop(incident, 0) > 0
        self._first.pop(incident, None)
        for finding in self._findings.pop(incident, {}).values():
            self._delete(incident, finding, indirect=indirect)

    def same_series(self, finding: Finding) -> set[str]:
        """Return the incidents with a finding of the same series and direction."""
        return set(self._index.get((_Index.SERIES, direction(finding), finding.about, finding.measure), ()))

    def related(self, finding: Finding, gather: int) -> set[str]:
        """Return the incidents of the same cause; findings up to ``gather`` seconds apart begin together."""
        found: set[str] = set()
        rises, kind = direction(finding) == UP, finding.about.kind
        takes_in = {_way(finding) + cause: seconds for cause, seconds in _takes_in(finding).items()}
        # what a client or a tenant does belongs to what it calls; through them, nothing else belongs together
        through = (ACCOUNT,) if kind in (CLIENT, TENANT) else (ACCOUNT, CLIENT, TENANT)
        for index, place, together in _lookups(finding):
            most = gather if together else JOINS_SECONDS
            if rises and (kind == ACCOUNT or index in _OF_ACCOUNT or _leads_through(place, through)):
                most = min(most, RISES_WITH_SECONDS)
            elif index in _FAILING and kind not in (CLIENT, TENANT):
                most = min(most, FAILS_WITH_SECONDS)
            for way, seconds in takes_in.items():
                within = min(most, seconds)
                for incident, starts in self._index.get((index, way, *place), {}).items():
                    late = finding.start - self._first[incident] > JOINS_SECONDS
                    if late or (index is _Index.ABSENT and finding.start - min(starts) > within):
                        continue  # else one after the other would make a chain without an end
                    if any(abs(start - finding.start) <= within for start in starts):
                        found.add(incident)
        return found

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


def _leads_through(place: _Key, kinds: Collection[str]) -> bool:
    return any(isinstance(part, Scope) and part.kind in kinds for part in place)


_STATED: Final = ", as stated"
_CALLED: Final = ", as called"


def _cause(finding: Finding) -> str:
    """Return whether a finding is about what others decide: what they say, do wrong, or call more often."""
    if finding.measure.key or finding.measure is Measure.ERRORS_USER:
        return _STATED
    return _CALLED if finding.measure in LOADS and direction(finding) == UP else ""


def _takes_in(finding: Finding) -> dict[str, int]:
    """Return, by the cause of an earlier finding, how long before it may have begun to take in this one.

    What others decide must not hide what only the backend does: too many calls may break it within minutes,
    wrong ones, and a figure that somebody sends, do not.
    """
    return {
        "": JOINS_SECONDS,
        _STATED: JOINS_SECONDS if _cause(finding) == _STATED else RISES_WITH_SECONDS,
        _CALLED: FAILS_WITH_SECONDS if finding.measure in _BREAKS else JOINS_SECONDS,
    }


def may_take_in(earlier: Finding, finding: Finding, seconds: int) -> bool:
    """Return whether what began ``seconds`` earlier may be the cause of a finding, as far as measures go."""
    return _way(earlier) == _way(finding) and seconds <= _takes_in(finding)[_cause(earlier)]


def _way(finding: Finding) -> str:
    """Return what findings of one cause have in common: their direction, and whether they are about levels.

    Anybody may state a level of anything: it must not take in what happens to the requests of that. Quotas
    that come near in the same minutes are a deed each.
    """
    if not finding.measure.level:
        return direction(finding)
    level = finding.measure if finding.verdict is Verdict.LIMIT else "a level"
    return f"{direction(finding)} of {level}"


def _lookups(finding: Finding) -> Iterator[tuple[_Index, _Key, bool]]:
    """Yield where what is connected with a new finding is indexed, and whether only if it begins together.

    The keys have the way of the earlier finding between index and place.
    """
    account, measure = finding.about.account, finding.measure
    for scopes, indices, failing in (
        (
            subjects(finding),
            (_Index.SUBJECT, _Index.PART, _Index.BROAD_PART, _Index.WIDE_PART),
            _Index.FAILING_PART,
        ),
        (
            carriers(finding),
            (_Index.SUBJECT, _Index.CARRIER, _Index.BROAD_CARRIER, _Index.WIDE_CARRIER),
            _Index.FAILING_CARRIER,
        ),
    ):
        for scope in scopes:
            for index in indices:
                yield index, (scope,), is_broad(scope) or index in _TOGETHER
            yield failing, (scope, measure), is_broad(scope)
    for scope in parts(finding) - carriers(finding):
        yield _Index.SUBJECT, (scope,), True
    yield _Index.WIDE, (account,), True
    if finding.about.kind == ACCOUNT:
        yield _Index.ACCOUNT, (account,), True
    if finding.verdict is Verdict.ABSENCE:
        yield _Index.ABSENT, (account,), True
    if finding.gap:
        yield _Index.GAP, (), False


def _keys(finding: Finding, *, indirect: bool) -> Iterator[_Key]:
    """Yield the keys of a finding; findings of other ways have other causes."""
    way, account = _way(finding) + _cause(finding), finding.about.account
    found: list[_Key] = [(_Index.SERIES, direction(finding), finding.about, finding.measure)]
    if direction(finding) != GROWTH:  # growth is reported series by series
        found += [(_Index.SUBJECT, way, scope) for scope in subjects(finding)]
        wide = finding.about.kind == ACCOUNT
        together = _OF_WIDE if wide else _OF_BROAD
        part, carrier = together if is_about_broad(finding) else (_Index.PART, _Index.CARRIER)
        carrying = carriers(finding)
        found += [(part if scope in carrying else together[0], way, scope) for scope in parts(finding)]
        found += [(carrier, way, scope) for scope in carrying]
        if is_service_failure(finding):
            found += [(_Index.FAILING_PART, way, scope, finding.measure) for scope in parts(finding)]
            found += [(_Index.FAILING_CARRIER, way, scope, finding.measure) for scope in carriers(finding)]
        found.append((_Index.ACCOUNT, way, account))
        if wide:
            found.append((_Index.WIDE, way, account))
        if finding.verdict is Verdict.ABSENCE:
            found.append((_Index.ABSENT, way, account))
        if finding.gap:
            found.append((_Index.GAP, way))
    return (key for key in found if indirect or key[0] not in _INDIRECT)

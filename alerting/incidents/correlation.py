"""Which findings have one cause: how deep a finding lies, which way it points, what connects two."""

from collections.abc import Iterable
from typing import Final

from detectors.model.finding import Finding, Verdict
from detectors.model.measures import Measure
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
_CARRIES: Final = 0.2  # a caller with less of the excess than this connects nothing to anything

_MOST: Final = 0.5  # part of a fall that an absence must carry to be its story

_SERVES: Final = 0.5  # part of a fall that routes must carry: a queue or a clock is no route

_TELLING: Final = {
    Measure.THROTTLES: 3,
    Measure.WCU: 2,
    Measure.RCU: 2,
    Measure.LATENCY_CODE: -1,
    Measure.LATENCY_AUTH: -1,
    Measure.LATENCY: -2,
}
"""At one depth, what limits first explains best: capacity rather than the calls that used it.

Where time is lost tells more than that it is.
"""

_FAILURES: Final = (Measure.ERRORS_USER, Measure.ERRORS_BACKEND, Measure.ERRORS_FATAL)

UP: Final = "up"
DOWN: Final = "down"
GROWTH: Final = "growth"


def depth(finding: Finding) -> int:
    """Return how deep the finding lies (an edge just above its target): the deeper one explains.

    Calls come from above: nobody calls a table because its callers are absent, never the other way round.
    """
    about = finding.about
    if finding.verdict is Verdict.ABSENCE and about.kind == TABLE:
        return _DEPTH[SERVICE] - 1
    return _DEPTH[about.target.kind] - 1 if isinstance(about, Edge) else _DEPTH[about.kind]


def explains_more(one: Finding, other: Finding) -> bool:
    """Tell whether ``one`` is the better primary: deeper, of a more telling measure, of a higher score."""
    return _rank(one) > _rank(other)


def tells_more(one: Finding, other: Finding) -> bool:
    """Tell whether ``one`` may take the place of ``other`` in a message that people have read.

    A deeper finding may, an absence that of what only fell, and a fall that of an absence that is but a small
    part of it. Among absences the message stays: it was about what they have in common, or the first of them.
    """
    if wider_fall(other, [one]) is one:
        return True
    if Verdict.ABSENCE in (one.verdict, other.verdict):
        return one.verdict is not other.verdict and one.verdict is Verdict.ABSENCE
    return depth(one) > depth(other)


def common_absence(findings: Iterable[Finding]) -> Finding | None:
    """Return the absence of the scope that several absent functions or routes have in common, if it is told.

    One absent function is the story itself, and so is its route; of many the story is their service, or
    the whole account.
    """
    absent = [finding for finding in findings if finding.verdict is Verdict.ABSENCE]
    several = any(sum(each.about.kind == kind for each in absent) > 1 for kind in (FUNCTION, ROUTE))
    services = [each for each in absent if each.about.kind == SERVICE]
    accounts = [each for each in absent if each.about.kind == ACCOUNT]
    if not (several or len(services) > 1):
        return None
    widest = accounts or services[:2]
    return widest[0] if len(widest) == 1 else None


def wider_fall(absence: Finding, findings: Iterable[Finding]) -> Finding | None:
    """Return the fall that an absence is only a small part of: the deepest one of which it has not the most.

    Where a service falls to a tenth, one quiet function of it has no request left. That is no story of the
    function.
    """
    if absence.verdict is not Verdict.ABSENCE or not isinstance(absence.about, Scope):
        return None
    wider = [each for each in findings if _holds(each, absence.about) and not _is_most_of(absence, each)]
    return max(wider, key=lambda each: (depth(each), each.expected - each.observed, each.id), default=None)


def _holds(fall: Finding, scope: Scope) -> bool:
    about = fall.about
    fell = fall.verdict in (Verdict.DROP, Verdict.SHIFT) and fall.observed < fall.expected
    return fell and about != scope and (about.kind in (ACCOUNT, SERVICE) or scope in parts(fall))


def _is_most_of(absence: Finding, fall: Finding) -> bool:
    if fall.about in _callers(absence):  # a caller whose other calls went on
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
        _TELLING.get(finding.measure, 0),
        finding.score,
        min(deviation, 1e9),
        finding.id,
    )


def direction(finding: Finding) -> str:
    """Return ``up``, ``down`` or ``growth``; findings that point different ways are different incidents."""
    match finding.verdict:
        case Verdict.GROWTH:
            return GROWTH
        case Verdict.LIMIT:
            return UP if finding.near else GROWTH
        case Verdict.DROP | Verdict.ABSENCE:
            return DOWN
        case Verdict.SHIFT:
            return DOWN if finding.observed < finding.expected else UP
        case _:
            return UP


def connected(new: Finding, held: Finding, *, together: bool) -> bool:
    """Tell whether a new finding has the cause of one of its account and direction that is held already.

    It does when either is about something that carries a part of the other, or when the same caller or
    suspect carries a good part of both. ``together`` says that they began at about the same time. Broad
    scopes (account, service, a client in all its versions) connect only then: hours later, a
    coincidence is likelier than a cause, and hiding a new cause in an old message would cost more
    than a second message. What carries a part of a broad finding that is held connects only then, too:
    all that lies below a slow service carries a part of it, whatever goes wrong there later and why. But
    where a service fails, what carries a part of the same failure is a part of it whenever that shows: few
    calls take longer to be sure of.
    """
    if together and ACCOUNT in (new.about.kind, held.about.kind):
        return True
    if together and new.verdict is held.verdict is Verdict.ABSENCE:
        return True  # two scopes of one account that fall absent at one time have one cause
    mine, theirs = subjects(new), subjects(held)
    found = (mine & theirs) | (theirs & parts(new))
    if together or not spread(held) or (fails(held) and new.measure is held.measure):
        found |= (mine & parts(held)) | (carriers(new) & carriers(held))
    return bool(found) if together else any(not broad(scope) for scope in found)


def taken_over(findings: Iterable[Finding]) -> bool:
    """Tell whether another function does what these functions did.

    They are called by routes, and nothing but functions fell: had their callers fallen absent, or been
    refused, the routes would have fallen too. So it looks when a function is replaced by its successor.
    """
    return all(
        finding.about.kind == FUNCTION
        and finding.measure in (Measure.REQUESTS, Measure.BUSY)
        and direction(finding) == DOWN
        and sum(share.share for share in finding.callers if share.scope.kind == ROUTE) >= _SERVES
        for finding in findings
    )


def answers(finding: Finding, taken: Finding) -> bool:
    """Tell whether ``finding`` is about what calls the function of ``taken``, or about what it calls."""
    return finding.about in _callers(taken) or taken.about in _callers(finding)


def _callers(finding: Finding) -> set[ScopeOrEdge]:
    return {share.scope for share in finding.callers if share.scope.kind not in (CLIENT, TENANT)}


def subjects(finding: Finding) -> set[Scope]:
    """Return the scopes that the finding is about."""
    about = finding.about
    return {about.source, about.target} if isinstance(about, Edge) else {about}


def parts(finding: Finding) -> set[Scope]:
    """Return the scopes that carry a part of it."""
    return {*finding.touches, *(share.scope for share in (*finding.callers, *finding.suspects))}


def carriers(finding: Finding) -> set[Scope]:
    """Return the scopes that carry a good part of it."""
    # A large client carries a large part of everything: it connects what it is the suspect of.
    suspected = {share.scope for share in finding.suspects if share.share >= _CARRIES}
    if not finding.callers:  # a latency is nobody's share: whoever calls what is slow may be why
        return suspected | {scope for scope in finding.touches if scope.kind not in (CLIENT, TENANT)}
    return suspected | {
        share.scope
        for share in finding.callers
        if share.share >= _CARRIES and share.scope.kind not in (CLIENT, TENANT)
    }


def broad(scope: Scope) -> bool:
    """Tell whether so much goes through a scope that it connects only what begins with it."""
    return scope.kind in (ACCOUNT, SERVICE) or (scope.kind == CLIENT and not scope.version)


def fails(finding: Finding) -> bool:
    """Tell whether a finding says that a service fails, and goes on."""
    return finding.about.kind == SERVICE and finding.measure in _FAILURES and finding.state != "end"


def spread(finding: Finding) -> bool:
    """Tell whether a finding is about broad scopes only."""
    return all(broad(scope) for scope in subjects(finding))

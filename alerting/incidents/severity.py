"""Grades an incident and finds the routes it hurts, from its findings alone (table: docs/alerts.md)."""

from collections.abc import Sequence
from enum import IntEnum, StrEnum
from typing import Final, Literal, NamedTuple

from detectors.model.finding import Finding, Verdict
from detectors.model.measures import LATENCIES, Measure
from detectors.model.scope import ACCOUNT, ROUTE, SERVICE, Scope
from detectors.model.sentence import has_multiple

GradeWord = Literal["low", "medium", "high", "critical"]
_WORDS: Final[tuple[GradeWord, ...]] = ("low", "medium", "high", "critical")


class Grade(IntEnum):
    """The grades, by harm to the users of the backend."""

    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4

    @property
    def word(self) -> GradeWord:
        """The name in JSON and labels: ``critical``."""
        return _WORDS[self - 1]


class Harm(StrEnum):
    """The reason for a level; of two with the same level, the first is named."""

    ERRORS = "errors"  # of the backend; ``share`` of the requests, 0 if unknown
    NO_REQUESTS = "no_requests"
    THROTTLED = "throttled"  # ``share`` of the calls, 0 if unknown
    LIMIT = "limit"  # ``share`` of it that is used at its peak
    FEWER_REQUESTS = "fewer_requests"  # ``share`` of the expected that is missing
    SLOW = "slow"  # ``share``: times the expected latency in its span, 0 where that is nearly nothing
    USER_ERRORS = "user_errors"  # ``share`` of the requests, 0 if unknown
    GROWTH = "growth"
    LOAD = "load"  # a change without any of the above


class Severity(NamedTuple):
    """A level with its reason."""

    level: Grade
    harm: Harm
    share: float = 0.0


MANY: Final = 0.05
"""From this share of failed requests on, an incident is critical."""

SOME: Final = 0.01
"""From this share of failed or throttled requests on, it is high."""

FEWEST: Final = 10
"""Failures needed for critical: one of two requests at night is half of them, and still one."""

USER_ERRORS: Final = 0.1
"""From this share on, errors of users are medium: a client is probably broken."""

LITTLE_LEFT: Final = 0.9
"""Used share of a limit from which on it is high: what is left may not outlast the next minutes."""

GETTING_NEAR: Final = 0.8
"""Used share of a limit from which on it is medium."""

MOST_MISSING: Final = 0.9
"""Missing share of the requests from which on a drop is as bad as an absence."""

_ORDER: Final = {harm: number for number, harm in enumerate(Harm)}
_WIDE: Final = (ACCOUNT, SERVICE)
_BACKEND: Final = (Measure.ERRORS_BACKEND, Measure.ERRORS_FATAL)


def severity(findings: Sequence[Finding]) -> Severity:
    """Return the severity of an incident: the worst of its open findings, or of all once none is open."""
    return of_finding(worst(findings))


def worst(findings: Sequence[Finding]) -> Finding:
    """Return the finding that decides about the severity of an incident.

    Of several as bad as that, it is the first of all, which the message is about, ended or not: a share is
    read as one of what stands in the title.
    """

    def rank(finding: Finding) -> tuple[Grade, int, float]:
        found = of_finding(finding)
        return found.level, -_ORDER[found.harm], found.share

    first, found = findings[0], max(_decisive(findings), key=rank)
    is_as_bad = first.state != "withdrawn" and rank(first)[:2] == rank(found)[:2]
    return first if is_as_bad else found


def of_finding(finding: Finding) -> Severity:  # noqa: PLR0911  a line of the table each
    """Return the severity of a finding."""
    observed, expected = finding.figures
    measure, rises = finding.measure, finding.rises
    most = finding.observed if finding.peak is None else finding.peak
    used = most / finding.limit if finding.limit else 0.0
    share = 0.0 if finding.failures is None else finding.failures.share
    if finding.verdict is Verdict.ABSENCE:
        grade = Grade.CRITICAL if finding.about.kind in _WIDE else Grade.HIGH
        if finding.added_up is not None and 0 < observed < expected:  # so few that it went on
            missing = 1 - observed / expected
            return Severity(grade if missing >= MOST_MISSING else Grade.MEDIUM, Harm.FEWER_REQUESTS, missing)
        return Severity(grade, Harm.NO_REQUESTS)
    if measure in _BACKEND and rises:
        return Severity(_of_errors(finding), Harm.ERRORS, share)
    if rises and (measure is Measure.THROTTLES or finding.throttled or finding.throttle_reasons):
        few = finding.failures is not None and share < SOME
        return Severity(Grade.MEDIUM if few else Grade.HIGH, Harm.THROTTLED, share)
    if finding.growth is not None and not finding.near:
        return Severity(Grade.LOW, Harm.GROWTH)
    if used >= GETTING_NEAR or (finding.verdict is Verdict.LIMIT and finding.near):
        return Severity(_of_use(finding, used), Harm.LIMIT, used)
    if measure is Measure.REQUESTS and not rises:
        missing = 1 - observed / expected if expected > 0 else 0.0
        return Severity(Grade.HIGH if missing >= MOST_MISSING else Grade.MEDIUM, Harm.FEWER_REQUESTS, missing)
    if measure in LATENCIES and rises:
        times = observed / expected if has_multiple(measure, observed, expected) else 0.0
        return Severity(Grade.MEDIUM, Harm.SLOW, times)
    if measure is Measure.ERRORS_USER and rises:
        return Severity(Grade.MEDIUM if share >= USER_ERRORS else Grade.LOW, Harm.USER_ERRORS, share)
    return Severity(Grade.LOW, Harm.LOAD)


def _of_use(finding: Finding, used: float) -> Grade:
    if finding.verdict is Verdict.LIMIT and not finding.near:  # of the digest: as on the days before
        return Grade.LOW
    return Grade.HIGH if used >= LITTLE_LEFT else Grade.MEDIUM


def _of_errors(finding: Finding) -> Grade:
    failures = finding.failures
    if failures is None:  # of a version that did not count the requests
        return Grade.HIGH
    if failures.share >= MANY and failures.failed >= FEWEST:
        return Grade.CRITICAL
    return Grade.HIGH if failures.share >= SOME else Grade.MEDIUM


class Reached(NamedTuple):
    """The requests of the scope that an incident is about, and the routes that it hurts."""

    requests: float | None  # of a table, calls; None if unknown
    seconds: int  # the time that they were counted in
    routes: list[Scope]  # those with the most requests first
    more: int  # routes that are counted only


def reached(findings: Sequence[Finding]) -> Reached:
    """Return the requests that reached the scope of an incident, and their routes.

    The first of the findings is the one that the incident is about. Where none reaches it, as with a route,
    they are those with a finding of their own.
    """
    affected = findings[0].affected
    routes = [] if affected is None else affected.routes
    if not routes:
        abouts = (finding.about for finding in _decisive(findings))
        routes = [about for about in abouts if isinstance(about, Scope) and about.kind == ROUTE]
    if not routes:  # of a version that did not count them
        routes = [scope for scope in findings[0].touches if scope.kind == ROUTE]
    routes = list(dict.fromkeys(routes))
    if affected is None or not affected.seconds:
        return Reached(None, 0, routes, 0)
    return Reached(affected.requests, affected.seconds, routes, affected.more_routes)


def _decisive(findings: Sequence[Finding]) -> list[Finding]:
    return _only(findings, ("open", "update")) or _only(findings, ("end",)) or list(findings)


def _only(findings: Sequence[Finding], states: tuple[str, ...]) -> list[Finding]:
    return [finding for finding in findings if finding.state in states]

"""An incident: findings that belong together, reported as one."""

from collections.abc import Iterable
from typing import Final, Literal

import msgspec

from alerting.incidents.preceding import PrecedingChange
from alerting.incidents.severity import Reached, Severity, reached, severity
from detectors.explain.examples import EACH, Why, weight, why
from detectors.model.finding import Finding, Verdict, shares_of_whole
from detectors.model.request_example import RequestExample
from detectors.model.scope import CLIENT, FUNCTION, ROUTE, TABLE, TENANT

State = Literal["open", "worsening", "easing", "resolved", "withdrawn"]
Sent = Literal["page", "digest", "none"]
WITHDRAWN: Final = "late data showed no deviation"

_BILLED: Final = (ROUTE, FUNCTION, TABLE)
"""Kinds of scope that cost what is billed there; all others have the whole cost of their requests."""


ILLUSTRATED: Final = 200
"""Live incidents that have examples, those that began first."""


_ORDER: Final = tuple(Why)


class IncidentExample(msgspec.Struct, frozen=True, kw_only=True):
    """A request, and why it is an example."""

    why: Why
    weight: float  # milliseconds, capacity units, or of a failure how much of it can be read
    request: RequestExample

    @classmethod
    def of(cls, finding: Finding, request: RequestExample) -> "IncidentExample | None":
        """Return a request as an example of a finding; None if it does not illustrate it."""
        found, reason = weight(finding, request), why(finding.measure)
        return None if found is None or reason is None else cls(why=reason, weight=found, request=request)

    def to_json(self) -> dict[str, object]:
        """Return the form in ``incidents.jsonl`` and webhooks."""
        return {"why": self.why.value, **self.request.to_json()}


def worst(examples: Iterable[IncidentExample], most: int = EACH) -> list[IncidentExample]:
    """Return the worst examples of each kind; a request is an example once."""
    found: list[IncidentExample] = []
    used: set[RequestExample] = set()
    ordered = sorted(
        examples, key=lambda example: (_ORDER.index(example.why), -example.weight, example.request.order)
    )
    for example in ordered:
        of_kind = sum(worse.why is example.why for worse in found)
        if of_kind < most and example.request not in used:
            used.add(example.request)
            found.append(example)
    return found


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """One incident in one of its states; a later state is another value with a higher ``revision``.

    All times are epoch seconds of event time. ``primary`` is the finding that explains the others, in its
    newest revision; ``members`` are the others, deepest first, without their traces.
    """

    id: str
    revision: int  # counts the states that were reported, from 0
    verdict: Verdict
    state: State
    start: int  # the earliest start of its findings
    alerted: int | None  # the watermark at which its message left; None before that
    end: int | None  # the latest end of its findings; None while any is open
    primary: Finding
    members: list[Finding]
    sent: Sent
    reason: str  # why it was, or was not, reported
    peak: float  # the primary's observed value where it was furthest from the expected one
    reopened: int = 0  # how often it recurred after it was resolved
    fingerprint: str = ""  # the same for incidents of the same thing: scope, measure, direction
    follows: str | None = None  # id of the last reported incident with this fingerprint, if remembered
    changes: list[PrecedingChange] = []  # shortly before its findings began, the nearest first
    examples: list[IncidentExample] = []  # a few of its requests

    @property
    def ended(self) -> bool:
        """True once it is resolved or withdrawn."""
        return self.state in ("resolved", "withdrawn")

    @property
    def severity(self) -> Severity:
        """The worst of its findings."""
        return severity([self.primary, *self.members])

    @property
    def reached(self) -> Reached:
        """The requests and routes that it hurts."""
        return reached([self.primary, *self.members])

    @property
    def costs(self) -> float | None:
        """US dollars an hour that it costs, or cost, more than expected; None if unknown.

        Routes, functions and tables are billed apart: those that deviate add up, each in its newest
        finding, but the primary as it is. All other scopes have the whole cost of their requests.
        """
        if self.primary.scope is None or self.primary.scope.kind not in _BILLED:
            return self.primary.costs
        known = {
            finding.scope: finding.costs
            for finding in (*sorted(self.members, key=lambda member: member.seen), self.primary)
            if finding.costs is not None and finding.scope is not None and finding.scope.kind in _BILLED
        }
        return sum(known.values()) if known else None

    @property
    def primary_span(self) -> tuple[int, int | None]:
        """Start and end of the primary's own series, over all its findings; no end while it is open.

        Other members may end later; readers would take the end of the slowest for that of the table.
        """
        primary = self.primary
        series = (primary.about, primary.measure)
        same = [primary, *(member for member in self.members if (member.about, member.measure) == series)]
        ends = [finding.end for finding in same if finding.end is not None]
        return min(finding.start for finding in same), None if self.end is None else max(
            ends, default=self.end
        )

    def to_json(self) -> dict[str, object]:
        """Return the line of ``incidents.jsonl``, with additional fields."""
        written = _evidence(self.primary)
        return {
            "id": self.id,
            "verdict": self.verdict.value,
            "sent": self.sent,
            "reason": self.reason,
            "start": self.start,
            "alerted": self.alerted,
            "end": self.end,
            **written,
            **({} if self.costs is None else {"costs": round(self.costs, 4)}),
            "causes": [cause.to_json() for cause in self.primary.causes],
            "members": [_member(member) for member in self.members],
            "sentence": self.primary.sentence,
            "severity": self.severity.to_json(),
            "affected": self.reached.to_json(),
            "state": self.state,
            "peak": self.peak,
            "reopened": self.reopened,
            "fingerprint": self.fingerprint,
            "follows": self.follows,
            "finding": self.primary.id,
            "changes": [change.to_json() for change in self.changes],
            "examples": [example.to_json() for example in self.examples],
        }


def finding_to_json(finding: Finding, incident: Incident | None = None) -> dict[str, object]:
    """Return the line of ``findings.jsonl`` for one finding in its newest revision.

    ``incident`` is the one that the finding belongs to. Only its primary finding carries what was sent, so
    that no message is counted twice.
    """
    primary = incident is not None and incident.primary.id == finding.id
    return {
        "id": finding.id,
        "verdict": finding.verdict.value,
        "sent": incident.sent if incident is not None and primary else "none",
        "reason": _reason(finding, incident),
        "start": finding.start,
        "alerted": incident.alerted if incident is not None and primary else None,
        "end": finding.end,
        **_evidence(finding),
        "causes": [cause.to_json() for cause in finding.causes],
        "sentence": finding.sentence,
        "state": finding.state,
        "revision": finding.revision,
        "incident": None if incident is None else incident.id,
        "changes": [
            change.after_start(finding).to_json()
            for change in (() if incident is None else incident.changes)
            if finding.id in change.findings
        ],
    }


def _reason(finding: Finding, incident: Incident | None) -> str:
    if finding.state == "withdrawn":
        return WITHDRAWN
    if incident is None:
        return ""
    return incident.reason if incident.primary.id == finding.id else "reported with a deeper finding"


def _evidence(finding: Finding) -> dict[str, object]:
    callers, suspects = shares_of_whole(finding)
    written: dict[str, object] = {
        "scope": finding.about.to_json(),
        "measure": finding.measure.value,
        "observed": finding.observed,
        "expected": finding.expected,
        "lower": finding.lower,
        "upper": finding.upper,
        "score": finding.score,
        "completeness": finding.completeness,
        "weeks_used": finding.weeks_used,
        "weeks_left_out": finding.weeks_left_out,
        "compared_with": finding.compared_with,
        "callers": [share.to_json() for share in callers if share.scope.kind not in (CLIENT, TENANT)],
        "suspects": [share.to_json() for share in suspects],
    }
    if finding.planned is not None:
        written["planned"] = msgspec.to_builtins(finding.planned)
    if finding.limit is not None:
        written["limit"] = finding.limit
    if finding.failures is not None:
        written["failures"] = msgspec.to_builtins(finding.failures)
    if finding.added_up is not None:
        written["added_up"] = msgspec.to_builtins(finding.added_up)
    if finding.costs is not None:
        written["costs"] = round(finding.costs, 4)
    if finding.throttle_reasons:
        written["throttle_reasons"] = finding.throttle_reasons
    if finding.verdict is Verdict.FATAL:
        written |= {"error_type": finding.error_type, "times": finding.times}
    if finding.growth is not None:
        written["growth"] = msgspec.to_builtins(finding.growth)
    return written


def _member(finding: Finding) -> dict[str, object]:
    return {
        "scope": finding.about.to_json(),
        "measure": finding.measure.value,
        "verdict": finding.verdict.value,
        "id": finding.id,
        "start": finding.start,
        "end": finding.end,
        "state": finding.state,
        "causes": [cause.to_json() for cause in finding.causes],
    }

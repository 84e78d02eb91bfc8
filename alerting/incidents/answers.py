"""Incidents and findings as programs receive them: in files of a replay, over HTTP and by webhooks.

The descriptions of these answers, for programs and assistants, are made of these types.
"""

from collections.abc import Sequence

import msgspec
from msgspec import UNSET, UnsetType

from alerting.incidents.incident import WITHDRAWN, Incident, Sent, State
from alerting.incidents.severity import GradeWord, Harm, Reached, Severity
from detectors.explain.examples import Why
from detectors.model.copy_fields import copy_fields
from detectors.model.finding import (
    AddedUp,
    Cause,
    ComparedWith,
    Concentration,
    Failures,
    Finding,
    Growth,
    Plan,
    RestsOn,
    Share,
    Verdict,
    shares_of_whole,
)
from detectors.model.finding import State as FindingState
from detectors.model.measures import Measure
from detectors.model.request_example import RequestExample
from detectors.model.scope import CLIENT, TENANT, ScopeAnswer
from detectors.model.stated import StatedChange


class SeverityAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """How bad it is, and what that follows from; ``share`` is what ``harm`` says, from 0 to 1 or times."""

    level: GradeWord
    harm: Harm
    share: float


class AffectedAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Who it hurts: requests in so many seconds, None where unknown, and the routes that they came by."""

    requests: int | None
    seconds: int
    routes: list[str]
    more_routes: int


class ShareAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A caller's part of the excess: ``more_calls`` and ``more_per_call`` add up to ``share``."""

    kind: str
    name: str
    version: str | UnsetType = UNSET
    share: float
    more_calls: float
    more_per_call: float


class CauseAnswer(ScopeAnswer, frozen=True, kw_only=True):
    """The finding that explains a part ``score`` of this one, from 0 to 1."""

    measure: Measure
    score: float


class MemberAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Another finding of the incident."""

    scope: ScopeAnswer
    measure: Measure
    verdict: Verdict
    id: str
    start: int
    end: int | None
    state: FindingState
    causes: list[CauseAnswer]


class ChangeAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Something was deployed or configured; ``after`` is the seconds until the incident began, or ended."""

    ts: float
    of: ScopeAnswer
    what: str
    version: str
    by: str
    url: str
    after: int | UnsetType = UNSET


class ExampleEntry(RequestExample, frozen=True, kw_only=True):
    """A request of the incident."""

    why: Why


class EvidenceAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What incidents and findings have in common; the figures are those of one finding.

    Times are epoch seconds of event time; amounts are per second, milliseconds of a latency, of a level
    itself. ``reason`` says why it was, or was not, reported.
    """

    id: str
    verdict: Verdict
    sent: Sent
    reason: str
    start: int
    alerted: int | None
    end: int | None
    scope: ScopeAnswer
    measure: Measure
    observed: float
    expected: float
    lower: float
    upper: float
    score: float
    completeness: float
    weeks_used: list[int]
    weeks_left_out: list[int]
    compared_with: ComparedWith
    callers: list[ShareAnswer]
    suspects: list[ShareAnswer]
    planned: Plan | UnsetType = UNSET
    limit: float | UnsetType = UNSET
    failures: Failures | UnsetType = UNSET
    added_up: AddedUp | UnsetType = UNSET
    costs: float | UnsetType = UNSET  # US dollars an hour more than expected
    concentration: Concentration | UnsetType = UNSET
    rests_on: RestsOn | UnsetType = UNSET
    throttle_reasons: dict[str, float] | UnsetType = UNSET
    error_type: str | UnsetType = UNSET
    times: int | UnsetType = UNSET
    growth: Growth | UnsetType = UNSET
    causes: list[CauseAnswer]


class FindingEntry(EvidenceAnswer, frozen=True, kw_only=True):
    """A line of ``findings.jsonl``: one finding in its newest revision."""

    sentence: str
    state: FindingState
    revision: int
    incident: str | None
    changes: list[ChangeAnswer]


class IncidentEntry(EvidenceAnswer, frozen=True, kw_only=True):
    """A line of ``incidents.jsonl``, with the evidence of the finding that explains the others."""

    members: list[MemberAnswer]
    sentence: str
    severity: SeverityAnswer
    affected: AffectedAnswer
    state: State
    peak: float
    reopened: int
    fingerprint: str
    follows: str | None
    finding: str
    changes: list[ChangeAnswer]
    ended_after: ChangeAnswer | None
    examples: Sequence[ExampleEntry]


def incident_entry(incident: Incident) -> IncidentEntry:
    """Return an incident as a replay writes it."""
    primary = incident.primary
    return copy_fields(
        IncidentEntry,
        incident,
        _evidence(primary),
        costs=UNSET if incident.costs is None else round(incident.costs, 4),
        concentration=UNSET if incident.concentration is None else incident.concentration,
        members=[_member(member) for member in incident.members],
        sentence=primary.sentence,
        severity=severity_answer(incident.severity),
        affected=_affected(incident.reached),
        finding=primary.id,
        changes=[change_answer(change.change, change.after) for change in incident.changes],
        ended_after=incident.ended_after
        and change_answer(incident.ended_after.change, incident.ended_after.after),
        examples=[
            copy_fields(ExampleEntry, example.request, why=example.why) for example in incident.examples
        ],
    )


def finding_entry(finding: Finding, incident: Incident | None = None) -> FindingEntry:
    """Return a finding as a replay writes it.

    ``incident`` is the one that the finding belongs to. Only its primary finding carries what was sent, so
    that no message is counted twice.
    """
    primary = incident is not None and incident.primary.id == finding.id
    return copy_fields(
        FindingEntry,
        _evidence(finding),
        finding,
        sent=incident.sent if incident is not None and primary else "none",
        reason=_reason(finding, incident),
        alerted=incident.alerted if incident is not None and primary else None,
        incident=None if incident is None else incident.id,
        changes=[
            change_answer(change.change, change.after_start(finding).after)
            for change in (() if incident is None else incident.changes)
            if finding.id in change.findings
        ],
    )


def _reason(finding: Finding, incident: Incident | None) -> str:
    if finding.state == "withdrawn":
        return WITHDRAWN
    if incident is None:
        return ""
    return incident.reason if incident.primary.id == finding.id else "reported with a deeper finding"


def _evidence(finding: Finding) -> EvidenceAnswer:
    callers, suspects = shares_of_whole(finding)
    fatal = finding.verdict is Verdict.FATAL
    return copy_fields(
        EvidenceAnswer,
        finding,
        sent="none",
        reason="",
        alerted=None,
        scope=finding.about.as_answer(),
        callers=[_share(share) for share in callers if share.scope.kind not in (CLIENT, TENANT)],
        suspects=[_share(share) for share in suspects],
        costs=UNSET if finding.costs is None else round(finding.costs, 4),
        throttle_reasons=finding.throttle_reasons or UNSET,
        error_type=finding.error_type if fatal else UNSET,
        times=finding.times if fatal else UNSET,
        causes=[_cause(cause) for cause in finding.causes],
    )


def severity_answer(severity: Severity) -> SeverityAnswer:
    """Return a severity as programs receive it."""
    return SeverityAnswer(level=severity.level.word, harm=severity.harm, share=round(severity.share, 4))


def change_answer(change: StatedChange, after: int | UnsetType = UNSET) -> ChangeAnswer:
    """Return a change as programs receive it; ``after`` in seconds."""
    return copy_fields(ChangeAnswer, change, of=change.about.as_answer(), after=after)


def _affected(reached: Reached) -> AffectedAnswer:
    return AffectedAnswer(
        requests=None if reached.requests is None else round(reached.requests),
        seconds=reached.seconds,
        routes=[route.name for route in reached.routes],
        more_routes=reached.more,
    )


def _share(share: Share) -> ShareAnswer:
    parts = {name: round(getattr(share, name), 4) for name in ("share", "more_calls", "more_per_call")}
    return copy_fields(ShareAnswer, share.scope, version=share.scope.version or UNSET, **parts)


def _cause(cause: Cause) -> CauseAnswer:
    scope = cause.scope.as_answer()
    return copy_fields(CauseAnswer, scope, measure=cause.measure, score=round(cause.score, 4))


def _member(finding: Finding) -> MemberAnswer:
    causes = [_cause(cause) for cause in finding.causes]
    return copy_fields(MemberAnswer, finding, scope=finding.about.as_answer(), causes=causes)

"""An incident: findings that belong together, told to people as one thing."""

from typing import Final, Literal

import msgspec

from detectors.model.finding import Finding, Verdict
from detectors.model.scope import CLIENT, TENANT

State = Literal["open", "worsening", "easing", "resolved", "withdrawn"]
OVER: Final = ("resolved", "withdrawn")
"""The states that ask nothing of anybody any more."""

Sent = Literal["page", "digest", "none"]
WITHDRAWN: Final = "late data showed that there was nothing"


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """One incident in one of its states; a later state is another value with a higher ``revision``.

    All times are epoch seconds of event time. ``primary`` is the finding that explains the others, in its
    newest telling; ``members`` are the others, deepest first, without their traces.
    """

    id: str
    revision: int  # counts the states that were told, from 0
    verdict: Verdict
    state: State
    start: int  # the earliest start of its findings
    alerted: int | None  # the watermark at which its message left; None while none has
    end: int | None  # the latest end of its findings; None while it is open
    primary: Finding
    members: list[Finding]
    sent: Sent
    reason: str  # why it was, or was not, told
    peak: float  # the primary's observed value where it was furthest from what was expected
    reopened: int = 0  # how often it came back after it was resolved
    fingerprint: str = ""  # the same for incidents of the same thing: scope, measure, direction
    follows: str | None = None  # id of the last told incident with this fingerprint, where one is remembered

    @property
    def primary_span(self) -> tuple[int, int | None]:
        """When what the message is about began and ended, as a span; without an end while it is open.

        Its primary's own series, with what of it came before and went on: others that it drew along are over
        later, and people would take the time of the slowest of them for that of the table.
        """
        primary = self.primary
        series = (primary.about, primary.measure)
        own = [primary, *(each for each in self.members if (each.about, each.measure) == series)]
        ends = [each.end for each in own if each.end is not None]
        return min(each.start for each in own), None if self.end is None else max(ends, default=self.end)

    def to_json(self) -> dict[str, object]:
        """Return the line of ``incidents.jsonl`` (DESIGN section 8), with more fields behind it."""
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
            "causes": [cause.to_json() for cause in self.primary.causes],
            "members": [_member(member) for member in self.members],
            "sentence": self.primary.sentence,
            "state": self.state,
            "peak": self.peak,
            "reopened": self.reopened,
            "fingerprint": self.fingerprint,
            "follows": self.follows,
            "finding": self.primary.id,
        }


def finding_to_json(finding: Finding, incident: Incident | None = None) -> dict[str, object]:
    """Return the line of ``findings.jsonl`` (DESIGN section 8) for one finding in its newest telling.

    ``incident`` is the one that took the finding in. What was sent is said on the line of its primary
    finding only: one message is not counted twice.
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
    }


def _reason(finding: Finding, incident: Incident | None) -> str:
    if finding.state == "withdrawn":
        return WITHDRAWN
    if incident is None:
        return ""
    return incident.reason if incident.primary.id == finding.id else "told with a deeper finding"


def _evidence(finding: Finding) -> dict[str, object]:
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
        "callers": [share.to_json() for share in finding.callers if share.scope.kind not in (CLIENT, TENANT)],
        "suspects": [share.to_json() for share in finding.suspects],
    }
    if finding.planned is not None:
        written["planned"] = msgspec.to_builtins(finding.planned)
    if finding.limit is not None:
        written["limit"] = finding.limit
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

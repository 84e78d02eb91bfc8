"""A case: the living record behind an incident, before, while and after it is told."""

from collections.abc import Iterator
from typing import Final

import msgspec

from alerting.cause import (
    GROWTH,
    answers,
    common_silence,
    connected,
    depth,
    direction,
    explains_more,
    taken_over,
    tells_more,
)
from alerting.incident import Incident, Sent
from alerting.notice import Reason, identify
from detectors.causes import causes, is_walked
from detectors.finding import Finding
from detectors.sentence import with_causes

JOINS_SECONDS: Final = 2 * 3600
"""What begins longer after all that an incident holds has a cause of its own: a level that stayed for days,
or a function that is gone, must not hide what happens to the same scopes later."""


class Case(msgspec.Struct, kw_only=True):
    """What is known of one incident: ``due`` is when it is told, ``quiet`` when it is resolved."""

    id: str
    account: str
    direction: str
    findings: dict[str, Finding]
    primary: str
    started: int
    reason: Reason = Reason.WAITING
    due: int | None = None
    quiet: int | None = None
    alerted: int | None = None
    resolved: int | None = None
    sent: Sent = "none"
    revision: int = 0
    reopened: int = 0
    peak: float = 0.0
    pending: Reason | None = None  # what changed since it was last told
    worst: dict[str, Finding] = {}  # of latency and errors: each when its excess was largest, to be walked

    @staticmethod
    def of(finding: Finding) -> "Case":
        """Begin a case with its first finding."""
        case = Case(
            id=identify("incident", finding.id),
            account=finding.about.account,
            direction=direction(finding),
            findings={finding.id: finding},
            primary=finding.id,
            started=finding.start,
            peak=finding.observed,
        )
        case._keep_worst(finding)
        return case

    @property
    def first(self) -> Finding:
        """The finding that explains the others."""
        return self.findings[self.primary]

    def open(self) -> bool:
        """Tell whether any finding of it goes on."""
        return any(finding.state != "end" for finding in self.findings.values())

    def takes(self, finding: Finding, gather: int) -> bool:
        """Tell whether ``finding`` has the same cause; ``gather`` seconds apart is still together."""
        if finding.about.account != self.account or direction(finding) != self.direction:
            return False
        if self.direction == GROWTH:  # growth is told series by series
            return (finding.about, finding.measure) == (self.first.about, self.first.measure)
        if any(_same_series(finding, held) for held in self.findings.values()):
            return True
        if taken_over(self.findings.values()):
            return any(answers(finding, held) for held in self.findings.values())
        return any(
            connected(finding, held, together=apart <= gather)
            for held in self.findings.values()
            if (apart := abs(finding.start - held.start)) <= JOINS_SECONDS
        )

    def put(self, finding: Finding) -> None:
        """Take in a finding, or a newer telling of one."""
        former = self.findings.get(finding.id)
        if former is not None:
            finding = _with_evidence_of(former, finding)
        else:
            self.started = min(self.started, finding.start)
        self.findings[finding.id] = finding
        self._keep_worst(finding)
        renamed = former is not None and former.verdict is not finding.verdict
        if (former is None or renamed) and finding.id != self.primary and self._replaces(finding):
            self.primary, self.peak = finding.id, finding.observed
            self.pending = Reason.DEEPER
        elif former is None:
            self.pending = self.pending or Reason.JOINED
        else:
            self.pending = self.pending or Reason.CHANGED
        common = common_silence(self.findings.values()) if self.alerted is None else None
        if common is not None:
            self.primary, self.peak = common.id, common.observed
        if finding.id == self.primary and _further(finding, self.peak):
            self.peak = finding.observed

    def _keep_worst(self, finding: Finding) -> None:
        # Findings ease at different times: what explains what shows when each is at its worst.
        known = self.worst.get(finding.id)
        if is_walked(finding) and (known is None or _excess(finding) > _excess(known)):
            self.worst[finding.id] = msgspec.structs.replace(finding, trace=None)

    def _replaces(self, finding: Finding) -> bool:
        # Once people have read a message, only a deeper finding may change what it is about.
        if self.alerted is None:
            return explains_more(finding, self.first)
        return tells_more(finding, self.first)

    def absorb(self, other: "Case") -> None:
        """Take in all findings of a case that was not told."""
        for finding in other.findings.values():
            self.put(finding)
        for finding in other.worst.values():
            self._keep_worst(finding)

    def members(self) -> Iterator[Finding]:
        """Yield all findings but the primary, deepest first."""
        others = [finding for finding in self.findings.values() if finding.id != self.primary]
        yield from sorted(others, key=lambda finding: (-depth(finding), finding.start, finding.id))

    def shed(self) -> None:
        """Let go of what only charts need: this case is over."""
        behind = causes(self.worst.values())
        self.findings = {
            key: with_causes(msgspec.structs.replace(held, trace=None), behind.get(key, []))
            for key, held in self.findings.items()
        }
        self.worst = {}

    def incident(self) -> Incident:
        """Return the case as it is now."""
        over = self.resolved is not None
        ends = [
            finding.end if finding.end is not None else finding.seen for finding in self.findings.values()
        ]
        behind = causes(self.worst.values())  # known where findings have met, and not before
        first, *members = (
            with_causes(finding, behind.get(finding.id, [])) for finding in (self.first, *self.members())
        )
        return Incident(
            id=self.id,
            revision=self.revision,
            verdict=self.first.verdict,
            state="resolved" if over else "open",
            start=self.started,
            alerted=self.alerted,
            end=max(ends) if over else None,
            primary=first,
            members=[msgspec.structs.replace(member, trace=None) for member in members],
            sent=self.sent,
            reason=self.reason.value,
            peak=self.peak,
            reopened=self.reopened,
        )


def _with_evidence_of(former: Finding, newer: Finding) -> Finding:
    # The telling that something is over may have no excess left to attribute; the message keeps what it knew.
    return msgspec.structs.replace(
        newer,
        callers=newer.callers or former.callers,
        suspects=newer.suspects or former.suspects,
        touches=newer.touches or former.touches,
        calls=newer.calls or former.calls,
        traffic=newer.traffic or former.traffic,
        throttle_reasons=newer.throttle_reasons or former.throttle_reasons,
        trace=newer.trace or former.trace,
    )


def _excess(finding: Finding) -> float:
    return finding.observed - finding.expected


def _same_series(one: Finding, other: Finding) -> bool:
    return (one.about, one.measure) == (other.about, other.measure)


def _further(finding: Finding, peak: float) -> bool:
    return abs(finding.observed - finding.expected) > abs(peak - finding.expected)

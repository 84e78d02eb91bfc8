"""A case: the living record behind an incident, before, while and after it is told."""

from collections.abc import Iterator
from functools import cached_property

import msgspec

from alerting.incidents.correlation import (
    GROWTH,
    answers,
    common_absence,
    depth,
    direction,
    explains_more,
    taken_over,
    tells_more,
    wider_fall,
)
from alerting.incidents.fingerprint import fingerprint
from alerting.incidents.incident import Incident, Sent, State
from alerting.incidents.notice import Milestone, NoticeReason, identify
from alerting.incidents.reported_state import Life, name_of
from detectors.explain.causes import causes, is_walked
from detectors.model.finding import Finding
from detectors.model.measures import Measure
from detectors.model.scope import ScopeOrEdge
from detectors.model.sentence import with_causes


class Case(msgspec.Struct, kw_only=True, dict=True):
    """What is known of one incident.

    ``due`` is when it is told, ``quiet`` when it is resolved, ``look`` when its thread may get the lines that
    wait. What can be worked out from the findings is kept beside them and not packed.
    """

    id: str
    account: str
    direction: str
    findings: dict[str, Finding]
    primary: str
    started: int
    reason: NoticeReason = NoticeReason.WAITING
    due: int | None = None
    quiet: int | None = None
    look: int | None = None
    alerted: int | None = None
    resolved: int | None = None  # when it was resolved, or withdrawn
    closed: int | None = None  # when it could no longer come back
    order: int = 0  # counts the cases that closed
    withdrawn: bool = False
    unsaid: bool = False  # it was open until it was withdrawn, and that is not told yet
    sent: Sent = "none"
    revision: int = 0
    reopened: int = 0
    flaps: int = 0  # how often it came back, those that it followed closely included
    follows: str | None = None
    peak: float = 0.0
    pending: NoticeReason | None = None  # what changed since it was last told
    life: Life = msgspec.field(default_factory=Life)
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

    @cached_property
    def going(self) -> set[str]:
        """The ids of the findings that go on."""
        return {finding.id for finding in self.findings.values() if _goes_on(finding)}

    @cached_property
    def _standing(self) -> set[str]:
        """The ids of the findings that were not withdrawn."""
        return {finding.id for finding in self.findings.values() if finding.state != "withdrawn"}

    @cached_property
    def _newest(self) -> dict[tuple[ScopeOrEdge, Measure], str]:
        """The finding of each series that came last."""
        return {_series(finding): finding.id for finding in self.findings.values()}

    @cached_property
    def _curves(self) -> set[str]:
        return {finding.id for finding in self.findings.values() if finding.trace is not None}

    @cached_property
    def _about(self) -> set[ScopeOrEdge]:
        return {finding.about for finding in self.findings.values()}

    def open(self) -> bool:
        """Tell whether any finding of it goes on."""
        return bool(self.going)

    @property
    def none(self) -> bool:
        """Whether late data showed that there was nothing at all."""
        return not self._standing

    def takes(self, finding: Finding, *, same_series: bool) -> bool:
        """Tell whether ``finding``, which is related or even of the ``same_series``, has the same cause."""
        if finding.about.account != self.account or direction(finding) != self.direction:
            return False
        if same_series or self.direction == GROWTH:  # growth is told series by series
            return same_series
        if taken_over(self.findings.values()):
            return any(answers(finding, held) for held in self.findings.values())
        return True

    def put(self, finding: Finding) -> None:
        """Take in a finding, or a newer telling of one."""
        former = self.findings.get(finding.id)
        if former is not None:
            finding = _with_evidence_of(former, finding)
        else:
            self.started = min(self.started, finding.start)
        came_back = self._newest.get(_series(finding))
        known = finding.about in self._about
        self._hold(finding)
        if finding.state == "withdrawn":
            self._withdraw(finding)
            return
        self._keep_worst(finding)
        renamed = former is not None and former.verdict is not finding.verdict
        if self.first.state == "withdrawn":
            self._lead(finding)
        elif former is None and came_back == self.primary and not _goes_on(self.first):
            self.primary = finding.id  # the same goes on: what the message is about has not changed
            self.pending = self.pending or NoticeReason.CHANGED
        elif (former is None or renamed) and finding.id != self.primary and self._replaces(finding):
            self._lead(finding)
            self.pending = NoticeReason.DEEPER
        elif former is not None and not _goes_on(former) and not _goes_on(finding):
            self._amended()
        elif former is None and came_back is None:
            self.pending = self.pending or NoticeReason.JOINED
            if not known:
                self.life.owe(Milestone.JOINED, name_of(finding.about))
        else:
            self.pending = self.pending or NoticeReason.CHANGED
        if finding.id == self.primary and _further(finding, self.peak):
            self.peak = finding.observed

    def _hold(self, finding: Finding) -> None:
        if finding.id not in self.findings:
            self._newest[_series(finding)] = finding.id
            self._about.add(finding.about)
        self.findings[finding.id] = finding
        for ids, belongs in (
            (self._curves, finding.trace is not None),
            (self.going, _goes_on(finding)),
            (self._standing, finding.state != "withdrawn"),
        ):
            (ids.add if belongs else ids.discard)(finding.id)

    def _withdraw(self, finding: Finding) -> None:
        self.worst.pop(finding.id, None)
        if self._standing:
            left = [self.findings[which] for which in self._standing]
            self.started = min(each.start for each in left)
            if finding.id == self.primary:
                self._lead(_best(left))
        self._amended()

    def _amended(self) -> None:
        self.pending = NoticeReason.AMENDED
        self.life.owe(Milestone.AMENDED)

    def _lead(self, finding: Finding) -> None:
        self.primary, self.peak = finding.id, finding.observed

    def settle(self) -> None:
        """Say what the message will be about, of what came so far; nobody has read it yet."""
        going = [self.findings[which] for which in sorted(self.going)]
        lead = common_absence(going) or self.first
        lead = wider_fall(lead, going) or lead
        if lead.id != self.primary:
            self._lead(lead)

    def retract(self, at: int) -> None:
        """Take back all of it: late data showed that there was nothing."""
        self.due = self.quiet = self.look = None
        self.unsaid = self.resolved is None
        self.resolved = at if self.resolved is None else self.resolved
        if self.sent == "none":
            self.reason = NoticeReason.LATE
        self.pending = None if self.withdrawn else NoticeReason.LATE
        self.withdrawn = True

    def come_back(self) -> None:
        """Go on after it was over: the message is about what is open now."""
        self.resolved, self.withdrawn = None, False
        if not _goes_on(self.first):
            self._lead(_best([self.findings[which] for which in self.going]))
        if self.pending is NoticeReason.LATE and self.unsaid:  # another takes its place at the very moment
            self._amended()
            return
        if self.sent == "page":
            self.reopened += 1
            self.flaps += 1
            self.peak = self.first.observed
        self.pending = NoticeReason.REOPENED

    def _keep_worst(self, finding: Finding) -> None:
        # Findings ease at different times: what explains what shows when each is at its worst.
        known = self.worst.get(finding.id)
        if is_walked(finding) and (known is None or _excess(finding) > _excess(known)):
            self.worst[finding.id] = msgspec.structs.replace(finding, trace=None)

    def _replaces(self, finding: Finding) -> bool:
        # Once people have read a message, only a deeper finding may change what it is about.
        if self.alerted is None:
            return explains_more(finding, self.first)
        going = (self.findings[which] for which in self.going)
        return tells_more(finding, self.first) and wider_fall(finding, going) is None

    def absorb(self, other: "Case") -> None:
        """Take in all findings of a case that was not told."""
        for finding in other.findings.values():
            self.put(finding)
        for finding in other.worst.values():
            self._keep_worst(finding)

    def members(self) -> Iterator[Finding]:
        """Yield all findings but the primary, deepest first; of what was withdrawn only if all was."""
        others = [
            finding
            for finding in self.findings.values()
            if finding.id != self.primary and (finding.id in self._standing or self.none)
        ]
        yield from sorted(others, key=lambda finding: (-depth(finding), finding.start, finding.id))

    def thin(self, *, curve: bool) -> None:
        """Let go of the curves of members, and unless ``curve`` of the primary's: a curve is 10 to 30 kB."""
        for key in self._curves - ({self.primary} if curve else set()):
            self.findings[key] = msgspec.structs.replace(self.findings[key], trace=None)
            self._curves.discard(key)

    @property
    def has_curve(self) -> bool:
        """Whether its primary has its curve."""
        return self.first.trace is not None

    def shed(self) -> None:
        """Let go of what only charts need: this case is over."""
        behind = causes(self.worst.values())
        self.findings = {
            key: with_causes(msgspec.structs.replace(held, trace=None), behind.get(key, []))
            for key, held in self.findings.items()
        }
        self.worst = {}

    @property
    def state(self) -> State:
        """Where it stands in its life."""
        if self.resolved is None:
            return self.life.mood
        return "withdrawn" if self.withdrawn else "resolved"

    def incident(self) -> Incident:
        """Return the case as it is now."""
        over = self.resolved is not None
        behind = causes(self.worst.values())  # known where findings have met, and not before
        first, *members = (
            with_causes(finding, behind.get(finding.id, [])) for finding in (self.first, *self.members())
        )
        ends = [finding.end if finding.end is not None else finding.seen for finding in (first, *members)]
        return Incident(
            id=self.id,
            revision=self.revision,
            verdict=self.first.verdict,
            state=self.state,
            start=self.started,
            alerted=self.alerted,
            end=max(ends) if over else None,
            primary=first,
            members=[msgspec.structs.replace(member, trace=None) for member in members],
            sent=self.sent,
            reason=self.reason.value,
            peak=self.peak,
            reopened=self.reopened,
            fingerprint=fingerprint(self.first),
            follows=self.follows,
        )


def _goes_on(finding: Finding) -> bool:
    return finding.state in ("open", "update")


def _best(findings: list[Finding]) -> Finding:
    """Return the finding that explains most, of those that go on if any does."""
    best = findings[0]
    for each in findings[1:]:
        if (_goes_on(each), explains_more(each, best)) > (_goes_on(best), False):
            best = each
    return best


def _with_evidence_of(former: Finding, newer: Finding) -> Finding:
    # The telling that something is over may have no excess left to attribute; the message keeps what it knew.
    # A suspect that more calls have cleared is none, though.
    cleared = newer.state == "update" and bool(newer.callers)
    return msgspec.structs.replace(
        newer,
        callers=newer.callers or former.callers,
        suspects=newer.suspects if cleared else newer.suspects or former.suspects,
        touches=newer.touches or former.touches,
        calls=newer.calls or former.calls,
        traffic=newer.traffic or former.traffic,
        throttle_reasons=newer.throttle_reasons or former.throttle_reasons,
        trace=newer.trace or former.trace,
    )


def _excess(finding: Finding) -> float:
    return finding.observed - finding.expected


def _series(finding: Finding) -> tuple[ScopeOrEdge, Measure]:
    return finding.about, finding.measure


def _further(finding: Finding, peak: float) -> bool:
    return abs(finding.observed - finding.expected) > abs(peak - finding.expected)

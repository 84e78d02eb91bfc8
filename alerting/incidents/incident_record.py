"""The mutable record behind an incident: before, while and after it is reported."""

from collections.abc import Iterator
from functools import cached_property

import msgspec

from alerting.incidents.correlation import (
    GROWTH,
    common_absence,
    depth,
    direction,
    explains_more,
    is_adjacent,
    is_small_part,
    may_replace,
    taken_over,
    wider_failure,
    wider_fall,
)
from alerting.incidents.fingerprint import fingerprint
from alerting.incidents.incident import Incident, IncidentExample, Sent, State, worst
from alerting.incidents.notice import Milestone, NoticeReason, identify
from alerting.incidents.preceding import (
    Carrying,
    PrecedingChange,
    RecentChanges,
    ending,
    may_precede,
    preceding,
)
from alerting.incidents.reported_state import ReportedState, name_of
from alerting.incidents.worth import Size, concentration, deciding
from detectors.explain.causes import causes, is_walked
from detectors.model.finding import Concentration, Finding, RiseCause
from detectors.model.measures import Measure
from detectors.model.request_example import RequestExample
from detectors.model.scope import ScopeOrEdge
from detectors.model.sentence import with_causes


class IncidentRecord(msgspec.Struct, kw_only=True, dict=True):
    """The findings of one incident, what was reported of it and what falls due.

    Times are epoch seconds of event time. What follows from the findings is cached beside them and not
    packed.
    """

    id: str
    account: str
    direction: str
    findings: dict[str, Finding]
    primary_id: str
    started: int
    reason: NoticeReason = NoticeReason.WAITING
    page_due: int | None = None
    resolve_due: int | None = None
    calm_at: int | None = None  # since when nothing is open; the deviations ended some minutes before
    lines_due: int | None = None  # when its thread may get the lines that wait
    alerted: int | None = None
    resolved_at: int | None = None  # or withdrawn
    closed_at: int | None = None  # when it could no longer reopen
    closing_order: int = 0  # counts the records that closed
    withdrawn: bool = False
    withdrawal_unreported: bool = False  # it was open until it was withdrawn, and no notice reports it yet
    sent: Sent = "none"
    revision: int = 0
    reopened: int = 0
    flaps: int = 0  # how often it recurred, including the incidents that it followed closely
    follows: str | None = None
    peak: float = 0.0
    pending: NoticeReason | None = None  # what changed since the last notice
    reported: ReportedState = msgspec.field(default_factory=ReportedState)
    worst: dict[str, Finding] = {}  # latency and error findings, each with its largest excess, for causes
    preceding: list[PrecedingChange] = []  # changes shortly before its findings
    carrying: dict[str, Carrying] = {}  # what carried its findings when they were at their worst
    examples: list[IncidentExample] = []  # the worst requests of its findings
    sizes: dict[RiseCause, Size] = {}  # the largest so far, by what it may be due to
    ended_after: PrecedingChange | None = None  # the change shortly before its end

    @classmethod
    def of(cls, finding: Finding) -> "IncidentRecord":
        """Start a record with its first finding."""
        record = cls(
            id=identify("incident", finding.id),
            account=finding.about.account,
            direction=direction(finding),
            findings={finding.id: finding},
            primary_id=finding.id,
            started=finding.start,
            peak=_furthest(finding),
        )
        record._keep_worst(finding)
        return record

    @property
    def primary(self) -> Finding:
        """The finding that explains the others."""
        return self.findings[self.primary_id]

    @property
    def concentration(self) -> Concentration | None:
        """What its rise is due to; None while that is unknown."""
        return concentration(self.primary)

    @property
    def size(self) -> Size | None:
        """The size that decides about its page; None in old states."""
        found = self.concentration
        return deciding(self.sizes, None if found is None else found.cause)

    @property
    def is_small(self) -> bool:
        """Whether it is in the digest because it was too small to page so far."""
        return self.sent == "digest" and self.direction != GROWTH

    @cached_property
    def open_ids(self) -> set[str]:
        """The ids of the open findings."""
        return {finding.id for finding in self.findings.values() if _is_open(finding)}

    @cached_property
    def _valid_ids(self) -> set[str]:
        """The ids of the findings that were not withdrawn."""
        return {finding.id for finding in self.findings.values() if finding.state != "withdrawn"}

    @cached_property
    def _newest(self) -> dict[tuple[ScopeOrEdge, Measure], str]:
        """The newest finding of each series."""
        return {_series(finding): finding.id for finding in self.findings.values()}

    @cached_property
    def _with_trace(self) -> set[str]:
        return {finding.id for finding in self.findings.values() if finding.trace is not None}

    @cached_property
    def _about(self) -> set[ScopeOrEdge]:
        return {finding.about for finding in self.findings.values()}

    @property
    def all_withdrawn(self) -> bool:
        """True once late data has withdrawn every finding."""
        return not self._valid_ids

    def accepts(self, finding: Finding, *, same_series: bool) -> bool:
        """Return whether ``finding``, which is related or even of the ``same_series``, has the same cause."""
        if finding.gap and self.primary.gap:  # nothing arrives, from whichever account
            return True
        if finding.about.account != self.account or direction(finding) != self.direction:
            return False
        if same_series or self.direction == GROWTH:  # growth is reported series by series
            return same_series
        if taken_over(self.findings.values()):
            return any(is_adjacent(finding, held) for held in self.findings.values())
        return True

    def put(self, finding: Finding) -> None:
        """Add a finding, or update it to a newer revision."""
        former = self.findings.get(finding.id)
        if former is not None:
            finding = _with_evidence_of(former, finding)
        else:
            self.started = min(self.started, finding.start)
        earlier = self._newest.get(_series(finding))
        known_scope = finding.about in self._about
        self._store(finding)
        if finding.state == "withdrawn":
            self._withdraw_finding(finding)
            return
        self._keep_worst(finding)
        new_verdict = former is not None and former.verdict is not finding.verdict
        if self.primary.state == "withdrawn":
            self._set_primary(finding)
        elif former is None and earlier == self.primary_id and not _is_open(self.primary):
            self.primary_id = finding.id  # the same series recurred: the message is still about it
            self.pending = self.pending or NoticeReason.CHANGED
        elif (former is None or new_verdict) and finding.id != self.primary_id and self._replaces(finding):
            self._set_primary(finding)
            self.pending = NoticeReason.DEEPER
        elif former is not None and not _is_open(former) and not _is_open(finding):
            self._amend()
        elif former is None and earlier is None:
            self.pending = self.pending or NoticeReason.JOINED
            if not known_scope:
                self.reported.add_line(Milestone.JOINED, name_of(finding.about))
        else:
            self.pending = self.pending or NoticeReason.CHANGED
        if finding.id == self.primary_id:
            self._update_peak(finding, former)

    def _update_peak(self, finding: Finding, former: Finding | None) -> None:
        is_own = former is not None and former.peak == self.peak  # which late data may have amended
        if is_own or _exceeds(finding, self.peak):
            self.peak = _furthest(finding)

    def _store(self, finding: Finding) -> None:
        if finding.id not in self.findings:
            self._newest[_series(finding)] = finding.id
            self._about.add(finding.about)
        self.findings[finding.id] = finding
        for ids, belongs in (
            (self._with_trace, finding.trace is not None),
            (self.open_ids, _is_open(finding)),
            (self._valid_ids, finding.state != "withdrawn"),
        ):
            (ids.add if belongs else ids.discard)(finding.id)

    def _withdraw_finding(self, finding: Finding) -> None:
        self.worst.pop(finding.id, None)
        self.carrying.pop(finding.id, None)
        if self._valid_ids:
            left = [self.findings[key] for key in self._valid_ids]
            self.started = min(valid.start for valid in left)
            if finding.id == self.primary_id:
                self._set_primary(_best(left))
        self._amend()

    def _amend(self) -> None:
        if self.pending is not NoticeReason.REOPENED:  # which is a message of its own
            self.pending = NoticeReason.AMENDED
        self.reported.add_line(Milestone.AMENDED)

    def _set_primary(self, finding: Finding) -> None:
        self.primary_id, self.peak = finding.id, _furthest(finding)

    def choose_primary(self) -> None:
        """Choose what the message will be about, while no one has read it yet."""
        open_findings = [self.findings[key] for key in sorted(self.open_ids)]
        primary = common_absence(open_findings) or self.primary
        primary = wider_fall(primary, open_findings) or wider_failure(primary, open_findings) or primary
        if primary.id != self.primary_id:
            self._set_primary(primary)

    def withdraw(self, at: int) -> None:
        """Withdraw the incident: late data showed no deviation."""
        self.page_due = self.resolve_due = self.lines_due = None
        # known already: another of its findings was withdrawn once more, perhaps at the same moment
        self.withdrawal_unreported |= self.resolved_at is None
        self.calm_at = None if self.resolved_at is None else self.calm_at
        self.resolved_at = at if self.resolved_at is None else self.resolved_at
        if self.sent == "none":
            self.reason = NoticeReason.LATE
        self.pending = NoticeReason.LATE if self.withdrawal_unreported or not self.withdrawn else None
        self.withdrawn = True

    def reopen(self) -> None:
        """Reopen the resolved incident: the message is about what is open now."""
        self.resolved_at, self.calm_at, self.withdrawn = None, None, False
        if not _is_open(self.primary):
            self._set_primary(_best([self.findings[key] for key in self.open_ids]))
        if self.pending is NoticeReason.LATE and self.withdrawal_unreported:  # replaced at the same moment
            self._amend()
            return
        if self.sent == "page":
            self.reopened += 1
            self.flaps += 1
            self.peak = _furthest(self.primary)
        self.pending = NoticeReason.REOPENED

    def _keep_worst(self, finding: Finding) -> None:
        self.carrying[finding.id] = Carrying.of(finding, self.carrying.get(finding.id))
        # Findings ease at different times: what explains what shows when each is at its worst.
        known = self.worst.get(finding.id)
        if is_walked(finding) and (known is None or _excess(finding) > _excess(known)):
            self.worst[finding.id] = msgspec.structs.replace(finding, trace=None)

    def _replaces(self, finding: Finding) -> bool:
        if is_small_part(finding, self.primary):
            return False
        # Once people have read a message, only a deeper finding may change what it is about.
        if self.alerted is None:
            return explains_more(finding, self.primary)
        open_findings = (self.findings[key] for key in self.open_ids)
        return may_replace(finding, self.primary) and wider_fall(finding, open_findings) is None

    def merge(self, other: "IncidentRecord") -> None:
        """Add all findings of an incident that was not reported."""
        for finding in other.findings.values():
            self.put(finding)
        for finding in other.worst.values():
            self._keep_worst(finding)
        for key, carrying in other.carrying.items():
            if key not in self.carrying or carrying.excess > self.carrying[key].excess:
                self.carrying[key] = carrying
        self.examples = worst([*self.examples, *other.examples])
        for cause, size in other.sizes.items():
            self.sizes[cause] = max(size, self.sizes.get(cause, size))

    def name_preceding(self, recent: RecentChanges, step: int) -> bool:
        """Name the changes before its findings; return whether its message gets another one."""
        findings = self.findings.values()
        if not self.preceding and not any(may_precede(finding, recent, step) for finding in findings):
            return False
        before = {change.change for change in self.preceding}
        self.preceding = preceding(
            findings,
            recent,
            primary=self.primary_id,
            known=self.preceding,
            carrying=self.carrying,
            causes=causes(self.worst.values()),
            step=step,
        )
        if self.sent != "page" or all(change.change in before for change in self.preceding):
            return False
        self.pending = self.pending or NoticeReason.PRECEDED
        self.reported.add_line(Milestone.PRECEDED)
        return True

    def name_ending(self, recent: RecentChanges, step: int) -> None:
        """Name the change that came shortly before the end of what it is about; none while that is open."""
        if _is_open(self.primary) or self.all_withdrawn:
            self.ended_after = None
            return
        primary = self.primary
        if recent.between(primary.start, (primary.end or primary.seen) + step):
            known = self.carrying.get(primary.id) or Carrying.of(primary)
            blamed = (cause.scope for cause in causes(self.worst.values()).get(primary.id, ()))
            self.ended_after = ending(primary, recent, {*known.scopes, *blamed}, step)

    def illustrate(self, finding: str, request: RequestExample) -> None:
        """Keep a request if it is among the worst that illustrate findings."""
        example = IncidentExample.of(self.findings[finding], request)
        if example is not None:
            self.examples = worst([*self.examples, example])

    @property
    def last_end(self) -> int:
        """The end of the last deviation; meaningful once none is open."""
        return max(finding.end if finding.end is not None else finding.seen for finding in self._valid())

    def _valid(self) -> list[Finding]:
        """Return the findings that were not withdrawn, or all if every one was."""
        return [self.findings[key] for key in self._valid_ids] or list(self.findings.values())

    def members(self) -> Iterator[Finding]:
        """Yield all findings but the primary, deepest first; withdrawn ones only if all are withdrawn."""
        others = [
            finding
            for finding in self.findings.values()
            if finding.id != self.primary_id and (finding.id in self._valid_ids or self.all_withdrawn)
        ]
        yield from sorted(others, key=lambda finding: (-depth(finding), finding.start, finding.id))

    def drop_traces(self, *, keep_primary: bool) -> None:
        """Drop the traces of members, and unless ``keep_primary`` the primary's: a trace is 10 to 30 kB."""
        for key in self._with_trace - ({self.primary_id} if keep_primary else set()):
            self.findings[key] = msgspec.structs.replace(self.findings[key], trace=None)
            self._with_trace.discard(key)

    def drop_chart_data(self) -> None:
        """Drop what only charts need, once the record is closed."""
        found = causes(self.worst.values())
        self.findings = {
            key: with_causes(msgspec.structs.replace(held, trace=None), found.get(key, []))
            for key, held in self.findings.items()
        }
        self.worst, self.carrying = {}, {}
        self.examples = worst(self.examples, most=1) if self.sent == "page" else []

    @property
    def state(self) -> State:
        """The state in the incident's life cycle."""
        if self.resolved_at is None:
            return self.reported.trend
        return "withdrawn" if self.withdrawn else "resolved"

    def _reason_and_size(self) -> str:
        size = self.size
        if size is None or not size.reason or not (self.sent == "page" or self.is_small):
            return self.reason.value
        return f"{self.reason.value}; {size.reason}"

    def to_incident(self) -> Incident:
        """Return the incident in its current state."""
        found = causes(self.worst.values())  # known only where findings have met
        primary, *members = (
            with_causes(finding, found.get(finding.id, [])) for finding in (self.primary, *self.members())
        )
        ends = [finding.end if finding.end is not None else finding.seen for finding in (primary, *members)]
        return Incident(
            id=self.id,
            revision=self.revision,
            verdict=self.primary.verdict,
            state=self.state,
            start=self.started,
            alerted=self.alerted,
            end=None if self.resolved_at is None else max(ends),
            primary=primary,
            members=[msgspec.structs.replace(member, trace=None) for member in members],
            sent=self.sent,
            reason=self._reason_and_size(),
            peak=self.peak,
            reopened=self.reopened,
            fingerprint=fingerprint(self.primary),
            follows=self.follows,
            changes=self.preceding,
            ended_after=self.ended_after,
            examples=self.examples,
            size=self.size,
        )


def _is_open(finding: Finding) -> bool:
    return finding.state in ("open", "update")


def _best(findings: list[Finding]) -> Finding:
    """Return the finding that explains most, an open one if there is any."""
    best = findings[0]
    for finding in findings[1:]:
        if (_is_open(finding), explains_more(finding, best)) > (_is_open(best), False):
            best = finding
    return best


def _with_evidence_of(former: Finding, newer: Finding) -> Finding:
    # The revision that ends a finding may have no excess left to attribute; the message keeps what it knew.
    # A suspect cleared by later calls is dropped, though.
    cleared = newer.state == "update" and bool(newer.callers)
    suspects = newer.suspects if cleared else newer.suspects or former.suspects
    keeps = (suspects is not newer.suspects and bool(suspects)) or not newer.callers
    return msgspec.structs.replace(
        newer,
        callers=newer.callers or former.callers,
        suspects=suspects,
        rests_on=former.rests_on if keeps and former.rests_on else newer.rests_on,
        touches=newer.touches or former.touches,
        services=newer.services or former.services,
        calls=newer.calls or former.calls,
        traffic=newer.traffic or former.traffic,
        throttle_reasons=newer.throttle_reasons or former.throttle_reasons,
        trace=newer.trace or former.trace,
        concentration=newer.concentration or former.concentration,
        account=newer.account or former.account,
    )


def _excess(finding: Finding) -> float:
    return finding.observed - finding.expected


def _series(finding: Finding) -> tuple[ScopeOrEdge, Measure]:
    return finding.about, finding.measure


def _furthest(finding: Finding) -> float:
    return finding.observed if finding.peak is None else finding.peak


def _exceeds(finding: Finding, peak: float) -> bool:
    return abs(_furthest(finding) - finding.expected) > abs(peak - finding.expected)

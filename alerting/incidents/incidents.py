"""Findings become incidents: what belongs together, what is told, when it is over."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import msgspec

from alerting.incidents.archive import Closed, shelf_of
from alerting.incidents.correlation import GROWTH, depth, direction, spread, taken_over
from alerting.incidents.correlation_index import CorrelationIndex
from alerting.incidents.digest_time import next_digest, zone_of
from alerting.incidents.fingerprint import FingerprintMemory, PriorIncident, fingerprint
from alerting.incidents.incident import Incident
from alerting.incidents.incident_record import Case
from alerting.incidents.notice import Action, Milestone, Notice, NoticeReason, identify
from alerting.incidents.reported_state import LONGEST_QUIET, grown
from alerting.incidents.schedule import Agenda, Due, What
from config.settings import Settings
from detectors.model.finding import Finding, Verdict
from detectors.model.scope import TABLE
from detectors.state.state import pack, unpack
from detectors.watch.hottest import Hot, Hottest, Load
from detectors.watch.standings import Ranking, Use

_LIVE: Final = "live"
_MEMORY: Final = "memory"
_CASES: Final = "cases/"
_VERSION: Final = 2

CURVES: Final = 200
"""Living incidents whose curve is kept for the chart of a message that is not out; nobody looks at more."""


class _Live(msgspec.Struct, kw_only=True):
    watermark: int
    digest: int | None
    early: list[Finding]


class Incidents:
    """Groups findings into incidents and decides what is told.

    Everything happens at a time that follows from the findings alone: those told at one watermark are
    taken in together, deepest first, and what falls due between two watermarks falls due at its own
    time. So the notices are the same however the findings are cut into calls of ``feed``.

    - A table, its callers and the routes and clients in front are one incident (``incidents/cause.py``).
    - A page leaves at once when a table is affected. A finding on something in front waits one step
      for a deeper one to take it in; what joins later edits the message and never makes a second one.
    - It worsens, eases, spreads: ``reported_state.py`` decides what of that is reported, once each.
    - It is resolved after ``incidents.quiet`` seconds without an open finding. What comes back within
      ``incidents.gather`` seconds of that reopens it, as a new message that links to the former one; what
      comes later is a new incident, which ``follows`` the last told one with its ``fingerprint``. Each time
      that it comes back doubles the quiet time, and the time in which it may come back, up to two hours.
    - When late data withdraws all of its findings it is withdrawn; when some, it is amended.
    - Growth is never a page: each series that grows is an incident of the daily digest while it does. When
      it becomes near, it is over, and a page begins.

    Incidents that are over are kept without their traces for 30 days, 10,000 at most
    (``alerting/incidents/archive.py``).

    Parameters
    ----------
    settings
        The whole configuration.
    remember_all
        Whether ``known`` goes on to have what was forgotten: for replays. It changes nothing else.

    Raises
    ------
    ValueError
        When ``digest.timezone`` is not a time zone.
    """

    def __init__(self, settings: Settings, *, remember_all: bool = False) -> None:
        self._settings = settings
        self._zone = zone_of(settings.digest)
        self._watermark = 0
        self._digest: int | None = None  # when the next digest is due; unknown before the first watermark
        self._early: list[Finding] = []  # told after the watermark: another shard is ahead
        self._live: dict[str, Case] = {}
        self._reach = CorrelationIndex()
        self._agenda = Agenda(self._holds)
        self._touched: set[str] = set()  # cases that something came for since they were last told
        self._memory = FingerprintMemory()
        self._curves: set[str] = set()  # cases whose primary has its curve
        self._hottest = Hottest()
        self._ranking = Ranking()
        self._closed = Closed(remember_all=remember_all)
        self._case_of: dict[str, str] = {}  # finding id → case id

    def feed(
        self,
        findings: Iterable[Finding],
        watermark: int,
        loads: Iterable[Load] = (),
        uses: Iterable[Use] = (),
    ) -> list[Notice]:
        """Take in findings and let event time pass up to ``watermark`` (epoch seconds).

        Every finding that was told at or before ``watermark`` must be given by the call that passes it;
        with several shards that is the lowest of their watermarks. A finding told later waits for its
        time. One that was seen already (same id, no newer revision) is ignored. ``loads`` and ``uses`` are
        those told at the end of the hour that ends at ``watermark``, of all shards.

        Returns
        -------
        list of Notice
            What is to be told, in order.
        """
        told = {(finding.id, finding.revision): finding for finding in (*self._early, *findings)}
        if self._digest is None:
            first = min((finding.seen for finding in told.values()), default=watermark)
            self._plan_digest(min(first, watermark))
        self._early = [finding for finding in told.values() if finding.seen > watermark]
        by_time: dict[int, list[Finding]] = {}
        for finding in told.values():
            if finding.seen <= watermark:
                by_time.setdefault(max(finding.seen, self._watermark), []).append(finding)
        notices: list[Notice] = []
        for at in sorted(by_time):
            notices += self._pass(at - 1)
            self._expire(at)
            for finding in sorted(by_time[at], key=lambda f: (-depth(f), f.start, f.id, f.revision)):
                self._take(finding, at)
            self._settle()
            notices += self._pass(at)
            notices += self._changes(at)
            self._thin()
        notices += self._pass(watermark)
        self._hottest.feed(loads)
        self._ranking.feed(uses)
        self._watermark = max(self._watermark, watermark)
        return notices

    def known(self) -> list[Incident]:
        """Return all incidents that are remembered in their last state, ordered by start."""
        found = [*self._closed.all(), *(case.incident() for case in self._live.values())]
        return sorted(found, key=lambda incident: (incident.start, incident.id))

    def ongoing(self) -> list[Incident]:
        """Return the incidents that are not over, ordered by start."""
        found = [case.incident() for case in self._live.values() if case.resolved is None]
        return sorted(found, key=lambda incident: (incident.start, incident.id))

    @property
    def took_the_lead(self) -> tuple[Hot, ...]:
        """The tables that took the lead of their account since the last digest; safe to ask at any time."""
        return self._hottest.took_the_lead

    def incident_of(self, finding: str) -> Incident | None:
        """Return the incident that took in the finding with this id."""
        case = self._case(self._case_of.get(finding))
        return None if case is None else case.incident()

    def _case(self, which: str | None) -> Case | None:
        return self._live.get(which or "") or self._closed.get(which)

    # -- taking findings in -----------------------------------------------------------------------

    def _take(self, finding: Finding, at: int) -> None:
        held = self._case(self._case_of.get(finding.id))
        over = finding.state in ("end", "withdrawn")
        if held is not None:
            if held.findings[finding.id].revision >= finding.revision:
                return
            if held.direction == GROWTH and direction(finding) != GROWTH and not over:
                self._become_near(held, at)
            elif held.resolved is None or over:
                self._put(held, finding, at)
                return
        if over:  # nothing was told of it and nothing will be
            return
        case, others = self._fitting(finding)
        if case is None:
            case = self._begin(finding)
        for other in others:
            if other.alerted is None and self._one_cause(finding, case, other):
                self._forget(other)
                case.absorb(other)
                self._case_of.update(dict.fromkeys(other.findings, case.id))
                for taken in other.findings.values():
                    self._reach.put(case.id, taken)
        self._case_of[finding.id] = case.id
        self._put(case, finding, at)

    def _fitting(self, finding: Finding) -> tuple[Case | None, list[Case]]:
        """Return the case that takes the finding, and others that it connects to that one."""
        same = self._reach.same_series(finding)
        related = same | self._reach.related(finding, self._settings.incidents.gather)
        # A case that was told keeps its message: it comes first. Then the oldest, so that ids do not move.
        fitting = sorted(
            (
                case
                for case in map(self._live.__getitem__, sorted(related))
                if case.takes(finding, same_series=case.id in same)
            ),
            key=lambda case: (case.alerted is None, case.resolved is not None, case.started, case.id),
        )
        return (fitting[0], fitting[1:]) if fitting else (None, [])

    def _one_cause(self, link: Finding, case: Case, other: Case) -> bool:
        """Tell whether a finding that is connected with both says that two cases have one cause.

        What is slow below a service makes it slow: that says nothing of what began at different times.
        """
        return not spread(link) or abs(case.started - other.started) <= self._settings.incidents.gather

    def _put(self, case: Case, finding: Finding, at: int) -> None:
        if case.findings.get(finding.id) is not finding:
            case.put(finding)
        self._touched.add(case.id)
        if case.withdrawn and not case.none:
            self._was_real(case, at)
        if case.closed is None:
            self._reach.put(case.id, case.findings[finding.id])
            self._schedule(case, at)
            return
        case.worst = {}  # what lay behind its findings was written down when it closed
        if case.none:
            case.retract(at)
        self._closed.changed(case)

    def _was_real(self, case: Case, at: int) -> None:
        """Take back that there was nothing: a part of it is true after all."""
        case.withdrawn = False
        if case.sent == "page":
            self._remember(case, Action.RESOLVE, at)
        else:
            case.reason = NoticeReason.OVER

    def _begin(self, finding: Finding) -> Case:
        case = Case.of(finding)
        if self._case(case.id) is not None:  # the finding went on after its incident was over: another one
            case.id = identify("incident", finding.id, finding.revision)
        self._live[case.id] = case
        return case

    def _become_near(self, case: Case, at: int) -> None:
        """Let go of a series that grew and is near its limit now: a page tells of it from here on."""
        case.quiet, case.resolved = None, at
        self._note(case)

    def _schedule(self, case: Case, at: int) -> None:
        """Set when the case is told and when it is resolved."""
        goes_on = case.open()
        if goes_on:
            case.quiet = None
        elif case.resolved is None and case.quiet is None:
            case.quiet = at + grown(self._settings.incidents.quiet, case.flaps)
        if case.resolved is not None and goes_on:
            case.come_back()
        if case.none:
            case.retract(at)
        elif case.direction == GROWTH:
            case.sent, case.reason = "digest", NoticeReason.GROWTH
        elif case.alerted is None:
            self._wait(case, at)
        self._note(case)

    def _note(self, case: Case) -> None:
        """Put on the agenda what falls due for a case."""
        self._agenda.put(case.due, What.LEAVES, case.id)
        self._agenda.put(case.quiet, What.QUIET, case.id)
        self._agenda.put(self._closes(case), What.CLOSES, case.id)
        self._agenda.put(case.look, What.LOOKS, case.id)

    def _closes(self, case: Case) -> int | None:
        """Return when a case that is over can no longer come back."""
        if case.resolved is None:
            return None
        incidents = self._settings.incidents
        within = max(incidents.gather, grown(incidents.quiet, case.flaps) if case.flaps else 0)
        return case.resolved + within

    def _holds(self, due: Due) -> bool:
        """Tell whether what was put on the agenda is still so."""
        if due.what is What.DIGEST:
            return due.at == self._digest
        case = self._live.get(due.which)
        if case is None:
            return False
        match due.what:
            case What.LEAVES:
                return due.at == case.due
            case What.QUIET:
                return due.at == case.quiet
            case What.LOOKS:
                return due.at == case.look
            case _:
                return due.at == self._closes(case)

    def _wait(self, case: Case, at: int) -> None:
        """Set when a page leaves that has not left yet, and why it has not."""
        if taken_over(case.findings.values()):
            case.due, case.reason = None, NoticeReason.TAKEN_OVER
        elif not case.open():
            case.due, case.reason = None, NoticeReason.OVER
        elif self._at_once(case) is not None:
            case.due = at
        else:
            due = at + self._patience(case)
            case.due = due if case.due is None else min(due, case.due)
            case.reason = NoticeReason.WAITING

    @staticmethod
    def _at_once(case: Case) -> NoticeReason | None:
        """Return why a page leaves at once, None when it waits for a finding that explains more."""
        first = case.first
        if first.verdict is Verdict.FATAL:
            return NoticeReason.NEW
        if first.verdict is Verdict.LIMIT:
            return NoticeReason.NEAR
        return (
            NoticeReason.TABLE if first.about.kind == TABLE and first.verdict is not Verdict.ABSENCE else None
        )

    def _patience(self, case: Case) -> int:
        # that nobody calls a table is the story of its callers, whose absence takes longer to be sure of
        of_table = case.first.about.kind == TABLE
        return self._settings.incidents.gather if of_table else self._settings.time.step

    # -- letting time pass ------------------------------------------------------------------------

    def _pass(self, until: int) -> Iterator[Notice]:
        """Do what falls due up to ``until``, each at its own time."""
        while (due := self._agenda.next(until)) is not None:
            match due.what:
                case What.DIGEST:
                    yield from self._daily(due.at)
                case What.LEAVES:
                    yield self._open(self._live[due.which], due.at)
                case What.QUIET:
                    yield from self._resolve(self._live[due.which], due.at)
                case What.LOOKS:
                    yield from self._change(self._live[due.which], due.at)
                case _:
                    self._close(self._live[due.which], due.at)

    def _plan_digest(self, after: int) -> None:
        self._digest = next_digest(after, self._settings.digest, self._zone)
        self._agenda.put(self._digest, What.DIGEST)

    def _expire(self, at: int) -> None:
        self._forgotten(self._closed.expire(at))

    def _settle(self) -> None:
        """Say what messages will be about that have not left, now that all of this moment is in."""
        for which in self._touched:
            case = self._live.get(which)
            if case is not None and case.alerted is None and case.direction != GROWTH:
                case.settle()

    def _open(self, case: Case, at: int) -> Notice:
        case.due, case.alerted, case.sent = None, at, "page"
        case.reason = self._at_once(case) or NoticeReason.WAITED
        which = fingerprint(case.first)
        earlier = self._memory.find(which, at)
        if earlier is not None:
            case.follows = earlier.incident
            if earlier.over and at - earlier.at <= LONGEST_QUIET:
                case.flaps = earlier.flaps + 1
        return self._notice(case, Action.OPEN, at, case.reason, {Milestone.OPENED: []})

    def _resolve(self, case: Case, at: int) -> Iterator[Notice]:
        case.quiet, case.resolved, case.look = None, at, None
        case.life.owed.clear()
        self._note(case)
        if case.sent == "page":
            yield self._notice(case, Action.RESOLVE, at, NoticeReason.QUIET, {Milestone.RESOLVED: []})

    def _close(self, case: Case, at: int) -> None:
        self._forget(case)
        self._forgotten(self._closed.put(case, at))

    def _forget(self, case: Case) -> None:
        del self._live[case.id]
        self._reach.remove(case.id)

    def _forgotten(self, cases: Iterable[Case]) -> None:
        for case in cases:
            for finding in case.findings:
                if self._case_of.get(finding) == case.id:
                    del self._case_of[finding]

    def _changes(self, at: int) -> Iterator[Notice]:
        touched = [case for which in self._touched if (case := self._case(which)) is not None]
        self._touched.clear()
        for case in sorted(touched, key=lambda case: (case.started, case.id)):
            if case.sent == "page" and case.pending is not None:
                yield from self._change(case, at)
            case.pending = None
            self._curves.add(case.id)

    def _thin(self) -> None:
        """Let go of curves, which are most of the state: of members, of growth, of more than ``CURVES``."""
        kept: list[Case] = []
        for which in self._curves:
            case = self._live.get(which)
            if case is not None:
                case.thin(curve=case.direction != GROWTH)
                kept += [case] if case.has_curve else []
        if len(kept) > CURVES:
            kept.sort(key=lambda case: (case.started, case.id))
            for case in kept[CURVES:]:
                case.thin(curve=False)
        self._curves = {case.id for case in kept[:CURVES]}

    def _change(self, case: Case, at: int) -> Iterator[Notice]:
        """Tell what is new about a case that was told."""
        reason = case.pending
        if reason is NoticeReason.LATE:
            yield self._notice(case, Action.WITHDRAW, at, reason, {Milestone.WITHDRAWN: []})
            return
        if reason is NoticeReason.REOPENED:
            yield self._notice(case, Action.OPEN, at, reason, {Milestone.REOPENED: []})
            return
        lines = case.life.hear(case.first, len(case.going), at)
        case.look = None if case.resolved is not None else case.life.look
        self._note(case)
        if Milestone.WORSENED in lines:
            reason = NoticeReason.WORSE
        elif Milestone.EASED in lines:
            reason = NoticeReason.BETTER
        elif lines and reason is None:
            reason = NoticeReason.CHANGED
        if reason is not None:
            yield self._notice(case, Action.UPDATE, at, reason, lines)

    def _notice(
        self, case: Case, action: Action, at: int, reason: NoticeReason, lines: dict[Milestone, list[str]]
    ) -> Notice:
        case.pending = None
        if case.closed is not None:
            self._closed.changed(case)
        if action is Action.OPEN:
            case.life.begin(case.first, len(case.going), at)
            case.look = None
        if action is not Action.UPDATE:
            self._remember(case, action, at)
        incident = case.incident()
        case.revision += 1
        return Notice(
            id=identify(case.id, action, incident.revision),
            action=action,
            at=at,
            reason=reason,
            incidents=[incident],
            milestones=list(lines),
            names={what: names for what, names in lines.items() if names},
        )

    def _remember(self, case: Case, action: Action, at: int) -> None:
        which = fingerprint(case.first)
        if action is Action.WITHDRAW:
            self._memory.drop(which, case.id)
            return
        over = action is Action.RESOLVE
        known = PriorIncident(incident=case.id, at=at, over=over, flaps=case.flaps, before=case.follows)
        self._memory.keep(which, known)

    def _daily(self, at: int) -> Iterator[Notice]:
        self._plan_digest(at)
        growing = [case for case in self._live.values() if case.direction == GROWTH and case.resolved is None]
        for case in growing:
            case.alerted = at if case.alerted is None else case.alerted
        standings = self._ranking.report()
        if growing or self._hottest.changed or standings:
            incidents = sorted((case.incident() for case in growing), key=_soonest)
            yield Notice(
                id=identify("digest", at),
                action=Action.DIGEST,
                at=at,
                reason=NoticeReason.DAILY,
                incidents=incidents,
                hottest=self._hottest.report(),
                standings=standings,
            )

    # -- state ------------------------------------------------------------------------------------

    def snapshot(self) -> dict[str, bytes]:
        """Return the state as parts; what nothing happened to lies in parts that stay as they are."""
        live = _Live(watermark=self._watermark, digest=self._digest, early=self._early)
        shelves: dict[int, list[Case]] = {}
        for case in self._live.values():
            shelves.setdefault(shelf_of(case), []).append(case)
        return {
            _LIVE: pack("incidents", _VERSION, live, {}),
            _MEMORY: pack("incidents-memory", _VERSION, self._memory.held(), {}),
            **{
                f"{_CASES}{shelf}": pack("incidents-live", _VERSION, cases, {})
                for shelf, cases in shelves.items()
            },
            **self._hottest.snapshot(),
            **self._ranking.snapshot(),
            **self._closed.snapshot(),
        }

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Take up the state of ``snapshot``.

        Raises
        ------
        detectors.state.state.StateError
            When a part is damaged or of another version.
        """
        live, _ = unpack(parts[_LIVE], "incidents", _VERSION, _Live)
        self._watermark, self._digest, self._early = live.watermark, live.digest, live.early
        self._hottest.restore(parts)
        self._ranking.restore(parts)
        self._closed.restore(parts)
        self._memory = FingerprintMemory(
            unpack(parts[_MEMORY], "incidents-memory", _VERSION, list[tuple[str, PriorIncident]])[0]
        )
        cases: list[Case] = []
        for name, part in parts.items():
            if name.startswith(_CASES):
                cases += unpack(part, "incidents-live", _VERSION, list[Case])[0]
        self._live = {case.id: case for case in cases}
        self._curves = {case.id for case in cases if case.has_curve}
        self._reach, self._agenda, self._touched = CorrelationIndex(), Agenda(self._holds), set()
        self._agenda.put(self._digest, What.DIGEST)
        newest: dict[str, int] = {}
        self._case_of = {}
        for case in (*self._closed, *cases):
            for finding in case.findings.values():
                if finding.revision >= newest.get(finding.id, 0):  # a series that grew and is near is in two
                    newest[finding.id], self._case_of[finding.id] = finding.revision, case.id
        for case in cases:
            self._note(case)
            for finding in case.findings.values():
                self._reach.put(case.id, finding)


def _soonest(incident: Incident) -> tuple[float, float, str]:
    growth = incident.primary.growth
    if growth is None and incident.verdict is Verdict.LIMIT:
        return 0.0, 0.0, incident.id  # near every day already
    if growth is None:
        return float("inf"), 0.0, incident.id
    days = growth.days_to_limit if growth.days_to_limit is not None else float("inf")
    return days, -growth.per_day, incident.id

"""Findings become incidents: what belongs together, what is told, when it is over."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import msgspec

from alerting.case import Case
from alerting.cause import GROWTH, depth, taken_over
from alerting.digest_time import next_digest, zone_of
from alerting.incident import Incident
from alerting.notice import Action, Notice, Reason, identify
from alerting.reach import Reach
from config.settings import Settings
from detectors.finding import Finding, Verdict
from detectors.hottest import Hottest, Load
from detectors.scope import TABLE
from detectors.state import pack, unpack

_LIVE: Final = "live"
_CLOSED: Final = "closed/"


class _Live(msgspec.Struct, kw_only=True):
    watermark: int
    digest: int | None
    early: list[Finding]
    cases: list[Case]


class Incidents:
    """Groups findings into incidents and decides what is told.

    Everything happens at a time that follows from the findings alone: those told at one watermark are
    taken in together, deepest first, and what falls due between two watermarks falls due at its own
    time. So the notices are the same however the findings are cut into calls of ``feed``.

    - A table, its callers and the routes and clients in front are one incident (``alerting/cause.py``).
    - A page leaves at once when a table is affected. A finding on something in front waits one step
      for a deeper one to take it in; what joins later edits the message and never makes a second one.
    - It is resolved after ``incidents.quiet`` seconds without an open finding. What comes back within
      ``incidents.gather`` seconds of that reopens it; what comes later is a new incident.
    - Growth is never a page: each series that grows is an incident of the daily digest while it does.

    Incidents that are over are kept without their traces (about 2 kB each), so that ``known`` is complete.

    Raises
    ------
    ValueError
        When ``digest.timezone`` is not a time zone.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._zone = zone_of(settings.digest)
        self._watermark = 0
        self._digest: int | None = None  # when the next digest is due; unknown before the first watermark
        self._early: list[Finding] = []  # told after the watermark: another shard is ahead
        self._live: dict[str, Case] = {}
        self._reach = Reach()
        self._hottest = Hottest()
        self._closed: dict[str, Case] = {}
        self._case_of: dict[str, str] = {}  # finding id → case id

    def feed(self, findings: Iterable[Finding], watermark: int, loads: Iterable[Load] = ()) -> list[Notice]:
        """Take in findings and let event time pass up to ``watermark`` (epoch seconds).

        Every finding that was told at or before ``watermark`` must be given by the call that passes it;
        with several shards that is the lowest of their watermarks. A finding told later waits for its
        time. One that was seen already (same id, no newer revision) is ignored. ``loads`` are those of the
        hour that ends at ``watermark``, of all shards.

        Returns
        -------
        list of Notice
            What is to be told, in order.
        """
        told = {(finding.id, finding.revision): finding for finding in (*self._early, *findings)}
        if self._digest is None:
            first = min((finding.seen for finding in told.values()), default=watermark)
            self._digest = next_digest(min(first, watermark), self._settings.digest, self._zone)
        self._early = [finding for finding in told.values() if finding.seen > watermark]
        by_time: dict[int, list[Finding]] = {}
        for finding in told.values():
            if finding.seen <= watermark:
                by_time.setdefault(max(finding.seen, self._watermark), []).append(finding)
        notices: list[Notice] = []
        for at in sorted(by_time):
            notices += self._pass(at - 1)
            for finding in sorted(by_time[at], key=lambda f: (-depth(f), f.start, f.id, f.revision)):
                self._take(finding, at)
            notices += self._pass(at)
            notices += self._changes(at)
        notices += self._pass(watermark)
        self._hottest.feed(loads)
        self._watermark = max(self._watermark, watermark)
        return notices

    def known(self) -> list[Incident]:
        """Return all incidents so far in their last state, ordered by start."""
        cases = (*self._closed.values(), *self._live.values())
        return sorted((case.incident() for case in cases), key=lambda incident: (incident.start, incident.id))

    def incident_of(self, finding: str) -> Incident | None:
        """Return the incident that took in the finding with this id."""
        case = self._case_of.get(finding)
        if case is None:
            return None
        return (self._live.get(case) or self._closed[case]).incident()

    # -- taking findings in -----------------------------------------------------------------------

    def _take(self, finding: Finding, at: int) -> None:
        held = self._live.get(self._case_of.get(finding.id, ""))
        if held is not None:
            if held.findings[finding.id].revision < finding.revision and held.resolved is None:
                held.put(finding)
                self._reach.add(held)
                self._schedule(held, at)
                return
            if held.findings[finding.id].revision >= finding.revision:
                return
        elif finding.id in self._case_of:
            over = self._closed[self._case_of[finding.id]].findings[finding.id]
            if over.revision >= finding.revision:
                return
        if finding.state == "end":  # nothing was told of it and nothing will be
            return
        gather = self._settings.incidents.gather
        # A case that was told keeps its message: it comes first. Then the oldest, so that ids do not move.
        fitting = sorted(
            (
                case
                for case in map(self._live.__getitem__, self._reach.near(finding))
                if case.takes(finding, gather)
            ),
            key=lambda case: (case.alerted is None, case.resolved is not None, case.started, case.id),
        )
        if fitting:
            case, *others = fitting
            case.put(finding)
        else:
            case, others = self._begin(finding), []
        for other in others:
            if other.alerted is None:
                case.absorb(other)
                self._forget(other)
        self._reach.add(case)
        self._case_of.update(dict.fromkeys(case.findings, case.id))
        self._schedule(case, at)

    def _begin(self, finding: Finding) -> Case:
        case = Case.of(finding)
        if case.id in self._closed:  # the finding went on after its incident was over: this is another one
            case.id = identify("incident", finding.id, finding.revision)
        self._live[case.id] = case
        return case

    def _schedule(self, case: Case, at: int) -> None:
        """Set when the case is told and when it is resolved."""
        goes_on = case.open()
        if goes_on:
            case.quiet = None
        elif case.quiet is None:
            case.quiet = at + self._settings.incidents.quiet
        if case.resolved is not None and goes_on:
            case.resolved = None
            case.reopened += 1
            case.pending = Reason.REOPENED
        if case.direction == GROWTH:
            case.sent, case.reason = "digest", Reason.GROWTH
        elif case.alerted is None:
            self._wait(case, at)

    def _wait(self, case: Case, at: int) -> None:
        """Set when a page leaves that has not left yet, and why it has not."""
        if taken_over(case.findings.values()):
            case.due, case.reason = None, Reason.TAKEN_OVER
        elif not case.open():
            case.due, case.reason = None, Reason.OVER
        elif self._at_once(case) is not None:
            case.due = at
        else:
            due = at + self._patience(case)
            case.due = due if case.due is None else min(due, case.due)
            case.reason = Reason.WAITING

    @staticmethod
    def _at_once(case: Case) -> Reason | None:
        """Return why a page leaves at once, None when it waits for a finding that explains more."""
        first = case.first
        if first.verdict is Verdict.FATAL:
            return Reason.NEW
        if first.verdict is Verdict.LIMIT:
            return Reason.NEAR
        return Reason.TABLE if first.about.kind == TABLE and first.verdict is not Verdict.SILENCE else None

    def _patience(self, case: Case) -> int:
        # that nobody calls a table is the story of its callers, whose silence takes longer to be sure of
        of_table = case.first.about.kind == TABLE
        return self._settings.incidents.gather if of_table else self._settings.time.step

    # -- letting time pass ------------------------------------------------------------------------

    def _pass(self, until: int) -> Iterator[Notice]:
        """Do what falls due up to ``until``, each at its own time."""
        while due := sorted(event for event in self._due() if event[0] <= until):
            first = due[0][0]
            for at, what, which in due:
                if at > first:  # what was just done may have made something due earlier than this
                    break
                match what:
                    case 0:
                        yield self._open(self._live[which], at)
                    case 1:
                        yield from self._resolve(self._live[which], at)
                    case 2:
                        self._close(self._live[which])
                    case _:
                        yield from self._daily(at)

    def _due(self) -> Iterator[tuple[int, int, str]]:
        """Yield when, what and which: 0 a page leaves, 1 resolved, 2 can no longer reopen, 3 the digest."""
        for case in self._live.values():
            if case.due is not None:
                yield case.due, 0, case.id
            if case.quiet is not None:
                yield case.quiet, 1, case.id
            if case.resolved is not None:
                yield case.resolved + self._settings.incidents.gather, 2, case.id
        if self._digest is not None:
            yield self._digest, 3, ""

    def _open(self, case: Case, at: int) -> Notice:
        case.due, case.alerted, case.sent = None, at, "page"
        case.reason = self._at_once(case) or Reason.WAITED
        return self._notice(case, Action.OPEN, at, case.reason)

    def _resolve(self, case: Case, at: int) -> Iterator[Notice]:
        case.quiet, case.resolved = None, at
        if case.sent == "page":
            yield self._notice(case, Action.RESOLVE, at, Reason.QUIET)

    def _close(self, case: Case) -> None:
        self._forget(case)
        case.shed()
        self._closed[case.id] = case

    def _forget(self, case: Case) -> None:
        del self._live[case.id]
        self._reach.remove(case)

    def _changes(self, at: int) -> Iterator[Notice]:
        for case in sorted(self._live.values(), key=lambda case: (case.started, case.id)):
            if case.pending is None:
                continue
            reason, case.pending = case.pending, None
            if case.sent == "page" and case.alerted != at and case.resolved is None:
                yield self._notice(case, Action.UPDATE, at, reason)

    def _notice(self, case: Case, action: Action, at: int, reason: Reason) -> Notice:
        case.pending = None
        incident = case.incident()
        case.revision += 1
        return Notice(
            id=identify(case.id, action, incident.revision),
            action=action,
            at=at,
            reason=reason,
            incidents=[incident],
        )

    def _daily(self, at: int) -> Iterator[Notice]:
        self._digest = next_digest(at, self._settings.digest, self._zone)
        growing = [case for case in self._live.values() if case.direction == GROWTH and case.resolved is None]
        for case in growing:
            case.alerted = at if case.alerted is None else case.alerted
        if growing or self._hottest.changed:
            incidents = sorted((case.incident() for case in growing), key=_soonest)
            yield Notice(
                id=identify("digest", at),
                action=Action.DIGEST,
                at=at,
                reason=Reason.DAILY,
                incidents=incidents,
                hottest=self._hottest.tell(),
            )

    # -- state ------------------------------------------------------------------------------------

    def snapshot(self) -> dict[str, bytes]:
        """Return the state as parts; incidents that are over lie in parts that seldom change, one a day."""
        live = _Live(
            watermark=self._watermark, digest=self._digest, early=self._early, cases=list(self._live.values())
        )
        parts = {_LIVE: pack("incidents", 1, live, {}), **self._hottest.snapshot()}
        days: dict[int, list[Case]] = {}
        for case in self._closed.values():
            days.setdefault(case.started // 86400, []).append(case)
        for day, cases in days.items():
            parts[f"{_CLOSED}{day}"] = pack("incidents-closed", 1, cases, {})
        return parts

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Take up the state of ``snapshot``.

        Raises
        ------
        detectors.state.StateError
            When a part is damaged or of another version.
        """
        live, _ = unpack(parts[_LIVE], "incidents", 1, _Live)
        self._watermark, self._digest, self._early = live.watermark, live.digest, live.early
        self._hottest.restore(parts)
        self._live = {case.id: case for case in live.cases}
        self._reach = Reach()
        for case in live.cases:
            self._reach.add(case)
        self._closed = {}
        for name in sorted(parts):
            if name.startswith(_CLOSED):
                cases, _ = unpack(parts[name], "incidents-closed", 1, list[Case])
                self._closed.update((case.id, case) for case in cases)
        self._case_of = {
            finding: case.id
            for case in (*self._closed.values(), *self._live.values())
            for finding in case.findings
        }


def _soonest(incident: Incident) -> tuple[float, float, str]:
    growth = incident.primary.growth
    if growth is None and incident.verdict is Verdict.LIMIT:
        return 0.0, 0.0, incident.id  # near every day already
    if growth is None:
        return float("inf"), 0.0, incident.id
    days = growth.days_to_limit if growth.days_to_limit is not None else float("inf")
    return days, -growth.per_day, incident.id

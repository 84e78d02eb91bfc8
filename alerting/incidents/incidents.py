"""Groups findings into incidents, and decides what is reported and when an incident ends."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import msgspec

from alerting.incidents.correlation import GROWTH, depth, direction, is_about_broad
from alerting.incidents.digest_reporter import DigestReporter
from alerting.incidents.incident import ILLUSTRATED, Incident
from alerting.incidents.incident_record import IncidentRecord
from alerting.incidents.incident_store import IncidentStore
from alerting.incidents.notice import Milestone, Notice, NoticeReason
from alerting.incidents.preceding import RecentChanges, may_precede, preceding
from alerting.incidents.provisional import Provisional
from alerting.incidents.reporter import Due, DueKind, Reporter, Schedule, closes_at, plan
from config.settings import Settings
from detectors.explain.causes import causes
from detectors.explain.examples import Illustration
from detectors.model.finding import Finding
from detectors.model.stated import StatedChange
from detectors.state.state import pack, unpack
from detectors.watch.maturity import Maturity
from detectors.watch.rankings import Hot, Load, Use

_CORE: Final = "live"
_VERSION: Final = 2

TRACES: Final = 200
"""Live incidents whose trace is kept for the chart of an unsent message; no one reads more charts."""


class _Core(msgspec.Struct, kw_only=True):
    watermark: int
    digest: int | None
    early: list[Finding]
    looks: int = 0
    provisional: Provisional = msgspec.field(default_factory=Provisional)


class Incidents:
    """Groups findings into incidents and decides what is reported.

    Every time follows from the findings alone: those of one watermark are processed together, deepest first,
    and what falls due between two watermarks falls due at its own time. So the notices are the same
    however the findings are split over calls of ``feed``.

    - A table, its callers and the routes and clients in front of them are one incident (``correlation.py``).
    - A page leaves at once when a table is affected, or when it is about a strong finding. Any other finding
      in front of a table waits one step for a deeper one. What joins later edits the message and never makes
      a second one (``reporter.py``).
    - It worsens, eases, spreads: ``reported_state.py`` decides what of that is reported, once each.
    - It is resolved once no finding is open and ``incidents.quiet`` seconds have passed since the last
      deviation ended (``reporter.py``). A recurrence within
      ``incidents.gather`` seconds reopens it, as a new message that links to the former one; a later one is a
      new incident, which ``follows`` the last reported one with its ``fingerprint``. Each recurrence doubles
      the quiet period, and the time in which the incident may reopen, up to two hours.
    - When late data withdraws all of its findings it is withdrawn; when some, it is amended.
    - Growth is never a page: each growing series is an incident of the daily digest for as long as it grows.
      When its limit is near, that incident ends and a page starts.
    - It names the changes that came shortly before its findings (``preceding.py``). One that becomes known
      after the message left edits it.

    Closed incidents are kept without traces for 30 days, 10,000 at most (``incident_store.py``).

    With ``remember_all``, ``all`` includes forgotten incidents: for replays, which end.

    Raises
    ------
    ValueError
        When ``digest.timezone`` is not a time zone.
    """

    def __init__(self, settings: Settings, *, remember_all: bool = False) -> None:
        self._settings = settings
        self._watermark = 0
        self._digest_due: int | None = None  # unknown before the first watermark
        self._early: list[Finding] = []  # reported after the watermark: another shard is ahead
        self.early_evaluations = 0  # that found something, so far
        self._provisional = Provisional()  # their findings
        self._store = IncidentStore(remember_all=remember_all)
        self._schedule = Schedule(self._is_current)
        self._reporter = Reporter()
        self._digests = DigestReporter(settings.digest)
        self._recent = RecentChanges()
        self._touched: set[str] = set()  # incidents with changes since the last notices
        self._traced: set[str] = set()  # incidents whose primary may have its trace

    def feed(
        self,
        findings: Iterable[Finding],
        watermark: int,
        loads: Iterable[Load] = (),
        uses: Iterable[Use] = (),
        maturity: Iterable[Maturity] = (),
        *,
        changes: Iterable[StatedChange] = (),
        illustrations: Iterable[Illustration] = (),
    ) -> list[Notice]:
        """Take in findings, let event time pass up to ``watermark`` (epoch seconds), return notices in order.

        Every finding reported at or before ``watermark`` must be given by the call that passes it; with
        several shards that is the lowest of their watermarks. A finding reported later waits for its time. A
        repeated one (same id, no newer revision) is ignored. ``loads``, ``uses`` and ``maturity`` are those
        of the hour that ends at ``watermark``, of all shards; ``changes`` are those that became known with
        it, however late; ``illustrations`` are requests of findings that are open then.
        """
        given = {(finding.id, finding.revision): finding for finding in (*self._early, *findings)}
        if self._digest_due is None:
            first = min((finding.seen for finding in given.values()), default=watermark)
            self._plan_digest(min(first, watermark))
        self._early = [finding for finding in given.values() if finding.seen > watermark]
        by_time: dict[int, list[Finding]] = {}
        for finding in (*given.values(), *self._provisional.due(watermark, self._store)):
            if finding.seen <= watermark:
                by_time.setdefault(max(finding.seen, self._watermark), []).append(finding)
        notices: list[Notice] = []
        stated, known_at = list(changes), max(watermark, self._watermark)
        shown = list(illustrations)
        if stated or shown:
            by_time.setdefault(known_at, [])
        for at in sorted(by_time):
            notices += self._pass(at - 1)
            self._store.expire(at)
            for finding in sorted(by_time[at], key=lambda f: (-depth(f), f.start, f.id, f.revision)):
                self._take_in(finding, at)
            if at == known_at:
                self._illustrate(shown)
            self._choose_primaries()
            self._name_preceding(stated if at == known_at else (), at)
            notices += self._pass(at)
            notices += self._changes(at)
            self._drop_traces()
        notices += self._pass(watermark)
        self._digests.feed(loads, uses, maturity)
        self._watermark = max(self._watermark, watermark)
        return notices

    def feed_early(self, findings: Iterable[Finding], at: int) -> list[Notice]:
        """Take in early findings up to ``at`` (epoch seconds); return their notices at once, in order.

        No time passes. Series with a known finding are left out. Until its step is judged, a finding is
        provisional: ``feed`` confirms it or takes it back.
        """
        if not self._watermark:
            return []
        self.early_evaluations += 1
        at = max(at, self._watermark)
        for finding in sorted(findings, key=lambda f: (-depth(f), f.start, f.id)):
            if self._provisional.add(finding, at, self._store, self._settings):
                self._take_in(finding, at)
        self._choose_primaries()
        self._name_preceding((), at)
        records = [live for touched in self._touched if (live := self._store.live(touched)) is not None]
        notices = [
            self._reporter.page(record, at)
            for record in sorted(records, key=lambda record: (record.started, record.id))
            if record.page_due is not None and record.page_due <= at
        ]
        notices += self._changes(at)
        self._drop_traces()
        return notices

    def all(self) -> list[Incident]:
        """Return all incidents that are remembered in their last state, ordered by start."""
        return sorted(self._store.all(), key=lambda incident: (incident.start, incident.id))

    def ongoing(self) -> list[Incident]:
        """Return the incidents that have not ended, ordered by start."""
        found = [record.to_incident() for record in self._store if record.resolved_at is None]
        return sorted(found, key=lambda incident: (incident.start, incident.id))

    @property
    def took_the_lead(self) -> tuple[Hot, ...]:
        """The tables that became the hottest of their account since the last digest; readable at any time."""
        return self._digests.took_the_lead

    @property
    def recent_changes(self) -> tuple[StatedChange, ...]:
        """The changes of the last days, oldest first; readable at any time."""
        return self._recent.all

    # -- taking findings in -----------------------------------------------------------------------

    def _take_in(self, finding: Finding, at: int) -> None:
        finding = self._provisional.confirmed(finding, self._store)
        known = self._store.of_finding(finding.id)
        ended = finding.state in ("end", "withdrawn")
        if known is not None:
            if known.findings[finding.id].revision >= finding.revision:
                return
            if known.direction == GROWTH and direction(finding) != GROWTH and not ended:
                self._end_growth(known, at)
            elif known.resolved_at is None or ended:
                self._put(known, finding, at)
                return
        if ended:  # it was never reported and will not be
            return
        matching = self._store.matching(finding, self._settings.incidents.gather)
        record = matching[0] if matching else self._store.create(finding)
        for other in matching[1:]:
            if other.alerted is None and self._is_one_cause(finding, record, other):
                self._store.merge(other, record)
        self._store.assign(record, finding)
        self._put(record, finding, at)

    def _is_one_cause(self, link: Finding, record: IncidentRecord, other: IncidentRecord) -> bool:
        """Return whether a finding that is connected with two incidents shows that they have one cause.

        A slow service has causes below it: it connects nothing that began at different times.
        """
        together = abs(record.started - other.started) <= self._settings.incidents.gather
        return together or not is_about_broad(link)

    def _put(self, record: IncidentRecord, finding: Finding, at: int) -> None:
        if record.findings.get(finding.id) is not finding:
            record.put(finding)
        self._touched.add(record.id)
        if record.withdrawn and not record.all_withdrawn:
            self._reporter.reinstate(record, at)
        if record.closed_at is None:
            self._store.changed(record, record.findings[finding.id])
            plan(record, at, self._settings)
            self._add_due(record)
            return
        record.worst, record.carrying = {}, {}  # the causes of its findings were written down when it closed
        if record.all_withdrawn:
            record.withdraw(at)
        self._store.changed(record)

    def _end_growth(self, record: IncidentRecord, at: int) -> None:
        """End the growth of a series that is near its limit: from here on it is a page."""
        record.resolve_due, record.resolved_at = None, at
        self._add_due(record)

    def _name_preceding(self, stated: Iterable[StatedChange], at: int) -> None:
        """Name the changes before the findings of incidents that changed; of all of them if one is new."""
        if self._recent.add(stated, at):
            records = list(self._store)
        else:
            records = [live for touched in self._touched if (live := self._store.live(touched)) is not None]
        step = self._settings.time.step
        for record in records:
            findings = record.findings.values()
            if not record.preceding and not any(
                may_precede(finding, self._recent, step) for finding in findings
            ):
                continue
            before = {change.change for change in record.preceding}
            found_causes = causes(record.worst.values())
            record.preceding = preceding(
                findings,
                self._recent,
                primary=record.primary_id,
                known=record.preceding,
                carrying=record.carrying,
                causes=found_causes,
                step=step,
            )
            if record.sent == "page" and any(change.change not in before for change in record.preceding):
                record.pending = record.pending or NoticeReason.PRECEDED
                record.reported.add_line(Milestone.PRECEDED)
                self._touched.add(record.id)

    def _illustrate(self, shown: Iterable[Illustration]) -> None:
        """Keep the worst requests of incidents that are open; of a flood, of those that began first."""
        touched = False
        for illustration in shown:
            for finding in map(self._provisional.name, illustration.findings):
                record = self._store.of_finding(finding)
                if record is not None and record.resolved_at is None and record.direction != GROWTH:
                    record.illustrate(finding, illustration.example)
                    touched = True
        if touched:
            having = [record for record in self._store if record.examples]
            for record in sorted(having, key=lambda record: (record.started, record.id))[ILLUSTRATED:]:
                record.examples = []

    # -- letting time pass ------------------------------------------------------------------------

    def _add_due(self, record: IncidentRecord) -> None:
        """Schedule the due times of an incident."""
        self._schedule.add(record.page_due, DueKind.PAGE, record.id)
        self._schedule.add(record.resolve_due, DueKind.RESOLVE, record.id)
        self._schedule.add(closes_at(record, self._settings), DueKind.CLOSE, record.id)
        self._schedule.add(record.lines_due, DueKind.LINES, record.id)

    def _is_current(self, due: Due) -> bool:
        """Return whether an entry of the schedule still applies."""
        if due.kind is DueKind.DIGEST:
            return due.at == self._digest_due
        record = self._store.live(due.incident)
        if record is None:
            return False
        match due.kind:
            case DueKind.PAGE:
                return due.at == record.page_due
            case DueKind.RESOLVE:
                return due.at == record.resolve_due
            case DueKind.LINES:
                return due.at == record.lines_due
            case _:
                return due.at == closes_at(record, self._settings)

    def _pass(self, until: int) -> Iterator[Notice]:
        """Do everything that falls due up to ``until``, each at its own time."""
        while (due := self._schedule.pop(until)) is not None:
            record = self._store.live(due.incident)
            if record is None:  # the digest is of no single incident
                self._plan_digest(due.at)
                growing = [
                    live for live in self._store if live.direction == GROWTH and live.resolved_at is None
                ]
                yield from self._digests.digest(growing, due.at)
                continue
            match due.kind:
                case DueKind.PAGE:
                    yield self._reporter.page(record, due.at)
                case DueKind.RESOLVE:
                    yield from self._reporter.resolve(record, due.at)
                    self._add_due(record)
                case DueKind.LINES:
                    yield from self._report_change(record, due.at)
                case _:
                    self._store.close(record, due.at)

    def _plan_digest(self, after: int) -> None:
        self._digest_due = self._digests.next_after(after)
        self._schedule.add(self._digest_due, DueKind.DIGEST)

    def _choose_primaries(self) -> None:
        """Choose the primary of each unsent message, now that all findings of this moment are in."""
        for incident in self._touched:
            record = self._store.live(incident)
            if record is not None and record.alerted is None and record.direction != GROWTH:
                record.choose_primary()

    def _changes(self, at: int) -> Iterator[Notice]:
        touched = [record for key in self._touched if (record := self._store.find(key)) is not None]
        self._touched.clear()
        for record in sorted(touched, key=lambda record: (record.started, record.id)):
            if record.sent == "page" and record.pending is not None:
                yield from self._report_change(record, at)
            record.pending = None
            self._traced.add(record.id)

    def _report_change(self, record: IncidentRecord, at: int) -> Iterator[Notice]:
        yield from self._reporter.change(record, at)
        self._store.changed(record)
        if record.closed_at is None:
            self._add_due(record)

    def _drop_traces(self) -> None:
        """Drop traces, most of the state, of members, of growth, and beyond ``TRACES`` incidents."""
        kept: list[IncidentRecord] = []
        for incident in self._traced:
            record = self._store.live(incident)
            if record is not None:
                record.drop_traces(keep_primary=record.direction != GROWTH)
                kept += [record] if record.primary.trace is not None else []
        if len(kept) > TRACES:
            kept.sort(key=lambda record: (record.started, record.id))
            for record in kept[TRACES:]:
                record.drop_traces(keep_primary=False)
        self._traced = {record.id for record in kept[:TRACES]}

    # -- state ------------------------------------------------------------------------------------

    def snapshot(self) -> dict[str, bytes]:
        """Return the state as parts; unchanged archive parts are the same bytes."""
        core = _Core(
            watermark=self._watermark,
            digest=self._digest_due,
            early=self._early,
            looks=self.early_evaluations,
            provisional=self._provisional,
        )
        return {
            _CORE: pack("incidents", _VERSION, core, {}),
            **self._reporter.snapshot(),
            **self._digests.snapshot(),
            **self._recent.snapshot(),
            **self._store.snapshot(),
        }

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Restore the state that ``snapshot`` returned.

        Raises
        ------
        detectors.state.state.StateError
            When a part is damaged or of another version.
        """
        core, _ = unpack(parts[_CORE], "incidents", _VERSION, _Core)
        self._watermark, self._digest_due, self._early = core.watermark, core.digest, core.early
        self.early_evaluations, self._provisional = core.looks, core.provisional
        self._reporter.restore(parts)
        self._digests.restore(parts)
        self._recent.restore(parts)
        self._store.restore(parts)
        self._traced = {record.id for record in self._store if record.primary.trace is not None}
        self._schedule, self._touched = Schedule(self._is_current), set()
        self._schedule.add(self._digest_due, DueKind.DIGEST)
        for record in self._store:
            self._add_due(record)

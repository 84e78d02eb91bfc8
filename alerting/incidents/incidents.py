"""Groups findings into incidents, and decides what is reported and when an incident ends."""

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from alerting.incidents.correlation import GROWTH, depth, direction
from alerting.incidents.digest_reporter import DigestReporter
from alerting.incidents.incident import ILLUSTRATED, Incident
from alerting.incidents.incident_record import IncidentRecord
from alerting.incidents.incident_store import IncidentStore
from alerting.incidents.notice import Action, Notice
from alerting.incidents.preceding import RecentChanges
from alerting.incidents.provisional import Provisional
from alerting.incidents.reduction import reduce
from alerting.incidents.reporter import Reporter
from alerting.incidents.timing import Due, DueKind, Schedule, dues
from config.settings import Settings
from detectors.explain.examples import Illustration
from detectors.model.finding import Finding
from detectors.model.stated import StatedChange
from detectors.state.declared import Held, Owned, Stateful, StatePart
from detectors.state.past_values import DAY
from detectors.watch.maturity import Maturity
from detectors.watch.rankings import Hot, Load, Use

TRACES: Final = 200
"""Live incidents whose trace is kept for the chart of an unsent message; no one reads more charts."""


class _Core(msgspec.Struct, kw_only=True):
    watermark: int
    digest: int | None  # when it is due; unknown before the first watermark
    early: list[Finding]  # reported after the watermark: another shard is ahead
    looks: int = 0  # early evaluations that found something
    provisional: Provisional = msgspec.field(default_factory=Provisional)  # their findings


class Incidents(Stateful):
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

    STATE = (
        Held(StatePart("live", _Core, 2, kind="incidents"), "_core"),
        Owned("_reporter"),
        Owned("_digests"),
        Owned("_recent"),
        Owned("_store"),
    )

    def __init__(self, settings: Settings, *, remember_all: bool = False) -> None:
        self._settings = settings
        self._core = _Core(watermark=0, digest=None, early=[])
        self._store = IncidentStore(remember_all=remember_all)
        self._schedule = Schedule()
        self._reporter = Reporter()
        self._digests = DigestReporter(settings.digest)
        self._recent = RecentChanges()
        self._touched: set[str] = set()  # incidents with changes since the last notices

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
        core = self._core
        given = {(finding.id, finding.revision): finding for finding in (*core.early, *findings)}
        if core.digest is None:
            first = min((finding.seen for finding in given.values()), default=watermark)
            self._plan_digest(min(first, watermark))
        core.early = [finding for finding in given.values() if finding.seen > watermark]
        by_time: dict[int, list[Finding]] = {}
        for finding in (*given.values(), *core.provisional.due(watermark, self._store)):
            if finding.seen <= watermark:
                by_time.setdefault(max(finding.seen, core.watermark), []).append(finding)
        notices: list[Notice] = []
        stated, shown, known_at = list(changes), list(illustrations), max(watermark, core.watermark)
        if stated or shown:
            by_time.setdefault(known_at, [])
        for at in sorted(by_time):
            notices += self._pass(at - 1)
            self._store.expire(at)
            known = (stated, shown) if at == known_at else ((), ())
            self._take_in_all(_known_first(by_time[at]), at, *known)
            notices += self._pass(at)
            notices += self._changes(at)
        notices += self._pass(watermark)
        self._digests.feed(loads, uses, maturity)
        core.watermark = max(core.watermark, watermark)
        return notices

    def feed_early(self, findings: Iterable[Finding], at: int) -> list[Notice]:
        """Take in early findings up to ``at`` (epoch seconds); return their notices at once, in order.

        No time passes. Series with a known finding are left out. Until its step is judged, a finding is
        provisional: ``feed`` confirms it or takes it back.
        """
        core = self._core
        if not core.watermark:
            return []
        core.looks += 1
        at = max(at, core.watermark)
        new = (  # asked one by one: a finding that was taken in leaves out others of its series
            finding
            for finding in _known_first(findings)
            if core.provisional.add(finding, at, self._store, self._settings)
        )
        self._take_in_all(new, at)
        pages = [
            self._reporter.page(record, at)
            for record in self._touched_records()
            if record.page_due is not None and record.page_due <= at
        ]
        return [*pages, *self._changes(at)]

    def all(self) -> list[Incident]:
        """Return all incidents that are remembered in their last state, ordered by start."""
        return sorted(self._store.all(), key=lambda incident: (incident.start, incident.id))

    @property
    def early_evaluations(self) -> int:
        """How many early evaluations found something, so far."""
        return self._core.looks

    @property
    def took_the_lead(self) -> tuple[Hot, ...]:
        """The tables that became the hottest of their account since the last digest; readable at any time."""
        return self._digests.took_the_lead

    @property
    def recent_changes(self) -> tuple[StatedChange, ...]:
        """The changes of the last days, oldest first; readable at any time."""
        return self._recent.all

    # -- taking findings in -----------------------------------------------------------------------

    def _take_in_all(
        self,
        findings: Iterable[Finding],
        at: int,
        stated: Iterable[StatedChange] = (),
        shown: Iterable[Illustration] = (),
    ) -> None:
        """Take in all that became known at one moment; then choose what unsent messages are about."""
        for finding in findings:
            self._take_in(finding, at)
        self._illustrate(shown)
        touched = self._touched_records()
        for record in touched:
            if record.closed_at is None and record.alerted is None and record.direction != GROWTH:
                record.choose_primary()
        for record in self._store if self._recent.add(stated, at) else touched:
            if record.closed_at is None:
                record.name_ending(self._recent, self._settings.time.step)
                if record.name_preceding(self._recent, self._settings.time.step):
                    self._touched.add(record.id)

    def _take_in(self, finding: Finding, at: int) -> None:
        """Find the record of a finding, reduce the finding to it, and schedule what falls due then."""
        finding = self._core.provisional.confirmed(finding, self._store)
        record = self._record_of(finding, at)
        if record is None:
            return
        was_withdrawn = record.withdrawn
        record = reduce(record, finding, at, self._settings)
        if was_withdrawn and not record.withdrawn and record.sent == "page":
            self._reporter.remember(record, Action.RESOLVE, at)
        self._store.changed(record, record.findings[finding.id])
        self._touched.add(record.id)
        self._add_due(record)

    def _record_of(self, finding: Finding, at: int) -> IncidentRecord | None:
        """Return the record of a finding; None for a repeated one, and for one that ended unknown."""
        known, ended = self._store.of_finding(finding.id), finding.state in ("end", "withdrawn")
        if known is not None:
            if known.findings[finding.id].revision >= finding.revision:
                return None
            if known.direction == GROWTH and direction(finding) != GROWTH and not ended:
                known.resolve_due, known.resolved_at = None, at  # near its limit: from here on it is a page
                self._store.merged.append(known)
                self._add_due(known)
            elif known.resolved_at is None or ended:
                return known
        return None if ended else self._store.join(finding, self._settings.incidents.gather)

    def _touched_records(self) -> list[IncidentRecord]:
        """Return the records that changed since the last notices, those that began first before others."""
        found = [record for key in self._touched if (record := self._store.find(key)) is not None]
        return sorted(found, key=_began)

    def _illustrate(self, shown: Iterable[Illustration]) -> None:
        """Keep the worst requests of incidents that are open; of a flood, of those that began first."""
        touched = False
        for illustration in shown:
            for finding in map(self._core.provisional.name, illustration.findings):
                record = self._store.of_finding(finding)
                if record is not None and record.resolved_at is None and record.direction != GROWTH:
                    record.illustrate(finding, illustration.example)
                    touched = True
        if touched:
            having = [record for record in self._store if record.examples]
            for record in sorted(having, key=_began)[ILLUSTRATED:]:
                record.examples = []

    # -- letting time pass ------------------------------------------------------------------------

    def _add_due(self, record: IncidentRecord) -> None:
        """Schedule what falls due of an incident; nothing does once it is closed."""
        if record.closed_at is None:
            self._schedule.add(dues(record, self._settings))

    def _is_current(self, due: Due) -> bool:
        """Return whether an entry of the schedule still applies."""
        if due.kind is DueKind.DIGEST:
            return due.at == self._core.digest
        record = self._store.live(due.incident)
        return record is not None and due in dues(record, self._settings)

    def _pass(self, until: int) -> Iterator[Notice]:
        """Do everything that falls due up to ``until``, each at its own time."""
        while (due := self._schedule.pop(until, self._is_current)) is not None:
            record = self._store.live(due.incident)
            if record is None:  # the digest is of no single incident
                self._plan_digest(due.at)
                growing = [
                    live for live in self._store if live.direction == GROWTH and live.resolved_at is None
                ]
                yield from self._digests.digest(growing, self._store.small(due.at - DAY), due.at)
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
        self._core.digest = self._digests.next_after(after)
        self._schedule.add([Due(self._core.digest, DueKind.DIGEST)])

    def _changes(self, at: int) -> Iterator[Notice]:
        """Report what changed, now that all findings of this moment are in; then drop traces."""
        touched = self._touched_records()
        self._touched.clear()
        while self._store.merged:
            yield from self._reporter.absorb(self._store.merged.pop(), at)
        for record in touched:
            if record.sent == "page" and record.pending is not None:
                yield from self._report_change(record, at)
            elif record.sent == "digest":
                if record.direction == GROWTH:
                    record.drop_traces(keep_primary=False)
                yield from self._reporter.note(record, at)
                self._store.changed(record)
            record.pending, record.withdrawal_unreported = None, False
            if record.closed_at is None:
                record.drop_traces(keep_primary=record.direction != GROWTH)
        if touched:
            traced = sorted(
                (record for record in self._store if record.primary.trace is not None), key=_began
            )
            for record in traced[TRACES:]:
                record.drop_traces(keep_primary=False)

    def _report_change(self, record: IncidentRecord, at: int) -> Iterator[Notice]:
        yield from self._reporter.change(record, at)
        self._store.changed(record)
        self._add_due(record)

    # -- state ------------------------------------------------------------------------------------

    def derive(self) -> None:
        """Schedule what falls due of the live incidents."""
        self._schedule, self._touched = Schedule(), set()
        if self._core.digest is not None:
            self._schedule.add([Due(self._core.digest, DueKind.DIGEST)])
        for record in self._store:
            self._add_due(record)


def _began(record: IncidentRecord) -> tuple[int, str]:
    return record.started, record.id


def _known_first(findings: Iterable[Finding]) -> list[Finding]:
    """Return what is known first, as it is by now; then the new ones, the deepest first."""
    return sorted(
        findings,
        key=lambda finding: (
            finding.state == "open",
            -depth(finding),
            finding.start,
            finding.id,
            finding.revision,
        ),
    )

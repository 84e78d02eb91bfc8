"""Turns the changes of incidents into notices, and sets when each is paged, resolved and closed."""

import heapq
from collections.abc import Callable, Iterator, Mapping
from enum import IntEnum
from typing import Final, NamedTuple

from alerting.incidents.correlation import GROWTH, taken_over
from alerting.incidents.fingerprint import FingerprintMemory, PriorIncident, fingerprint
from alerting.incidents.incident_record import IncidentRecord
from alerting.incidents.notice import Action, Milestone, Notice, NoticeReason, identify
from alerting.incidents.reported_state import LONGEST_QUIET, quiet_period
from config.settings import Settings
from detectors.model.finding import Verdict
from detectors.model.scope import TABLE
from detectors.state.state import pack, unpack

_MEMORY: Final = "memory"
_VERSION: Final = 3


class Reporter:
    """Makes the notices of one incident at a time. The caller schedules what falls due afterwards."""

    def __init__(self) -> None:
        self._memory = FingerprintMemory()

    def page(self, record: IncidentRecord, at: int) -> Notice:
        """Report an incident for the first time."""
        record.page_due, record.alerted, record.sent = None, at, "page"
        record.reason = immediate_reason(record) or NoticeReason.WAITED
        prior = self._memory.find(fingerprint(record.primary), at)
        if prior is not None:
            record.follows = prior.incident
            if prior.ended and at - prior.at <= LONGEST_QUIET:
                record.flaps = prior.flaps + 1
        return self._notice(record, Action.OPEN, at, record.reason, {Milestone.OPENED: []})

    def resolve(self, record: IncidentRecord, at: int) -> Iterator[Notice]:
        """Resolve an incident; only the end of a page is reported."""
        record.resolve_due, record.resolved_at, record.lines_due = None, at, None
        record.reported.pending.clear()
        if record.sent == "page":
            yield self._notice(record, Action.RESOLVE, at, NoticeReason.QUIET, {Milestone.RESOLVED: []})

    def change(self, record: IncidentRecord, at: int) -> Iterator[Notice]:
        """Report the changes of an incident with a page, or its lines that have waited long enough."""
        reason = record.pending
        if reason is NoticeReason.LATE:
            yield self._notice(record, Action.WITHDRAW, at, reason, {Milestone.WITHDRAWN: []})
            return
        if reason is NoticeReason.REOPENED:
            yield self._notice(record, Action.OPEN, at, reason, {Milestone.REOPENED: []})
            return
        lines = record.reported.update(record.primary, len(record.open_ids), at)
        record.lines_due = None if record.resolved_at is not None else record.reported.next_line_at
        if Milestone.WORSENED in lines:
            reason = NoticeReason.WORSE
        elif Milestone.EASED in lines:
            reason = NoticeReason.BETTER
        elif lines and reason is None:
            reason = NoticeReason.CHANGED
        if reason is not None:
            yield self._notice(record, Action.UPDATE, at, reason, lines)

    def reinstate(self, record: IncidentRecord, at: int) -> None:
        """Take back a withdrawal: a part of the incident was real after all."""
        record.withdrawn = False
        if record.sent == "page":
            self._remember(record, Action.RESOLVE, at)
        else:
            record.reason = NoticeReason.ENDED

    def _notice(
        self,
        record: IncidentRecord,
        action: Action,
        at: int,
        reason: NoticeReason,
        lines: dict[Milestone, list[str]],
    ) -> Notice:
        record.pending = None
        if action is Action.OPEN:
            record.reported.start(record.primary, len(record.open_ids), at)
            record.lines_due = None
        if action is not Action.UPDATE:
            self._remember(record, action, at)
        incident = record.to_incident()
        record.revision += 1
        return Notice(
            id=identify(record.id, action, incident.revision),
            action=action,
            at=at,
            reason=reason,
            incidents=[incident],
            milestones=list(lines),
            names={milestone: names for milestone, names in lines.items() if names},
        )

    def _remember(self, record: IncidentRecord, action: Action, at: int) -> None:
        key = fingerprint(record.primary)
        if action is Action.WITHDRAW:
            self._memory.drop(key, record.id)
            return
        ended = action is Action.RESOLVE
        prior = PriorIncident(
            incident=record.id, at=at, ended=ended, flaps=record.flaps, before=record.follows
        )
        self._memory.keep(key, prior)

    def snapshot(self) -> dict[str, bytes]:
        """Return the memory of reported incidents as one part."""
        return {_MEMORY: pack("incidents-memory", _VERSION, self._memory.entries(), {})}

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Restore the state that ``snapshot`` returned."""
        entries = unpack(parts[_MEMORY], "incidents-memory", _VERSION, list[tuple[str, PriorIncident]])[0]
        self._memory = FingerprintMemory(entries)


STRONG: Final = 0.8
"""Score from which on a page leaves at once: that of twice the deviation that is reported."""

_SUDDEN: Final = (Verdict.SPIKE, Verdict.DROP, Verdict.SHIFT)
"""Verdicts whose score is their size. An absence may be a part of a wider fall that is not certain yet."""


def plan(record: IncidentRecord, at: int, settings: Settings) -> None:
    """Set the times at which a live record, which changed at ``at``, is reported and resolved."""
    if record.open_ids:
        record.resolve_due = record.calm_at = None
        if record.resolved_at is not None:
            record.reopen()
    elif record.resolved_at is None and record.resolve_due is None:
        # A verdict ends some minutes after its deviation, and those minutes were quiet, too. But what flaps
        # has to be quiet from the moment on in which that is certain.
        record.calm_at = at
        quiet = quiet_period(settings.incidents.quiet, record.flaps)
        record.resolve_due = max(at, (at if record.flaps else record.last_end) + quiet)
    if record.all_withdrawn:
        record.withdraw(at)
    elif record.direction == GROWTH:
        record.sent, record.reason = "digest", NoticeReason.GROWTH
    elif record.alerted is None:
        _plan_page(record, at, settings)


def _plan_page(record: IncidentRecord, at: int, settings: Settings) -> None:
    """Set the time of a page that has not left yet, and the reason for its waiting."""
    if taken_over(record.findings.values()):
        record.page_due, record.reason = None, NoticeReason.TAKEN_OVER
    elif not record.open_ids:
        record.page_due, record.reason = None, NoticeReason.ENDED
    elif immediate_reason(record) is not None:
        record.page_due = at
    else:
        due = at + _patience(record, settings)
        record.page_due = due if record.page_due is None else min(due, record.page_due)
        record.reason = NoticeReason.WAITING


def immediate_reason(record: IncidentRecord) -> NoticeReason | None:
    """Return the reason for which a page leaves at once, None when it waits for a deeper finding."""
    primary = record.primary
    if primary.verdict is Verdict.FATAL:
        return NoticeReason.NEW
    if primary.verdict is Verdict.LIMIT:
        return NoticeReason.NEAR
    if primary.gap:
        return NoticeReason.GAP
    if primary.about.kind == TABLE and primary.verdict is not Verdict.ABSENCE:
        return NoticeReason.TABLE
    # an early finding is strong, and all that deviates was found with it
    is_strong = primary.early or (primary.verdict in _SUDDEN and primary.score >= STRONG)
    return NoticeReason.STRONG if is_strong else None


def _patience(record: IncidentRecord, settings: Settings) -> int:
    # A table without calls is explained by its callers, whose absence takes longer to be certain of.
    return settings.incidents.gather if record.primary.about.kind == TABLE else settings.time.step


def closes_at(record: IncidentRecord, settings: Settings) -> int | None:
    """Return the time from which a resolved record cannot reopen, None while it is open."""
    if record.resolved_at is None:
        return None
    incidents = settings.incidents
    quiet = quiet_period(incidents.quiet, record.flaps)
    # What comes back belongs to it for as long as if the quiet period had begun when its end was certain.
    since = record.resolved_at if record.calm_at is None else max(record.resolved_at, record.calm_at + quiet)
    return since + max(incidents.gather, quiet if record.flaps else 0)


class DueKind(IntEnum):
    """The kinds of entries; of two due at the same time, the smaller goes first."""

    PAGE = 0  # a page leaves
    RESOLVE = 1  # nothing has been open for the quiet period
    CLOSE = 2  # it can no longer reopen
    DIGEST = 3
    LINES = 4  # its thread may get a line again


class Due(NamedTuple):
    """One entry of the schedule."""

    at: int  # epoch seconds
    kind: DueKind
    incident: str  # id, empty for the digest


class Schedule:
    """A heap of what is due. A postponed or cancelled entry stays in it until its former time.

    ``is_current`` returns whether an entry still applies: the incident exists and is due at that very time.
    """

    def __init__(self, is_current: Callable[[Due], bool]) -> None:
        self._is_current = is_current
        self._heap: list[Due] = []
        self._entries: set[Due] = set()

    def add(self, at: int | None, kind: DueKind, incident: str = "") -> None:
        """Add an entry; does nothing when ``at`` is None."""
        if at is None or (due := Due(at, kind, incident)) in self._entries:
            return
        self._entries.add(due)
        heapq.heappush(self._heap, due)

    def pop(self, until: int) -> Due | None:
        """Remove and return the first entry due at or before ``until``, None when nothing is."""
        while self._heap and self._heap[0].at <= until:
            due = heapq.heappop(self._heap)
            self._entries.discard(due)
            if self._is_current(due):
                return due
        return None

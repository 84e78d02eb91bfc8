"""Turns the changes of incidents into notices."""

from collections.abc import Iterator, Mapping
from typing import Final

from alerting.incidents.fingerprint import FingerprintMemory, PriorIncident, fingerprint
from alerting.incidents.incident_record import IncidentRecord
from alerting.incidents.notice import Action, Milestone, Notice, NoticeReason, identify
from alerting.incidents.reduction import immediate_reason
from alerting.incidents.timing import LONGEST_QUIET
from detectors.state.state import pack, unpack

_MEMORY: Final = "memory"
_VERSION: Final = 3

NO_LINES: Final[Mapping[Milestone, list[str]]] = {}


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
        elif record.sent == "digest":
            yield self._made(record, Action.RESOLVE, at, NoticeReason.QUIET)

    def note(self, record: IncidentRecord, at: int) -> Iterator[Notice]:
        """Report what is in the digest, or its change, to what lists incidents: nobody gets a message."""
        reason, record.pending = record.pending, None
        if record.revision == 0:
            if not record.withdrawn:
                yield self._made(record, Action.OPEN, at, record.reason)
        elif reason is not None:
            action = Action.WITHDRAW if reason is NoticeReason.LATE else Action.UPDATE
            yield self._made(record, action, at, reason)

    def absorb(self, record: IncidentRecord, at: int) -> Iterator[Notice]:
        """Report that an incident of the digest has become a part of another one, or a page."""
        if record.revision:
            record.resolved_at = at
            yield self._made(record, Action.RESOLVE, at, NoticeReason.ABSORBED)

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
            self.remember(record, action, at)
        return self._made(record, action, at, reason, lines)

    @staticmethod
    def _made(
        record: IncidentRecord,
        action: Action,
        at: int,
        reason: NoticeReason,
        lines: Mapping[Milestone, list[str]] = NO_LINES,
    ) -> Notice:
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

    def remember(self, record: IncidentRecord, action: Action, at: int) -> None:
        """Remember a reported incident as the newest with its fingerprint; forget one that is withdrawn."""
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

"""The gate that incidents pass: asks each stage whether to hold one, and keeps when each hold ends."""

import heapq
from collections.abc import Iterable, Iterator
from typing import Final
from zoneinfo import ZoneInfo

from alerting.incidents.notice import NoticeReason
from alerting.pipeline.hold_stages import (
    HistoryStage,
    HoldStage,
    Inhibition,
    PlannedWork,
    QuietHoursStage,
    SizeStage,
)
from alerting.pipeline.incident_registry import Hold, TrackedIncident
from alerting.pipeline.ledger import Ledger
from alerting.pipeline.silences import Silences
from config.settings import NotifySettings
from detectors.model.scope import ACCOUNT

TRACES: Final = 200
"""Held incidents whose trace is kept for a chart: a trace is 30 kB."""


class Gate:
    """Asks the stages in order; the first that holds an incident gives the reason."""

    def __init__(self, notify: NotifySettings, zone: ZoneInfo, ledger: Ledger, since: int) -> None:
        self.history = HistoryStage(since, zone)
        self.silences = Silences(notify.silences, zone)
        self.inhibition = Inhibition(self.silences, on=notify.inhibit)
        self.quiet_hours = QuietHoursStage(notify.quiet_hours, zone)
        self.stages: tuple[HoldStage, ...] = (
            SizeStage(),
            self.history,
            self.silences,
            PlannedWork(notify.maintenance, zone),
            self.quiet_hours,
            self.inhibition,
        )
        self._ledger = ledger
        self._held: dict[str, TrackedIncident] = {}
        self._ends: list[tuple[int, str]] = []  # a heap of the ends of holds, including former holds

    def held(self, stage: str | None = None) -> list[TrackedIncident]:
        """Return the incidents held by a stage, or by any, in order of arrival: the same after a restart."""
        found = [
            tracked
            for tracked in self._held.values()
            if tracked.held is not None and stage in (None, tracked.held.stage)
        ]
        return sorted(found, key=lambda tracked: tracked.sequence)

    def due(self) -> int | None:
        """Return the time at which the next hold ends, epoch seconds."""
        while self._ends:
            until, incident = self._ends[0]
            if self._is_current(until, incident):
                return until
            heapq.heappop(self._ends)
        return None

    def ended(self, at: int) -> Iterator[TrackedIncident]:
        """Yield the incidents whose hold has ended by ``at``; another stage may still hold them."""
        while self._ends and self._ends[0][0] <= at:
            until, incident = heapq.heappop(self._ends)
            if self._is_current(until, incident):
                yield self._held[incident]

    def _is_current(self, until: int, incident: str) -> bool:
        """Return whether that is the end of the hold that an incident has now."""
        tracked = self._held.get(incident)
        return tracked is not None and tracked.held is not None and tracked.held.until == until

    def free(self, incidents: Iterable[TrackedIncident], at: int) -> list[TrackedIncident]:
        """Return the incidents that no stage holds, wide ones first: they may inhibit others."""
        found: list[TrackedIncident] = []
        for tracked in sorted(incidents, key=_wide_first):
            hold = self.hold(tracked, at)
            if hold is None:
                self._free(tracked, at)
                found.append(tracked)
            else:
                self._hold(tracked, hold, at)
        return found

    def hold(self, tracked: TrackedIncident, at: int) -> Hold | None:
        """Return what the first stage says that holds an incident, None if none does."""
        return next((hold for stage in self.stages if (hold := stage.hold(tracked, at))), None)

    def release(self, tracked: TrackedIncident) -> None:
        """Stop holding an incident, without reporting it."""
        tracked.pending, tracked.held = False, None
        self._held.pop(tracked.incident.id, None)
        self.inhibition.update(tracked)

    def end(self, tracked: TrackedIncident, at: int) -> None:
        """Release an incident that ended before it was reported; what goes on is told when its hold ends."""
        if tracked.goes_on and tracked.held is not None and tracked.held.until is not None:
            return
        if tracked.held is not None:
            self._ledger.note(tracked.held.stage, "over", tracked, tracked.held.reason, at)
            if not tracked.messages and not _is_small(tracked):
                tracked.reason = f"{tracked.held.reason}; it ended before it was reported"
        elif not tracked.messages:
            tracked.reason = NoticeReason.ENDED.value
        self.release(tracked)

    def restore(self, incidents: Iterable[TrackedIncident]) -> None:
        """Restore what is held among the incidents of a snapshot."""
        for tracked in incidents:
            self.inhibition.update(tracked)
            if tracked.held is not None:
                self._keep(tracked, tracked.held)

    def _free(self, tracked: TrackedIncident, at: int) -> None:
        rule = tracked.incident.rule
        tracked.reason = f"{tracked.notice.reason.value}{'; ' if rule else ''}{rule}"
        if tracked.held is not None:
            self._ledger.note(tracked.held.stage, "released", tracked, tracked.held.reason, at)
            if not _is_small(tracked):
                now = "the new level" if tracked.goes_on else "still open"
                tracked.reason = f"{now} after it was held: {tracked.held.reason}"
        self.release(tracked)

    def _hold(self, tracked: TrackedIncident, hold: Hold, at: int) -> None:
        was, goes_on = tracked.held, _is_small(tracked)  # at each update, by another size
        if was is None or was.stage != hold.stage or (was.reason != hold.reason and not goes_on):
            self._ledger.note(hold.stage, "held", tracked, hold.reason, at)
        tracked.held = hold
        if not tracked.messages:
            tracked.reason, tracked.sent = hold.reason, "digest" if _is_small(tracked) else "none"
        if len(self._held) >= TRACES:
            tracked.drop_trace()
        self._keep(tracked, hold)

    def _keep(self, tracked: TrackedIncident, hold: Hold) -> None:
        self._held[tracked.incident.id] = tracked
        if hold.until is not None:
            heapq.heappush(self._ends, (hold.until, tracked.incident.id))


def _is_small(tracked: TrackedIncident) -> bool:
    """Return whether its size is what holds an incident."""
    return tracked.held is not None and tracked.held.stage == SizeStage.name


def _wide_first(tracked: TrackedIncident) -> tuple[bool, int]:
    return tracked.incident.primary.about.kind != ACCOUNT, tracked.sequence

"""Where incidents wait: the stages that may hold one, who is held by which, and when that ends."""

import heapq
from collections.abc import Iterable, Iterator
from typing import Final, Protocol
from zoneinfo import ZoneInfo

from alerting.incidents.notice import NoticeReason
from alerting.pipeline.inhibition import Inhibition
from alerting.pipeline.ledger import Ledger
from alerting.pipeline.maintenance import PlannedWork
from alerting.pipeline.quiet_hours import QuietHoursStage
from alerting.pipeline.silences import Silences
from alerting.pipeline.tracked_incident import Hold, TrackedIncident, without_curve
from config.settings import NotifySettings
from detectors.model.scope import ACCOUNT

CURVES: Final = 200
"""Held incidents whose curve is kept for a chart: a curve is 30 kB."""


class HoldStage(Protocol):
    """A stage that may hold an incident."""

    @property
    def name(self) -> str:
        """What the stage is called in reasons, metrics and status."""

    def hold(self, story: TrackedIncident, at: int) -> Hold | None:
        """Return why the incident must wait at a time (epoch seconds), None when it may go on."""


class Gate:
    """Asks the stages in their order; the first that holds an incident gives the reason."""

    def __init__(self, notify: NotifySettings, zone: ZoneInfo, ledger: Ledger) -> None:
        self.silences = Silences(notify.silences, zone)
        self.inhibition = Inhibition(on=notify.inhibit)
        self.stages: tuple[HoldStage, ...] = (
            self.silences,
            PlannedWork(notify.maintenance, zone),
            QuietHoursStage(notify.quiet_hours, zone),
            self.inhibition,
        )
        self._ledger = ledger
        self._held: dict[str, TrackedIncident] = {}
        self._ends: list[tuple[int, str]] = []  # a heap of when holds end; of holds that are no more, too

    def held(self, stage: str | None = None) -> list[TrackedIncident]:
        """Return the incidents that wait, by a stage or by any, in the order in which they came here."""
        every = self._held.values()
        return [one for one in every if one.held is not None and stage in (None, one.held.stage)]

    def due(self) -> int | None:
        """Return when the next hold ends by the clock."""
        while self._ends:
            until, incident = self._ends[0]
            story = self._held.get(incident)
            if story is not None and story.held is not None and story.held.until == until:
                return until
            heapq.heappop(self._ends)
        return None

    def ended(self, at: int) -> Iterator[TrackedIncident]:
        """Give the incidents whose hold has ended by ``at``: another may hold them still."""
        while self._ends and self._ends[0][0] <= at:
            _, incident = heapq.heappop(self._ends)
            if incident in self._held:
                yield self._held[incident]

    def free(self, stories: Iterable[TrackedIncident], at: int) -> list[TrackedIncident]:
        """Return those that no stage holds, those about whole accounts first: they may hold others.

        An incident with a message that comes back while it is silenced goes on in that message: it is
        neither free nor held.
        """
        found: list[TrackedIncident] = []
        for story in sorted(stories, key=_wide_first):
            hold = next((hold for stage in self.stages if (hold := stage.hold(story, at))), None)
            if hold is None:
                self._free(story, at)
                found.append(story)
            elif hold.stage == self.silences.name and story.told:
                self.let_go(story)
            else:
                self._hold(story, hold, at)
        return found

    def let_go(self, story: TrackedIncident) -> None:
        """Let an incident wait no longer, without telling it."""
        story.waits, story.held = False, None
        self._held.pop(story.incident.id, None)
        self.inhibition.know(story)

    def over(self, story: TrackedIncident, at: int) -> None:
        """Let go of an incident that was over before it was told."""
        if story.held is not None:
            self._ledger.passed_over(story, story.held, at)
            if not story.told:
                story.reason = f"{story.held.reason}; it was over by then"
        elif not story.told:
            story.reason = NoticeReason.ENDED.value
        self.let_go(story)

    def restore(self, stories: Iterable[TrackedIncident]) -> None:
        """Take up what waits among the stories of a snapshot."""
        for story in stories:
            self.inhibition.know(story)
            if story.held is not None:
                self._keep(story, story.held)

    def _free(self, story: TrackedIncident, at: int) -> None:
        story.reason = story.notice.reason.value
        if story.held is not None:
            self._ledger.released(story, story.held, at)
            story.reason = f"it outlasted what held it: {story.held.reason}"
        self.let_go(story)

    def _hold(self, story: TrackedIncident, hold: Hold, at: int) -> None:
        if story.held is None or (story.held.stage, story.held.reason) != (hold.stage, hold.reason):
            self._ledger.held(story, hold, at)
        story.held = hold
        if not story.told:
            story.reason = hold.reason
        if len(self._held) >= CURVES:
            without_curve(story)
        self._keep(story, hold)

    def _keep(self, story: TrackedIncident, hold: Hold) -> None:
        self._held[story.incident.id] = story
        if hold.until is not None:
            heapq.heappush(self._ends, (hold.until, story.incident.id))


def _wide_first(story: TrackedIncident) -> tuple[bool, int]:
    return story.incident.primary.about.kind != ACCOUNT, story.sequence

"""Where notices come in: repeats are dropped, what is new is told where an incident has a message."""

from collections.abc import Iterator

from alerting.commands.dispatch import Dispatch, Form
from alerting.incidents.notice import Action, Notice
from alerting.pipeline import dispatches
from alerting.pipeline.command_handler import CommandHandler
from alerting.pipeline.daily_digest import DailyDigest
from alerting.pipeline.dedupe import Dedupe
from alerting.pipeline.flood import Floods
from alerting.pipeline.gate import Gate
from alerting.pipeline.incident_registry import IncidentRegistry
from alerting.pipeline.ledger import Ledger
from alerting.pipeline.routing import Routing
from alerting.pipeline.tracked_incident import TrackedIncident, is_over, without_curve


class NoticeIntake:
    """Takes notices in, one at a time."""

    def __init__(
        self,
        stories: IncidentRegistry,
        gate: Gate,
        dedupe: Dedupe,
        *,
        asked: CommandHandler,
        daily: DailyDigest,
        routing: Routing,
        floods: Floods,
        ledger: Ledger,
    ) -> None:
        self._stories = stories
        self._gate = gate
        self._dedupe = dedupe
        self._asked = asked
        self._daily = daily
        self._routing = routing
        self._floods = floods
        self._ledger = ledger
        self.sequence = 0  # incidents so far

    def take(self, notice: Notice, at: int, again: dict[str, TrackedIncident]) -> Iterator[Dispatch]:
        """Take a notice in at its time; ``again`` gets the incidents that are to be asked about then."""
        digest = notice.action is Action.DIGEST
        story = None if digest else self._stories.get(notice.incident.id, at)
        if self._dedupe.repeats(notice, story):
            self._ledger.did("dedupe", "dropped", story, "it was given before", at)
            return
        if digest:
            yield from self._daily.tell(
                notice, self._routing, self._gate.silences, self._stories, self._ledger.over
            )
            return
        before = None if story is None else story.incident.state
        story = self._know(story, notice, at)
        inhibition = self._gate.inhibition
        if inhibition.know(story):
            again.update((held.incident.id, held) for held in self._gate.held(inhibition.name))
        if story.waits and story.over is not None:
            self._gate.over(story, at)
            again.pop(story.incident.id, None)
        if story.waits:
            again[story.incident.id] = story
        else:
            yield from self._goes_on(story, notice, at)
            for told in story.told if story.incident.state != before else ():
                if told.form is Form.FLOOD:
                    self._floods.touch(told.subject)
        self._stories.put(story)

    def _know(self, story: TrackedIncident | None, notice: Notice, at: int) -> TrackedIncident:
        incident = notice.incident
        if story is None:
            self.sequence += 1
            story = TrackedIncident(
                sequence=self.sequence, notice=notice, began=incident.start, reopened=incident.reopened
            )
        story.notice, story.over = notice, at if is_over(incident) else None
        back = incident.reopened > story.reopened
        if back:
            story.reopened, story.began = incident.reopened, at
        if not story.told or (back and story.over is None):
            story.waits = True
        if story.over is not None:
            self._asked.relabel(story)
        return story

    def _goes_on(self, story: TrackedIncident, notice: Notice, at: int) -> Iterator[Dispatch]:
        """Tell what is new of an incident that has a message."""
        yield from dispatches.edits(story, notice.id, at)
        if self._gate.silences.hold(story, at) is None:
            yield from dispatches.milestones(story, notice, at)
        without_curve(story)

"""Takes in notices: drops repeats and updates the messages that an incident has."""

from collections.abc import Iterator

from alerting.commands.dispatch import Dispatch, Form
from alerting.incidents.notice import Action, Notice
from alerting.pipeline import dispatches
from alerting.pipeline.command_handler import CommandHandler
from alerting.pipeline.daily_digest import DailyDigest
from alerting.pipeline.flood import Floods
from alerting.pipeline.gate import Gate
from alerting.pipeline.incident_registry import Dedupe, IncidentRegistry, TrackedIncident
from alerting.pipeline.ledger import Ledger
from alerting.pipeline.memos import Memos
from alerting.pipeline.routing import Routing


class NoticeIntake:
    """Takes in notices, one at a time."""

    def __init__(
        self,
        registry: IncidentRegistry,
        gate: Gate,
        dedupe: Dedupe,
        *,
        commands: CommandHandler,
        daily: DailyDigest,
        routing: Routing,
        floods: Floods,
        ledger: Ledger,
        memos: Memos,
    ) -> None:
        self._registry = registry
        self._gate = gate
        self._dedupe = dedupe
        self._commands = commands
        self._daily = daily
        self._routing = routing
        self._floods = floods
        self._ledger = ledger
        self._memos = memos
        self.sequence = 0  # of the newest incident

    def take(self, notice: Notice, at: int, recheck: dict[str, TrackedIncident]) -> Iterator[Dispatch]:
        """Take in a notice at its time; add to ``recheck`` the incidents whose holds to check again."""
        digest = notice.action is Action.DIGEST
        tracked = None if digest else self._registry.get(notice.incident.id, at)
        if self._dedupe.repeats(notice, tracked):
            self._ledger.acted("dedupe", "dropped", tracked, "repeated notice", at)
            return
        if digest:
            since = self._gate.history.since
            notice = self._daily.learn(notice, since)
            if at < since:
                return
            yield from self._daily.digest(
                notice, self._routing, self._gate.silences, self._registry, self._ledger.ended_held
            )
            return
        before = None if tracked is None else tracked.incident.state
        tracked = self._track(tracked, notice, at)
        inhibition = self._gate.inhibition
        if inhibition.update(tracked):
            recheck.update((held.incident.id, held) for held in self._gate.held(inhibition.name))
        if tracked.pending and tracked.ended_at is not None:
            self._gate.end(tracked, at)
            recheck.pop(tracked.incident.id, None)
        if tracked.pending:
            recheck[tracked.incident.id] = tracked
        else:
            yield from self._update(tracked, notice, at)
            for message in tracked.messages if tracked.incident.state != before else ():
                if message.form is Form.FLOOD:
                    self._floods.touch(message.subject)
        self._registry.put(tracked)

    def _track(self, tracked: TrackedIncident | None, notice: Notice, at: int) -> TrackedIncident:
        incident = notice.incident
        if tracked is None:
            self.sequence += 1
            tracked = TrackedIncident(
                sequence=self.sequence, notice=notice, started=incident.start, reopened=incident.reopened
            )
        self._memos.move(incident, tracked.incident)
        tracked.notice, tracked.ended_at = notice, at if incident.ended else None
        recurred = incident.reopened > tracked.reopened
        if recurred:
            tracked.reopened, tracked.started = incident.reopened, at
        if not tracked.messages or (recurred and tracked.ended_at is None):
            tracked.pending = True
        if tracked.ended_at is not None:
            self._commands.relabel(tracked)
        return tracked

    def _update(self, tracked: TrackedIncident, notice: Notice, at: int) -> Iterator[Dispatch]:
        """Report what changed about an incident that has a message."""
        yield from dispatches.edits(tracked, notice.id, at)
        if self._gate.silences.hold(tracked, at) is None:
            yield from dispatches.milestones(tracked, notice, at)
        tracked.drop_trace()

"""Applies people's commands to incidents, turns their verdicts into labels, and keeps their memos."""

from collections.abc import Iterator
from typing import Final

from msgspec import structs

from alerting.commands.command import MARKS, Command, CommandKind, acknowledgement_of
from alerting.commands.dispatch import Answer, CommandResult, Dispatch, Line
from alerting.commands.labels import Label
from alerting.commands.matching import holds
from alerting.commands.memo import Memo
from alerting.commands.slack_interactions import pattern_of
from alerting.incidents.notice import identify
from alerting.pipeline import dispatches
from alerting.pipeline.incident_registry import IncidentRegistry, TrackedIncident
from alerting.pipeline.memos import Memos
from alerting.pipeline.packed_items import PackedItems
from alerting.pipeline.silences import NEAR, Silence, Silences, asked_after, seconds_until, size_of

COMMANDS: Final = 50
"""Commands kept per incident, the newest ones."""

LABELS: Final = 10_000
"""Labels kept, the newest ones: tuning learns from them."""

REMEMBERED: Final = 10_000
"""Command ids remembered, the oldest forgotten first: double presses come within seconds."""


class CommandHandler:
    """Carries out commands. A repeated or impossible one changes nothing."""

    def __init__(self, registry: IncidentRegistry, silences: Silences, memos: Memos) -> None:
        self._registry = registry
        self._silences = silences
        self._memos = memos
        self.done: dict[str, None] = {}  # ids of commands, the oldest first
        self.labels = PackedItems[str, Label]("label", "label/", Label, _incident_of, label_age)
        self._of_its_own = {
            CommandKind.NOTE: self._note,
            CommandKind.FORGET: self._forget,
            CommandKind.UNSILENCE: self._end,
            CommandKind.TAKE_BACK: self._take_back,
            CommandKind.UNACKNOWLEDGE: self._unacknowledge,
        }

    def handle(self, command: Command, now: int) -> Answer:
        """Carry out a command; ``now`` is the watermark."""
        if command.id in self.done:
            return Answer(result=CommandResult.REPEATED)
        answer = self._of_its_own.get(command.kind, self._mark_or_silence)(command, now)
        if answer.result is CommandResult.DONE:
            remember(self.done, command.id, REMEMBERED)
        return answer

    def _mark_or_silence(self, command: Command, now: int) -> Answer:
        tracked = self._registry.known(command.incident or "", now)
        if command.until is not None and command.until <= max(now, command.at):
            return Answer(result=CommandResult.PAST)
        if tracked is None and (
            command.matcher is None or command.kind not in (CommandKind.SNOOZE, CommandKind.SILENCE)
        ):
            return Answer(result=CommandResult.UNKNOWN)
        if (
            tracked is not None
            and tracked.ended_at is not None
            and command.matcher is None
            and command.kind not in (CommandKind.EXPECTED, CommandKind.NOT_AN_ANOMALY)
        ):
            return Answer(result=CommandResult.OVER, incident=tracked.incident)
        sent = list(self._done(command, tracked))
        return Answer(
            result=CommandResult.DONE,
            dispatches=sent,
            incident=None if tracked is None else tracked.incident,
            silence=None if command.kind is CommandKind.ACKNOWLEDGE else command.id,
            until=command.until,
            fits=self._fitting(command),
        )

    def expired(self, silence: Silence, at: int) -> Iterator[Dispatch]:
        """Report that a silence expired to open incidents that nothing else silences."""
        cause = f"{silence.id} ended"
        for tracked in self._covered(silence):
            if tracked.ended_at is None and not tracked.pending and self._silences.hold(tracked, at) is None:
                yield from dispatches.edits(tracked, cause, at)
                own = tracked.incident.id
                if any(command.id == silence.id and command.incident == own for command in tracked.commands):
                    yield from dispatches.line(tracked, cause, Line(what=CommandKind.UNSILENCE, at=at))

    def relabel(self, tracked: TrackedIncident) -> None:
        """Update the label of an incident that ended."""
        label = self.labels.get(tracked.incident.id)
        judgement = next(
            (command for command in reversed(tracked.commands) if Label.of(command, tracked.incident)), None
        )
        if label is not None and judgement is not None:
            self._label(judgement, tracked)
            if any(silence.fingerprint for silence in self._silences.find(tracked.incident.id)):
                self._raise(judgement, tracked)  # it may have become worse since

    def _note(self, command: Command, now: int) -> Answer:
        tracked = None if command.incident is None else self._registry.named(command.incident, now)
        if tracked is None and command.incident is not None:
            return Answer(result=CommandResult.UNKNOWN)
        memo = Memo(
            id=command.id,
            number=self._memos.next_number,
            at=command.at if command.moment is None else command.moment,
            written=command.at,
            by=command.by,
            text=command.why,
            incident="" if tracked is None else tracked.incident.id,
            fingerprint="" if tracked is None else tracked.incident.fingerprint,
            scope=command.scope,
            name=command.name,
        )
        self._memos.add(memo)
        sent: list[Dispatch] = []
        if tracked is not None:
            for shown in self._showing(memo, tracked):
                sent += dispatches.edits(shown, command.id, command.at)
            sent += dispatches.command_line(tracked, command)
        incident = None if tracked is None else tracked.incident
        return Answer(result=CommandResult.DONE, dispatches=sent, incident=incident, memo=memo)

    def _forget(self, command: Command, now: int) -> Answer:
        memo = self._memos.named(command.incident or "")
        if memo is None:
            return Answer(result=CommandResult.UNKNOWN)
        self._memos.remove(memo)
        sent: list[Dispatch] = []
        for incident in self._showing(memo, self._registry.known(memo.incident, now)):
            sent += dispatches.edits(incident, command.id, command.at)
        return Answer(result=CommandResult.DONE, dispatches=sent, memo=memo)

    def _showing(self, memo: Memo, tracked: TrackedIncident | None) -> Iterator[TrackedIncident]:
        """Yield the incident of a memo, and the open ones of its kind, whose messages show it too."""
        if tracked is not None:
            yield tracked
        for incident in self._registry if memo.fingerprint else ():
            same = incident.incident.fingerprint == memo.fingerprint
            if same and incident is not tracked and incident.ended_at is None:
                yield incident

    def _done(self, command: Command, tracked: TrackedIncident | None) -> Iterator[Dispatch]:
        meant = [] if tracked is None else [tracked]
        if tracked is not None:  # who sent it knows how severe it is
            tracked.grade = max(tracked.grade, tracked.incident.severity.level)
        if command.kind is not CommandKind.ACKNOWLEDGE:
            silence = self._silences.add(command)
            meant += [
                incident
                for incident in (self._registry if silence.matcher is not None else ())
                if incident is not tracked
                and incident.ended_at is None
                and silence.matches(incident.incident)
            ]
        for incident in meant:
            yield from self._apply(command, incident)
        if tracked is not None:
            self._label(command, tracked)
            self._raise(command, tracked)
            yield from dispatches.command_line(tracked, command)

    def _raise(self, command: Command, tracked: TrackedIncident) -> None:
        """Ask more of what is like an incident that a person marked, for some weeks."""
        size, incident = size_of(tracked.incident), tracked.incident
        if command.kind not in MARKS or size is None or not incident.fingerprint:
            return
        asked = max(asked_after(size), self._silences.asked(incident.fingerprint, command.at))
        self._silences.add(
            structs.replace(
                command,
                id=identify("raised", command.id),
                matcher=pattern_of(incident),
                until=command.at + seconds_until(asked, NEAR),
                fingerprint=incident.fingerprint,
                asked=asked,
                grade=incident.severity.level,
            )
        )

    def _fitting(self, command: Command) -> int | None:
        if command.matcher is None:
            return None
        return sum(holds(command.matcher, tracked.incident) for tracked in self._registry)

    def _end(self, command: Command, now: int) -> Answer:
        found = self._silences.find(command.incident or "")
        if not found or (len(found) > 1 and {silence.incident for silence in found} != {command.incident}):
            return Answer(result=CommandResult.UNKNOWN)
        if any(silence.id.startswith("config/") for silence in found):
            return Answer(result=CommandResult.CONFIGURED, silence=found[0].id)
        sent: list[Dispatch] = []
        for silence in found:
            covered = list(self._covered(silence))
            self._silences.remove(silence)
            for tracked in covered:
                sent += self._apply(command, tracked)
                if silence.incident is not None:
                    sent += dispatches.command_line(tracked, command)
        incident = self._registry.known(found[0].incident or "", now)
        return Answer(
            result=CommandResult.DONE,
            dispatches=list({dispatch.id: dispatch for dispatch in sent}.values()),
            incident=None if incident is None else incident.incident,
            silence=found[0].id,
        )

    def _take_back(self, command: Command, now: int) -> Answer:
        """Undo a mark: the label, the silence of its incident, and what is asked of the next one."""
        tracked = self._registry.known(command.incident or "", now)
        marks = [silence for silence in self._silences.find(command.incident or "") if silence.kind in MARKS]
        if tracked is None or (not marks and self.labels.get(tracked.incident.id) is None):
            return Answer(result=CommandResult.UNKNOWN)
        for mark in marks:
            self._silences.remove(mark)
        self.labels.drop([tracked.incident.id])
        sent = [*self._apply(command, tracked), *dispatches.command_line(tracked, command)]
        return Answer(result=CommandResult.DONE, dispatches=sent, incident=tracked.incident)

    def _unacknowledge(self, command: Command, now: int) -> Answer:
        """Undo the acknowledgement of an open incident."""
        tracked = self._registry.known(command.incident or "", now)
        if tracked is None or acknowledgement_of(tracked.commands) is None:
            return Answer(result=CommandResult.UNKNOWN)
        if tracked.ended_at is not None:
            return Answer(result=CommandResult.OVER, incident=tracked.incident)
        sent = [*self._apply(command, tracked), *dispatches.command_line(tracked, command)]
        return Answer(result=CommandResult.DONE, dispatches=sent, incident=tracked.incident)

    def _covered(self, silence: Silence) -> Iterator[TrackedIncident]:
        """Yield the incidents that the command of a silence applied to."""
        if silence.incident is not None:
            tracked = self._registry.get(silence.incident)
            found = [] if tracked is None else [tracked]
        else:
            found = [incident for incident in self._registry if incident.ended_at is None]
        for incident in found:
            if any(command.id == silence.id for command in incident.commands):
                yield incident

    def _apply(self, command: Command, tracked: TrackedIncident) -> Iterator[Dispatch]:
        """Note a command on an incident, and show it in its messages."""
        tracked.commands = [*tracked.commands, command][-COMMANDS:]
        self._registry.put(tracked)
        yield from dispatches.edits(tracked, command.id, command.at)

    def _label(self, command: Command, tracked: TrackedIncident) -> None:
        label = Label.of(command, tracked.incident)
        if label is not None:
            self.labels.put(label)
            if len(self.labels) > LABELS:
                self.labels.drop([min(self.labels, key=label_age).incident])


def remember(known: dict[str, None], key: str, most: int) -> bool:
    """Remember an id, at most so many; return whether it is new."""
    if key in known:
        return False
    known[key] = None
    while len(known) > most:
        del known[next(iter(known))]
    return True


def _incident_of(label: Label) -> str:
    return label.incident


def label_age(label: Label) -> tuple[int, str]:
    """Return what sorts labels, the oldest first."""
    return label.at or 0, label.incident

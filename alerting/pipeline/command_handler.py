"""Applies people's commands to incidents, turns their verdicts into labels, and keeps their memos."""

from collections.abc import Iterator, Mapping
from typing import Final

from msgspec import structs

from alerting.commands.command import MARKS, Command, CommandKind
from alerting.commands.dispatch import Answer, CommandResult, Dispatch
from alerting.commands.labels import Label
from alerting.commands.matching import matches
from alerting.commands.memo import Memo
from alerting.commands.slack_interactions import pattern_of
from alerting.incidents.notice import identify
from alerting.pipeline import dispatches
from alerting.pipeline.incident_registry import Dedupe, IncidentRegistry, TrackedIncident
from alerting.pipeline.memos import Memos
from alerting.pipeline.silences import NEAR, Silence, Silences, asked_after, seconds_until, size_of
from detectors.state.state import pack, unpack

COMMANDS: Final = 50
"""Commands kept per incident, the newest ones."""

LABELS: Final = 10_000
"""Labels kept, the newest ones: tuning learns from them."""

_LABEL: Final = "label/"


class CommandHandler:
    """Carries out commands. A repeated or impossible one changes nothing."""

    def __init__(self, registry: IncidentRegistry, silences: Silences, dedupe: Dedupe, memos: Memos) -> None:
        self._registry = registry
        self._silences = silences
        self._dedupe = dedupe
        self._memos = memos
        self._labels: dict[str, Label] = {}  # by incident
        self._packed: dict[str, bytes] = {}

    @property
    def labels(self) -> list[Label]:
        """The newest label of each incident, oldest first."""
        return sorted(self._labels.values(), key=_age)

    def handle(self, command: Command, now: int) -> Answer:
        """Carry out a command; ``now`` is the watermark."""
        if self._dedupe.knows(command.id):
            return Answer(result=CommandResult.REPEATED)
        of_its_own = {
            CommandKind.NOTE: self._note,
            CommandKind.FORGET: self._forget,
            CommandKind.UNSILENCE: self._end,
            CommandKind.TAKE_BACK: self._take_back,
        }
        if command.kind in of_its_own:
            return of_its_own[command.kind](command, now)
        tracked = self._registry.get(command.incident or "", now)
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
        self._dedupe.remember(command.id)
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
            if tracked.ended_at is None and self._silences.hold(tracked, at) is None:
                yield from dispatches.edits(tracked, cause, at)
                own = tracked.incident.id
                if any(command.id == silence.id and command.incident == own for command in tracked.commands):
                    yield from dispatches.snooze_expired(tracked, cause, at)

    def relabel(self, tracked: TrackedIncident) -> None:
        """Update the label of an incident that ended."""
        label = self._labels.get(tracked.incident.id)
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
        self._dedupe.remember(command.id)
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
        self._dedupe.remember(command.id)
        self._memos.remove(memo)
        sent: list[Dispatch] = []
        for incident in self._showing(memo, self._registry.get(memo.incident, now)):
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
        if command.kind is not CommandKind.ACKNOWLEDGE:
            silence = self._silences.add(command)
            meant += [
                incident
                for incident in (self._registry if silence.matcher is not None else ())
                if incident is not tracked and incident.ended_at is None and silence.matches(incident)
            ]
        for incident in meant:
            incident.commands = [*incident.commands, command][-COMMANDS:]
            self._registry.put(incident)
            yield from dispatches.edits(incident, command.id, command.at)
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
            )
        )

    def _fitting(self, command: Command) -> int | None:
        if command.matcher is None:
            return None
        return sum(matches(command.matcher, tracked.incident) for tracked in self._registry)

    def _end(self, command: Command, now: int) -> Answer:
        found = self._silences.find(command.incident or "")
        if not found or (len(found) > 1 and {silence.incident for silence in found} != {command.incident}):
            return Answer(result=CommandResult.UNKNOWN)
        if any(silence.id.startswith("config/") for silence in found):
            return Answer(result=CommandResult.CONFIGURED, silence=found[0].id)
        self._dedupe.remember(command.id)
        sent: list[Dispatch] = []
        for silence in found:
            covered = list(self._covered(silence))
            self._silences.remove(silence)
            for tracked in covered:
                tracked.commands = [*tracked.commands, command][-COMMANDS:]
                self._registry.put(tracked)
                sent += dispatches.edits(tracked, command.id, command.at)
                if silence.incident is not None:
                    sent += dispatches.command_line(tracked, command)
        incident = self._registry.get(found[0].incident or "", now)
        return Answer(
            result=CommandResult.DONE,
            dispatches=list({dispatch.id: dispatch for dispatch in sent}.values()),
            incident=None if incident is None else incident.incident,
            silence=found[0].id,
        )

    def _take_back(self, command: Command, now: int) -> Answer:
        """Undo a mark: the label, the silence of its incident, and what is asked of the next one."""
        tracked = self._registry.get(command.incident or "", now)
        marks = [silence for silence in self._silences.find(command.incident or "") if silence.kind in MARKS]
        if tracked is None or (not marks and tracked.incident.id not in self._labels):
            return Answer(result=CommandResult.UNKNOWN)
        self._dedupe.remember(command.id)
        for mark in marks:
            self._silences.remove(mark)
        self._labels.pop(tracked.incident.id, None)
        self._packed.pop(tracked.incident.id, None)
        tracked.commands = [*tracked.commands, command][-COMMANDS:]
        self._registry.put(tracked)
        sent = [
            *dispatches.edits(tracked, command.id, command.at),
            *dispatches.command_line(tracked, command),
        ]
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

    def _label(self, command: Command, tracked: TrackedIncident) -> None:
        label = Label.of(command, tracked.incident)
        if label is None:
            return
        key = tracked.incident.id
        self._labels[key] = label
        self._packed[key] = pack("label", 1, label, {})
        while len(self._labels) > LABELS:
            oldest = min(self._labels, key=lambda incident: _age(self._labels[incident]))
            del self._labels[oldest], self._packed[oldest]

    # -- state ------------------------------------------------------------------------------------

    def snapshot(self) -> dict[str, bytes]:
        """Return one part per label."""
        return {f"{_LABEL}{key}": part for key, part in self._packed.items()}

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Restore the state that ``snapshot`` returned, whatever the order of its parts."""
        found = {
            name.removeprefix(_LABEL): (unpack(part, "label", 1, Label)[0], part)
            for name, part in parts.items()
            if name.startswith(_LABEL)
        }
        self._labels = {key: label for key, (label, _) in found.items()}
        self._packed = {key: part for key, (_, part) in found.items()}


def _age(label: Label) -> tuple[int, str]:
    return label.at or 0, label.incident

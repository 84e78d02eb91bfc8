"""What people ask for: it is done to the incidents it is about, and what they know becomes labels."""

from collections.abc import Iterator, Mapping
from typing import Final

from alerting.commands.answer import Answer, CommandResult
from alerting.commands.command import Command, CommandKind
from alerting.commands.dispatch import Dispatch
from alerting.commands.labels import Label
from alerting.commands.matching import matches
from alerting.pipeline import dispatches
from alerting.pipeline.dedupe import Dedupe
from alerting.pipeline.incident_registry import IncidentRegistry
from alerting.pipeline.silences import Silence, Silences
from alerting.pipeline.tracked_incident import TrackedIncident
from detectors.state.state import pack, unpack

DEEDS: Final = 50
"""Commands that are kept of one incident, the newest ones."""

LABELS: Final = 10_000
"""Labels that are kept, the newest ones: what people said is what tuning learns from."""

_LABEL: Final = "label/"


class CommandHandler:
    """Carries commands out. A repeated one, and one that cannot be carried out, changes nothing."""

    def __init__(self, stories: IncidentRegistry, silences: Silences, dedupe: Dedupe) -> None:
        self._stories = stories
        self._silences = silences
        self._dedupe = dedupe
        self._labels: dict[str, Label] = {}  # by incident, the oldest first
        self._packed: dict[str, bytes] = {}

    @property
    def labels(self) -> list[Label]:
        """What people said of incidents, the newest word on each, oldest first."""
        return list(self._labels.values())

    def take(self, command: Command, now: int) -> Answer:
        """Carry a command out; ``now`` is the event time that has passed."""
        if self._dedupe.knows(command.id):
            return Answer(result=CommandResult.REPEATED)
        story = self._stories.get(command.incident or "", now)
        if command.kind is CommandKind.UNSILENCE:
            return self._end(command, now)
        if command.until is not None and command.until <= max(now, command.at):
            return Answer(result=CommandResult.PAST)
        if story is None and (
            command.matcher is None or command.kind not in (CommandKind.SNOOZE, CommandKind.SILENCE)
        ):
            return Answer(result=CommandResult.UNKNOWN)
        if (
            story is not None
            and story.over is not None
            and command.matcher is None
            and command.kind not in (CommandKind.EXPECTED, CommandKind.NOT_AN_ANOMALY)
        ):
            return Answer(result=CommandResult.OVER, incident=story.incident)
        self._dedupe.remember(command.id)
        told = list(self._done(command, story))
        return Answer(
            result=CommandResult.DONE,
            dispatches=told,
            incident=None if story is None else story.incident,
            silence=None if command.kind is CommandKind.ACKNOWLEDGE else command.id,
            until=command.until,
            fits=self._fitting(command),
        )

    def ended(self, silence: Silence, at: int) -> Iterator[Dispatch]:
        """Tell that a silence ended by itself, where that brings an incident back that goes on."""
        cause = f"{silence.id} ended"
        for story in self._covered(silence):
            if story.over is None and self._silences.hold(story, at) is None:
                yield from dispatches.edits(story, cause, at)
                if any(one.id == silence.id and one.incident == story.incident.id for one in story.commands):
                    yield from dispatches.snooze_ended(story, cause, at)

    def relabel(self, story: TrackedIncident) -> None:
        """Let the label of an incident say when it ended."""
        said = self._labels.get(story.incident.id)
        word = next((one for one in reversed(story.commands) if Label.of(one, story.incident)), None)
        if said is not None and word is not None:
            self._label(word, story)

    def _done(self, command: Command, story: TrackedIncident | None) -> Iterator[Dispatch]:
        meant = [] if story is None else [story]
        if command.kind is not CommandKind.ACKNOWLEDGE:
            silence = self._silences.add(command)
            meant += [
                one
                for one in (self._stories if silence.matcher is not None else ())
                if one is not story and one.over is None and silence.covers(one)
            ]
        for one in meant:
            one.commands = [*one.commands, command][-DEEDS:]
            self._stories.put(one)
            yield from dispatches.edits(one, command.id, command.at)
        if story is not None:
            self._label(command, story)
            yield from dispatches.asked(story, command)

    def _fitting(self, command: Command) -> int | None:
        if command.matcher is None:
            return None
        return sum(matches(command.matcher, story.incident) for story in self._stories)

    def _end(self, command: Command, now: int) -> Answer:
        found = self._silences.find(command.incident or "")
        if not found or (len(found) > 1 and {one.incident for one in found} != {command.incident}):
            return Answer(result=CommandResult.UNKNOWN)
        if any(one.id.startswith("config/") for one in found):
            return Answer(result=CommandResult.CONFIGURED, silence=found[0].id)
        self._dedupe.remember(command.id)
        told: list[Dispatch] = []
        for silence in found:
            covered = list(self._covered(silence))
            self._silences.end(silence)
            for story in covered:
                story.commands = [*story.commands, command][-DEEDS:]
                self._stories.put(story)
                told += dispatches.edits(story, command.id, command.at)
                if silence.incident is not None:
                    told += dispatches.asked(story, command)
        incident = self._stories.get(found[0].incident or "", now)
        return Answer(
            result=CommandResult.DONE,
            dispatches=list({one.id: one for one in told}.values()),
            incident=None if incident is None else incident.incident,
            silence=found[0].id,
        )

    def _covered(self, silence: Silence) -> Iterator[TrackedIncident]:
        """Yield the incidents that a command's silence was said of."""
        if silence.incident is not None:
            story = self._stories.get(silence.incident)
            found = [] if story is None else [story]
        else:
            found = [one for one in self._stories if one.over is None]
        for one in found:
            if any(command.id == silence.id for command in one.commands):
                yield one

    def _label(self, command: Command, story: TrackedIncident) -> None:
        label = Label.of(command, story.incident)
        if label is None:
            return
        key = story.incident.id
        self._labels.pop(key, None)
        self._labels[key] = label
        self._packed[key] = pack("label", 1, label, {})
        while len(self._labels) > LABELS:
            oldest = next(iter(self._labels))
            del self._labels[oldest], self._packed[oldest]

    # -- state ------------------------------------------------------------------------------------

    def snapshot(self) -> dict[str, bytes]:
        """Return one part a label."""
        return {f"{_LABEL}{key}": part for key, part in self._packed.items()}

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Take up the state of ``snapshot``, whatever the order of its parts."""
        found = {
            name.removeprefix(_LABEL): (unpack(part, "label", 1, Label)[0], part)
            for name, part in parts.items()
            if name.startswith(_LABEL)
        }
        order = sorted(found, key=lambda key: (found[key][0].at or 0, key))
        self._labels = {key: found[key][0] for key in order}
        self._packed = {key: found[key][1] for key in order}

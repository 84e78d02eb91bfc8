"""The stage of silences: what nobody is to be told of, by the configuration or because a person said so."""

from collections.abc import Iterator
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from alerting.commands.command import Command, CommandKind, Matcher
from alerting.commands.local_time import moment, shown
from alerting.commands.matching import describe, matches
from alerting.pipeline.tracked_incident import Hold, TrackedIncident
from config.settings import MatchSettings, SilenceSettings


class Silence(msgspec.Struct, frozen=True, kw_only=True, rename={"kind": "ask", "matcher": "matching"}):
    """A silence that holds: of one incident, or of all that match."""

    id: str  # that of the command that made it; config/1 and so on of the configuration
    kind: CommandKind
    incident: str | None = None  # the only one it silences, where nothing is matched
    matcher: Matcher | None = None
    until: int | None = None  # epoch seconds; None: until it is ended, of an incident for as long as it lasts
    by: str = ""
    why: str = ""

    def covers(self, story: TrackedIncident) -> bool:
        """Tell whether it matches an incident; a silence of one incident alone matches none."""
        return self.matcher is not None and matches(self.matcher, story.incident)

    def holds(self, at: int) -> bool:
        """Tell whether it has not ended yet."""
        return self.until is None or self.until > at

    @property
    def what(self) -> str:
        """What it silences, in words; names from events may be in it."""
        return f"incident {self.incident}" if self.matcher is None else describe(self.matcher)


class Silences:
    """All silences: those of the configuration, which its editing ends, and those that commands made."""

    name: Final = "silences"

    def __init__(self, configured: list[SilenceSettings], zone: ZoneInfo) -> None:
        self._zone = zone
        self._configured = [
            Silence(
                id=f"config/{number}",
                kind=CommandKind.SILENCE,
                matcher=_matching(one.match),
                until=moment(one.until, zone),
                by="the configuration",
                why=one.why,
            )
            for number, one in enumerate(configured, 1)
        ]
        self._commands: dict[str, Command] = {}
        self._made: dict[str, Silence] = {}  # patterns
        self._snoozed: dict[str, dict[str, Silence]] = {}  # incident → what silences it alone

    def hold(self, story: TrackedIncident, at: int) -> Hold | None:
        """Return why the incident waits: of what silences it, the one that ends last."""
        found = [one for one in self._covering(story) if one.holds(at)]
        if not found:
            return None
        last = max(found, key=lambda one: (one.until is None, one.until or 0))
        return Hold(stage=self.name, reason=self._reason(last), until=last.until)

    def add(self, command: Command) -> Silence:
        """Let a command silence what it names; return the silence."""
        made = Silence(
            id=command.id,
            kind=command.kind,
            incident=None if command.matcher is not None else command.incident,
            matcher=command.matcher,
            until=command.until,
            by=command.by,
            why=command.why,
        )
        self._commands[made.id] = command
        if made.incident is None:
            self._made[made.id] = made
        else:
            self._snoozed.setdefault(made.incident, {})[made.id] = made
        return made

    def find(self, name: str) -> list[Silence]:
        """Return the silences with this id or its beginning, or those of the incident with this id."""
        if name in self._snoozed:
            return list(self._snoozed[name].values())
        found = [one for one in self.standing() if one.id == name]
        return found or [one for one in self.standing() if len(name) >= _SHORTEST and one.id.startswith(name)]

    def end(self, silence: Silence) -> None:
        """Let a silence hold no longer."""
        self._commands.pop(silence.id, None)
        self._made.pop(silence.id, None)
        of_it = self._snoozed.get(silence.incident or "", {})
        of_it.pop(silence.id, None)
        if not of_it:
            self._snoozed.pop(silence.incident or "", None)

    def ended(self, at: int) -> list[Silence]:
        """Take out and return those made by commands that have ended by ``at``, first ended first."""
        found = [one for one in self._by_commands() if not one.holds(at)]
        for one in found:
            self.end(one)
        return sorted(found, key=lambda one: (one.until or 0, one.id))

    def due(self) -> int | None:
        """Return when the next one made by a command ends."""
        return min((one.until for one in self._by_commands() if one.until is not None), default=None)

    def forget(self, incident: str) -> None:
        """Let go of what silences an incident that is forgotten."""
        for one in list(self._snoozed.get(incident, {}).values()):
            self.end(one)

    def standing(self, at: int | None = None) -> list[Silence]:
        """Return all, or those that hold at a time, first ending first."""
        every = [*self._configured, *self._by_commands()]
        found = [one for one in every if at is None or one.holds(at)]
        return sorted(found, key=lambda one: (one.until is None, one.until or 0, one.id))

    @property
    def commands(self) -> list[Command]:
        """The commands whose silences hold: all that has to be kept of them."""
        return list(self._commands.values())

    def _covering(self, story: TrackedIncident) -> Iterator[Silence]:
        yield from self._snoozed.get(story.incident.id, {}).values()
        for one in (*self._configured, *self._made.values()):
            if one.covers(story):
                yield one

    def _by_commands(self) -> Iterator[Silence]:
        yield from self._made.values()
        for of_one in self._snoozed.values():
            yield from of_one.values()

    def _reason(self, silence: Silence) -> str:
        end = "while it lasts" if silence.until is None else f"until {shown(silence.until, self._zone)}"
        why = f": {silence.why}" if silence.why else ""
        what = _WORDS.get(silence.kind, "silenced")
        return f"{what} {end} by {silence.by}{why}"


_SHORTEST: Final = 4
"""Characters of an id that are enough to name a silence, where only one begins so."""

_WORDS: Final = {
    CommandKind.SNOOZE: "snoozed",
    CommandKind.EXPECTED: "marked as expected",
    CommandKind.NOT_AN_ANOMALY: "marked as no anomaly",
}


def _matching(match: MatchSettings) -> Matcher:
    """Return the same as commands say it, so that both kinds of silences are shown alike."""
    return Matcher(
        accounts=match.accounts,
        services=match.services,
        scopes=match.scopes,
        verdicts=list(match.verdicts),
        measures=match.measures,
    )

"""The stage of silences: what nobody is to be told of, by the configuration or because a person said so."""

from collections.abc import Iterator
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from alerting.commands.command import Ask, Command, Matching
from alerting.commands.local_time import moment, shown
from alerting.commands.matching import describe, matches
from alerting.pipeline.story import Hold, Story
from config.settings import MatchSettings, SilenceSettings


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """A silence that holds: of one incident, or of all that match."""

    id: str  # that of the command that made it; config/1 and so on of the configuration
    ask: Ask
    incident: str | None = None  # the only one it silences, where nothing is matched
    matching: Matching | None = None
    until: int | None = None  # epoch seconds; None: until it is ended, of an incident for as long as it lasts
    by: str = ""
    why: str = ""

    def covers(self, story: Story) -> bool:
        """Tell whether it matches an incident; a silence of one incident alone matches none."""
        return self.matching is not None and matches(self.matching, story.incident)

    def holds(self, at: int) -> bool:
        """Tell whether it has not ended yet."""
        return self.until is None or self.until > at

    @property
    def what(self) -> str:
        """What it silences, in words; names from events may be in it."""
        return f"incident {self.incident}" if self.matching is None else describe(self.matching)


class Silences:
    """All silences: those of the configuration, which its editing ends, and those that commands made."""

    name: Final = "silences"

    def __init__(self, configured: list[SilenceSettings], zone: ZoneInfo) -> None:
        self._zone = zone
        self._configured = [
            Standing(
                id=f"config/{number}",
                ask=Ask.SILENCE,
                matching=_matching(one.match),
                until=moment(one.until, zone),
                by="the configuration",
                why=one.why,
            )
            for number, one in enumerate(configured, 1)
        ]
        self._commands: dict[str, Command] = {}
        self._made: dict[str, Standing] = {}  # patterns
        self._snoozed: dict[str, dict[str, Standing]] = {}  # incident → what silences it alone

    def hold(self, story: Story, at: int) -> Hold | None:
        """Return why the incident waits: of what silences it, the one that ends last."""
        found = [one for one in self._covering(story) if one.holds(at)]
        if not found:
            return None
        last = max(found, key=lambda one: (one.until is None, one.until or 0))
        return Hold(stage=self.name, reason=self._reason(last), until=last.until)

    def add(self, command: Command) -> Standing:
        """Let a command silence what it names; return the silence."""
        made = Standing(
            id=command.id,
            ask=command.ask,
            incident=None if command.matching is not None else command.incident,
            matching=command.matching,
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

    def find(self, name: str) -> list[Standing]:
        """Return the silences with this id or its beginning, or those of the incident with this id."""
        if name in self._snoozed:
            return list(self._snoozed[name].values())
        found = [one for one in self.standing() if one.id == name]
        return found or [one for one in self.standing() if len(name) >= _SHORTEST and one.id.startswith(name)]

    def end(self, silence: Standing) -> None:
        """Let a silence hold no longer."""
        self._commands.pop(silence.id, None)
        self._made.pop(silence.id, None)
        of_it = self._snoozed.get(silence.incident or "", {})
        of_it.pop(silence.id, None)
        if not of_it:
            self._snoozed.pop(silence.incident or "", None)

    def ended(self, at: int) -> list[Standing]:
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

    def standing(self, at: int | None = None) -> list[Standing]:
        """Return all, or those that hold at a time, first ending first."""
        every = [*self._configured, *self._by_commands()]
        found = [one for one in every if at is None or one.holds(at)]
        return sorted(found, key=lambda one: (one.until is None, one.until or 0, one.id))

    @property
    def commands(self) -> list[Command]:
        """The commands whose silences hold: all that has to be kept of them."""
        return list(self._commands.values())

    def _covering(self, story: Story) -> Iterator[Standing]:
        yield from self._snoozed.get(story.incident.id, {}).values()
        for one in (*self._configured, *self._made.values()):
            if one.covers(story):
                yield one

    def _by_commands(self) -> Iterator[Standing]:
        yield from self._made.values()
        for of_one in self._snoozed.values():
            yield from of_one.values()

    def _reason(self, silence: Standing) -> str:
        end = "while it lasts" if silence.until is None else f"until {shown(silence.until, self._zone)}"
        why = f": {silence.why}" if silence.why else ""
        what = _WORDS.get(silence.ask, "silenced")
        return f"{what} {end} by {silence.by}{why}"


_SHORTEST: Final = 4
"""Characters of an id that are enough to name a silence, where only one begins so."""

_WORDS: Final = {
    Ask.SNOOZE: "snoozed",
    Ask.EXPECTED: "marked as expected",
    Ask.NOT_AN_ANOMALY: "marked as no anomaly",
}


def _matching(match: MatchSettings) -> Matching:
    """Return the same as commands say it, so that both kinds of silences are shown alike."""
    return Matching(
        accounts=match.accounts,
        services=match.services,
        scopes=match.scopes,
        verdicts=list(match.verdicts),
        measures=match.measures,
    )

"""A person's command, by a button or a slash command. It applies however the incident develops."""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Final

import msgspec


class CommandKind(StrEnum):
    """The kinds of commands."""

    ACKNOWLEDGE = "acknowledge"  # a person deals with it
    UNACKNOWLEDGE = "unacknowledge"  # nobody deals with it after all
    SNOOZE = "snooze"  # this incident, or all that match, until a time
    EXPECTED = "expected"  # a real, known change: a label, and a silence while it lasts
    NOT_AN_ANOMALY = "not_an_anomaly"  # a false alarm: a label, and a silence while it lasts
    SILENCE = "silence"  # all that match, until a time, open or not
    UNSILENCE = "unsilence"  # removes the silence or snooze with the id in ``incident``
    TAKE_BACK = "take_back"  # undoes what EXPECTED or NOT_AN_ANOMALY did to an incident
    NOTE = "note"  # a memo on an incident, or on the timeline; its text is in ``why``
    FORGET = "forget"  # removes the memo with the id, or its beginning, in ``incident``


MARKS: Final = frozenset((CommandKind.EXPECTED, CommandKind.NOT_AN_ANOMALY))
"""The commands by which a person marks an incident as needing no action."""


class Matcher(msgspec.Struct, frozen=True, kw_only=True):
    """A matcher of incidents: every given part must match (``alerting/commands/matching.py``)."""

    accounts: list[str] = []
    services: list[str] = []
    scopes: list[str] = []  # kind:name; one must be what the incident is about
    verdicts: list[str] = []
    measures: list[str] = []


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """One command. The same press gives the same ``id``, so a repeat is recognised.

    ``at`` and ``until`` are epoch seconds; ``by`` is its sender, as the sink names people, and ``name`` the
    sender's name where ``by`` is an id.
    """

    id: str
    kind: CommandKind
    at: int
    by: str
    incident: str | None = None
    matcher: Matcher | None = None  # of a silence, or a snooze of a pattern
    until: int | None = None
    why: str = ""
    moment: int | None = None  # of a memo on the timeline: what it is about, epoch seconds
    scope: str = ""  # and where: kind:name, or empty
    name: str = ""  # plain, and never trusted
    fingerprint: str = ""  # of what must show more from now on: the pipeline adds such a command to a mark
    asked: float = 0.0  # and how many times the threshold
    grade: int = 0  # and how severe the marked one was

    @property
    def who(self) -> str:
        """The name of its sender, or the id without one."""
        return self.name or self.by


def standing(commands: Iterable[Command]) -> frozenset[CommandKind]:
    """Return the kinds of commands on an incident that nobody took back."""
    found: set[CommandKind] = set()
    for command in commands:
        if command.kind is CommandKind.TAKE_BACK:
            found -= MARKS
        elif command.kind is CommandKind.UNACKNOWLEDGE:
            found.discard(CommandKind.ACKNOWLEDGE)
        else:
            found.add(command.kind)
    return frozenset(found)


def acknowledgement_of(commands: Iterable[Command]) -> Command | None:
    """Return the first acknowledgement of an incident, if nobody took it back: its sender deals with it."""
    first = None
    for command in commands:
        if command.kind is CommandKind.UNACKNOWLEDGE:
            first = None
        elif command.kind is CommandKind.ACKNOWLEDGE:
            first = first or command
    return first


def mark_of(commands: Sequence[Command]) -> Command | None:
    """Return the newest mark of an incident, if nobody took it back."""
    newest = next(
        (command for command in reversed(commands) if command.kind in {*MARKS, CommandKind.TAKE_BACK}), None
    )
    return newest if newest is not None and newest.kind in MARKS else None

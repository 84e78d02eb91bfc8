"""A person's command, by a button or a slash command. It applies however the incident develops."""

from enum import StrEnum

import msgspec


class CommandKind(StrEnum):
    """What a command does."""

    ACKNOWLEDGE = "acknowledge"  # a person deals with it
    SNOOZE = "snooze"  # this incident, or all that match, until a time
    EXPECTED = "expected"  # a real, known change: a label, and a silence while it lasts
    NOT_AN_ANOMALY = "not_an_anomaly"  # a false alarm: a label, and a silence while it lasts
    SILENCE = "silence"  # all that match, until a time, open or not
    UNSILENCE = "unsilence"  # removes the silence or snooze with the id in ``incident``
    NOTE = "note"  # a memo on an incident, or on the timeline; its text is in ``why``
    FORGET = "forget"  # removes the memo with the id, or its beginning, in ``incident``


class Matcher(msgspec.Struct, frozen=True, kw_only=True):
    """Which incidents a command is about: every given part must match (``alerting/commands/matching.py``)."""

    accounts: list[str] = []
    services: list[str] = []
    scopes: list[str] = []  # kind:name; one must be what the incident is about
    verdicts: list[str] = []
    measures: list[str] = []


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """One command. The same press gives the same ``id``, so a repeat is recognised.

    ``at`` and ``until`` are epoch seconds; ``by`` is its sender, as the sink names people, and ``name`` what
    people call the sender where ``by`` is an id.
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

    @property
    def who(self) -> str:
        """Its sender, for readers to whom an id says nothing."""
        return self.name or self.by

"""What a person asks for, by a button or a slash command: it holds whatever the curves do."""

from enum import StrEnum

import msgspec


class CommandKind(StrEnum):
    """What is asked for."""

    ACKNOWLEDGE = "acknowledge"  # somebody deals with it
    SNOOZE = "snooze"  # this incident, or all that match, until a time
    EXPECTED = "expected"  # a real change that was known: a label, and silence while it lasts
    NOT_AN_ANOMALY = "not_an_anomaly"  # nobody should have been told: a label, and silence while it lasts
    SILENCE = "silence"  # what matches, until a time, whether it is open or not
    UNSILENCE = "unsilence"  # ends the silence or snooze with the id in ``incident``


class Matcher(msgspec.Struct, frozen=True, kw_only=True):
    """Which incidents are meant: every part that is given must fit (``alerting/commands/matching.py``)."""

    accounts: list[str] = []
    services: list[str] = []
    scopes: list[str] = []  # kind:name, any of which the incident is about
    verdicts: list[str] = []
    measures: list[str] = []


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """One command. The same press gives the same ``id``, so a repeated one is recognised.

    ``at`` and ``until`` are epoch seconds; ``by`` is who asked, as the sink names people.
    """

    id: str
    kind: CommandKind
    at: int
    by: str
    incident: str | None = None
    matcher: Matcher | None = None  # of a silence, or of a snooze of a pattern
    until: int | None = None
    why: str = ""

"""What the pipeline answers to a command: whether it holds, and what follows from it."""

from enum import StrEnum

import msgspec

from alerting.commands.dispatch import Dispatch
from alerting.incidents.incident import Incident


class CommandResult(StrEnum):
    """How a command was taken."""

    DONE = "done"
    REPEATED = "repeated"  # this very command was given before: nothing changes
    UNKNOWN = "unknown"  # no such incident or silence, or it is long forgotten
    OVER = "over"  # the incident is resolved: there is nothing to acknowledge or to snooze
    PAST = "past"  # the silence would end before it begins
    CONFIGURED = "configured"  # a silence of the configuration: it is ended there


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to one command, for whoever gave it."""

    result: CommandResult
    dispatches: list[Dispatch] = []  # what it makes to be told, in order
    incident: Incident | None = None  # the one it was about, as it is now
    silence: str | None = None  # id of the silence it made or ended
    until: int | None = None  # until when that holds; None: while the incident lasts
    fits: int | None = None  # of a silence of what matches: how many of the known incidents, open or over, do

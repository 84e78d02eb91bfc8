"""The pipeline's answer to a command: its result, and what follows from it."""

from enum import StrEnum

import msgspec

from alerting.commands.dispatch import Dispatch
from alerting.commands.memo import Memo
from alerting.incidents.incident import Incident


class CommandResult(StrEnum):
    """The result of a command."""

    DONE = "done"
    REPEATED = "repeated"  # the same command was carried out before: nothing changes
    UNKNOWN = "unknown"  # incident or silence not found, or forgotten
    OVER = "over"  # the incident has ended: there is nothing to acknowledge or snooze
    PAST = "past"  # the silence would end before it starts
    CONFIGURED = "configured"  # the silence is in the configuration: remove it there


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to one command, for its sender."""

    result: CommandResult
    dispatches: list[Dispatch] = []  # what to send because of it, in order
    incident: Incident | None = None  # the one it is about, in its current state
    silence: str | None = None  # id of the silence it added or removed
    until: int | None = None  # None: while the incident lasts
    fits: int | None = (
        None  # of a silence with a matcher: number of known incidents, open or ended, that match
    )
    memo: Memo | None = None  # the one that it made

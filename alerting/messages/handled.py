"""What people did about an incident, in words: in its message and in its thread."""

from collections.abc import Sequence
from typing import Final
from zoneinfo import ZoneInfo

from alerting.commands.command import Command, CommandKind
from alerting.words.mrkdwn import escape, person, when
from alerting.words.phrases import Phrases

WHY: Final = 200
LINES: Final = 3


def handled_lines(commands: Sequence[Command], words: Phrases, zone: ZoneInfo, *, at: int) -> list[str]:
    """Return who acknowledged it and what keeps it quiet at ``at`` (epoch seconds)."""
    latest: dict[CommandKind, Command] = {}
    for command in commands:
        if command.kind is CommandKind.UNSILENCE:
            latest.pop(CommandKind.SNOOZE, None)
            latest.pop(CommandKind.SILENCE, None)
        elif command.kind is not CommandKind.ACKNOWLEDGE or command.kind not in latest:  # the first wins
            latest[command.kind] = command
    holds = [one for one in latest.values() if one.until is None or one.until > at]
    return [asked(one, words, zone) for one in holds][:LINES]


def asked(command: Command, words: Phrases, zone: ZoneInfo) -> str:
    """Say who asked for what, until when and why, as mrkdwn."""
    until = "" if command.until is None else when(command.until, words.clock(command.until, zone))
    return words.handled(command.kind, person(command.by), until, escape(command.why, WHY))

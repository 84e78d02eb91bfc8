"""What people did about an incident and what became of it: lines of its thread, and of its page."""

from collections.abc import Sequence
from typing import Final
from zoneinfo import ZoneInfo

from alerting.commands.command import MARKS, Command, CommandKind
from alerting.commands.dispatch import Line
from alerting.incidents.incident import Incident
from alerting.messages.memo_lines import memo_mrkdwn
from alerting.messages.message import REASON, SECTION, TEXT, Message, context, section
from alerting.words.mrkdwn import escape, person
from alerting.words.phrases import Phrases

_MILESTONE: Final = 500
_ACTIONS: Final = 3
_KINDS: Final = {kind.value: kind for kind in CommandKind}


def thread_line(line: Line, incident: Incident, words: Phrases, zone: ZoneInfo) -> Message:
    """Render one line of an incident's thread: a milestone or what a person did."""
    kind = _KINDS.get(line.what)
    if kind is None:
        text = escape(words.incident.milestone(line.what, words.named(incident), line.detail), _MILESTONE)
    elif kind is CommandKind.UNSILENCE and not line.by:
        text = words.incident.snooze_expired()
    else:
        text = _action(kind, words, zone, by=line.by, until=line.until, why=line.detail)
    at = words.when(line.at, zone)
    return Message(
        text=text.replace("*", "")[:TEXT], blocks=[section(text[:SECTION]), context([at])], look="over"
    )


def action_lines(commands: Sequence[Command], words: Phrases, zone: ZoneInfo, *, at: int) -> list[str]:
    """Return who acknowledged an incident and what mutes it at ``at`` (epoch seconds), for its page."""
    latest: dict[CommandKind, Command] = {}
    for command in commands:
        if command.kind is CommandKind.UNSILENCE:
            latest.pop(CommandKind.SNOOZE, None)
            latest.pop(CommandKind.SILENCE, None)
        elif command.kind is CommandKind.TAKE_BACK:
            for mark in MARKS:
                latest.pop(mark, None)
        elif command.kind is not CommandKind.ACKNOWLEDGE or command.kind not in latest:  # the first owns it
            latest[command.kind] = command
    active = [one for one in latest.values() if one.until is None or one.until > at]
    return [
        _action(one.kind, words, zone, by=one.by, until=one.until, why=one.why) for one in active[:_ACTIONS]
    ]


def _action(
    kind: CommandKind, words: Phrases, zone: ZoneInfo, *, by: str, until: int | None, why: str
) -> str:
    shown = "" if until is None else words.when(until, zone)
    reason = memo_mrkdwn(why) if kind is CommandKind.NOTE else escape(why, REASON)
    return words.incident.action(kind, person(by), shown, reason)

"""What people did about an incident and what became of it: lines of its thread, and of its page."""

from collections.abc import Sequence
from typing import Final
from zoneinfo import ZoneInfo

from alerting.commands.command import MARKS, Command, CommandKind
from alerting.commands.dispatch import Line
from alerting.incidents.incident import Incident
from alerting.messages.memo_lines import memo_mrkdwn
from alerting.messages.message import REASON, SECTION, TEXT, Message, context, section
from alerting.pipeline.raised_threshold import size_of
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
        done = Command(id="", kind=kind, at=line.at, by=line.by, until=line.until, why=line.detail)
        text = _action(done, incident, words, zone)
    at = words.when(line.at, zone)
    return Message(
        text=text.replace("*", "")[:TEXT], blocks=[section(text[:SECTION]), context([at])], look="over"
    )


def action_lines(
    commands: Sequence[Command], incident: Incident, words: Phrases, zone: ZoneInfo, *, at: int
) -> list[str]:
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
    return [_action(one, incident, words, zone) for one in active[:_ACTIONS]]


def _action(done: Command, incident: Incident, words: Phrases, zone: ZoneInfo) -> str:
    shown = "" if done.until is None else words.when(done.until, zone)
    reason = memo_mrkdwn(done.why) if done.kind is CommandKind.NOTE else escape(done.why, REASON)
    teaches = size_of(incident) is not None
    return words.incident.action(done.kind, person(done.by), shown, reason, teaches=teaches)

"""Builds dispatches; their ids follow from what caused them and where they go."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from msgspec import structs

from alerting.commands.command import Command, CommandKind
from alerting.commands.dispatch import Dispatch, Form, Line
from alerting.incidents.notice import Action, Milestone, Notice, NoticeReason, identify
from alerting.pipeline.flood import Flood
from alerting.pipeline.incident_registry import MessageRef, TrackedIncident, without_trace

_COMMANDS: Final = frozenset(kind.value for kind in CommandKind)


def parent(
    tracked: TrackedIncident, message: MessageRef, cause: str, at: int, follows: str | None = None
) -> Dispatch:
    """Return the message of an incident in its newest state; the first of a subject is posted."""
    mention = tracked.mention if message.mention is None else message.mention
    return Dispatch(
        id=identify(cause, message.destination, message.subject, Form.PARENT),
        destination=message.destination,
        form=Form.PARENT,
        subject=message.subject,
        notice=tracked.notice,
        mention="" if tracked.ended_at is not None and not tracked.goes_on else mention,
        follows=follows,
        commands=tracked.commands,
        reason=tracked.reason,
        at=at,
    )


def edits(tracked: TrackedIncident, cause: str, at: int) -> Iterator[Dispatch]:
    """Yield an edit of each message that the incident has for itself, unless it waits for a newer one."""
    for message in tracked.messages:
        if message.form is Form.PARENT and not tracked.pending:
            yield parent(tracked, message, cause, at)


def line(tracked: TrackedIncident, cause: str, entry: Line, mention: str | None = None) -> Iterator[Dispatch]:
    """Yield a line for each thread of the incident; a flood's thread gets only people's commands.

    ``mention`` are the people whom it calls, where a message has none of its own; None if it calls nobody.
    """
    for message in tracked.messages:
        if message.form is Form.PARENT or entry.what in _COMMANDS:
            called = mention if mention is None or message.mention is None else message.mention
            yield _line(tracked, message, cause, entry, called or "")


def call(tracked: TrackedIncident, message: MessageRef, mention: str, at: int, *, severe: bool) -> Dispatch:
    """Return the line of a thread that calls people for an incident whose message there called others.

    ``severe``: it is more severe than all for which the message of a flood called.
    """
    what = Milestone.ESCALATED if severe else Milestone.OPENED
    return _line(tracked, message, tracked.notice.id, Line(what=what, at=at), mention)


def _line(tracked: TrackedIncident, message: MessageRef, cause: str, entry: Line, mention: str) -> Dispatch:
    return Dispatch(
        id=identify(cause, message.destination, message.subject, Form.LINE, entry.what),
        destination=message.destination,
        form=Form.LINE,
        subject=message.subject,
        notice=structs.replace(tracked.notice, incidents=[without_trace(tracked.incident)]),
        line=entry,
        mention=mention,
        commands=tracked.commands,
        at=entry.at,
    )


def milestones(
    tracked: TrackedIncident, lines: Mapping[Milestone, list[str]], at: int, mention: str = ""
) -> Iterator[Dispatch]:
    """Yield the lines of milestones, with the names in them; an opening is the message itself.

    ``mention`` are the people whom a line that calls again mentions.
    """
    for milestone, names in lines.items():
        if milestone is not Milestone.OPENED:
            entry = Line(what=milestone, at=at, detail=", ".join(names))
            called = mention if milestone is Milestone.ESCALATED else None
            yield from line(tracked, tracked.notice.id, entry, called)


def command_line(tracked: TrackedIncident, command: Command) -> Iterator[Dispatch]:
    """Yield the line about a command of a person."""
    entry = Line(what=command.kind, at=command.at, by=command.by, until=command.until, detail=command.why)
    yield from line(tracked, command.id, entry)


def of_flood(of: Flood, form: Form, members: Iterable[TrackedIncident], at: int) -> Dispatch:
    """Return the message of a flood in its newest state, or the file that lists all of its incidents."""
    tracked = list(members)
    is_message, number = form is Form.FLOOD, of.made if form is Form.FLOOD else of.files
    action = Action.UPDATE
    if is_message and all(incident.ended_at is not None for incident in tracked):
        action = Action.RESOLVE
    elif is_message and not of.made:
        action = Action.OPEN
    incidents = [without_trace(incident.incident) for incident in tracked]
    return Dispatch(
        id=identify(of.subject, form, number),
        destination=of.destination,
        form=form,
        subject=of.subject,
        notice=Notice(
            id=identify(of.subject, "notice", form, number),
            action=action,
            at=at,
            reason=NoticeReason.FLOOD,
            incidents=incidents,
        ),
        mention=of.mention if is_message and action is not Action.RESOLVE else "",
        at=at,
    )

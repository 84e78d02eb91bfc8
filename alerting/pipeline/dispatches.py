"""Builds dispatches; their ids follow from what caused them and where they go."""

from collections.abc import Iterable, Iterator
from typing import Final

from msgspec import structs

from alerting.commands.command import Command, CommandKind
from alerting.commands.dispatch import Dispatch, Form, Line
from alerting.incidents.notice import Action, Milestone, Notice, NoticeReason, identify
from alerting.pipeline.flood import Flood
from alerting.pipeline.tracked_incident import MessageRef, TrackedIncident, without_trace

_ASKS: Final = frozenset(ask.value for ask in CommandKind)


def parent(
    tracked: TrackedIncident, told: MessageRef, cause: str, at: int, follows: str | None = None
) -> Dispatch:
    """Return the message of an incident in its newest state; the first of a subject is posted."""
    return Dispatch(
        id=identify(cause, told.destination, told.subject, Form.PARENT),
        destination=told.destination,
        form=Form.PARENT,
        subject=told.subject,
        notice=tracked.notice,
        mention="" if tracked.ended_at is not None else tracked.mention,
        follows=follows,
        commands=tracked.commands,
        reason=tracked.reason,
        at=at,
    )


def edits(tracked: TrackedIncident, cause: str, at: int) -> Iterator[Dispatch]:
    """Yield an edit of each message that is the incident's own."""
    for told in tracked.messages:
        if told.form is Form.PARENT:
            yield parent(tracked, told, cause, at)


def line(tracked: TrackedIncident, cause: str, said: Line) -> Iterator[Dispatch]:
    """Yield a line for each thread of the incident; a flood's thread gets only what people did."""
    for told in tracked.messages:
        if told.form is Form.PARENT or said.what in _ASKS:
            yield Dispatch(
                id=identify(cause, told.destination, told.subject, Form.LINE, said.what),
                destination=told.destination,
                form=Form.LINE,
                subject=told.subject,
                notice=structs.replace(tracked.notice, incidents=[without_trace(tracked.incident)]),
                line=said,
                commands=tracked.commands,
                at=said.at,
            )


def milestones(tracked: TrackedIncident, notice: Notice, at: int) -> Iterator[Dispatch]:
    """Yield the lines of a notice, except for its opening, which is the message itself."""
    for milestone in notice.milestones:
        if milestone is not Milestone.OPENED:
            detail = ", ".join(notice.names.get(milestone, []))
            yield from line(tracked, notice.id, Line(what=milestone, at=at, detail=detail))


def command_line(tracked: TrackedIncident, command: Command) -> Iterator[Dispatch]:
    """Yield the line that says who did what."""
    said = Line(what=command.kind, at=command.at, by=command.by, until=command.until, detail=command.why)
    yield from line(tracked, command.id, said)


def snooze_expired(tracked: TrackedIncident, cause: str, at: int) -> Iterator[Dispatch]:
    """Yield the line that a snooze expired."""
    yield from line(tracked, cause, Line(what=CommandKind.UNSILENCE, at=at))


def flood(of: Flood, members: Iterable[TrackedIncident], at: int) -> Dispatch:
    """Return the message of a flood in its newest state."""
    stories = list(members)
    over = all(tracked.ended_at is not None for tracked in stories)
    action = Action.RESOLVE if over else Action.UPDATE if of.made else Action.OPEN
    return _of_flood(of, Form.FLOOD, stories, action, at)


def file(of: Flood, members: Iterable[TrackedIncident], at: int) -> Dispatch:
    """Return the file that lists all incidents of a flood."""
    return _of_flood(of, Form.FILE, list(members), Action.UPDATE, at)


def _of_flood(of: Flood, form: Form, stories: list[TrackedIncident], action: Action, at: int) -> Dispatch:
    number = of.made if form is Form.FLOOD else of.files
    incidents = [without_trace(tracked.incident) for tracked in stories]
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
            incidents=incidents[:1],
        ),
        mention=of.mention if form is Form.FLOOD and action is not Action.RESOLVE else "",
        of_flood=incidents,
        reason=NoticeReason.FLOOD.value,
        at=at,
    )

"""What happened in the life of one incident, in the order of time."""

from collections.abc import Iterator, Sequence
from typing import Final

from alerting.commands.command import CommandKind
from alerting.commands.memo import Memo
from alerting.pipeline.tracked_incident import TrackedIncident

JOINED: Final = 30
"""Series that are told to have joined; the others are members, and listed there."""


def story(tracked: TrackedIncident, memos: Sequence[Memo]) -> list[dict[str, object]]:
    """Return what happened, the oldest first: ``at`` in epoch seconds, and ``what``.

    ``what`` is ``change`` (before it), ``began``, ``joined`` (another series), ``alerted`` (``sent`` says as
    what), a kind of ``alerting.commands.command.CommandKind`` with ``by``, ``until`` and ``why``, ``memo``,
    ``resolved`` or ``withdrawn``.
    """
    return sorted(_moments(tracked, memos), key=lambda one: float(str(one["at"])))


def _moments(tracked: TrackedIncident, memos: Sequence[Memo]) -> Iterator[dict[str, object]]:
    incident = tracked.incident
    for change in incident.changes:
        written = change.to_json()
        yield {**written, "at": written["ts"], "what": "change", "did": written.get("what", "")}
    yield {
        "at": incident.start,
        "what": "began",
        "scope": incident.primary.about.to_json(),
        "measure": incident.primary.measure.value,
    }
    later = sorted((one for one in incident.members if one.start > incident.start), key=lambda one: one.start)
    for member in later[:JOINED]:
        about, measure = member.about.to_json(), member.measure.value
        yield {"at": member.start, "what": "joined", "scope": about, "measure": measure}
    if tracked.alerted is not None:
        yield {"at": tracked.alerted, "what": "alerted", "sent": tracked.sent}
    for command in tracked.commands:
        if command.kind not in (CommandKind.NOTE, CommandKind.FORGET):
            yield {
                "at": command.at,
                "what": command.kind.value,
                "by": command.who,
                "until": command.until,
                "why": command.why,
            }
    for memo in memos:
        if memo.incident == incident.id:
            yield {"at": memo.written, "what": "memo", "id": memo.id, "by": memo.who, "text": memo.text}
    if tracked.ended_at is not None:
        yield {"at": tracked.ended_at, "what": incident.state}

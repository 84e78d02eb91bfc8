"""What a dispatch does to the rows that lie there: it is one more, or takes the place of others."""

from typing import Final

from msgspec import structs

from alerting.commands.dispatch import Dispatch, Form
from alerting.incidents.notice import Action, identify
from alerting.messages.message import Message
from alerting.outbox.content import Content
from alerting.outbox.row import DIGEST, URGENCY, OutboxRow, Send, State
from alerting.outbox.row_store import Shelf
from alerting.outbox.thread import BESIDE, LINES, MESSAGE, Thread

EDITS: Final = 30.0  # seconds between two edits of one message: nobody reads faster
DAY: Final = 86400.0  # seconds: a digest that is older waits for a newer one
CATCHING_UP: Final = 60.0  # seconds that it waits: while a back-fill goes on, a day takes less
BLOCKS: Final = 40  # lines that wait together are one message up to this many blocks; Slack takes 50

_SEND: Final = {
    Form.PARENT: Send.POST,
    Form.FLOOD: Send.POST,
    Form.DIGEST: Send.POST,
    Form.LINE: Send.LINE,
    Form.FILE: Send.FILE,
}


def take(shelf: Shelf, dispatch: Dispatch, content: Content, now: float) -> list[OutboxRow]:
    """Put a dispatch on the shelf; return the rows that changed, none when it was there already."""
    key = identify(dispatch.id, dispatch.destination)
    if key in shelf.ids:
        return []
    shelf.ids.add(key)
    send = _SEND[dispatch.form]
    row = OutboxRow(
        id=key,
        destination=dispatch.destination,
        subject=dispatch.subject,
        send=send,
        urgency=URGENCY[send],
        sequence=shelf.number(),
        created=now,
        message=content.message,
        body=content.body,
        key=content.key,
    )
    thread = shelf.thread(row)
    thread.key = thread.key or row.key
    match dispatch.form:
        case Form.PARENT | Form.FLOOD:
            row.incident, row.commands = content.chart, len(dispatch.commands)
            waits = dispatch.form is Form.FLOOD or dispatch.notice.action is Action.UPDATE
            return _take_message(shelf, row, thread, hurried=not waits)
        case Form.LINE:
            by = "" if dispatch.line is None else dispatch.line.by
            return _take_line(shelf, row, thread, by_somebody=bool(by))
        case Form.FILE:
            older = [one for one in thread.queues[BESIDE] if one.send is Send.FILE and _unsent(shelf, one)]
            merged = [shelf.finish(one, State.MERGED, thread) for one in older]
            return [*merged, shelf.enqueue(row, thread)]
        case Form.DIGEST:
            row.urgency = DIGEST
            if not shelf.lanes.paced:
                return [shelf.enqueue(row, thread)]
            row.not_before = now + CATCHING_UP if now - dispatch.notice.at > DAY else 0.0
            return [*_older_digests(shelf, row), shelf.enqueue(row, thread)]


def _take_message(shelf: Shelf, row: OutboxRow, thread: Thread, *, hurried: bool) -> list[OutboxRow]:
    hurried = hurried or row.commands > thread.commands
    thread.commands = max(thread.commands, row.commands)
    queue, changed = thread.queues[MESSAGE], []
    waiting = [one for one in queue if one.id not in shelf.flying]
    unread = next((one for one in waiting if one.send is Send.POST and not one.doubt), None)
    if unread is not None and unread.id not in shelf.again:
        # Nobody has read it yet: it is sent in its newest state, and this row has nothing to add.
        unread.message, unread.body, unread.incident = row.message, row.body, row.incident
        unread.commands = row.commands
        shelf.revive(unread, thread)
        return [unread, shelf.finish(row, State.MERGED, thread)]
    earliest = float("inf")
    for older in waiting:
        if older.id in shelf.again:
            changed.append(shelf.finish(older, State.SENT, thread))
        elif older.send is not Send.POST or older.state is State.PARKED:
            earliest = min(earliest, older.not_before)
            changed.append(shelf.finish(older, State.MERGED, thread))
        # else it may be out as it is: looked for first, edited then
    if thread.place is not None or queue or changed:
        row.send, row.urgency = Send.EDIT, URGENCY[Send.EDIT]
        row.not_before = 0.0 if hurried else min(thread.edited + EDITS, earliest)
    return [*changed, shelf.enqueue(row, thread)]


def _take_line(shelf: Shelf, row: OutboxRow, thread: Thread, *, by_somebody: bool) -> list[OutboxRow]:
    """Take a line; its message says it where that has yet to go out. What people did is kept."""
    if thread.place is None and not by_somebody:
        sent = any(one.state is State.SENT for one in thread.done)
        if not sent and all(_unsent(shelf, one) for one in thread.queues[MESSAGE]):
            return [shelf.finish(row, State.MERGED, thread)]
    last = thread.queues[LINES][-1] if thread.queues[LINES] else None
    if last is not None and _unsent(shelf, last):
        joined = _joined(last.message, row.message)
        if joined is not None:
            last.message = joined
            return [last, shelf.finish(row, State.MERGED, thread)]
    return [shelf.enqueue(row, thread)]


def _older_digests(shelf: Shelf, row: OutboxRow) -> list[OutboxRow]:
    """Merge the digests of one destination that nobody has seen: the new one tells how things are now."""
    return [
        shelf.finish(one, State.MERGED, thread)
        for thread in shelf.threads()
        for one in list(thread.queues[MESSAGE])
        if one.urgency == DIGEST and one.destination == row.destination and _unsent(shelf, one)
    ]


def _unsent(shelf: Shelf, row: OutboxRow) -> bool:
    """Tell whether nobody can have seen it yet."""
    return row.id not in shelf.flying and not row.doubt


def _joined(first: Message | None, second: Message | None) -> Message | None:
    """Return two lines as one message, None where that cannot be."""
    if first is None or second is None or len(first.blocks) + len(second.blocks) > BLOCKS:
        return None
    return structs.replace(first, text=f"{first.text}\n{second.text}", blocks=[*first.blocks, *second.blocks])

"""Enqueues a dispatch: as one more row, or in place of waiting ones."""

from typing import Final

from msgspec import structs

from alerting.commands.dispatch import Dispatch, Form
from alerting.incidents.notice import Action, identify
from alerting.messages.message import Message
from alerting.outbox.ports import Content
from alerting.outbox.row import DIGEST, URGENCY, OutboxRow, Send, State
from alerting.outbox.row_store import RowStore
from alerting.outbox.thread import ATTACHMENTS, LINES, MESSAGE, Thread

EDITS: Final = 30.0  # seconds between two edits of one message: people read no faster
DAY: Final = 86400.0  # seconds: an older digest waits for a newer one
CATCHING_UP: Final = 60.0  # seconds that it waits: during a back-fill, a day takes less
BLOCKS: Final = 40  # waiting lines are joined up to this many blocks; Slack accepts 50

_SEND: Final = {
    Form.PARENT: Send.POST,
    Form.FLOOD: Send.POST,
    Form.DIGEST: Send.POST,
    Form.LINE: Send.LINE,
    Form.FILE: Send.FILE,
}


def take(store: RowStore, dispatch: Dispatch, content: Content, now: float) -> list[OutboxRow]:
    """Enqueue a dispatch; return the rows that changed, none if it is a repeat."""
    key = identify(dispatch.id, dispatch.destination)
    if key in store.ids:
        return []
    store.ids.add(key)
    send = _SEND[dispatch.form]
    row = OutboxRow(
        id=key,
        destination=dispatch.destination,
        subject=dispatch.subject,
        send=send,
        urgency=URGENCY[send],
        sequence=store.number(),
        created=now,
        message=content.message,
        body=content.body,
        key=content.key,
    )
    thread = store.thread(row)
    thread.key = row.key or thread.key
    match dispatch.form:
        case Form.PARENT | Form.FLOOD:
            row.incident = content.chart
            row.commands = len(dispatch.commands) + len(dispatch.memos)  # what people did is shown at once
            waits = dispatch.form is Form.FLOOD or dispatch.notice.action is Action.UPDATE
            return _take_message(store, row, thread, hurried=not waits)
        case Form.LINE:
            by = "" if dispatch.line is None else dispatch.line.by
            return _take_line(store, row, thread, by_person=bool(by))
        case Form.FILE:
            older = [
                queue
                for queue in thread.queues[ATTACHMENTS]
                if queue.send is Send.FILE and _unsent(store, queue)
            ]
            merged = [store.finish(one, State.MERGED, thread) for one in older]
            return [*merged, store.enqueue(row, thread)]
        case Form.DIGEST:
            row.urgency = DIGEST
            if not store.queues.paced:
                return [store.enqueue(row, thread)]
            row.not_before = now + CATCHING_UP if now - dispatch.notice.at > DAY else 0.0
            return [*_older_digests(store, row), store.enqueue(row, thread)]


def _take_message(store: RowStore, row: OutboxRow, thread: Thread, *, hurried: bool) -> list[OutboxRow]:
    hurried = hurried or row.commands > thread.commands
    thread.commands = max(thread.commands, row.commands)
    queue, changed = thread.queues[MESSAGE], []
    waiting = [one for one in queue if one.id not in store.in_flight]
    unread = next((one for one in waiting if one.send is Send.POST and not one.doubt), None)
    if unread is not None and unread.id not in store.resent:
        # Not sent yet: send it in its newest state; this row adds nothing.
        unread.message, unread.body, unread.incident = row.message, row.body, row.incident
        unread.commands = row.commands
        store.revive(unread, thread)
        return [unread, store.finish(row, State.MERGED, thread)]
    earliest = float("inf")
    for older in waiting:
        if older.id in store.resent:
            changed.append(store.finish(older, State.SENT, thread))
        elif older.send is not Send.POST or older.state is State.PARKED:
            earliest = min(earliest, older.not_before)
            changed.append(store.finish(older, State.MERGED, thread))
        # else it may have been sent as it is: search for it first, then edit
    if thread.place is not None or queue or changed:
        row.send, row.urgency = Send.EDIT, URGENCY[Send.EDIT]
        row.not_before = 0.0 if hurried else min(thread.edited + EDITS, earliest)
    return [*changed, store.enqueue(row, thread)]


def _take_line(store: RowStore, row: OutboxRow, thread: Thread, *, by_person: bool) -> list[OutboxRow]:
    """Enqueue a line, unless its unsent message covers it. Actions by people are always kept."""
    if thread.place is None and not by_person:
        sent = any(one.state is State.SENT for one in thread.done)
        if not sent and all(_unsent(store, queue) for queue in thread.queues[MESSAGE]):
            return [store.finish(row, State.MERGED, thread)]
    last = thread.queues[LINES][-1] if thread.queues[LINES] else None
    if last is not None and _unsent(store, last):
        joined = _joined(last.message, row.message)
        if joined is not None:
            last.message = joined
            return [last, store.finish(row, State.MERGED, thread)]
    return [store.enqueue(row, thread)]


def _older_digests(store: RowStore, row: OutboxRow) -> list[OutboxRow]:
    """Merge unsent digests of one destination into the new one, which shows the present state."""
    return [
        store.finish(queue, State.MERGED, thread)
        for thread in store.threads()
        for queue in list(thread.queues[MESSAGE])
        if queue.urgency == DIGEST and queue.destination == row.destination and _unsent(store, queue)
    ]


def _unsent(store: RowStore, row: OutboxRow) -> bool:
    """Return whether no one can have seen it yet."""
    return row.id not in store.in_flight and not row.doubt


def _joined(first: Message | None, second: Message | None) -> Message | None:
    """Return two lines as one message, or None if they do not fit."""
    if first is None or second is None or len(first.blocks) + len(second.blocks) > BLOCKS:
        return None
    return structs.replace(first, text=f"{first.text}\n{second.text}", blocks=[*first.blocks, *second.blocks])

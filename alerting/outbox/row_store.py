"""The row store: rows by subject in sending order, by id, and by state; and how a dispatch is enqueued."""

from collections.abc import Callable, Container, Iterable, Iterator
from typing import Final

from msgspec import structs

from alerting.commands.dispatch import SLACK, Dispatch, Form
from alerting.incidents.notice import Action
from alerting.messages.blocks import Message
from alerting.outbox.row import (
    ATTACHMENTS,
    DIGEST,
    LINES,
    MESSAGE,
    URGENCY,
    OutboxRow,
    Send,
    SentAs,
    State,
    Thread,
    repost,
)
from alerting.outbox.send_queues import Failover, SendQueues

ATTACHED = (Send.CHART, Send.FILE, Send.LINK)


class RowStore:
    """All rows of the outbox. Rows ready to be sent are in ``queues``, too; ``failover`` redirects them."""

    def __init__(self, queues: SendQueues, failover: Failover) -> None:
        self.queues = queues
        self.failover = failover
        self.ids: set[str] = set()
        self.in_flight: set[str] = set()  # ids of rows being delivered
        self.resent: dict[str, OutboxRow] = {}  # sent rows that are repeated from time to time
        self.refused: dict[str, OutboxRow] = {}
        self._threads: dict[tuple[str, str], Thread] = {}  # (destination, subject)
        self._busy: dict[tuple[str, str], Thread] = {}  # those with unsent rows
        self._sequence = 0

    def number(self) -> int:
        """Return the next sequence number."""
        self._sequence += 1
        return self._sequence

    def find(self, destination: str, subject: str) -> Thread | None:
        """Return the thread of a subject, or None if it is unknown."""
        return self._threads.get((destination, subject))

    def thread(self, row: OutboxRow) -> Thread:
        """Return the thread of a row."""
        thread = self._threads.setdefault((row.destination, row.subject), Thread())
        thread.newest = max(thread.newest, row.created)
        return thread

    def threads(self, target: str | None = None) -> Iterator[Thread]:
        """Return all threads, or those whose rows are sent to ``target``."""
        for (destination, _), thread in self._threads.items():
            if target is None or self.failover.effective(destination) == target:
                yield thread

    def restore(self, row: OutboxRow) -> None:
        """Restore a row of an earlier run. Rejected rows are retried, except charts."""
        self._sequence = max(self._sequence, row.sequence)
        self.ids.add(row.id)
        thread = self.thread(row)
        thread.key = row.key or thread.key  # rows are restored in order
        if row.state is State.SENT:
            self.remember(row, thread)
        if row.state in (State.SENT, State.MERGED):
            thread.shown = None if row.send is Send.EDIT else thread.shown  # a chart would show an old state
            thread.picture = row.picture if row.send is Send.CHART else thread.picture
            thread.done.append(row)
            return
        if row.send in ATTACHED and (row.state is State.PARKED or (row.doubt and row.send is Send.CHART)):
            self.park(row, thread)
            return
        if row.send is Send.CHART:
            thread.shown = row.message
        row.state, row.not_before = State.DUE, 0.0
        if not row.doubt:
            row.via = None  # its own channel may accept messages again
        self._append(row, thread)

    def enqueue(self, row: OutboxRow, thread: Thread) -> OutboxRow:
        """Append a new row to its queue."""
        self._append(row, thread)
        self.offer(thread)
        return row

    def offer(self, thread: Thread) -> None:
        """Release the first row of each queue, unless it is being delivered or was rejected."""
        for row in thread.first():
            known = row.id in self.in_flight or row in self.queues
            if row.state is State.DUE and not known and not self.failover.is_closed(row):
                self.queues.push(row, self.failover.target(row))

    def supersede(self, thread: Thread) -> list[OutboxRow]:
        """Let the newest state of a message replace those that wait; return the rows that changed.

        A message that is not confirmed is sent in its newest state, under the id of that state: a receiver
        that took the former, and whose answer was lost, must not take this one for a repeat. One that is on
        its way may be confirmed: what came meanwhile replaces it after that, or after a restart.
        """
        queue, changed = thread.queues[MESSAGE], []
        for older in list(queue)[:-1]:
            if older.id in self.in_flight:
                continue
            if older.id in self.resent:
                changed.append(self.finish(older, State.SENT, thread))
            elif older.send is not Send.POST or not older.doubt or older.state is State.PARKED:
                queue[-1].not_before = min(queue[-1].not_before, older.not_before)
                if older.send is Send.POST and not older.doubt:
                    repost(queue[-1])
                changed.append(self.finish(older, State.MERGED, thread))
            # else it may have been sent as it is: search for it first, then edit
        self.offer(thread)
        return [*changed, queue[-1]] if changed else []

    def finish(self, row: OutboxRow, state: State, thread: Thread) -> OutboxRow:
        """Remove a row from its queue: it was sent, or another row covers it."""
        row.state, row.message, row.body, row.incident = state, None, None, None
        self._remove(row, thread)
        thread.done.append(row)
        return row

    def park(self, row: OutboxRow, thread: Thread) -> None:
        """Keep a rejected row. Messages and lines keep their places: newer ones replace or join them."""
        row.state = State.PARKED
        if row.send in ATTACHED:
            self._remove(row, thread)
        self.refused[row.id] = row

    def revive(self, row: OutboxRow, thread: Thread) -> None:
        """Retry a row that was kept back."""
        row.state = State.DUE
        self.refused.pop(row.id, None)
        self.offer(thread)

    def remember(self, row: OutboxRow, thread: Thread) -> None:
        """Record the address of a thread's message."""
        if row.send not in (Send.POST, Send.EDIT):
            return
        thread.commands = max(thread.commands, row.commands)
        if row.place is None:
            return
        thread.place = row.place
        self.failover.learn(row)

    def place(self, thread: Thread, place: SentAs | None) -> OutboxRow | None:
        """Set the address of a thread's message; return the row that stores it."""
        thread.place = place
        for row in reversed(thread.done):
            if row.state is State.SENT and row.send in (Send.POST, Send.EDIT):
                row.place = place
                return row
        return None

    def forget(self, before: float) -> list[str]:
        """Drop subjects without activity since ``before``; return the ids of their rows."""
        gone: list[str] = []
        for key, thread in list(self._threads.items()):
            rows = [*thread.done, *thread.open()]
            if thread.newest > before or any(row.id in self.in_flight for row in rows):
                continue
            for row in rows:
                self._remove(row, thread)
            gone += [row.id for row in rows]
            del self._threads[key]
        self.ids.difference_update(gone)
        return gone

    def leave(self, groups: Container[str], is_used: Callable[[str], bool]) -> list[OutboxRow]:
        """Drop and return the rows that wait for other sinks than these. What was sent there stays known.

        So for a channel that is not used anymore, but for digests and what was or may have been posted there.
        """
        left = [
            row
            for thread in self._busy.values()
            for row in thread.open()
            if row.group not in groups
            or not (is_used(row.destination) or row.urgency == DIGEST or thread.is_out())
        ]
        for row in left:
            self._remove(row, self.thread(row))
        self.ids.difference_update(row.id for row in left)
        return left

    def is_idle(self) -> bool:
        """Return whether no row waits to be delivered."""
        return not any(self._moving())

    def waiting(self) -> list[OutboxRow]:
        """Return the rows that wait to be delivered, oldest first."""
        return sorted(self._moving(), key=lambda row: row.sequence)

    def parked(self) -> Iterable[OutboxRow]:
        """Return the rows that were permanently rejected, or whose destination was."""
        yield from self.refused.values()
        yield from (row for row in self._due() if self.failover.is_closed(row))

    def _moving(self) -> Iterator[OutboxRow]:
        return (row for row in self._due() if not self.failover.is_closed(row) and row.id not in self.resent)

    def _due(self) -> Iterator[OutboxRow]:
        for thread in self._busy.values():
            first = next(iter(thread.queues[MESSAGE]), None)
            if thread.place is None and (first is None or first.state is State.PARKED):
                continue  # replies and attachments need a message
            yield from (row for row in thread.open() if row.state is State.DUE)

    def _append(self, row: OutboxRow, thread: Thread) -> None:
        thread.queue(row).append(row)
        self._busy[row.destination, row.subject] = thread

    def _remove(self, row: OutboxRow, thread: Thread) -> None:
        if row in thread.queue(row):
            thread.queue(row).remove(row)
            if not thread.open():
                self._busy.pop((row.destination, row.subject), None)
        self.queues.drop(row)
        self.refused.pop(row.id, None)
        self.resent.pop(row.id, None)


EDITS: Final = 30.0  # seconds between two edits of one message: people read no faster
DAY: Final = 86400.0  # seconds: an older digest waits for a newer one
CATCHING_UP: Final = 60.0  # seconds that it waits: during a back-fill, a day takes less
BLOCKS: Final = 40  # waiting lines are joined up to this many blocks; Slack accepts 50


def enqueue_dispatch(store: RowStore, dispatch: Dispatch, row: OutboxRow, now: float) -> list[OutboxRow]:
    """Enqueue the row of a dispatch; return the rows that changed, none if it is a repeat."""
    if row.id in store.ids:
        return []
    store.ids.add(row.id)
    row.sequence, row.created = store.number(), now
    thread = store.thread(row)
    thread.key = row.key or thread.key
    match dispatch.form:
        case Form.PARENT | Form.FLOOD:
            row.commands = len(dispatch.commands) + len(dispatch.memos)  # commands are shown at once
            ended = all(incident.ended for incident in dispatch.notice.incidents)
            over = _calls_for_what_is_over(store, thread) if ended else []
            waits = dispatch.form is Form.FLOOD or dispatch.notice.action is Action.UPDATE
            return [*over, *_enqueue_message(store, row, thread, hurried=not waits)]
        case Form.LINE:
            by = "" if dispatch.line is None else dispatch.line.by
            return _enqueue_line(store, row, thread, by_person=bool(by))
        case Form.FILE:
            older = [
                queued
                for queued in thread.queues[ATTACHMENTS]
                if queued.send is Send.FILE and _unsent(store, queued)
            ]
            merged = [store.finish(file, State.MERGED, thread) for file in older]
            return [*merged, store.enqueue(row, thread)]
        case Form.DIGEST:
            if not store.queues.paced:
                return [store.enqueue(row, thread)]
            row.not_before = now + CATCHING_UP if now - dispatch.notice.at > DAY else 0.0
            return [*_older_digests(store, row), store.enqueue(row, thread)]


def _enqueue_message(store: RowStore, row: OutboxRow, thread: Thread, *, hurried: bool) -> list[OutboxRow]:
    hurried = hurried or row.commands > thread.commands
    thread.commands = max(thread.commands, row.commands)
    if thread.place is not None or thread.queues[MESSAGE]:
        row.send = Send.EDIT
        row.not_before = 0.0 if hurried else thread.edited + EDITS
        if row.group == SLACK:  # to a program, an end is as urgent as the page about a recurrence after it
            row.urgency = URGENCY[Send.EDIT]
    return [store.enqueue(row, thread), *store.supersede(thread)]


def _calls_for_what_is_over(store: RowStore, thread: Thread) -> list[OutboxRow]:
    """Leave out the lines that would call people now, and that nobody has seen."""
    calls = [row for row in thread.queues[LINES] if row.message is not None and row.message.aloud]
    return [store.finish(row, State.MERGED, thread) for row in calls if _unsent(store, row)]


def _enqueue_line(store: RowStore, row: OutboxRow, thread: Thread, *, by_person: bool) -> list[OutboxRow]:
    """Enqueue a line, unless its unsent message covers it. Actions by people are always kept."""
    if thread.place is None and not by_person:
        sent = any(done.state is State.SENT for done in thread.done)
        if not sent and all(_unsent(store, queued) for queued in thread.queues[MESSAGE]):
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
        store.finish(queued, State.MERGED, thread)
        for thread in store.threads()
        for queued in list(thread.queues[MESSAGE])
        if queued.urgency == DIGEST and queued.destination == row.destination and _unsent(store, queued)
    ]


def _unsent(store: RowStore, row: OutboxRow) -> bool:
    """Return whether no one can have seen it yet."""
    return row.id not in store.in_flight and not row.doubt


def _joined(first: Message | None, second: Message | None) -> Message | None:
    """Return two lines as one message, or None if they do not fit."""
    if first is None or second is None or len(first.blocks) + len(second.blocks) > BLOCKS:
        return None
    if first.aloud is not second.aloud:  # what calls people is left out when it is over
        return None
    return structs.replace(
        first,
        text=f"{first.text}\n{second.text}",
        blocks=[*first.blocks, *second.blocks],
    )

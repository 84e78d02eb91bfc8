"""The outbox: what has to be told is durable before it is sent, then sent once, in order and paced."""

import asyncio
import random
from collections.abc import Callable, Iterable, Mapping
from typing import Final, Protocol

from alerting.backoff import Backoff
from alerting.content import Content, Known
from alerting.crash_points import CrashPoint, nothing
from alerting.destination import SLACK
from alerting.dispatch import Dispatch, Form
from alerting.lanes import Lanes
from alerting.message import Message
from alerting.notice import Action, identify
from alerting.row import DIGEST, METHOD, URGENCY, Row, Send, State
from alerting.sink import Outcome, Result
from alerting.thread import BESIDE, LINES, MESSAGE, Thread

PACE: Final = 1.0  # seconds between two messages of one channel: Slack's limit
EDITS: Final = 30.0  # seconds between two edits of one message: nobody reads faster
APPEAR: Final = 5.0  # seconds: what the receiver still works on gets time to appear before it is looked for
KEPT: Final = 30 * 86400.0  # seconds: after that nothing repeats a dispatch, edits a message or links to it
PRUNE: Final = 3600.0  # seconds between two looks for what is long done
KNOCK: Final = (
    900.0  # seconds after which a destination that refuses for good is asked again, if there is news
)
BLOCKS: Final = 40  # lines that wait together are one message up to this many blocks; Slack takes 50

_BESIDE: Final = (Send.CHART, Send.FILE, Send.LINK)


class OutboxStorage(Protocol):
    """Where rows and the pipeline's state are kept.

    What ``write`` was given is durable when it returns, all of it or nothing.
    """

    async def load(self) -> tuple[list[Row], dict[str, bytes]]:
        """Return all rows, and the parts of the pipeline's state by name."""

    async def write(
        self, rows: Iterable[Row], parts: Mapping[str, bytes | None], gone: Iterable[str] = ()
    ) -> None:
        """Insert rows and parts or replace those of the same id or name; drop parts that are None.

        ``gone`` are ids of rows to drop.
        """


class Outbox:
    """Rows on their way to their sinks. Time (epoch seconds) is an argument, ``rng`` spreads retries.

    - A dispatch that is put twice is one row. A newer state of a subject replaces one that is not out yet;
      an incident that is over before its page was out is told once, as resolved.
    - What belongs into a thread waits for its message; a line of a message that never was is dropped. Lines
      that wait together are one.
    - At most one message a second and channel. Pages go before edits, lines, files, charts and digests.
    - What certainly was not posted is tried again for as long as it takes, after what the receiver asked
      for, or a growing wait with jitter. A wait holds one destination and one kind of call, nothing else.
    - What may have been posted is marked before it is sent. The sink looks whether it is there before
      it posts again; where it cannot look, it posts again once.
    - What its channel refuses for good goes to the channel that takes over, for all that follows; without
      one it is kept until the next start, as everything is when the token is refused.

    Parameters
    ----------
    storage
        Where rows survive.
    rng
        Spreads retries.
    pace
        Seconds between two messages of one channel; 0 for a terminal.
    fallback
        By destination: the one that takes over when it refuses for good.
    at
        Called at each crash point, for tests.
    """

    def __init__(
        self,
        storage: OutboxStorage,
        rng: random.Random,
        pace: float = PACE,
        fallback: Callable[[str], str | None] = lambda _: None,
        at: Callable[[CrashPoint], None] = nothing,
    ) -> None:
        self._storage = storage
        self._fallback = fallback
        self._at = at
        self._backoff = Backoff(rng)
        self._lanes = Lanes(pace, frozenset({SLACK} if pace else ()))
        self._ids: set[str] = set()
        self._threads: dict[tuple[str, str], Thread] = {}  # (destination, subject)
        self._parked: dict[str, Row] = {}
        self._flying: set[str] = set()
        self._again: dict[str, Row] = {}  # rows that are out and are sent again from time to time
        self._homes: dict[str, str] = {}  # destination → its channel's id
        self._moved: dict[str, str] = {}  # destination → the one that has taken over
        self._closed: dict[str, str] = {}  # destination or group → why nothing goes there
        self._knock: dict[str, float] = {}  # closed destination → when it may be asked again
        self._sequence = 0
        self._pruned = 0.0
        self._writing = asyncio.Lock()

    # -- putting ----------------------------------------------------------------------------------

    async def load(self, now: float) -> dict[str, bytes]:
        """Take up the rows of an earlier run, and return the parts of the pipeline's state.

        What was refused is tried again, for the reason may be gone; but not what belongs into a thread.
        """
        rows, parts = await self._storage.load()
        self._at(CrashPoint.LOADED)
        for row in sorted(rows, key=lambda row: row.sequence):
            self._sequence = max(self._sequence, row.sequence)
            thread = self._thread(row)
            thread.key = thread.key or row.key
            self._ids.add(row.id)
            if row.state is State.SENT:
                self._remember(row, thread)
            if row.state in (State.SENT, State.MERGED):
                thread.done.append(row)
                continue
            if row.state is State.PARKED and row.send in _BESIDE:
                self._parked[row.id] = row
                continue
            row.state, row.not_before = State.DUE, 0.0
            if not row.doubt:
                row.via = None  # its own channel may take messages again
            thread.queue(row).append(row)
        for thread in self._threads.values():
            for row in thread.first():
                self._lanes.spoke(self._way(row), METHOD[row.send], now)  # the earlier run may just have
            self._offer(thread)
        await self.prune(now)
        return parts

    async def put(
        self, items: Iterable[tuple[Dispatch, Content]], parts: Mapping[str, bytes | None], now: float
    ) -> None:
        """Make dispatches and the pipeline's state durable in one; a repeated dispatch changes nothing."""
        async with self._writing:
            changed: dict[str, Row] = {}
            for dispatch, content in items:
                self._reopen(dispatch.destination, now)
                for row in self._take(dispatch, content, now):
                    changed[row.id] = row
            if not changed and not parts:
                return
            self._at(CrashPoint.DECIDED)
            await self._storage.write(changed.values(), parts)
            self._at(CrashPoint.WRITTEN)
        if now - self._pruned >= PRUNE:
            await self.prune(now)

    def known(self, dispatch: Dispatch) -> Known:
        """Return what is known of a subject and of the one it follows, for the content of a dispatch."""
        own = self._threads.get((dispatch.destination, dispatch.subject))
        former = self._threads.get((dispatch.destination, dispatch.follows or ""))
        return Known(
            link=None if former is None or former.place is None else former.place.link,
            key="" if own is None else own.key,
        )

    def _take(self, dispatch: Dispatch, content: Content, now: float) -> list[Row]:
        key = identify(dispatch.id, dispatch.destination)
        if key in self._ids:
            return []
        self._ids.add(key)
        self._sequence += 1
        row = Row(
            id=key,
            destination=dispatch.destination,
            subject=dispatch.subject,
            send=_SEND[dispatch.form],
            urgency=URGENCY[_SEND[dispatch.form]],
            sequence=self._sequence,
            created=now,
            message=content.message,
            body=content.body,
            key=content.key,
        )
        thread = self._thread(row)
        thread.key = thread.key or row.key
        thread.newest = now
        match dispatch.form:
            case Form.PARENT | Form.FLOOD:
                row.incident, row.commands = content.chart, len(dispatch.commands)
                return self._take_message(row, thread, hurried=dispatch.notice.action is not Action.UPDATE)
            case Form.LINE:
                by = "" if dispatch.line is None else dispatch.line.by
                return self._take_line(row, thread, by_somebody=bool(by))
            case Form.FILE:
                return [*self._supersede(Send.FILE, thread), self._enqueue(row, thread)]
            case Form.DIGEST:
                row.urgency = DIGEST
                return [self._enqueue(row, thread)]

    def _take_message(self, row: Row, thread: Thread, *, hurried: bool) -> list[Row]:
        hurried = hurried or row.commands > thread.commands
        thread.commands = max(thread.commands, row.commands)
        queue, changed = thread.queues[MESSAGE], []
        waiting = [one for one in queue if one.id not in self._flying]
        unread = next((one for one in waiting if one.send is Send.POST and not one.doubt), None)
        if unread is not None and unread.id not in self._again:
            # Nobody has read it yet: it is sent in its newest state, and this row has nothing to add.
            unread.message, unread.body, unread.incident = row.message, row.body, row.incident
            unread.state, unread.commands = State.DUE, row.commands
            self._parked.pop(unread.id, None)
            self._offer(thread)
            return [unread, self._finish(row, State.MERGED, thread)]
        earliest = float("inf")
        for older in waiting:
            if older.send is Send.POST and older.doubt and older.state is State.DUE:
                continue  # it may be out as it is: looked for first, edited then
            if older.id in self._again:
                changed.append(self._finish(older, State.SENT, thread))
                continue
            earliest = min(earliest, older.not_before)
            changed.append(self._finish(older, State.MERGED, thread))
        if thread.place is not None or queue or changed:
            row.send, row.urgency = Send.EDIT, URGENCY[Send.EDIT]
            row.not_before = 0.0 if hurried else min(thread.edited + EDITS, earliest)
        return [*changed, self._enqueue(row, thread)]

    def _take_line(self, row: Row, thread: Thread, *, by_somebody: bool) -> list[Row]:
        """Take a line; its message says it where that has yet to go out. What people did is kept."""
        if thread.place is None and not by_somebody:
            sent = any(one.state is State.SENT for one in thread.done)
            under_way = any(one.doubt or one.id in self._flying for one in thread.queues[MESSAGE])
            if not sent and not under_way:
                return [self._finish(row, State.MERGED, thread)]
        queue = thread.queues[LINES]
        last = queue[-1] if queue else None
        if (
            last is not None
            and last.id not in self._flying
            and last.state is State.DUE
            and not last.doubt
            and (joined := _joined(last.message, row.message)) is not None
        ):
            last.message = joined
            return [last, self._finish(row, State.MERGED, thread)]
        return [self._enqueue(row, thread)]

    def _supersede(self, send: Send, thread: Thread) -> list[Row]:
        queue = thread.queues[BESIDE]
        older = [row for row in queue if row.send is send and row.id not in self._flying and not row.doubt]
        return [self._finish(row, State.MERGED, thread) for row in older]

    # -- delivering -------------------------------------------------------------------------------

    def next(self, now: float, group: str | None = None) -> Row | float | None:
        """Return the row to deliver now, or the seconds until there is one, or None when nothing waits.

        ``group`` is the sink that asks (``alerting.row.group_of``); any of them when it is absent.
        """
        soonest: float | None = None
        for each in [group] if group is not None else self._lanes.groups():
            found = None if each in self._closed else self._lanes.next(each, now)
            if isinstance(found, Row):
                return found
            if found is not None:
                soonest = found if soonest is None else min(soonest, found)
        return soonest

    async def begin(self, row: Row) -> bool:
        """Mark durably that ``row`` is about to be delivered: a crash from here on leaves it in doubt.

        False when it is no longer to be delivered: a newer one has replaced it meanwhile.
        """
        async with self._writing:
            self._at(CrashPoint.CHOSEN)
            if row not in self._lanes:
                return False
            self._lanes.drop(row)
            self._flying.add(row.id)
            thread, way = self._thread(row), self._way(row)
            row.place = thread.place if row.send is not Send.POST else None
            if row.place is None and row.send is Send.EDIT:
                row.send = Send.POST
            row.via = way if way != row.destination else None
            row.home = self._homes.get(way)
            if row.send in (Send.POST, Send.LINE, Send.CHART, Send.FILE) and row.id not in self._again:
                marked = row.doubt
                row.doubt = marked + 1
                await self._storage.write([row], {})
                row.doubt = marked  # for the sink, which is asked about the deliveries before this one
            self._at(CrashPoint.MARKED)
            return True

    async def settle(self, row: Row, outcome: Outcome, now: float) -> None:
        """Write down what came of the delivery of ``row``."""
        async with self._writing:
            self._at(CrashPoint.SENT)
            self._flying.discard(row.id)
            thread, way = self._thread(row), self._way(row)
            method = METHOD[row.send]
            self._lanes.spoke(way, method, now)
            row.error = outcome.error
            if outcome.result is Result.SENT:
                self._backoff.worked(way, method)
                changed, gone = self._sent(row, outcome, thread, now)
            else:
                self._failed(row, outcome, thread, now)
                changed, gone = [row], []
            await self._storage.write(changed, {}, gone)
            self._offer(thread)
            self._at(CrashPoint.SETTLED)

    async def prune(self, now: float) -> None:
        """Drop the rows of subjects that nothing was told of for 30 days."""
        async with self._writing:
            await self._prune(now)

    async def _prune(self, now: float) -> None:
        self._pruned = now
        gone: list[str] = []
        for key, thread in list(self._threads.items()):
            if thread.newest > now - KEPT or any(row.id in self._flying for row in thread.open()):
                continue
            for row in (*thread.done, *thread.open()):
                gone.append(row.id)
                self._lanes.drop(row)
                self._parked.pop(row.id, None)
                self._again.pop(row.id, None)
            del self._threads[key]
        if gone:
            self._ids.difference_update(gone)
            await self._storage.write([], {}, gone)
            self._at(CrashPoint.PRUNED)

    # -- looking ----------------------------------------------------------------------------------

    def waiting(self) -> list[Row]:
        """Return the rows that are on their way, oldest first."""
        found = []
        for thread in self._threads.values():
            for row in thread.open():
                stuck = thread.place is None and (
                    not thread.queues[MESSAGE] or thread.queues[MESSAGE][0].state is State.PARKED
                )
                if row.state is State.DUE and not stuck and not self._is_closed(row):
                    found.append(row)
        return sorted((row for row in found if row.id not in self._again), key=lambda row: row.sequence)

    def parked(self) -> list[Row]:
        """Return the rows that were refused for good, or whose destination was."""
        closed = [
            row
            for thread in self._threads.values()
            for row in thread.open()
            if row.state is State.DUE and self._is_closed(row)
        ]
        return [*self._parked.values(), *closed]

    def closed(self) -> dict[str, str]:
        """Return by destination, or by sink where its token was refused, why nothing goes there."""
        return dict(self._closed)

    def moved(self) -> dict[str, str]:
        """Return by destination which other one has taken over from it."""
        return dict(self._moved)

    # -- inside -----------------------------------------------------------------------------------

    def _thread(self, row: Row) -> Thread:
        key = row.destination, row.subject
        thread = self._threads.get(key)
        if thread is None:
            thread = self._threads[key] = Thread()
        thread.newest = max(thread.newest, row.created)
        return thread

    def _way(self, row: Row) -> str:
        if row.doubt and row.via is not None:
            return row.via  # where it may be is where it is looked for
        return self._moved.get(row.destination, row.destination)

    def _is_closed(self, row: Row) -> bool:
        return row.group in self._closed or self._way(row) in self._closed

    def _reopen(self, destination: str, now: float) -> None:
        """Ask a destination again that was closed for a while: somebody may have invited the bot."""
        way = self._moved.get(destination, destination)
        if self._knock.get(way, now) >= now:
            return
        del self._closed[way], self._knock[way]
        for (other, _), thread in self._threads.items():
            if self._moved.get(other, other) == way:
                self._offer(thread)

    def _enqueue(self, row: Row, thread: Thread) -> Row:
        thread.queue(row).append(row)
        self._offer(thread)
        return row

    def _offer(self, thread: Thread) -> None:
        """Let the first row of each queue go, unless it is under way or refused."""
        for row in thread.first():
            if row.state is State.DUE and row.id not in self._flying and row not in self._lanes:
                way = self._way(row)
                if way not in self._closed and row.group not in self._closed:
                    self._lanes.push(row, way)

    def _finish(self, row: Row, state: State, thread: Thread) -> Row:
        """Take ``row`` from where it waits: it is out, or another one says it."""
        row.state, row.message, row.body, row.incident = state, None, None, None
        queue = thread.queue(row)
        if row in queue:
            queue.remove(row)
        self._lanes.drop(row)
        self._parked.pop(row.id, None)
        self._again.pop(row.id, None)
        thread.done.append(row)
        return row

    def _sent(self, row: Row, outcome: Outcome, thread: Thread, now: float) -> tuple[list[Row], list[str]]:
        """Return the rows that change, and the ids of those to drop."""
        if outcome.again is not None:
            known = row.id in self._again
            row.not_before, row.doubt = now + outcome.again, 0
            self._again[row.id] = row
            return ([] if known else [row]), []
        chart = row.incident if row.send is Send.POST else None
        row.place = outcome.place or row.place
        row.doubt = 0
        self._finish(row, State.SENT, thread)
        if row.send is Send.LINK:
            thread.place = row.place
            thread.done.remove(row)
            holder = next((one for one in reversed(thread.done) if one.send in (Send.POST, Send.EDIT)), None)
            if holder is None:
                return [], [row.id]
            holder.place = row.place
            return [holder], [row.id]
        self._remember(row, thread)
        if row.send not in (Send.POST, Send.EDIT):
            return [row], []
        thread.edited = now
        for behind in thread.queues[MESSAGE]:
            if behind.not_before:  # put while this one was under way
                behind.not_before = now + EDITS
        if row.send is not Send.POST or row.urgency == DIGEST or row.group != SLACK:
            return [row], []
        beside = [self._beside(row, Send.LINK, "link", now)]
        if chart is not None and chart.primary.trace is not None:
            beside.insert(0, self._beside(row, Send.CHART, "chart", now))
            beside[0].incident = chart
        new = [one for one in beside if one.id not in self._ids]
        self._ids.update(one.id for one in new)
        return [row, *(self._enqueue(one, thread) for one in new)], []

    def _failed(self, row: Row, outcome: Outcome, thread: Thread, now: float) -> None:
        way, method = self._way(row), METHOD[row.send]
        match outcome.result:
            case Result.RETRY:
                asked = outcome.retry_after
                self._lanes.pause(
                    way, method, now + (self._backoff.wait(way, method) if asked is None else asked)
                )
            case Result.UNKNOWN:
                self._unknown(row, thread)
                self._lanes.pause(way, method, now + max(self._backoff.wait(way, method), APPEAR))
            case Result.RENDERING if row.message is not None and not row.plain:
                row.plain, row.doubt = True, 0
            case Result.GONE if row.send is Send.EDIT:
                thread.place = row.place = None
                row.send = Send.POST
            case Result.TOKEN if row.send not in _BESIDE:
                self._closed[row.group] = outcome.error
            case Result.ROUTE if row.send not in _BESIDE:
                self._refused(row, way, outcome.error, thread, now)
            case _:
                self._park(row, thread)

    def _beside(self, row: Row, send: Send, name: str, now: float) -> Row:
        self._sequence += 1
        return Row(
            id=identify(row.id, name),
            destination=row.destination,
            subject=row.subject,
            send=send,
            urgency=URGENCY[send],
            sequence=self._sequence,
            created=now,
        )

    def _remember(self, row: Row, thread: Thread) -> None:
        if row.place is not None and row.send in (Send.POST, Send.EDIT):
            thread.place = row.place
            self._homes[row.via or row.destination] = row.place.channel
        if row.send in (Send.POST, Send.EDIT):
            thread.commands = max(thread.commands, row.commands)

    def _unknown(self, row: Row, thread: Thread) -> None:
        row.attempts += 1
        row.doubt += row.send is not Send.EDIT
        if row.send is Send.CHART or (row.send is Send.FILE and row.doubt > 1):
            self._park(row, thread)  # a thread with the same chart twice is worse than without

    def _refused(self, row: Row, way: str, error: str, thread: Thread, now: float) -> None:
        """Its channel takes nothing any more: another one takes over for all that goes there."""
        home = self._homes.get(way)
        if row.send is not Send.POST and row.place is not None and home not in (None, row.place.channel):
            thread.place = row.place = None  # only this message is where nothing can be written any more
            if row.send is Send.EDIT:
                row.send = Send.POST
            return
        instead = self._fallback(row.destination)
        self._at(CrashPoint.MOVED)
        if instead is None or instead == way or row.destination in self._moved:
            self._closed[way] = error
            self._knock[way] = now + KNOCK
            return
        self._moved[row.destination] = instead
        for (destination, _), other in self._threads.items():
            if destination != row.destination:
                continue
            other.place = None
            for waits in other.open():
                if waits.id in self._flying:
                    continue
                self._lanes.drop(waits)
                waits.doubt = 0 if waits is row else waits.doubt
                if waits.send is Send.EDIT:
                    waits.send = Send.POST
                    waits.urgency = URGENCY[Send.POST]
            self._offer(other)

    def _park(self, row: Row, thread: Thread) -> None:
        row.state = State.PARKED
        self._parked[row.id] = row
        if row.send in (Send.POST, Send.EDIT):
            return  # a newer state takes its place, and it is tried again with it
        thread.queue(row).remove(row)


_SEND: Final = {
    Form.PARENT: Send.POST,
    Form.FLOOD: Send.POST,
    Form.DIGEST: Send.POST,
    Form.LINE: Send.LINE,
    Form.FILE: Send.FILE,
}


def _joined(first: Message | None, second: Message | None) -> Message | None:
    """Return two lines as one message, None where that cannot be."""
    if first is None or second is None or len(first.blocks) + len(second.blocks) > BLOCKS:
        return None
    return Message(text=f"{first.text}\n{second.text}", blocks=[*first.blocks, *second.blocks])

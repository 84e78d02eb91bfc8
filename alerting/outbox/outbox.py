"""The outbox: what has to be told is durable before it is sent, then sent once, in order and paced."""

import asyncio
import random
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from alerting.commands.destination import SLACK
from alerting.commands.dispatch import Dispatch
from alerting.incidents.notice import identify
from alerting.outbox.backoff import Backoff
from alerting.outbox.content import Content, SubjectState
from alerting.outbox.crash_points import DeliveryCrashPoint, nothing
from alerting.outbox.enqueue import EDITS, take
from alerting.outbox.failover import Ways
from alerting.outbox.outbox_storage import OutboxStorage
from alerting.outbox.row import DIGEST, METHOD, URGENCY, OutboxRow, Send, State
from alerting.outbox.row_store import BESIDE, Shelf
from alerting.outbox.send_queues import Lanes
from alerting.outbox.sink import DeliveryOutcome, Result
from alerting.outbox.thread import MESSAGE, Thread

PACE: Final = 1.0  # seconds between two messages of one channel: Slack's limit
APPEAR: Final = 5.0  # seconds: what the receiver still works on gets time to appear before it is looked for
KEPT: Final = 30 * 86400.0  # seconds: after that nothing repeats a dispatch, edits a message or links to it
PRUNE: Final = 3600.0  # seconds between two looks for what is long done

_MARKED: Final = (Send.POST, Send.LINE, Send.CHART, Send.FILE)  # what shows twice when it is sent twice


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
        at: Callable[[DeliveryCrashPoint], None] = nothing,
    ) -> None:
        self._storage = storage
        self._at = at
        self._backoff = Backoff(rng)
        self._ways = Ways(fallback)
        self._lanes = Lanes(pace, frozenset({SLACK} if pace else ()))
        self._shelf = Shelf(self._lanes, self._ways)
        self._pruned = 0.0
        self._writing = (
            asyncio.Lock()
        )  # what is next is chosen while others write: a row goes once it is durable

    # -- putting ----------------------------------------------------------------------------------

    async def load(self, now: float) -> dict[str, bytes]:
        """Take up the rows of an earlier run, and return the parts of the pipeline's state.

        What was refused is tried again, for the reason may be gone.
        """
        rows, parts = await self._storage.load()
        self._at(DeliveryCrashPoint.LOADED)
        for row in sorted(rows, key=lambda row: row.sequence):
            self._shelf.take_up(row)
        for thread in self._shelf.threads():
            for row in thread.first():
                self._lanes.spoke(self._ways.way(row), METHOD[row.send], now)  # the earlier run may just have
            self._shelf.offer(thread)
        await self.prune(now)
        return parts

    async def put(
        self, items: Iterable[tuple[Dispatch, Content]], parts: Mapping[str, bytes | None], now: float
    ) -> None:
        """Make dispatches and the pipeline's state durable in one; a repeated dispatch changes nothing."""
        async with self._writing:
            changed: dict[str, OutboxRow] = {}
            for dispatch, content in items:
                if self._ways.knock(dispatch.destination, now):
                    for thread in self._shelf.threads(self._ways.end(dispatch.destination)):
                        self._shelf.offer(thread)
                changed |= {row.id: row for row in take(self._shelf, dispatch, content, now)}
            if changed or parts:
                self._at(DeliveryCrashPoint.DECIDED)
                await self._storage.write(changed.values(), parts)
                self._at(DeliveryCrashPoint.WRITTEN)
        if now - self._pruned >= PRUNE:
            await self.prune(now)

    def known(self, dispatch: Dispatch) -> SubjectState:
        """Return what is known of a subject and of the one it follows, for the content of a dispatch."""
        own = self._shelf.find(dispatch.destination, dispatch.subject)
        former = self._shelf.find(dispatch.destination, dispatch.follows or "")
        return SubjectState(
            link=None if former is None or former.place is None else former.place.link,
            key="" if own is None else own.key,
        )

    # -- delivering -------------------------------------------------------------------------------

    def next(self, now: float, group: str | None = None) -> OutboxRow | float | None:
        """Return the row to deliver now, or the seconds until there is one, or None when nothing waits.

        ``group`` is the sink that asks (``alerting.outbox.row.group_of``); any of them when it is absent.
        """
        soonest: float | None = None
        for each in [group] if group is not None else self._lanes.groups():
            found = None if each in self._ways.closed else self._lanes.next(each, now)
            if isinstance(found, OutboxRow):
                return found
            if found is not None:
                soonest = found if soonest is None else min(soonest, found)
        return soonest

    async def begin(self, row: OutboxRow) -> bool:
        """Mark durably that ``row`` is about to be delivered: a crash from here on leaves it in doubt.

        False when it is no longer to be delivered: a newer one has replaced it meanwhile.
        """
        async with self._writing:
            self._at(DeliveryCrashPoint.CHOSEN)
            if row not in self._lanes:
                return False
            self._lanes.drop(row)
            self._shelf.flying.add(row.id)
            way = self._ways.way(row)
            row.place = self._shelf.thread(row).place if row.send is not Send.POST else None
            if row.place is None and row.send is Send.EDIT:
                _anew(row)
            row.via = way if way != row.destination else None
            row.home = self._ways.home(way)
            if row.send in _MARKED and row.group == SLACK:  # other receivers recognise a repeat
                marked = row.doubt
                row.doubt = marked + 1
                await self._storage.write([row], {})
                row.doubt = marked  # for the sink, which is asked about the deliveries before this one
            self._at(DeliveryCrashPoint.MARKED)
            return True

    async def settle(self, row: OutboxRow, outcome: DeliveryOutcome, now: float) -> None:
        """Write down what came of the delivery of ``row``."""
        async with self._writing:
            self._at(DeliveryCrashPoint.SENT)
            self._shelf.flying.discard(row.id)
            thread, way, method = self._shelf.thread(row), self._ways.way(row), METHOD[row.send]
            self._lanes.spoke(way, method, now)
            row.error = outcome.error
            if outcome.result is Result.SENT:
                self._backoff.worked(way, method)
                changed, gone = self._sent(row, outcome, thread, now)
            else:
                self._failed(row, outcome, thread, now)
                changed, gone = [row], []
            await self._storage.write(changed, {}, gone)
            self._shelf.offer(thread)
            self._at(DeliveryCrashPoint.SETTLED)

    async def prune(self, now: float) -> None:
        """Drop the rows of subjects of which nothing was told for 30 days."""
        async with self._writing:
            self._pruned = now
            gone = self._shelf.forget(now - KEPT)
            if gone:
                await self._storage.write([], {}, gone)
                self._at(DeliveryCrashPoint.PRUNED)

    # -- looking ----------------------------------------------------------------------------------

    def is_idle(self) -> bool:
        """Tell whether nothing is on its way."""
        return self._shelf.is_idle()

    def waiting(self) -> list[OutboxRow]:
        """Return the rows that are on their way, oldest first."""
        return self._shelf.waiting()

    def parked(self) -> list[OutboxRow]:
        """Return the rows that were refused for good, or whose destination was."""
        return list(self._shelf.parked())

    def closed(self) -> dict[str, str]:
        """Return by destination, or by sink where its token was refused, why nothing goes there."""
        return dict(self._ways.closed)

    def moved(self) -> dict[str, str]:
        """Return by destination which other one has taken over from it."""
        return dict(self._ways.moved)

    # -- what came of it --------------------------------------------------------------------------

    def _sent(
        self, row: OutboxRow, outcome: DeliveryOutcome, thread: Thread, now: float
    ) -> tuple[list[OutboxRow], list[str]]:
        """Return the rows that change, and the ids of those to drop."""
        if outcome.again is not None:
            known = row.id in self._shelf.again
            row.not_before, row.doubt = now + outcome.again, 0
            self._shelf.again[row.id] = row
            return ([] if known else [row]), []
        chart = row.incident if row.send is Send.POST else None
        row.place, row.doubt = outcome.place or row.place, 0
        self._shelf.finish(row, State.SENT, thread)
        if row.send is Send.LINK:
            thread.done.remove(row)
            holder = self._shelf.place(thread, row.place)
            return ([] if holder is None else [holder]), [row.id]
        self._shelf.remember(row, thread)
        if row.send not in (Send.POST, Send.EDIT):
            return [row], []
        thread.edited = now
        for behind in thread.queues[MESSAGE]:
            if behind.not_before:  # put while this one was under way
                behind.not_before = now + EDITS
        if row.send is not Send.POST or row.urgency == DIGEST or row.group != SLACK:
            return [row], []
        beside = [self._beside(row, Send.LINK, now)]
        if chart is not None and chart.primary.trace is not None:
            beside.insert(0, self._beside(row, Send.CHART, now))
            beside[0].incident = chart
        new = [one for one in beside if one.id not in self._shelf.ids]
        self._shelf.ids.update(one.id for one in new)
        return [row, *(self._shelf.enqueue(one, thread) for one in new)], []

    def _failed(self, row: OutboxRow, outcome: DeliveryOutcome, thread: Thread, now: float) -> None:
        way, method = self._ways.way(row), METHOD[row.send]
        match outcome.result:
            case Result.RETRY:
                asked = outcome.retry_after
                wait = self._backoff.wait(way, method) if asked is None else asked
                self._lanes.pause(way, method, now + wait)
            case Result.UNKNOWN:
                row.attempts += 1
                row.doubt += row.send in _MARKED
                if row.send is Send.CHART or (row.send is Send.FILE and row.doubt > 1):
                    self._shelf.park(row, thread)  # a thread with the same chart twice is worse than without
                self._lanes.pause(way, method, now + max(self._backoff.wait(way, method), APPEAR))
            case Result.RENDERING if row.message is not None and not row.plain:
                row.plain, row.doubt = True, 0
            case Result.GONE if row.send is Send.EDIT:
                thread.place = None
                _anew(row)
            case Result.TOKEN if row.send not in BESIDE:
                self._ways.close_all(row, outcome.error)
            case Result.ROUTE if row.send not in BESIDE:
                self._refused(row, outcome, thread, now)
            case _:
                self._shelf.park(row, thread)

    def _refused(self, row: OutboxRow, outcome: DeliveryOutcome, thread: Thread, now: float) -> None:
        """Its channel takes nothing any more: another one takes over for all that goes there."""
        written = None if row.place is None else row.place.channel
        home = self._ways.home(self._ways.way(row)) or written
        if written is not None and written != home:
            thread.place = None  # only this message is where nothing can be written any more
            if row.send is Send.EDIT:
                _anew(row)
            return
        self._at(DeliveryCrashPoint.MOVED)
        if not self._ways.refused(row, outcome.error, now):
            return
        row.doubt = 0
        for other in self._shelf.threads(self._ways.end(row.destination)):
            lost = other.place is not None and other.place.channel == home
            other.place = None if lost else other.place
            for waits in other.open():
                if waits.id not in self._shelf.flying:
                    self._lanes.drop(waits)
                    if lost and waits.send is Send.EDIT:
                        _anew(waits)
            self._shelf.offer(other)

    def _beside(self, row: OutboxRow, send: Send, now: float) -> OutboxRow:
        return OutboxRow(
            id=identify(row.id, send),
            destination=row.destination,
            subject=row.subject,
            send=send,
            urgency=URGENCY[send],
            sequence=self._shelf.number(),
            created=now,
        )


def _anew(row: OutboxRow) -> None:
    """Make an edit a new message: the one to edit is gone."""
    row.send, row.urgency, row.place = Send.POST, URGENCY[Send.POST], None

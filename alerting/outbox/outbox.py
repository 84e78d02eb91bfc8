"""The outbox: messages are durable before they are sent, then sent once, in order and paced."""

import asyncio
import random
from collections.abc import Callable, Container, Iterable, Mapping
from enum import StrEnum
from typing import Final

from alerting.commands.dispatch import SLACK, Dispatch
from alerting.incidents.notice import identify
from alerting.outbox import pictures
from alerting.outbox.ports import DeliveryOutcome, OutboxStorage, Result, SubjectState
from alerting.outbox.row import DIGEST, MESSAGE, URGENCY, OutboxRow, Send, State, Thread, repost
from alerting.outbox.row_store import ATTACHED, EDITS, RowStore, enqueue_dispatch
from alerting.outbox.send_queues import Failover, SendQueues

PACE: Final = 1.0  # seconds between two messages of one channel: Slack's limit
APPEAR: Final = 5.0  # seconds that a message gets to appear before it is searched for
KEPT: Final = 30 * 86400.0  # seconds after which nothing repeats a dispatch, edits a message or links to it
PRUNE: Final = 3600.0  # seconds between two clean-ups

_NOT_IDEMPOTENT: Final = (Send.POST, Send.LINE, Send.CHART, Send.FILE)  # shows twice when sent twice


class DeliveryCrashPoint(StrEnum):
    """The named crash points, with the state that a crash there leaves: tests kill the process at each."""

    DECIDED = "put: decided, nothing written"  # the engine emits it again: nothing is stored yet
    WRITTEN = "put: written, not yet on its way"  # rows and the pipeline's state are stored, both or neither
    CHOSEN = "deliver: chosen, not marked"  # as if not chosen
    MARKED = "deliver: marked, not sent"  # in doubt: searched for, not found, sent
    SENT = "deliver: sent, not settled"  # in doubt: searched for, found, not sent again
    SETTLED = "deliver: settled"  # done
    MOVED = "fallback: its own channel refused, not yet settled"  # refused again, and moved again
    LOADED = "load: read, not taken up"  # nothing was changed
    PRUNED = "load: what is long done is dropped"  # dropped or not: nothing refers to it


def nothing(_: DeliveryCrashPoint) -> None:
    """Do nothing."""


class Outbox:
    """Delivers rows to their sinks. Time (epoch seconds) is an argument.

    - A repeated dispatch adds no row. A newer state of a subject replaces an unsent one; an incident that
      resolves before its page was sent is reported once, as resolved.
    - Replies and attachments wait for their message; lines of a message that was never sent are dropped.
      Waiting lines are joined.
    - At most one message per second and channel. Pages go before edits, lines, files, charts and digests.
    - What was certainly not posted is retried until it succeeds, after the wait that the receiver asked
      for, or with exponential backoff. A wait affects one destination and one kind of call.
    - What may have been posted is marked before it is sent. The sink searches for it before posting
      again; where it may not search, it posts again once, and where the channel's id is not known yet,
      until a post is confirmed.
    - Messages that a channel permanently rejects go to its fallback, as does everything after them;
      without a fallback they are kept, as everything is when the token is rejected, and tried now and then.
    - What is rejected for an unknown reason is tried again by itself, with and without its blocks.

    Parameters
    ----------
    pace
        Seconds between two messages of one channel; 0 for a terminal.
    fallback
        By destination: the one that takes over when it rejects messages permanently.
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
        self._failover = Failover(fallback)
        self._queues = SendQueues(pace, frozenset({SLACK} if pace else ()))
        self._store = RowStore(self._queues, self._failover)
        self._pruned = 0.0
        self._writing = asyncio.Lock()  # a row is sent only once it is durable

    # -- putting ----------------------------------------------------------------------------------

    async def load(self, now: float) -> dict[str, bytes]:
        """Restore the rows of an earlier run, and return the parts of the pipeline's state.

        Rejected rows are retried: the cause may be gone.
        """
        rows, parts = await self._storage.load()
        self._at(DeliveryCrashPoint.LOADED)
        for row in sorted(rows, key=lambda row: row.sequence):
            self._store.restore(row)
        changed: list[OutboxRow] = []
        for thread in self._store.threads():
            changed += self._store.supersede(thread)
            for row in thread.first():
                # perhaps called just before the restart
                self._queues.called(self._failover.target(row), row.method, now)
        if changed:
            await self._storage.write(changed, {})
        await self.prune(now)
        return parts

    def leave(self, groups: Container[str], is_used: Callable[[str], bool]) -> list[OutboxRow]:
        """Drop the rows that wait for other sinks than these, or for channels that are not used anymore.

        Return them, for ``put`` to drop durably.
        """
        return self._store.leave(groups, is_used)

    async def put(
        self,
        items: Iterable[tuple[Dispatch, OutboxRow]],
        parts: Mapping[str, bytes | None],
        now: float,
        left: Iterable[OutboxRow] = (),
    ) -> None:
        """Store dispatches and the pipeline's state in one write; a repeated dispatch changes nothing.

        ``left`` are the rows that ``leave`` returned.
        """
        gone = [row.id for row in left]
        async with self._writing:
            changed: dict[str, OutboxRow] = {}
            for dispatch, rendered in items:
                changed |= {row.id: row for row in enqueue_dispatch(self._store, dispatch, rendered, now)}
            if changed or parts or gone:
                self._at(DeliveryCrashPoint.DECIDED)
                await self._storage.write(changed.values(), parts, gone)
                self._at(DeliveryCrashPoint.WRITTEN)
        if now - self._pruned >= PRUNE:
            await self.prune(now)

    def holds(self, destination: str, subject: str) -> bool:
        """Return whether the message of a subject was sent to a destination, or waits to be."""
        thread = self._store.find(destination, subject)
        return thread is not None and (bool(thread.open()) or thread.is_out())

    def known(self, dispatch: Dispatch) -> SubjectState:
        """Return the state of the subject of a dispatch, and the link of the one that it follows."""
        own = self._store.find(dispatch.destination, dispatch.subject)
        former = self._store.find(dispatch.destination, dispatch.follows or "")
        return SubjectState(
            link=None if former is None or former.place is None else former.place.link,
            key="" if own is None else own.key,
        )

    # -- delivering -------------------------------------------------------------------------------

    def next(self, now: float, group: str | None = None) -> OutboxRow | float | None:
        """Return the row to deliver now, or the seconds until there is one, or None when nothing waits.

        ``group`` is the sink that asks (``alerting.outbox.row.group_of``), any of them if absent.
        """
        soonest = self._try_again(now, group)
        for sink in [group] if group is not None else self._queues.groups():
            found = None if self._failover.is_shut(sink) else self._queues.next(sink, now)
            if isinstance(found, OutboxRow):
                return found
            if found is not None:
                soonest = found if soonest is None else min(soonest, found)
        return soonest

    def _try_again(self, now: float, group: str | None) -> float | None:
        """Offer the rejected rows that are due; return the seconds until the next one is, if there is one."""
        if self._failover.probe(now):
            self._offer_all()
        waits = self._failover.probes(group)
        for row in list(self._store.refused.values()):
            if row.send in ATTACHED or self._failover.is_closed(row) or group not in (None, row.group):
                continue
            if row.not_before > now:
                waits.append(row.not_before)
            else:
                self._store.revive(row, self._store.thread(row))
        return min(waits) - now if waits else None

    def _offer_all(self) -> None:
        for thread in self._store.threads():
            self._store.offer(thread)

    async def begin(self, row: OutboxRow) -> bool:
        """Mark durably that ``row`` is about to be delivered: after a crash from here on it is in doubt.

        Return False when a newer row has replaced it meanwhile.
        """
        async with self._writing:
            self._at(DeliveryCrashPoint.CHOSEN)
            if row not in self._queues:
                return False
            self._queues.drop(row)
            self._store.in_flight.add(row.id)
            way = self._failover.target(row)
            row.place = self._store.thread(row).place if row.send is not Send.POST else None
            if row.place is None and row.send is Send.EDIT:
                repost(row)
            pictures.put_into(row, self._store.thread(row))
            row.via = way if way != row.destination else None
            row.home = self._failover.home(way)
            if row.send in _NOT_IDEMPOTENT and row.group == SLACK:  # other receivers recognise a repeat
                marked = row.doubt
                row.doubt = marked + 1
                await self._storage.write([row], {})
                row.doubt = marked  # the sink needs the count before this delivery
            self._at(DeliveryCrashPoint.MARKED)
            return True

    async def settle(self, row: OutboxRow, outcome: DeliveryOutcome, now: float) -> None:
        """Store the outcome of the delivery of ``row``."""
        async with self._writing:
            self._at(DeliveryCrashPoint.SENT)
            self._store.in_flight.discard(row.id)
            thread, way, method = self._store.thread(row), self._failover.target(row), row.method
            self._queues.called(way, method, now)
            row.error = outcome.error
            if outcome.result is Result.SENT:
                self._backoff.worked(way, method)
                if self._failover.worked(row):
                    self._offer_all()
                changed, gone = self._sent(row, outcome, thread, now)
            else:
                changed, gone = self._failed(row, outcome, thread, now), []
            changed += self._store.supersede(thread)  # a newer state may have come during the call
            await self._storage.write(changed, {}, gone)
            self._at(DeliveryCrashPoint.SETTLED)

    async def prune(self, now: float) -> None:
        """Drop the rows of subjects without activity for 30 days."""
        async with self._writing:
            self._pruned = now
            gone = self._store.forget(now - KEPT)
            if gone:
                await self._storage.write([], {}, gone)
                self._at(DeliveryCrashPoint.PRUNED)

    # -- inspecting --------------------------------------------------------------------------------

    def is_idle(self) -> bool:
        """Return whether no row waits to be delivered."""
        return self._store.is_idle()

    def waiting(self) -> list[OutboxRow]:
        """Return the rows that wait to be delivered, oldest first."""
        return self._store.waiting()

    def unsent(self) -> int:
        """Return how many messages are to be sent, with those that wait until somebody mends something."""
        kept = (row for row in self.parked() if row.state is State.DUE or row.send not in ATTACHED)
        return len(self.waiting()) + sum(1 for _ in kept)

    def parked(self) -> list[OutboxRow]:
        """Return the rows that were permanently rejected, or whose destination was."""
        return list(self._store.parked())

    def refused_pages(self) -> list[OutboxRow]:
        """Return the first messages of subjects that were rejected for an unknown reason."""
        return [row for row in self._store.refused.values() if row.send is Send.POST]

    def closed(self) -> dict[str, str]:
        """Return closed destinations, or sinks whose token was rejected, with the reason."""
        return dict(self._failover.closed)

    def moved(self) -> dict[str, str]:
        """Return the destinations that moved, with their fallbacks."""
        return dict(self._failover.moved)

    # -- outcomes --------------------------------------------------------------------------

    def _sent(
        self, row: OutboxRow, outcome: DeliveryOutcome, thread: Thread, now: float
    ) -> tuple[list[OutboxRow], list[str]]:
        """Return the rows to write, and the ids of those to drop."""
        if outcome.again is not None:
            known = row.id in self._store.resent
            row.not_before, row.doubt = now + outcome.again, 0
            self._store.resent[row.id] = row
            return ([] if known else [row]), []
        chart, shown = row.incident if pictures.needs_chart(row) else None, row.message
        row.place, row.doubt = outcome.place or row.place, 0
        self._store.finish(row, State.SENT, thread)
        if row.send is Send.LINK:
            thread.done.remove(row)
            holder = self._store.place(thread, row.place)
            return ([] if holder is None else [holder]), [row.id]
        self._store.remember(row, thread)
        if row.send not in (Send.POST, Send.EDIT):
            shown_by = pictures.after(row, outcome, thread, self._store.number, now)
            return [row, *self._add(shown_by, thread)], []
        thread.shown = shown if thread.shown is not None else None
        thread.edited = now
        for behind in thread.queues[MESSAGE]:
            if behind.not_before:  # enqueued while this one was being delivered
                behind.not_before = now + EDITS
        if row.urgency == DIGEST or row.group != SLACK:
            return [row], []
        beside = [self._attachment(row, Send.LINK, now)] if row.send is Send.POST else []
        if chart is not None and chart.primary.trace is not None:
            beside.insert(0, self._attachment(row, Send.CHART, now))
            beside[0].incident = chart
            beside[0].message = thread.shown = None if row.plain else shown
        return [row, *self._add(beside, thread)], []

    def _add(self, rows: Iterable[OutboxRow], thread: Thread) -> list[OutboxRow]:
        """Enqueue those rows that are new."""
        new = [row for row in rows if row.id not in self._store.ids]
        self._store.ids.update(row.id for row in new)
        return [self._store.enqueue(row, thread) for row in new]

    def _failed(
        self, row: OutboxRow, outcome: DeliveryOutcome, thread: Thread, now: float
    ) -> list[OutboxRow]:
        """Return the rows to write."""
        way, method = self._failover.target(row), row.method
        match outcome.result:
            case Result.RETRY:
                asked = outcome.retry_after
                wait = self._backoff.wait(way, method) if asked is None else asked
                self._queues.pause(way, method, now + wait)
            case Result.UNKNOWN:
                row.attempts += 1
                row.doubt += row.send in _NOT_IDEMPOTENT
                if row.send is Send.CHART or (row.send is Send.FILE and row.doubt > 1):
                    self._store.park(row, thread)  # no chart is better than the same chart twice
                self._queues.pause(way, method, now + max(self._backoff.wait(way, method), APPEAR))
            case Result.RENDERING if row.picture is not None and not row.plain:
                return pictures.refused(row, thread, now)
            case Result.RENDERING if row.message is not None and not row.plain and row.send not in ATTACHED:
                row.plain, row.doubt = True, 0
            case Result.GONE if row.send is Send.EDIT:
                thread.place = None
                repost(row)
            case Result.TOKEN if row.send not in ATTACHED:
                self._failover.close(row.group, outcome.error, now)
            case Result.ROUTE if row.send not in ATTACHED:
                self._refused(row, outcome, thread, now)
            case _:
                self._store.park(row, thread)
                row.attempts += 1
                row.not_before = now + min(LONGEST_WAIT, FIRST_WAIT * 4.0**row.attempts)
                row.plain = not row.plain
        if row.send is Send.CHART and row.state is State.PARKED:
            thread.shown = None
        return [row]

    def _refused(self, row: OutboxRow, outcome: DeliveryOutcome, thread: Thread, now: float) -> None:
        """Handle a permanent rejection by the channel: its fallback takes over."""
        written = None if row.place is None else row.place.channel
        home = self._failover.home(self._failover.target(row)) or written
        if written is not None and written != home:
            thread.place = None  # only this message can no longer be edited
            if row.send is Send.EDIT:
                repost(row)
            return
        self._at(DeliveryCrashPoint.MOVED)
        if not self._failover.refused(row, outcome.error, now):
            return
        row.doubt = 0
        for other in self._store.threads(self._failover.effective(row.destination)):
            lost = other.place is not None and other.place.channel == home
            if lost:
                other.place, other.picture = None, None
            for waits in other.open():
                if waits.id not in self._store.in_flight:
                    self._queues.drop(waits)
                    if lost and waits.send is Send.EDIT:
                        repost(waits)
            self._store.offer(other)

    def _attachment(self, row: OutboxRow, send: Send, now: float) -> OutboxRow:
        return OutboxRow(
            id=identify(row.id, send),
            destination=row.destination,
            subject=row.subject,
            send=send,
            urgency=URGENCY[send],
            sequence=self._store.number(),
            created=now,
        )


FIRST_WAIT: Final = 1.0  # seconds
LONGEST_WAIT: Final = 300.0  # seconds


class Backoff:
    """Exponential backoff per destination and method; ``rng`` supplies the jitter."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._failures: dict[tuple[str, str], int] = {}

    def wait(self, destination: str, method: str) -> float:
        """Count a failure; return the seconds to wait."""
        failures = self._failures[destination, method] = self._failures.get((destination, method), 0) + 1
        full: float = min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(failures - 1, 16))
        return full * self._rng.uniform(0.5, 1.0)

    def worked(self, destination: str, method: str) -> None:
        """Reset after a success."""
        self._failures.pop((destination, method), None)

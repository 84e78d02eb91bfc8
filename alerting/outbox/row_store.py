"""Where rows lie: by subject in the order in which they may go, by id, and by what became of them."""

from collections.abc import Iterable, Iterator

from alerting.outbox.failover import Ways
from alerting.outbox.row import OutboxRow, Send, SentAs, State
from alerting.outbox.send_queues import Lanes
from alerting.outbox.thread import MESSAGE, Thread

BESIDE = (Send.CHART, Send.FILE, Send.LINK)


class Shelf:
    """All rows that the outbox knows. What may go is in ``lanes``.

    Parameters
    ----------
    lanes
        Which row is next.
    ways
        Where rows go.
    """

    def __init__(self, lanes: Lanes, ways: Ways) -> None:
        self.lanes = lanes
        self.ways = ways
        self.ids: set[str] = set()
        self.flying: set[str] = set()  # ids of rows under way
        self.again: dict[str, OutboxRow] = {}  # rows that are out and are sent again from time to time
        self.refused: dict[str, OutboxRow] = {}
        self._threads: dict[tuple[str, str], Thread] = {}  # (destination, subject)
        self._busy: dict[tuple[str, str], Thread] = {}  # those of them with rows that are not out
        self._sequence = 0

    def number(self) -> int:
        """Return the next number in the order of rows."""
        self._sequence += 1
        return self._sequence

    def find(self, destination: str, subject: str) -> Thread | None:
        """Return the thread of a subject, None when nothing is known of it."""
        return self._threads.get((destination, subject))

    def thread(self, row: OutboxRow) -> Thread:
        """Return the thread of a row."""
        thread = self._threads.setdefault((row.destination, row.subject), Thread())
        thread.newest = max(thread.newest, row.created)
        return thread

    def threads(self, end: str | None = None) -> Iterator[Thread]:
        """Return all threads, or those whose rows end at the destination ``end``."""
        for (destination, _), thread in self._threads.items():
            if end is None or self.ways.end(destination) == end:
                yield thread

    def take_up(self, row: OutboxRow) -> None:
        """Put a row of an earlier run where it belongs. What was refused is tried again, but not charts."""
        self._sequence = max(self._sequence, row.sequence)
        self.ids.add(row.id)
        thread = self.thread(row)
        thread.key = thread.key or row.key
        if row.state is State.SENT:
            self.remember(row, thread)
        if row.state in (State.SENT, State.MERGED):
            thread.done.append(row)
            return
        if row.send in BESIDE and (row.state is State.PARKED or (row.doubt and row.send is Send.CHART)):
            self.park(row, thread)
            return
        row.state, row.not_before = State.DUE, 0.0
        if not row.doubt:
            row.via = None  # its own channel may take messages again
        self._append(row, thread)

    def enqueue(self, row: OutboxRow, thread: Thread) -> OutboxRow:
        """Put a new row behind those of its kind."""
        self._append(row, thread)
        self.offer(thread)
        return row

    def offer(self, thread: Thread) -> None:
        """Let the first row of each queue go, unless it is under way or refused."""
        for row in thread.first():
            known = row.id in self.flying or row in self.lanes
            if row.state is State.DUE and not known and not self.ways.is_closed(row):
                self.lanes.push(row, self.ways.way(row))

    def finish(self, row: OutboxRow, state: State, thread: Thread) -> OutboxRow:
        """Take a row from where it waits: it is out, or another one says it."""
        row.state, row.message, row.body, row.incident = state, None, None, None
        self._remove(row, thread)
        thread.done.append(row)
        return row

    def park(self, row: OutboxRow, thread: Thread) -> None:
        """Keep a row that was refused for good; a message stays first: a newer state is sent in its place."""
        row.state = State.PARKED
        if thread.queue(row) is not thread.queues[MESSAGE]:
            self._remove(row, thread)
        self.refused[row.id] = row

    def revive(self, row: OutboxRow, thread: Thread) -> None:
        """Let a row that was refused go again: it says something else now."""
        row.state = State.DUE
        self.refused.pop(row.id, None)
        self.offer(thread)

    def remember(self, row: OutboxRow, thread: Thread) -> None:
        """Note where the message of a thread is."""
        if row.send not in (Send.POST, Send.EDIT):
            return
        thread.commands = max(thread.commands, row.commands)
        if row.place is not None:
            thread.place = row.place
            self.ways.learn(row)

    def place(self, thread: Thread, place: SentAs | None) -> OutboxRow | None:
        """Note the address of a thread's message; return the row that keeps it."""
        thread.place = place
        for row in reversed(thread.done):
            if row.state is State.SENT and row.send in (Send.POST, Send.EDIT):
                row.place = place
                return row
        return None

    def forget(self, before: float) -> list[str]:
        """Drop the subjects of which nothing was told since ``before``; return the ids of their rows."""
        gone: list[str] = []
        for key, thread in list(self._threads.items()):
            rows = [*thread.done, *thread.open()]
            if thread.newest > before or any(row.id in self.flying for row in rows):
                continue
            for row in rows:
                self._remove(row, thread)
            gone += [row.id for row in rows]
            del self._threads[key]
        self.ids.difference_update(gone)
        return gone

    def is_idle(self) -> bool:
        """Tell whether nothing is on its way."""
        return not any(self._moving())

    def waiting(self) -> list[OutboxRow]:
        """Return the rows that are on their way, oldest first."""
        return sorted(self._moving(), key=lambda row: row.sequence)

    def parked(self) -> Iterable[OutboxRow]:
        """Return the rows that were refused for good, or whose destination was."""
        yield from self.refused.values()
        yield from (row for row in self._due() if self.ways.is_closed(row))

    def _moving(self) -> Iterator[OutboxRow]:
        return (row for row in self._due() if not self.ways.is_closed(row) and row.id not in self.again)

    def _due(self) -> Iterator[OutboxRow]:
        for thread in self._busy.values():
            first = next(iter(thread.queues[MESSAGE]), None)
            if thread.place is None and (first is None or first.state is State.PARKED):
                continue  # without a message there is nothing to go under
            yield from (row for row in thread.open() if row.state is State.DUE)

    def _append(self, row: OutboxRow, thread: Thread) -> None:
        thread.queue(row).append(row)
        self._busy[row.destination, row.subject] = thread

    def _remove(self, row: OutboxRow, thread: Thread) -> None:
        if row in thread.queue(row):
            thread.queue(row).remove(row)
            if not thread.open():
                self._busy.pop((row.destination, row.subject), None)
        self.lanes.drop(row)
        self.refused.pop(row.id, None)
        self.again.pop(row.id, None)

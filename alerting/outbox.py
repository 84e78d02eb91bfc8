"""The outbox: what has to be told is durable before it is sent, then sent once, in order and paced."""

import random
from collections.abc import Iterable
from typing import Final, Protocol

from msgspec import structs

from alerting.incident import Incident
from alerting.message import Message
from alerting.notice import Action, Notice, identify
from alerting.row import DIGEST, URGENCY, Place, Row, Send, State
from alerting.sink import Outcome, Result

PACE: Final = 1.0  # seconds between two messages of one channel: Slack's limit
EDITS: Final = 30.0  # seconds between two edits of one message: nobody reads faster
APPEAR: Final = 5.0  # seconds: what the receiver still works on gets time to appear before it is looked for
BACKOFF: Final = (1.0, 300.0)  # seconds: the first wait, the longest


class OutboxStorage(Protocol):
    """Where rows are kept. What ``write`` was given is durable when it returns, all of it or nothing."""

    async def load(self) -> list[Row]:
        """Return all rows."""

    async def write(self, rows: Iterable[Row]) -> None:
        """Insert rows or replace those with the same id."""


class Outbox:
    """Rows on their way to one sink. Time (epoch seconds) is an argument, ``rng`` spreads retries.

    - A notice that is put twice is one row. A newer state of an incident replaces one that is not out yet;
      an incident that is over before its page was out is told once, as resolved.
    - At most one message a second and channel. Pages go before edits, charts and digests.
    - What certainly was not posted is tried again for as long as it takes, after what the receiver asked
      for, or a growing wait with jitter. A wait holds one channel and one kind of call, nothing else.
    - What may have been posted is marked before it is sent. The sink looks whether it is there before
      it posts again; where it cannot look, it posts again once (``Row.blind``).
    """

    def __init__(self, storage: OutboxStorage, rng: random.Random, pace: float = PACE) -> None:
        self._pace = pace
        self._storage = storage
        self._rng = rng
        self._rows: dict[str, Row] = {}
        self._due: dict[str, Row] = {}
        self._parked: dict[str, Row] = {}
        self._flying: set[str] = set()
        self._places: dict[tuple[str, str], Place] = {}  # (channel, subject) → its message
        self._homes: dict[str, str] = {}
        self._spoken: dict[str, float] = {}  # channel → when it last got a message
        self._edited: dict[tuple[str, str], float] = {}
        self._paused: dict[tuple[str, Send], float] = {}
        self._failures: dict[tuple[str, Send], int] = {}
        self._sequence = 0

    async def load(self, now: float) -> None:
        """Take up the rows of an earlier run; what was parked is tried again, for the reason may be gone."""
        for row in sorted(await self._storage.load(), key=lambda row: row.sequence):
            self._rows[row.id] = row
            self._sequence = max(self._sequence, row.sequence + 1)
            if row.state is State.SENT:
                self._remember(row)
            elif row.state is State.DUE or (row.state is State.PARKED and row.send is not Send.CHART):
                row.state, row.not_before = State.DUE, 0.0
                self._due[row.id] = row
                self._spoken[row.channel] = now  # the earlier run may have spoken just now

    async def put(self, notice: Notice, message: Message, channel: str, now: float) -> None:
        """Make a notice durable as a row for ``channel``; a repeated one changes nothing."""
        key = identify(notice.id, channel)
        if key in self._rows:
            return
        digest = notice.action is Action.DIGEST
        subject = notice.id if digest else notice.incident.id
        changed: list[Row] = []
        waiting = [
            row for row in self._of(channel, subject) if row.send is not Send.CHART and self._waits(row)
        ]
        row = self._row(key, channel, subject, send=Send.POST, message=message, now=now)
        if digest:
            row.urgency = DIGEST
        elif waiting and waiting[-1].send is Send.POST:
            # Nobody has read it yet: it is sent in its newest state, and this row has nothing to add.
            first = waiting[-1]
            first.message, first.incident, first.state = message, _with_trace(notice.incident), State.DUE
            row.state, row.message = State.MERGED, None
            self._parked.pop(first.id, None)
            self._due[first.id] = first
            changed.append(first)
        else:
            for older in waiting:
                older.state, older.message = State.MERGED, None
                self._due.pop(older.id, None)
                self._parked.pop(older.id, None)
                changed.append(older)
            if (channel, subject) in self._places or self._of(channel, subject):
                row.send, row.urgency = Send.EDIT, URGENCY[Send.EDIT]
            if notice.action is Action.UPDATE and row.send is Send.EDIT:
                row.not_before = self._edited.get((channel, subject), 0.0) + EDITS
        if row.state is State.DUE and row.send is Send.POST and not digest:
            row.incident = _with_trace(notice.incident)
        self._rows[row.id] = row
        if row.state is State.DUE:
            self._due[row.id] = row
        await self._storage.write([*changed, row])

    def next(self, now: float) -> Row | float | None:
        """Return the row to deliver now, or the seconds until there is one, or None when nothing waits."""
        soonest: float | None = None
        best: Row | None = None
        seen: set[tuple[str, str, bool]] = set()
        for row in sorted(self._due.values(), key=lambda row: row.sequence):
            lane = (row.channel, row.subject, row.send is Send.CHART)
            if lane in seen or row.id in self._flying:
                seen.add(lane)
                continue
            seen.add(lane)  # rows of one subject keep their order
            at = max(
                row.not_before,
                self._spoken.get(row.channel, float("-inf")) + self._pace,
                self._paused.get((row.channel, row.send), 0.0),
            )
            if at > now:
                soonest = at if soonest is None else min(soonest, at)
            elif best is None or row.urgency < best.urgency:
                best = row
        if best is not None:
            return best
        return None if soonest is None else soonest - now

    async def begin(self, row: Row) -> None:
        """Mark durably that ``row`` is about to be delivered: a crash from here on leaves it in doubt."""
        self._flying.add(row.id)
        if row.send is not Send.POST:
            row.place = self._places.get((row.channel, row.subject))
            if row.place is None and row.send is Send.EDIT:
                row.send = Send.POST
        row.home = self._homes.get(row.channel)
        marked = row.doubt
        row.doubt = marked + 1
        await self._storage.write([row])
        row.doubt = marked  # for the sink, which is asked about the deliveries before this one

    async def settle(self, row: Row, outcome: Outcome, now: float) -> None:
        """Write down what came of the delivery of ``row``."""
        self._flying.discard(row.id)
        self._spoken[row.channel] = now
        row.error = outcome.error
        lane = (row.channel, row.send)
        changed = [row]
        match outcome.result:
            case Result.SENT:
                self._failures.pop(lane, None)
                changed += self._sent(row, outcome.place, now)
            case Result.RETRY:
                wait = outcome.retry_after if outcome.retry_after is not None else self._wait(lane)
                self._paused[lane] = now + wait
            case Result.UNKNOWN:
                row.attempts += 1
                row.doubt += row.send is Send.POST
                self._paused[lane] = now + max(self._wait(lane), APPEAR)
                row.blind += outcome.blind
                if row.send is Send.CHART:  # a thread with the same chart twice is worse than one without
                    self._park(row)
            case Result.RENDERING if not row.plain:
                row.plain, row.doubt = True, 0
            case Result.GONE if row.send is Send.EDIT:
                self._places.pop((row.channel, row.subject), None)
                row.send, row.place = Send.POST, None
            case _:
                self._park(row)
        await self._storage.write(changed)

    def waiting(self) -> list[Row]:
        """Return the rows that are neither out nor parked, oldest first."""
        return sorted(self._due.values(), key=lambda row: row.sequence)

    def parked(self) -> list[Row]:
        """Return the rows that were refused for good."""
        return list(self._parked.values())

    def _row(
        self, key: str, channel: str, subject: str, *, send: Send, message: Message | None, now: float
    ) -> Row:
        self._sequence += 1
        return Row(
            id=key,
            channel=channel,
            subject=subject,
            send=send,
            urgency=URGENCY[send],
            sequence=self._sequence,
            created=now,
            message=message,
        )

    def _of(self, channel: str, subject: str) -> list[Row]:
        rows = (*self._due.values(), *self._parked.values())
        found = [row for row in rows if (row.channel, row.subject) == (channel, subject)]
        return sorted(found, key=lambda row: row.sequence)

    def _waits(self, row: Row) -> bool:
        return row.id not in self._flying

    def _sent(self, row: Row, place: Place | None, now: float) -> list[Row]:
        incident = row.incident
        row.state, row.message, row.incident, row.doubt = State.SENT, None, None, 0
        row.place = place or row.place
        del self._due[row.id]
        self._remember(row)
        if row.send is not Send.CHART:
            self._edited[row.channel, row.subject] = now
        if row.send is not Send.POST or incident is None or incident.primary.trace is None:
            return []
        chart = self._row(
            identify(row.id, "chart"), row.channel, row.subject, send=Send.CHART, message=None, now=now
        )
        if chart.id in self._rows:
            return []
        chart.incident = incident
        self._rows[chart.id] = self._due[chart.id] = chart
        return [chart]

    def _remember(self, row: Row) -> None:
        if row.place is not None and row.send is not Send.CHART:
            self._places[row.channel, row.subject] = row.place
            self._homes[row.channel] = row.place.channel

    def _park(self, row: Row) -> None:
        row.state = State.PARKED
        self._parked[row.id] = self._due.pop(row.id)

    def _wait(self, lane: tuple[str, Send]) -> float:
        failures = self._failures[lane] = self._failures.get(lane, 0) + 1
        first, longest = BACKOFF
        wait: float = min(longest, first * 2 ** min(failures - 1, 16))
        return wait * self._rng.uniform(0.5, 1.0)


def _with_trace(incident: Incident) -> Incident | None:
    return None if incident.primary.trace is None else structs.replace(incident, members=[])

"""Send queues: a heap per destination and method, so that ten thousand rows cost no more than ten.

``Failover`` moves rows to another destination when theirs permanently rejects messages.
"""

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Final

from alerting.commands.dispatch import SLACK
from alerting.outbox.row import OutboxRow, group_of

SPACING: Final = {"edit": 1.2, "file": 0.6, "link": 1.2}
"""Seconds between two calls of one method: ``chat.update`` has Slack's tier 3 (50 a minute and workspace),
``files.getUploadURLExternal`` tier 4 (100). ``chat.postMessage`` is limited by channel, not here."""

_POSTING: Final = frozenset({"post", "file"})  # methods that add a message to the channel

ELSEWHERE: Final = 0.05
"""Seconds between two calls of a receiver that is not a chat: programs read faster than people. An
Alertmanager gets each alert of a flood, because it does the grouping itself."""

_NEVER: Final = float("-inf")


class _SendQueue:
    """The rows of one method at one destination."""

    def __init__(self) -> None:
        self.later: list[tuple[float, int, OutboxRow]] = []  # (not before, ticket, row)
        self.ready: list[tuple[int, int, int, OutboxRow]] = []  # (urgency, sequence, ticket, row)


class SendQueues:
    """Rows ready to send, by destination and method. Time (epoch seconds) is an argument.

    ``pace`` is in seconds between two messages of one Slack channel; ``spaced`` are the sinks whose methods
    are spaced by ``SPACING`` too.
    """

    def __init__(self, pace: float, spaced: frozenset[str]) -> None:
        self._pace = pace
        self._spaced = spaced
        self._queues: dict[str, dict[tuple[str, str], _SendQueue]] = {}  # by group
        self._tickets: dict[str, int] = {}  # id of a row → its valid entry; older entries are skipped
        self._posted: dict[str, float] = {}
        self._called: dict[tuple[str, str], float] = {}  # (group, method)
        self._paused: dict[tuple[str, str], float] = {}  # (destination, method) → until
        self._ticket = 0

    @property
    def paced(self) -> bool:
        """False for a terminal, which shows all messages at once."""
        return self._pace > 0

    def __contains__(self, row: OutboxRow) -> bool:
        return row.id in self._tickets

    def push(self, row: OutboxRow, destination: str) -> None:
        """Queue ``row`` for ``destination``, not before its ``not_before``."""
        self._ticket += 1
        self._tickets[row.id] = self._ticket
        queue = self._queues.setdefault(group_of(destination), {}).setdefault(
            (destination, row.method), _SendQueue()
        )
        heappush(queue.later, (row.not_before, self._ticket, row))

    def drop(self, row: OutboxRow) -> None:
        """Remove ``row``."""
        self._tickets.pop(row.id, None)

    def called(self, destination: str, method: str, now: float) -> None:
        """Record a call of ``destination``."""
        if method in _POSTING:
            self._posted[destination] = now
        self._called[group_of(destination), method] = now

    def pause(self, destination: str, method: str, until: float) -> None:
        """Hold the rows of one method at one destination."""
        self._paused[destination, method] = until

    def groups(self) -> list[str]:
        """Return the sinks that have ever had a row."""
        return list(self._queues)

    def next(self, group: str, now: float) -> OutboxRow | float | None:
        """Return the row to deliver now, or the seconds until there is one, or None when none waits."""
        best: tuple[int, int, OutboxRow] | None = None
        soonest: float | None = None
        pace = self._pace if group == SLACK else min(self._pace, ELSEWHERE)
        for (destination, method), queue in self._queues.get(group, {}).items():
            self._ripen(queue, now)
            if not queue.ready and not queue.later:
                continue
            at = max(
                now if queue.ready else queue.later[0][0],
                self._posted.get(destination, _NEVER) + pace if method in _POSTING else _NEVER,
                self._paused.get((destination, method), 0.0),
            )
            if group in self._spaced:
                at = max(at, self._called.get((group, method), _NEVER) + SPACING.get(method, 0.0))
            if at > now:
                soonest = at if soonest is None else min(soonest, at)
            elif queue.ready:
                urgency, sequence, _, row = queue.ready[0]
                if best is None or (urgency, sequence) < best[:2]:
                    best = urgency, sequence, row
        if best is not None:
            return best[2]
        return None if soonest is None else soonest - now

    def _ripen(self, queue: _SendQueue, now: float) -> None:
        while queue.later and (queue.later[0][0] <= now or not self._valid(*queue.later[0][1:])):
            _, ticket, row = heappop(queue.later)
            if self._valid(ticket, row):
                heappush(queue.ready, (row.urgency, row.sequence, ticket, row))
        while queue.ready and not self._valid(*queue.ready[0][2:]):
            heappop(queue.ready)

    def _valid(self, ticket: int, row: OutboxRow) -> bool:
        return self._tickets.get(row.id) == ticket


PROBE_SECONDS: Final = 900.0
"""After this time, what is closed is probed by what waits for it: its channel or token may be mended."""


class Failover:
    """Destinations closed since the start, and those that took over. Time (epoch seconds) is an argument.

    ``fallback`` returns the destination that takes over from another one, None if there is none.
    """

    def __init__(self, fallback: Callable[[str], str | None]) -> None:
        self._fallback = fallback
        self._homes: dict[str, str] = {}  # destination → its channel's id
        self._probe_at: dict[str, float] = {}  # what is closed, and not probed just now → when it is
        self.moved: dict[str, str] = {}  # destination → its fallback
        self.closed: dict[str, str] = {}  # destination or sink → why it refused, until something arrives

    def target(self, row: OutboxRow) -> str:
        """Return the destination of ``row``: the former one if it may have been posted there already."""
        return row.via if row.doubt and row.via is not None else self.effective(row.destination)

    def effective(self, destination: str) -> str:
        """Return ``destination`` or its fallback."""
        return self.moved.get(destination, destination)

    def home(self, target: str) -> str | None:
        """Return the id of a destination's channel, once a message has been sent there."""
        return self._homes.get(target)

    def learn(self, row: OutboxRow) -> None:
        """Record the id of the channel that ``row`` was sent to."""
        if row.place is not None:
            self._homes[row.via or row.destination] = row.place.channel

    def is_closed(self, row: OutboxRow) -> bool:
        """Return whether nothing is sent to the destination of ``row`` for now."""
        return self.is_shut(row.group) or self.is_shut(self.target(row))

    def is_shut(self, name: str) -> bool:
        """Return whether nothing is sent to a destination or sink until it is probed."""
        return name in self._probe_at

    def close(self, name: str, why: str, now: float) -> None:
        """Close a destination, or a sink: its token is rejected."""
        self.closed[name] = why
        self._probe_at[name] = now + PROBE_SECONDS

    def refused(self, row: OutboxRow, why: str, now: float) -> bool:
        """Record a permanent rejection of ``row``; return True when another destination takes over."""
        target, instead = self.target(row), self._fallback(row.destination)
        if instead is None or instead == target or row.destination in self.moved:
            self.close(target, why, now)
            return False
        self.moved[row.destination] = instead
        return True

    def probe(self, now: float) -> bool:
        """Let rows through to what is due to be probed; return whether anything is."""
        due = [name for name, at in self._probe_at.items() if at <= now]
        for name in due:
            del self._probe_at[name]
        return bool(due)

    def probes(self, group: str | None) -> list[float]:
        """Return when what is closed of a sink, or of all, is probed."""
        return [at for name, at in self._probe_at.items() if group in (None, group_of(name))]

    def worked(self, row: OutboxRow) -> bool:
        """Note that something arrived; return whether what waits may follow it now."""
        opens = False
        for name in (row.group, self.target(row)):
            opens |= self.closed.pop(name, None) is not None
            self._probe_at.pop(name, None)
        return opens

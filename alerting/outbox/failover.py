"""Failover: where rows go when a destination permanently rejects messages."""

from collections.abc import Callable
from typing import Final

from alerting.outbox.row import OutboxRow

PROBE_SECONDS: Final = (
    900.0  # after which a closed destination is probed again, when there is something to send
)


class Failover:
    """Destinations closed since the start, and those that took over. Time (epoch seconds) is an argument.

    Parameters
    ----------
    fallback
        By destination: the one that takes over when it rejects messages permanently; None if there is none.
    """

    def __init__(self, fallback: Callable[[str], str | None]) -> None:
        self._fallback = fallback
        self._homes: dict[str, str] = {}  # destination → its channel's id
        self._probe_at: dict[str, float] = {}  # closed destination → when it may be probed
        self.moved: dict[str, str] = {}  # destination → its fallback
        self.closed: dict[str, str] = {}  # destination or sink → why nothing is sent there

    def target(self, row: OutboxRow) -> str:
        """Return where to send ``row``: if it may have been posted already, that is where to look for it."""
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
        """Return whether the destination of ``row`` is closed."""
        return row.group in self.closed or self.target(row) in self.closed

    def close_all(self, row: OutboxRow, why: str) -> None:
        """Close the sink of ``row`` until the next start: its token is rejected."""
        self.closed[row.group] = why

    def refused(self, row: OutboxRow, why: str, now: float) -> bool:
        """Record a permanent rejection of ``row``; return True when another destination takes over."""
        target, instead = self.target(row), self._fallback(row.destination)
        if instead is None or instead == target or row.destination in self.moved:
            self.closed[target] = why
            self._probe_at[target] = now + PROBE_SECONDS
            return False
        self.moved[row.destination] = instead
        return True

    def probe(self, destination: str, now: float) -> bool:
        """Reopen a destination for a half-open probe, once it is due: the bot may have been invited since."""
        target = self.effective(destination)
        if self._probe_at.get(target, now) >= now:
            return False
        del self.closed[target], self._probe_at[target]
        return True

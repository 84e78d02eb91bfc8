"""Where rows really go: to their own destination, to the one that has taken over, or nowhere for now."""

from collections.abc import Callable
from typing import Final

from alerting.outbox.row import OutboxRow

KNOCK: Final = (
    900.0  # seconds after which a destination that refuses for good is asked again, if there is news
)


class Ways:
    """What destinations have refused for good since the start. Time (epoch seconds) is an argument.

    Parameters
    ----------
    fallback
        By destination: the one that takes over when it refuses for good; None where there is none.
    """

    def __init__(self, fallback: Callable[[str], str | None]) -> None:
        self._fallback = fallback
        self._homes: dict[str, str] = {}  # destination → its channel's id
        self._knock: dict[str, float] = {}  # closed destination → when it may be asked again
        self.moved: dict[str, str] = {}  # destination → the one that has taken over
        self.closed: dict[str, str] = {}  # destination or group → why nothing goes there

    def way(self, row: OutboxRow) -> str:
        """Return the destination that ``row`` goes to. Where it may be already is where it is looked for."""
        return row.via if row.doubt and row.via is not None else self.end(row.destination)

    def end(self, destination: str) -> str:
        """Return the destination that gets what goes to ``destination``."""
        return self.moved.get(destination, destination)

    def home(self, way: str) -> str | None:
        """Return the id of a destination's channel, where a message that went there told it."""
        return self._homes.get(way)

    def learn(self, row: OutboxRow) -> None:
        """Note the id of the channel that ``row`` went to."""
        if row.place is not None:
            self._homes[row.via or row.destination] = row.place.channel

    def is_closed(self, row: OutboxRow) -> bool:
        """Tell whether ``row`` has nowhere to go."""
        return row.group in self.closed or self.way(row) in self.closed

    def close_all(self, row: OutboxRow, why: str) -> None:
        """Send nothing through the sink of ``row`` until the next start: its token is refused."""
        self.closed[row.group] = why

    def refused(self, row: OutboxRow, why: str, now: float) -> bool:
        """Note that ``row`` was refused for good where it went; True when another destination takes over."""
        way, instead = self.way(row), self._fallback(row.destination)
        if instead is None or instead == way or row.destination in self.moved:
            self.closed[way] = why
            self._knock[way] = now + KNOCK
            return False
        self.moved[row.destination] = instead
        return True

    def knock(self, destination: str, now: float) -> bool:
        """Open a destination that was closed for a while: somebody may have invited the bot."""
        way = self.end(destination)
        if self._knock.get(way, now) >= now:
            return False
        del self.closed[way], self._knock[way]
        return True

"""Whether what reads a partition gets on: the difference between having nothing to do and being wedged."""

from typing import Final

STUCK_SECONDS: Final = 45.0  # with the seconds between two looks, a wedged process ends within a minute
OPENING_SECONDS: Final = 600.0  # a state may be large
UNSEEN_SECONDS: Final = 10.0  # between two looks: longer, and something that gets on held the event loop


class Standstill:
    """For how long one reader was seen to stand still. It is told the time.

    Standing still counts only while there is certainly something to do: a broker that does not answer is a
    state that is waited for, and whoever is told to wait does no wrong.

    Parameters
    ----------
    name
        Of the reader, for the sentence: ``rollup/3``.
    now
        Seconds, monotonic.
    """

    def __init__(self, name: str, now: float) -> None:
        self.name = name
        self.moved_at = now
        self.saved_at = now
        self._looked = now
        self._position: object = None
        self._saved: object = None

    def look(self, now: float, position: object, saved: object) -> None:
        """Note how far it is, and what its newest durable checkpoint includes."""
        unseen, self._looked = now - self._looked, now
        if unseen > UNSEEN_SECONDS:  # it could not have been seen to move
            self.moved_at, self.saved_at = self.moved_at + unseen, self.saved_at + unseen
        if position != self._position:
            self._position, self.moved_at = position, now
        if saved != self._saved or saved == position:
            self._saved, self.saved_at = saved, now

    def excuse(self, now: float) -> None:
        """Note that it cannot get on: there is nothing to read, or it is told to wait."""
        self.moved_at = now

    def excuse_all(self, now: float) -> None:
        """Note that it can neither get on nor write a checkpoint: the broker does not answer."""
        self.moved_at = self.saved_at = now

    def age(self, now: float) -> float:
        """Return for how long it stands still, or for how long what it did is in no checkpoint."""
        return now - min(self.moved_at, self.saved_at)

    def stuck(self, now: float, limit: float = STUCK_SECONDS) -> str | None:
        """Return a sentence when it is wedged, None when it is not."""
        if now - self.moved_at > limit:
            return f"{self.name} has taken nothing in for {now - self.moved_at:.0f} s though there is more"
        if now - self.saved_at > limit:
            return f"{self.name} has written no checkpoint for {now - self.saved_at:.0f} s"
        return None

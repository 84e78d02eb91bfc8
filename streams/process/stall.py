"""Detects whether the reader of a partition is stuck, as opposed to idle."""

from typing import Final

STUCK_SECONDS: Final = 45.0  # plus the interval between two checks: a stuck process ends within a minute
OPENING_SECONDS: Final = 600.0  # a state may be large
UNOBSERVED_SECONDS: Final = (
    10.0  # a longer gap between two checks means that a busy reader held the event loop
)


class StallDetector:
    """Measures how long one reader has made no progress. Time is an argument.

    Time counts only while there is certainly work: a reader that is paused, or waits for a broker that does
    not answer, has not stalled.

    Parameters
    ----------
    name
        Of the reader, for messages: ``rollup/3``.
    now
        Seconds, monotonic.
    """

    def __init__(self, name: str, now: float) -> None:
        self.name = name
        self.moved_at = now
        self.saved_at = now
        self._observed_at = now
        self._position: object = None
        self._saved: object = None

    def observe(self, now: float, position: object, saved: object) -> None:
        """Note the reader's position, and the position of its newest durable checkpoint."""
        unobserved, self._observed_at = now - self._observed_at, now
        if unobserved > UNOBSERVED_SECONDS:  # progress could not be seen
            self.moved_at, self.saved_at = self.moved_at + unobserved, self.saved_at + unobserved
        if position != self._position:
            self._position, self.moved_at = position, now
        if saved != self._saved or saved == position:
            self._saved, self.saved_at = saved, now

    def reset_progress(self, now: float) -> None:
        """Note that no progress is possible: there is nothing to read, or the reader is paused."""
        self.moved_at = now

    def reset(self, now: float) -> None:
        """Note that neither progress nor a checkpoint is possible: the broker does not answer."""
        self.moved_at = self.saved_at = now

    def age(self, now: float) -> float:
        """Return the seconds without progress, or without a checkpoint of that progress if longer."""
        return now - min(self.moved_at, self.saved_at)

    def stuck(self, now: float, limit: float = STUCK_SECONDS) -> str | None:
        """Return how the reader is stuck, None if it is not."""
        if now - self.moved_at > limit:
            return (
                f"{self.name} has read nothing for {now - self.moved_at:.0f} s although records are waiting"
            )
        if now - self.saved_at > limit:
            return f"{self.name} has written no checkpoint for {now - self.saved_at:.0f} s"
        return None

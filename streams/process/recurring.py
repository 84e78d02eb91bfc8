"""What happens at every request, such as on a full disk, is logged at once and then once a minute."""

import time
from collections.abc import Callable
from typing import Final

EVERY_SECONDS: Final = 60.0


class Recurring:
    """Tells when to log what happens again and again.

    Parameters
    ----------
    clock
        Seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._logged = float("-inf")
        self._unsaid = self._total = 0

    def happened(self, times: int = 1) -> int | None:
        """Count some; return how many have happened since the last log line, None while it is too early."""
        self._unsaid += times
        self._total += times
        if self._clock() - self._logged < EVERY_SECONDS:
            return None
        self._logged = self._clock()
        count, self._unsaid = self._unsaid, 0
        return count

    def ended(self) -> int:
        """Return how many there were, when it is time to log that it no longer happens; else 0.

        What comes and goes, such as on a disk with room for small requests, is not logged each time.
        """
        if not self._total or self._clock() - self._logged < EVERY_SECONDS:
            return 0
        count = self._total
        self._unsaid = self._total = 0
        self._logged = float("-inf")
        return count

"""A clock for what may take long: it stands still while this process waits for a processor."""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

MOST_LOST: Final = 0.9
"""Share of any time that does not count at most: what is stuck ends at last, also on a busy host."""


def _waited() -> dict[str, int]:
    """Return the nanoseconds that each thread has waited for a processor; none where nobody counts that."""
    found = {}
    with suppress(OSError):
        for thread in Path("/proc/self/task").iterdir():
            with suppress(OSError):  # it has ended
                found[thread.name] = int((thread / "schedstat").read_text().split()[1])
    return found


class ProcessorClock:
    """Monotonic seconds less those in which a thread waited for a processor: slow is not stuck.

    The thread that waited the most counts, between two calls.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        waited: Callable[[], Mapping[str, int]] = _waited,
    ) -> None:
        self._clock, self._waited_now = clock, waited
        self._at, self._waited = clock(), waited()
        self._lost = 0.0

    def __call__(self) -> float:
        """Return the time."""
        now, waited = self._clock(), self._waited_now()
        longest = max((took - self._waited.get(thread, took) for thread, took in waited.items()), default=0)
        self._lost += min(longest / 1e9, MOST_LOST * (now - self._at))
        self._at, self._waited = now, waited
        return now - self._lost

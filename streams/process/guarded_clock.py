"""The clock of this host, but for leaps that do not last: what somebody sets by mistake is soon set back.

Event time never goes back. Records that arrive while the clock is hours ahead, from one sender beside it with
the same clock, would move it there, and nothing would be judged for those hours.
"""

import time
from collections.abc import Callable
from threading import Lock
from typing import Final

import structlog

LEAP_SECONDS: Final = 30.0  # more than a clock is slewed by between two looks at it
LASTS_SECONDS: Final = 60.0

log = structlog.get_logger("uneri.clock")


def _steady() -> float:
    """Return seconds of a clock that nobody sets, and that goes on while the host sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


class GuardedClock:
    """Returns epoch seconds, to any thread; a leap counts once it has lasted for a minute."""

    def __init__(self, wall: Callable[[], float] = time.time, steady: Callable[[], float] = _steady) -> None:
        self._wall, self._steady = wall, steady
        self._apart = wall() - steady()
        self._leapt = self._apart  # where the clock has leapt to
        self._since: float | None = None  # when it did
        self._lock = Lock()

    def __call__(self) -> float:
        """Return the time, epoch seconds."""
        with self._lock:
            return self._read()

    def _read(self) -> float:
        steady = self._steady()
        apart = self._wall() - steady
        if abs(apart - self._apart) <= LEAP_SECONDS:
            self._apart, self._since = apart, None
        elif self._since is None or abs(apart - self._leapt) > LEAP_SECONDS:
            self._leapt, self._since = apart, steady
            log.warning(
                "the clock of this host has leapt; it is followed once that has lasted for a minute",
                seconds=round(apart - self._apart),
            )
        elif steady - self._since >= LASTS_SECONDS:
            self._apart, self._since = apart, None
        return steady + self._apart

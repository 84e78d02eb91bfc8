"""The heap of the process, which steps, checkpoints and restarts leave full of holes.

glibc keeps what is freed: a restart of a hundred thousand series leaves a gigabyte of it, the steps of a day
a tenth of one. Mapping every large array for itself would avoid that, and cost a step a tenth more.
"""

import ctypes
import time
from collections.abc import Callable
from typing import Final

SECONDS: Final = 60.0  # between two times; it takes two milliseconds


class Heap:
    """Gives back what is free now and then.

    Parameters
    ----------
    clock
        Seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._next = clock()

    def give_back(self, *, at_once: bool = False) -> bool:
        """Give back what is free, unless that was done in the last minute; return whether it was done now."""
        if not at_once and self._clock() < self._next:
            return False
        self._next = self._clock() + SECONDS
        return give_back()


def give_back() -> bool:
    """Give what is free back to the system; return whether this system can."""
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):  # not glibc
        return False
    trim(0)
    return True


HEAP: Final = Heap()
"""That of this process, whatever runs in it."""

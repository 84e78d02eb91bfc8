"""The heap of the process: what is freed is kept for a while, and given back once a minute.

What Kafka sends comes in pieces of a megabyte. Where each is mapped for itself, or the heap is cut when it is
freed, the kernel clears every page anew: a third of what the lane costs (benchmarks/contest.py). What is
kept has its price, too: a restart of a hundred thousand series leaves a gigabyte that is free, the steps of a
day a tenth of one, between objects that stay. So what is free goes back to the system now and then.
"""

import ctypes
import os
import time
from collections.abc import Callable
from typing import Final

SECONDS: Final = 60.0  # between two times; it takes two milliseconds

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # as malloc.h numbers them
_LARGEST: Final = 32 * 1024 * 1024  # bytes that are not mapped for themselves: the most that glibc comes to
_KEPT: Final = 2 * _LARGEST  # bytes at the end of a heap: its own rule


def keep_freed() -> bool:
    """Keep what is freed at hand from now on, as glibc does once it has seen a large array freed."""
    try:
        set_option = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # not glibc
        return False
    return bool(set_option(_MMAP_THRESHOLD, _LARGEST) and set_option(_TRIM_THRESHOLD, _KEPT))


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


def cores() -> int:
    """Return their number: fewer than the machine has where it is bound to some."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # only Linux has it
        return os.cpu_count() or 1
